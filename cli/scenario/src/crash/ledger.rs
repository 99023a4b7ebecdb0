use std::collections::{BTreeMap, BTreeSet};

use sqlx::{Connection as _, PgConnection};

use super::{
    client::{Client, Told, Trouble},
    report::Difference,
};

/// Where an order stays.
const FINAL: [&str; 2] = ["PAID", "CANCELLED"];

/// What the shoppers were told, and what they were not.
#[derive(Default)]
pub(super) struct Ledger {
    accounts: BTreeSet<i64>,
    /// Orders with the status that was told last; none if the shopper gave up before that.
    told: BTreeMap<i64, Option<String>>,
    /// Who gave up before hearing of an order: there may be one, or not.
    unheard: usize,
    /// Why shoppers gave up, and how often.
    pub(super) gave_up: BTreeMap<String, u64>,
}

impl Ledger {
    pub(super) fn of(clients: &[Client]) -> Self {
        Self { accounts: clients.iter().map(|client| client.account).collect(), ..Self::default() }
    }

    pub(super) fn enter(&mut self, account: i64, ended: Result<Told, Trouble>) {
        self.accounts.insert(account);
        match ended {
            Ok(Told { order, status }) => drop(self.told.insert(order, Some(status))),
            Err(trouble) => {
                match trouble.order {
                    Some(order) => drop(self.told.insert(order, None)),
                    None => self.unheard += 1,
                }
                *self.gave_up.entry(trouble.to_string()).or_default() += 1;
            }
        }
    }

    /// How many orders ended with this status, as shoppers know.
    pub(super) fn count(&self, status: &str) -> u64 {
        self.told.values().filter(|told| told.as_deref() == Some(status)).count() as u64
    }

    /// Holds it against what order has.
    pub(super) async fn compare(&self, order_db: &str) -> Result<Vec<Difference>, sqlx::Error> {
        let mut database = PgConnection::connect(order_db).await?;
        let accounts: Vec<i64> = self.accounts.iter().copied().collect();
        let query = "SELECT id, status FROM orders WHERE account_id = ANY($1)";
        let rows: Vec<(i64, String)> = sqlx::query_as(query).bind(accounts).fetch_all(&mut database).await?;
        database.close().await?;
        Ok(self.differences(&rows.into_iter().collect()))
    }

    fn differences(&self, stored: &BTreeMap<i64, String>) -> Vec<Difference> {
        let mut found = Vec::new();
        for (&order, told) in &self.told {
            match (stored.get(&order), told) {
                (None, _) => found.push(Difference::Lost { order }),
                (Some(status), Some(told)) if status != told => {
                    let (told, status) = (told.clone(), status.clone());
                    found.push(Difference::Changed { order, told, status });
                }
                (Some(_), _) => {}
            }
        }
        let unheard: Vec<i64> = stored.keys().filter(|order| !self.told.contains_key(order)).copied().collect();
        if unheard.len() > self.unheard {
            found.push(Difference::Doubled { orders: unheard });
        }
        let unfinished = stored.iter().filter(|(_, status)| !FINAL.contains(&status.as_str()));
        found.extend(unfinished.map(|(&order, status)| Difference::Unfinished { order, status: status.clone() }));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(orders: &[(i64, &str)]) -> BTreeMap<i64, String> {
        orders.iter().map(|(order, status)| (*order, (*status).to_owned())).collect()
    }

    fn ledger(told: &[(i64, Option<&str>)], unheard: usize) -> Ledger {
        let told = told.iter().map(|(order, status)| (*order, status.map(str::to_owned))).collect();
        Ledger { told, unheard, ..Ledger::default() }
    }

    #[test]
    fn what_was_told_and_is_so_is_no_difference() {
        let ledger = ledger(&[(1, Some("PAID")), (2, Some("CANCELLED")), (3, None)], 1);
        assert_eq!(ledger.differences(&stored(&[(1, "PAID"), (2, "CANCELLED"), (3, "PAID"), (4, "CANCELLED")])), []);
    }

    #[test]
    fn an_order_that_is_lost_doubled_changed_or_unfinished_is_named() {
        let ledger = ledger(&[(1, Some("PAID")), (2, Some("PAID"))], 0);
        let found = ledger.differences(&stored(&[(2, "CANCELLED"), (3, "PENDING")]));
        let (told, status) = ("PAID".to_owned(), "CANCELLED".to_owned());
        let expected = [
            Difference::Lost { order: 1 },
            Difference::Changed { order: 2, told, status },
            Difference::Doubled { orders: vec![3] },
            Difference::Unfinished { order: 3, status: "PENDING".to_owned() },
        ];
        assert_eq!(found, expected);
    }
}
