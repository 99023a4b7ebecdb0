//! The generator before a shop that is made of canned answers: what it measures, and how much it can do.

mod stub;

use std::{
    cell::RefCell,
    rc::Rc,
    sync::{Arc, atomic::AtomicI64},
    time::{Duration, Instant},
};

use rand::{SeedableRng as _, rngs::StdRng};
use reqwest::Client;
use tokio::{
    sync::{mpsc, watch},
    task::LocalSet,
};

use super::{
    Arrivals, Generator, Live, Plan, Report, Stage, Step, basket::Baskets, generator::Load, shopper::Shopper,
    tally::Tally,
};
use crate::{basket::Basket, invariants::history::Product};
use stub::Stub;

/// Whole checkouts before the stub, with everything that the generator does but the looking on.
fn load(arrivals: Arrivals, stub: Stub) -> Report {
    let (tell_paid, paid) = mpsc::unbounded_channel();
    let (tell_learned, learned) = mpsc::unbounded_channel();
    let url = stub.serve(move |order| {
        // The generator may have had enough.
        let _ = tell_paid.send((order, Instant::now()));
        let _ = tell_learned.send((order, Instant::now()));
    });
    let (sku, name) = (Some("a".to_owned()), "A thing".to_owned());
    let product = Product { id: "1".to_owned(), account: 1, name, description: String::new(), price: 1, sku };
    let basket = Basket {
        invoice: String::new(),
        ordered_at: String::new(),
        customer: String::new(),
        lines: vec![("a".to_owned(), 1)],
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    LocalSet::new().block_on(&runtime, async {
        let client = Client::builder().no_proxy().build().expect("a client");
        let shopper = Shopper::arrive(&format!("{url}/graphql"), client).await.expect("it may register");
        let (tell, _live) = watch::channel(Live::default());
        let load = Load {
            plan: Plan {
                arrivals,
                accounts: 1,
                seed: 1,
                orders: "orders.csv".into(),
                patience: Duration::from_secs(30),
                thresholds: vec![],
            },
            baskets: Baskets::of(&[basket], &[product]).expect("there is a product"),
            shoppers: vec![shopper],
            rng: RefCell::new(StdRng::seed_from_u64(1)),
            tally: RefCell::new(Tally::new(Instant::now())),
            paid: Rc::default(),
            learned: Rc::default(),
        };
        Rc::new(load).drive(paid, learned, Arc::new(AtomicI64::new(0)), tell).await
    })
}

fn steady(rate: f64, seconds: u64) -> Arrivals {
    Arrivals::Open(vec![Stage { time: Duration::from_secs(seconds), from: rate, to: rate }])
}

#[test]
fn every_checkout_is_counted_and_each_of_its_steps_timed() {
    let report = load(steady(50.0, 1), Stub::default());
    assert_eq!((report.started, report.paid, report.failed, report.requests), (50, 50, 0, 200), "{:?}", report.errors);
    let counts: Vec<(Step, u64)> = report.steps.iter().map(|times| (times.step, times.count)).collect();
    assert_eq!(counts, Step::ALL.map(|step| (step, 50)));
    assert_eq!(report.series.iter().map(|second| second.ended).sum::<u64>(), 50);
}

#[test]
fn a_shop_that_stands_still_shows_in_every_checkout_that_it_delayed() {
    const STILL: Duration = Duration::from_secs(1);
    let report = load(steady(50.0, 2), Stub { still: Some((Duration::from_millis(500), STILL)), ..Stub::default() });
    assert_eq!(report.failed, 0, "{:?}", report.errors);
    // It stood still for a second, in which 50 checkouts should have begun: half of them waited for half of it.
    let times = report.times(Step::Whole).expect("some were paid");
    assert!(times.percentile(80.0) > 0.4, "{times:?}");
    assert!(times.max > 0.9, "{times:?}");
}

#[test]
fn what_fails_is_counted_by_step_and_cause_and_does_not_stop_the_rest() {
    let report = load(steady(50.0, 1), Stub { refused: "/page/", ..Stub::default() });
    assert_eq!((report.started, report.paid, report.failed), (50, 0, 50));
    let errors: Vec<(&str, u64)> = report.errors.iter().map(|(cause, count)| (cause.as_str(), *count)).collect();
    assert!(matches!(errors[..], [(cause, 50)] if cause.starts_with("page: ") && cause.contains("503")), "{errors:?}");
    assert!((report.failed_part() - 1.0).abs() < f64::EPSILON);
}

#[test]
fn a_generator_that_is_asked_for_more_than_it_can_says_that_it_was_the_bottleneck() {
    // What was not optimised can do less.
    let rate = if cfg!(debug_assertions) { 4_000.0 } else { 20_000.0 };
    let burst = Stage { time: Duration::from_millis(300), from: rate, to: rate };
    let report = load(Arrivals::Open(vec![burst]), Stub::default());
    assert!(report.failed == 0 && report.generator.bottleneck, "{:?}: {:?}", report.generator, report.errors);
    assert!(super::html(&report).contains("it was the bottleneck"));
    for (busy, late, bottleneck) in [(0.5, 0.001, false), (0.95, 0.001, true), (0.5, 0.02, true)] {
        assert_eq!(Generator::new(busy, late).bottleneck, bottleneck, "{busy} of a core, {late} s late");
    }
}

/// By the CPU time that it takes, so that what else the machine does is not measured.
#[test]
fn the_generator_makes_3000_requests_a_second_on_one_core() {
    let report = load(Arrivals::Closed { in_flight: 8, time: Duration::from_secs(2) }, Stub::default());
    let capacity = report.requests_per_second / report.generator.busy;
    eprintln!("{capacity:.0} requests a second on one core, {:.0} made", report.requests_per_second);
    // Nobody makes a load with what was not optimised; it must not be hopeless either.
    let wanted = if cfg!(debug_assertions) { 500.0 } else { 3000.0 };
    assert!(report.failed == 0 && capacity > wanted, "{capacity}: {:?}", report.errors);
}
