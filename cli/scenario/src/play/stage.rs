use std::time::Duration;

use sqlx::{PgPool, postgres::PgPoolOptions};

use super::tape::Tape;
use crate::{
    Shop,
    basket::Basket,
    control::Control,
    file::Database,
    gateway::Gateway,
    report::{Expect as _, Failure},
};

/// For one call over HTTP; the shop's own deadlines are shorter.
const CALL: Duration = Duration::from_secs(15);
/// For a database to let somebody in.
const ENTRY: Duration = Duration::from_secs(5);

/// A running shop with all that stories need, for as many of them as one likes.
pub struct Stage {
    pub(super) shop: Shop,
    pub(super) client: reqwest::Client,
    pub(super) baskets: Vec<Basket>,
    /// Everything that is published from the beginning on.
    pub(super) events: Tape,
    databases: [PgPool; 4],
}

impl Stage {
    /// Connects with the shop. `baskets` are what data are drawn from.
    ///
    /// # Errors
    /// When the shop's topics cannot be read.
    pub async fn open(shop: Shop, baskets: Vec<Basket>) -> Result<Self, Failure> {
        // The shop is on this machine, where a proxy has no business.
        let client = reqwest::Client::builder().no_proxy().timeout(CALL).build().expect_that("a client for HTTP")?;
        let events = Tape::open(&shop.kafka).await?;
        let pool = |database| {
            let options = PgPoolOptions::new().max_connections(4).acquire_timeout(ENTRY);
            options.connect_lazy(shop.database(database)).expect_that("the address of a database")
        };
        let databases = [
            pool(Database::AccountDb)?,
            pool(Database::RecommenderDb)?,
            pool(Database::OrderDb)?,
            pool(Database::PaymentDb)?,
        ];
        Ok(Self { client, baskets, events, databases, shop })
    }

    /// Makes whole what a story has broken that was cut off before its end.
    ///
    /// # Errors
    /// When the supervisor does not answer, or cannot do it.
    pub async fn mend(&self) -> Result<(), Failure> {
        self.control()?.mend().await
    }

    pub(super) fn control(&self) -> Result<Control, Failure> {
        Control::of(self.shop.control.as_deref())
    }

    pub(super) fn database(&self, database: Database) -> &PgPool {
        let [account, recommender, order, payment] = &self.databases;
        match database {
            Database::AccountDb => account,
            Database::RecommenderDb => recommender,
            Database::OrderDb => order,
            Database::PaymentDb => payment,
        }
    }

    pub(super) fn gateway(&self) -> Gateway {
        Gateway::new(self.client.clone(), &self.shop.gateway)
    }
}
