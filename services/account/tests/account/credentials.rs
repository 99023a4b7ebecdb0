use std::time::{Duration, Instant};

use futures::future::join_all;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::shop::Shop;

#[tokio::test]
async fn an_address_logs_in_however_it_is_written() {
    let shop = Shop::required().await;
    shop.register("Ada", "Ada@Example.org", "correct horse").await.expect("registered");
    for email in ["Ada@Example.org", "ada@example.org", " ADA@EXAMPLE.ORG "] {
        shop.login(email, "correct horse").await.expect("the same address");
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_get_the_same_answer() {
    let shop = Shop::required().await;
    shop.register("Ada", "ada@example.org", "correct horse").await.expect("registered");
    let wrong = shop.login("ada@example.org", "battery staple").await.expect_err("wrong password");
    for (email, password) in [
        ("bob@example.org", "battery staple"),
        ("ada@example.org", "correct horse "),
        ("ada@example.org", "Correct horse"),
        ("ada@example.org", ""),
        ("nonsense", "battery staple"),
        ("", ""),
    ] {
        let status = shop.login(email, password).await.expect_err("no good credentials");
        assert_eq!(status.code(), Code::Unauthenticated, "{email:?}");
        assert_eq!((status.message(), status.details()), (wrong.message(), wrong.details()), "{email:?}");
        let sent = |status: &Status| {
            let mut headers = status.metadata().clone().into_headers();
            headers.remove("date");
            headers
        };
        assert_eq!(sent(&status), sent(&wrong), "{email:?}");
    }
}

/// Samples of each kind: enough to find a hash that is left out, or is cheaper by a tenth on a quiet machine.
const SAMPLES: usize = 60;
/// Standard deviations. Two equal distributions are as far apart once in some thousand million tests.
const SURE: f64 = 6.0;

#[tokio::test]
async fn no_statistic_tells_an_unknown_address_from_a_wrong_password_by_the_time_it_takes() {
    let shop = Shop::required().await;
    // Each address is tried once, so that nothing is slowed.
    for n in 0..SAMPLES {
        let email = format!("known{n}@example.org");
        shop.register("Ada", &email, "correct horse").await.expect("registered");
    }
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for n in 0..SAMPLES {
        // In turn, and each as often the first: whatever else the machine does, it does to both.
        let mut kinds = [("known", &mut known), ("unknown", &mut unknown)];
        if rand::random() {
            kinds.reverse();
        }
        for (kind, samples) in kinds {
            samples.push(refused(&shop, &format!("{kind}{n}@example.org")).await);
        }
    }
    let apart = deviation(&known, &unknown);
    let median = |samples: &mut Vec<Duration>| {
        samples.sort_unstable();
        samples[SAMPLES / 2]
    };
    let (known, unknown) = (median(&mut known), median(&mut unknown));
    assert!(apart.abs() < SURE, "{apart} standard deviations apart: known {known:?}, unknown {unknown:?}");
}

/// Mann and Whitney's test: how many standard deviations the ranks of the two are apart.
fn deviation(one: &[Duration], other: &[Duration]) -> f64 {
    // A draw is half a win.
    let halves = |a: &Duration| other.iter().map(|b| usize::from(a > b) + usize::from(a >= b)).sum::<usize>();
    let halves: usize = one.iter().map(halves).sum();
    let count = |number: usize| f64::from(u32::try_from(number).expect("few samples"));
    let (n, m) = (count(one.len()), count(other.len()));
    (count(halves) / 2.0 - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt()
}

#[test]
fn the_statistic_finds_what_is_left_out_and_nothing_in_chance() {
    let millis = |all: &[u64]| all.iter().copied().map(Duration::from_millis).collect::<Vec<_>>();
    let slow = millis(&(0..60).map(|n| 20 + n % 17).collect::<Vec<_>>());
    let same = millis(&(0..60).map(|n| 20 + n * 5 % 17).collect::<Vec<_>>());
    assert!(deviation(&slow, &same).abs() < 1.0);
    // A tenth of the time, and now and then as long because the machine is busy.
    let fast = millis(&(0..60).map(|n| if n % 10 == 0 { 30 } else { 2 + n % 3 }).collect::<Vec<_>>());
    assert!(deviation(&slow, &fast) > SURE);
    assert!(deviation(&fast, &slow) < -SURE);
}

/// How long a login with a wrong password takes.
async fn refused(shop: &Shop, email: &str) -> Duration {
    let begun = Instant::now();
    shop.login(email, "battery staple").await.expect_err("no good credentials");
    begun.elapsed()
}

#[tokio::test]
async fn guessing_is_slowed_alike_whether_the_address_is_known_and_locks_nobody_out() {
    let shop = Shop::required().await;
    shop.register("Ada", "ada@example.org", "correct horse").await.expect("registered");
    for email in ["ada@example.org", "nobody@example.org"] {
        let begun = Instant::now();
        let guesses = (0..4).map(|n| {
            let shop = &shop;
            async move { shop.login(email, &format!("guess {n}")).await }
        });
        for result in join_all(guesses).await {
            assert_eq!(result.expect_err("a guess").code(), Code::Unauthenticated);
        }
        shop.login(email, "guess 4").await.expect_err("one more guess");
        // 100 + 200 + 400 + 500 ms lie before the fifth try, also when the first four come at once.
        assert!(begun.elapsed() >= Duration::from_millis(1200), "{email}: {:?}", begun.elapsed());
    }
    shop.login("ada@example.org", "correct horse").await.expect("the right password still works");
    shop.login("ada@example.org", "correct horse").await.expect("and again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_logins_at_once_all_succeed_and_stall_neither_a_health_check_nor_a_call_that_is_cheap() {
    let shop = Shop::required().await;
    let email = |n: usize| format!("shopper{n}@example.org");
    let mut tokens = Vec::new();
    for n in 0..50 {
        tokens.push(shop.register("Ada", &email(n), "correct horse").await.expect("registered"));
    }
    // Of one person as many go at once as there are cores; of fifty they all want to be hashed.
    for whose in [|_| 0, |n| n] {
        let logins = join_all((0..50).map(|n| {
            let (shop, email) = (&shop, email(whose(n)));
            async move { shop.login(&email, "correct horse").await }
        }));
        tokio::pin!(logins);
        let mut health = HealthClient::new(shop.channel.clone());
        let (mut slowest, mut checks, all) = (Duration::ZERO, 0, Instant::now());
        let results = loop {
            let begun = Instant::now();
            let asked = async {
                let request = HealthCheckRequest { service: "pb.AccountService".to_owned() };
                health.check(request).await.expect("health answers");
                shop.account(Some(&tokens[0]), 0).await.expect("an account")
            };
            tokio::select! {
                results = &mut logins => break results,
                _ = asked => {
                    slowest = slowest.max(begun.elapsed());
                    checks += 1;
                }
            }
        };
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        eprintln!("50 logins took {:?}, the slowest of {checks} checks {slowest:?}", all.elapsed());
        assert!(checks > 10, "only {checks} health checks were answered meanwhile");
        // Within a second, it is promised. One that had to wait for the logins would take about as long as all of them, on
        // any machine.
        assert!(
            slowest < (all.elapsed() / 2).max(Duration::from_secs(1)),
            "a check took {slowest:?} of {:?}",
            all.elapsed()
        );
    }
}
