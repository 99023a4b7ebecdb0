use std::time::{Duration, Instant};

/// Between two looks at a condition.
const PERIOD: Duration = Duration::from_millis(10);

/// Waits until `condition` answers with something, and returns it.
///
/// # Panics
/// After `deadline`, naming `what` it waited for.
pub async fn eventually<T>(deadline: Duration, what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        // A condition that hangs must not outlive the deadline either.
        match tokio::time::timeout(deadline.saturating_sub(began.elapsed()).max(PERIOD), condition()).await {
            Ok(Some(value)) => return value,
            Ok(None) if began.elapsed() < deadline => tokio::time::sleep(PERIOD).await,
            Ok(None) | Err(_) => panic!("not within {deadline:?}: {what}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_condition_is_asked_until_it_holds() {
        let mut left = 3;
        let answer = eventually(Duration::from_secs(5), "three looks", async || {
            left -= 1;
            (left == 0).then_some("held")
        });
        assert_eq!(answer.await, "held");
    }

    #[tokio::test]
    #[should_panic(expected = "the impossible")]
    async fn a_condition_that_hangs_ends_at_the_deadline() {
        eventually(Duration::from_millis(30), "the impossible", async || std::future::pending::<Option<()>>().await)
            .await;
    }
}
