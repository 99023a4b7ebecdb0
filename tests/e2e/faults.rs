//! Edges, topics and points of the services' code that are broken on purpose, by stories and by hand, in a shop that was booted
//! with `--faults` and `--failpoints`.

use std::{
    fs,
    path::PathBuf,
    process::Stdio,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    scenario::{Case, played},
    stack::{Stack, code},
};

const fn holds(name: &'static str, story: &'static str) -> Case {
    Case { name, story, fails: None }
}

const fn fails(name: &'static str, story: &'static str, step: &'static str, why: &'static str) -> Case {
    Case { name, story, fails: Some((step, why)) }
}

/// All stories that are played here.
pub(crate) const ALL: [&[Case]; 3] = [EDGES, TOPICS, POINTS];

const EDGES: &[Case] = &[
    holds(
        "latency",
        "  - fault: {latency: {on: order/product, delay: 100ms, jitter: 50ms}}\n  - order: {by: ann, basket: cart}\n",
    ),
    fails(
        "latency-too-long",
        "  - fault: {latency: {on: order/product, delay: 4s}}\n  - order: {by: ann, basket: cart}\n",
        "order by ann",
        "UNAVAILABLE",
    ),
    holds(
        "reset",
        "  - fault: {reset: {on: order/product}}
  - order: {by: ann, basket: cart, refused: UNAVAILABLE}
  - fault: {clear: order/product}
  - order: {by: ann, basket: cart, key: '${run}', within: 5s}\n",
    ),
    fails(
        "reset-of-a-call",
        "  - fault: {reset: {on: gateway/order}}\n  - order: {by: ann, basket: cart}\n",
        "order by ann",
        "UNAVAILABLE",
    ),
    holds(
        "timeout-that-ends-by-itself",
        "  - checkout: {order: first}
  - fault: {timeout: {on: payment/order, for: 300ms}}
  - pay: {order: first, within: 10s}
  - eventually: {within: 20s, that: {order: {of: first, status: PAID, transactions: [SUCCESS]}}}\n",
    ),
    fails(
        "timeout",
        "  - fault: {timeout: {on: order/product}}\n  - order: {by: ann, basket: cart}\n",
        "order by ann",
        "UNAVAILABLE",
    ),
    holds(
        "refuse",
        "  - fault: {refuse: {on: order/kafka}}
  - order: {by: ann, basket: cart, as: second}
  - never: {for: 200ms, that: {recommender: {order: {of: second}}}}
  - fault: {clear: order/kafka}
  - eventually: {within: 20s, that: {events: {topic: order_events, key: '${second.id}', are: [order_created]}}}\n",
    ),
    fails(
        "refuse-of-a-call",
        "  - fault: {refuse: {on: gateway/account}}\n  - register: bob\n",
        "register bob",
        "UNAVAILABLE",
    ),
    fails(
        "reset-of-a-database",
        "  - fault: {reset: {on: order/order_db}}\n  - order: {by: ann, basket: cart}\n",
        "order by ann",
        "UNAVAILABLE",
    ),
    holds(
        "what-was-left-broken-is-whole-for-the-next-story",
        "  - register: bob\n  - order: {by: bob, basket: cart}\n",
    ),
    fails(
        "nothing-to-clear",
        "  - fault: {clear: order/product}\n",
        "clear order/product",
        "nothing is broken on order/product",
    ),
];

