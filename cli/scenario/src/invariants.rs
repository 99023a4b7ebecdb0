//! What must hold between the databases and the topics of a shop once it is quiet, whatever happened to it before; asked of
//! the whole history, not of one order.
//!
//! [`rules`] judge a [`History`] and are pure; `source` reads one from a running shop and changes nothing in it.

mod claim;
pub mod history;
mod lasting;
mod report;
pub mod rules;
mod source;
pub mod told;
mod violation;
mod watch;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

pub use claim::Claim;
pub use history::History;
pub use lasting::{LASTING, Lasting};
pub use report::{Checked, Pending, Report};
pub use source::Addresses;
pub use violation::{Findings, Object, Violation};
pub use watch::watch;

use source::Source;

/// Between two looks at what is still under way.
const LOOK: Duration = Duration::from_millis(50);

/// How a shop is looked at.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long it may take until the shop is quiet.
    pub wait: Duration,
    pub expected: Expected,
}

/// What somebody has done to the shop on purpose, and is therefore no violation.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    pub letters: Letters,
    /// Keys whose events were written by somebody else than the shop: nothing follows from them.
    pub foreign: BTreeSet<String>,
}

/// Dead letters that are expected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Letters {
    #[default]
    None,
    /// Those with these keys; one without a key has the empty one.
    Of(BTreeSet<String>),
    All,
}

/// What a check is at, for whoever waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Waiting(Pending),
    Reading,
    /// It never was quiet: it is looked whether what differs lasts.
    Lasting,
}

/// Why a shop could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{name} cannot be read: {source}")]
    Database { name: &'static str, source: sqlx::Error },
    #[error("the catalog cannot be read from product at {url}: {why}")]
    Catalog { url: String, why: String },
    #[error(transparent)]
    Kafka(#[from] shopctl_kafka::Error),
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Database { .. } | Self::Catalog { .. } | Self::Kafka(_) => {
                "the whole shop must run: `shopctl status` tells what does not, `shopctl why RESOURCE` why"
            }
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { wait: Duration::from_secs(30), expected: Expected::default() }
    }
}

impl Letters {
    fn contains(&self, key: &str) -> bool {
        match self {
            Self::None => false,
            Self::Of(keys) => keys.contains(key),
            Self::All => true,
        }
    }
}

/// Waits until the shop is quiet, reads everything, and says what does not hold; `show` is told what it is at.
///
/// What is read at different moments agrees only if nothing happens in between: then it is read again. A shop that is never
/// quiet within the wait is looked at for 5 s, and what differs all the time counts.
///
/// # Errors
/// When a database, the catalog or the broker does not answer.
pub async fn check(addresses: &Addresses, options: &Options, show: &mut dyn FnMut(Phase)) -> Result<Report, Error> {
    Checker::default().check(addresses, options, show).await
}

/// Checks a shop more than once: what it has read of the topics, it does not read again.
#[derive(Default)]
pub struct Checker(Option<Source>);

impl Checker {
    /// The same as [`check`], of the shop that was meant the first time.
    ///
    /// # Errors
    /// When a database, the catalog or the broker does not answer.
    pub async fn check(
        &mut self,
        addresses: &Addresses,
        options: &Options,
        show: &mut dyn FnMut(Phase),
    ) -> Result<Report, Error> {
        let began = Instant::now();
        let source = match &mut self.0 {
            Some(source) => source,
            None => self.0.insert(Source::open(addresses).await?),
        };
        loop {
            let before = quiet(source, began, options.wait, show).await?;
            let waited = began.elapsed();
            show(Phase::Reading);
            let history = source.look().await?;
            let checked = Checked::of(history);
            let mut findings = rules::judge(history, &options.expected);
            let (pending, _) = before;
            let still = pending.is_drained() && source.pending().await? == before;
            if !still && began.elapsed() < options.wait {
                continue;
            }
            if !still {
                show(Phase::Lasting);
                tokio::time::sleep(LASTING).await;
                findings = rules::judge(source.look().await?, &options.expected).both(&findings);
            }
            let mut report = Report::new(checked, findings, pending);
            (report.waited, report.seconds) = (waited.as_secs_f64(), began.elapsed().as_secs_f64());
            return Ok(report);
        }
    }
}

/// Waits until nothing is under way, or the wait is over. Answers with what is, and how many records there were then.
async fn quiet(
    source: &Source,
    began: Instant,
    wait: Duration,
    show: &mut dyn FnMut(Phase),
) -> Result<(Pending, i64), Error> {
    loop {
        let (pending, records) = source.pending().await?;
        if pending.is_drained() || began.elapsed() >= wait {
            return Ok((pending, records));
        }
        show(Phase::Waiting(pending));
        tokio::time::sleep(LOOK).await;
    }
}

/// The products of the catalog, as product answers; what makes no sense is left out.
///
/// # Errors
/// When product does not answer.
pub(crate) async fn catalog(url: &str) -> Result<Vec<history::Product>, Error> {
    Ok(source::catalog::read(url).await?.into_iter().filter_map(|(_, product)| product.ok()).collect())
}
