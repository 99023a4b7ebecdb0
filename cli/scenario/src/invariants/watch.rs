use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use super::{Addresses, Error, Expected, Lasting, Violation, rules, source::Source};

/// Between two looks, at least. A look at a large shop takes long: there is four times as much between two of them, so that
/// looking on takes no more than a fifth of one core ...
const PAUSE: Duration = Duration::from_secs(1);
const SHARE: u32 = 4;
/// ... but no more than this, or nobody would see what lasts.
const LONGEST: Duration = Duration::from_millis(2500);

/// Looks at a shop again and again while it is busy, until the future is dropped. `tell` hears of each difference once, when it
/// has lasted 5 s. What cannot be read now (a database is away) is looked at later.
pub async fn watch(addresses: &Addresses, expected: &Expected, mut tell: impl FnMut(Violation)) -> Infallible {
    let (began, mut lasting, mut source) = (Instant::now(), Lasting::default(), None);
    loop {
        let look = Instant::now();
        match found(addresses, expected, &mut source).await {
            Ok(found) => lasting.look(began.elapsed(), found).into_iter().for_each(&mut tell),
            Err(_) => lasting.missed(),
        }
        tokio::time::sleep((look.elapsed() * SHARE).clamp(PAUSE, LONGEST)).await;
    }
}

async fn found(
    addresses: &Addresses,
    expected: &Expected,
    source: &mut Option<Source>,
) -> Result<Vec<Violation>, Error> {
    let source = match source {
        Some(source) => source,
        None => source.insert(Source::open(addresses).await?),
    };
    Ok(rules::judge(source.look().await?, expected).violations)
}