const TOPICS: &[Case] = &[
    // Each of the two consumers puts it aside. Events of before are not struck.
    holds(
        "poison",
        "  - eventually: {within: 20s, that: {events: {topic: order_events, key: '${first.id}', are: [order_created]}}}
  - fault: {poison: {on: order_events}}
  - order: {by: ann, basket: cart, as: second}
  - eventually: {within: 20s, that: {recommender: {order: {of: second}}, dead_letters: {of: order_events, key: poison, count: 2}}}\n",
    ),
    fails(
        "poison-is-put-aside",
        "  - eventually: {within: 20s, that: {events: {topic: order_events, key: '${first.id}', are: [order_created]}}}
  - fault: {poison: {on: order_events}}
  - order: {by: ann, basket: cart, as: second}
  - eventually: {within: 20s, that: {dead_letters: {of: order_events, key: poison, count: 2}}}
  - now: {dead_letters: {of: order_events, count: 0}}\n",
        "now 0 dead letters",
        "letters",
    ),
    holds(
        "duplicate",
        "  - fault: {duplicate: {on: order_events}}
  - order: {by: ann, basket: cart, as: second}
  - cancel: {order: second}
  - eventually: {within: 20s, that: {events: {topic: order_events, key: '${second.id}', are: [order_created, order_cancelled]}}}
  - eventually: {within: 20s, that: {recommender: {order: {of: second, cancelled: true}}, dead_letters: {of: order_events, count: 0}}}\n",
    ),
    fails("duplicate-of-an-edge", "  - fault: {duplicate: {on: order/product}}\n", "duplicate order/product", "order/product is an edge, and duplicate is for topics"),
    holds(
        "delay-and-reorder",
        "  - fault: {delay: {on: order_events, delay: 100ms, jitter: 50ms, rate: 50%}}
  - fault: {reorder: {on: order_events, within: 100ms}}
  - parallel:
      - [order: {by: ann, basket: cart, as: second}, cancel: {order: second}]
      - [repeat: {times: 5, steps: [order: {by: ann, basket: cart, as: third}]}]
  - eventually: {within: 20s, that: {events: {topic: order_events, key: '${second.id}', are: [order_created, order_cancelled]}}}
  - eventually: {within: 20s, that: {recommender: {order: {of: third}}}}\n",
    ),
    fails(
        "delay-too-long",
        "  - fault: {delay: {on: order_events, delay: 2s}}
  - order: {by: ann, basket: cart, as: second}
  - eventually: {within: 300ms, that: {events: {topic: order_events, key: '${second.id}', are: [order_created]}}}\n",
        "eventually order_created",
        "order_created",
    ),
    fails("reorder-of-nothing", "  - fault: {reorder: {on: orders, within: 1s}}\n", "reorder orders", "there is no edge or topic orders"),
    holds(
        "drop",
        "  - fault: {drop: {on: order_events, rate: 60%}}
  - order: {by: ann, basket: cart, as: second}
  - cancel: {order: second}
  - eventually: {within: 20s, that: {events: {topic: order_events, key: '${second.id}', are: [order_created, order_cancelled]}}}\n",
    ),
    fails(
        "drop-all",
        "  - fault: {drop: {on: order_events}}
  - order: {by: ann, basket: cart, as: second}
  - eventually: {within: 500ms, that: {events: {topic: order_events, key: '${second.id}', are: [order_created]}}}\n",
        "eventually order_created",
        "order_created",
    ),
];

const POINTS: &[Case] = &[
    // Nobody was told, and whoever asks again gets the order that was made.
    holds(
        "abort",
        "  - fault: {point: {on: order, at: create-after-commit, do: 1*abort}}
  - order: {by: ann, basket: cart, key: '${run}', within: 20s, as: second}
  - now: {rows: {database: order_db, query: 'SELECT id FROM orders WHERE account_id = $1', args: ['${ann.id}'], count: 2}}\n",
    ),
    fails(
        "abort-before-the-commit",
        "  - fault: {point: {on: order, at: create-before-commit, do: abort}}\n  - order: {by: ann, basket: cart}\n",
        "order by ann",
        "UNAVAILABLE",
    ),
    holds(
        "what-was-left-set-is-cleared-for-the-next-story",
        "  - eventually: {within: 20s, that: {ready: [order]}}\n  - order: {by: ann, basket: cart}\n",
    ),
    holds(
        "delay",
        "  - eventually: {within: 20s, that: {recommender: {order: {of: first}}}}
  - fault: {point: {on: recommender, at: consumer-before-commit, do: 1*delay(700)}}
  - order: {by: ann, basket: cart, as: second}
  - never: {for: 300ms, that: {recommender: {order: {of: second}}}}
  - eventually: {within: 20s, that: {recommender: {order: {of: second}}}}\n",
    ),
    holds(
        "clear",
        "  - fault: {point: {on: order, at: prices-before-call, do: abort}}
  - fault: {pause: product}
  - fault: {clear: order}
  - fault: {clear: product}
  - order: {by: ann, basket: cart}\n",
    ),
    fails("nothing-to-clear-of-a-service", "  - fault: {clear: payment}\n", "clear payment", "nothing is broken on payment"),
    holds(
        "points-of-the-whole-story",
        "  - order: {by: ann, basket: cart, as: second}
  - never: {for: 200ms, that: {recommender: {order: {of: second}}}}
faults: [{point: {on: recommender, at: consumer-before-commit, do: pause}}]
expect:
  - eventually: {within: 20s, that: {recommender: {order: {of: second}}}}\n",
    ),
];

