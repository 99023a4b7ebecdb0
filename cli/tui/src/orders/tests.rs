use super::*;

/// 2026, in nanoseconds.
const NOW: u64 = 1_795_766_400_000_000_000;
const SECOND: u64 = 1_000_000_000;

fn known(id: i64, status: &str, payment: Option<Payment>) -> Known {
    Known {
        id,
        account: 7,
        status: status.into(),
        cents: 100,
        version: 2,
        created: NOW - 90 * SECOND,
        unpublished: None,
        payment,
        applied: Some(2),
    }
}

fn payment(status: &str) -> Payment {
    Payment { status: status.into(), opened: NOW - 80 * SECOND, ..Payment::default() }
}

fn signs(orders: &Orders, id: i64) -> String {
    let sign = |mark| match mark {
        Mark::Passed => '+',
        Mark::Next => '>',
        Mark::Refused => 'x',
        Mark::Ahead => '.',
        Mark::Spared => '-',
        Mark::Unknown => '?',
    };
    let order = orders.get(id).expect("it is known");
    orders.marks(order, &Kafka::default()).map(sign).iter().collect()
}

#[test]
fn every_station_of_the_way_is_told_from_what_the_databases_have() {
    let decided = Payment { decided: Some(NOW - 70 * SECOND), ..payment("PENDING") };
    let heard = Payment { status: "SUCCESS".into(), heard: Some(NOW - 60 * SECOND), ..decided.clone() };
    let told = Payment { told: Some(NOW - 50 * SECOND), ..heard.clone() };
    let failed = Payment { status: "FAILED".into(), ..told.clone() };
    for (known, wanted) in [
        (known(1, "PENDING", None), "+>....."),
        (known(1, "PENDING", Some(payment("PENDING"))), "++>...."),
        (known(1, "PENDING", Some(decided)), "+++>..."),
        (known(1, "PENDING", Some(heard.clone())), "++++>.."),
        (known(1, "PAYMENT_FAILED", Some(failed)), "++x++.."),
        (Known { unpublished: Some(NOW), ..known(1, "PAID", Some(told.clone())) }, "+++++>."),
        (Known { applied: Some(1), ..known(1, "PAID", Some(told.clone())) }, "++++++>"),
        (known(1, "PAID", Some(told)), "+++++++"),
        // Payment's database was read a moment before order's.
        (known(1, "PAID", Some(heard)), "+++++++"),
        (known(1, "CANCELLED", None), "+----++"),
    ] {
        let mut orders = Orders::default();
        let told = format!("{known:?}");
        orders.learn(News { orders: vec![known], away: Vec::new() });
        assert_eq!(signs(&orders, 1), wanted, "{told}");
    }
}

#[test]
fn what_a_database_that_is_away_knows_is_unknown() {
    let mut orders = Orders::default();
    let away = vec![(Database::Payment, "refused".to_owned())];
    orders.learn(News { orders: vec![known(1, "PENDING", None)], away });
    assert_eq!(signs(&orders, 1), "+????..");
    let place = orders.place(orders.get(1).expect("it is known"), &Kafka::default());
    assert_eq!(place, Place::Unseen(Database::Payment));
}

#[test]
fn those_that_the_shop_must_move_come_before_those_that_wait_for_a_shopper() {
    let mut orders = Orders::default();
    let owed = Payment { status: "SUCCESS".into(), ..payment("SUCCESS") };
    orders.learn(News {
        orders: vec![
            known(1, "PENDING", None),
            known(2, "PENDING", Some(owed)),
            known(3, "PAID", None),
            Known { created: NOW - SECOND, ..known(4, "PENDING", None) },
        ],
        away: Vec::new(),
    });
    let listed = orders.listed(&Kafka::default(), NOW);
    let listed: Vec<(i64, bool)> = listed.into_iter().map(|(order, stuck)| (order.id, stuck)).collect();
    assert_eq!(listed, [(2, true), (1, true), (4, false), (3, false)]);
}