/// One at a time, since each breaks what the others need.
fn stack() -> MutexGuard<'static, Stack> {
    static STACK: LazyLock<Mutex<Stack>> = LazyLock::new(|| {
        let stack = Stack::new("edges");
        stack.succeeds(&["up", "--isolated", "--detach", "--faults", "--failpoints"]);
        Mutex::new(stack)
    });
    STACK.lock().unwrap_or_else(PoisonError::into_inner)
}

fn faults(stack: &Stack) -> Value {
    stack.json(&["fault", "list"]).0
}

fn resource(stack: &Stack, name: &str) -> Value {
    let (status, _) = stack.json(&["status"]);
    let all = status["resources"].as_array().expect("there are resources");
    all.iter().find(|one| one["name"] == name).cloned().expect("it is one of them")
}

/// What the table of resources would tell of `name`.
fn told_of(stack: &Stack, name: &str) -> Value {
    resource(stack, name)["faults"].clone()
}

fn restarts(stack: &Stack, name: &str) -> u64 {
    resource(stack, name)["restarts"].as_u64().expect("a number")
}

#[test]
#[cfg_attr(feature = "docker", ignore = "played without containers; the proxy is the same")]
fn every_fault_of_an_edge_a_topic_or_a_point_does_what_it_says_and_is_over_when_the_story_is() {
    let stack = stack();
    played(&stack, EDGES);
    played(&stack, TOPICS);
    played(&stack, POINTS);
    let before = ["order", "payment"].map(|service| restarts(&stack, service));
    stack.succeeds(&["checkout", "run", "in-between"]);
    let after = ["order", "payment"].map(|service| restarts(&stack, service));
    assert_eq!(after, before.map(|restarts| restarts + 1), "each has died once");
    assert_eq!(faults(&stack), json!([]));
    // The shop has survived all of it.
    stack.succeeds(&["verify", "--expect-dead-letter", "poison"]);
}

#[test]
#[cfg_attr(feature = "docker", ignore = "played without containers; the proxy is the same")]
fn a_fault_is_set_told_and_cleared_by_hand() {
    let stack = stack();
    stack.succeeds(&[
        "fault",
        "set",
        "order->product",
        "latency",
        "--delay",
        "50ms",
        "--jitter",
        "10ms",
        "--rate",
        "20%",
        "--seed",
        "7",
    ]);
    stack.succeeds(&["fault", "set", "order_events", "duplicate"]);
    stack.succeeds(&["fault", "set", "gateway", "pause"]);
    assert_eq!(told_of(&stack, "order"), json!(["order -> product: latency 50ms ±10ms, 20%"]));
    assert_eq!(
        (told_of(&stack, "kafka"), told_of(&stack, "gateway")),
        (json!(["order_events: duplicate"]), json!(["paused"]))
    );
    let latency = json!({
        "on": "order/product", "kind": "latency", "delay": 0.05, "jitter": 0.01, "rate": 0.2, "seed": 7, "left": null,
    });
    assert_eq!(faults(&stack)[0], latency);
    assert!(stack.succeeds(&["fault", "list"]).contains("gateway: paused"));
    stack.succeeds(&["fault", "clear", "order/product", "gateway"]);
    stack.succeeds(&["fault", "clear", "--all"]);
    assert_eq!(faults(&stack), json!([]));

    stack.succeeds(&["fault", "set", "gateway/account", "refuse", "--for", "300ms"]);
    let deadline = Instant::now() + Duration::from_secs(20);
    while faults(&stack) != json!([]) {
        assert!(Instant::now() < deadline, "its time is not over");
    }
    // Faults outlive the proxy that carries them out.
    stack.succeeds(&["fault", "set", "order/product", "reset"]);
    stack.succeeds(&["restart", "proxy"]);
    let output = stack.run(&["checkout"]);
    assert!(code(&output) == 6, "{}", String::from_utf8_lossy(&output.stdout));
    stack.succeeds(&["fault", "clear", "order/product"]);
    stack.succeeds(&["fault", "kill", "recommender"]);
    stack.succeeds(&["wait"]);
}

#[test]
#[cfg_attr(feature = "docker", ignore = "played without containers; the proxy is the same")]
fn a_wrong_word_is_told_with_the_right_one() {
    let stack = stack();
    for (arguments, exit, told) in [
        (&["order/prodct", "latency"][..], 2, "did you mean order/product?"),
        (&["order/product", "drop"], 2, "it takes latency, reset, timeout, refuse"),
        (&["order", "latency"], 2, "order/product"),
        (&["order_events", "kill"], 2, "it takes duplicate, delay, reorder, drop, poison"),
        (&["order/product", "refuse", "--rate", "20%"], 2, "refuse takes no --rate"),
        (&["order/product", "latency", "--rate", "0%"], 2, "expected a share"),
        (&["order/product", "latency", "--delay", "1h"], 1, "a delay is between 0 and 600 seconds"),
    ] {
        let output = stack.run(&[&["fault", "set"], arguments].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(code(&output) == exit && said.contains(told), "{arguments:?}: {said}");
    }
    let output = stack.run(&["fault", "point", "order", "create-befor-commit", "abort"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(code(&output) == 2 && said.contains("did you mean create-before-commit?"), "{said}");
    let output = stack.run(&["fault", "clear", "order/product"]);
    assert!(
        code(&output) == 1 && String::from_utf8_lossy(&output.stderr).contains("nothing is broken on order/product")
    );
}

/// A story that has something happen at a point, and then goes on for a minute.
fn long_story() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("the temporary folder can be written");
    let path = folder.path().join("long.yaml");
    let story = "description: A test.\nsteps:
  - fault: {point: {on: order, at: create-before-commit, do: abort}}
  - fault: {refuse: {on: order/product}}
  - fault: {pause: recommender}
  - wait: {for: 1m}\n";
    fs::write(&path, story).expect("the temporary folder can be written");
    (folder, path)
}

#[test]
#[cfg_attr(feature = "docker", ignore = "played without containers; the proxy is the same")]
fn what_a_story_has_broken_is_whole_when_it_is_interrupted() {
    let stack = stack();
    let (_folder, path) = long_story();
    let mut play = stack.shopctl(&["checkout", "run", path.to_str().expect("a path in UTF-8")]);
    let mut play = play.stdout(Stdio::null()).spawn().expect("it can be executed");
    let deadline = Instant::now() + Duration::from_secs(20);
    while faults(&stack).as_array().is_none_or(|all| all.len() < 3) {
        assert!(Instant::now() < deadline, "it breaks nothing");
    }
    kill(Pid::from_raw(i32::try_from(play.id()).expect("a pid fits")), Signal::SIGINT).expect("it was not reaped yet");
    assert_eq!(play.wait().expect("it ends").code(), Some(130));
    assert_eq!(faults(&stack), json!([]));
    stack.succeeds(&["wait"]);
}

#[test]
#[cfg_attr(feature = "docker", ignore = "played without containers; the proxy is the same")]
fn without_the_option_nothing_stands_on_an_edge_and_who_wants_to_break_one_is_told_so() {
    let stack = Stack::shared();
    let (addresses, _) = stack.json(&["env"]);
    let (order, _) = stack.json(&["env", "order"]);
    assert_eq!(order["PRODUCT_URL"], addresses["product"]);
    assert_eq!(order["KAFKA_BROKERS"], addresses["kafka"]);
    let (status, _) = stack.json(&["status"]);
    assert!(status["resources"].as_array().expect("resources").iter().all(|resource| resource["name"] != "proxy"));
    let (_folder, long) = long_story();
    for (arguments, told) in [
        (&["fault", "set", "order/product", "reset"][..], &["up --faults`"][..]),
        (&["fault", "point", "order", "create-before-commit", "abort"], &["up --failpoints`"]),
        (&["checkout", "run", "happy-path", "slow-prices"], &["slow-prices breaks edges", "up --faults`"]),
        (&["checkout", "run", "in-between"], &["in-between strikes at points", "up --failpoints`"]),
        (&["checkout", "run", long.to_str().expect("a path in UTF-8")], &["up --faults --failpoints`"]),
    ] {
        let output = stack.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(code(&output) == 1 && told.iter().all(|part| said.contains(part)), "{arguments:?}: {said}");
    }
    let listed = stack.json(&["checkout", "list"]).0;
    let needs = |name: &str| {
        let all = listed.as_array().expect("a list").iter();
        all.clone().find(|one| one["name"] == name).map(|one| one["needs"].clone())
    };
    assert_eq!(
        ["happy-path", "slow-prices", "in-between"].map(needs),
        [json!([]), json!(["--faults"]), json!(["--failpoints"])].map(Some)
    );
    // A smoke is about an ordinary build unless it is asked for another one, and says so before anything is made.
    let output = stack.run(&["smoke", "--only", "in-between"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(code(&output) == 2 && said.contains("`shopctl smoke --failpoints`"), "{said}");
}
