//! What is kept, for how long, and through what.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use shopctl_telemetry::{Edge, Hop, Limits, Reader, Receiver, Settings, StoreError, receiver};
use testkit::{eventually, process::Process};

use crate::{
    sent::{BEGIN, export, failed, single, span, text, trace},
    support::{PATIENCE, Running, TRACES, any_port, copy, files, send, temporary, wait_for_trace},
};

#[tokio::test]
async fn spans_outlive_the_receiver_and_one_receiver_writes_at_a_time() {
    let running = Running::start().await;
    running.send(single(1)).await;
    let settings = Settings { folder: running.folder.path().to_owned(), limits: Limits::default(), forward: None };
    let second = Receiver::bind(settings, any_port(), any_port()).await.expect_err("there is one already");
    assert!(matches!(second, receiver::Error::Store(StoreError::Taken(_))), "{second}");

    let folder = running.stop().await;
    let reader = Reader::open(folder.path()).expect("it is there");
    assert_eq!(reader.trace(trace(1)).expect("it can be read").len(), 1, "what was taken is written at the end");
    let running = Running::with(folder, Limits::default(), None).await;
    running.send(single(2)).await;
    running.trace(trace(2), 1).await;
    running.trace(trace(1), 1).await;
    assert_eq!(running.reader().counts().expect("it can be read").spans, 2);

    let nowhere = Reader::open(&running.folder.path().join("none")).expect_err("nothing is there");
    assert!(nowhere.hint().is_some_and(|hint| hint.contains("--no-telemetry")), "{nowhere}");
}

/// In pieces of 16 KiB that hardly pack.
fn noise(number: u64) -> Vec<opentelemetry_proto::tonic::trace::v1::Span> {
    let mut state = number + 1;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'!' + u8::try_from(state >> 57).expect("seven bits") % 90)
    };
    let mut piece = |index| {
        let attribute = text("noise", &(0..16 << 10).map(|_| random()).collect::<String>());
        span(trace(number), index, None, SpanKind::Internal, vec![attribute])
    };
    (1..=4).map(&mut piece).collect()
}

/// Says that it is over, also when that is a panic.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_is_never_larger_than_its_limit_and_loses_the_oldest_first() {
    let limits = Limits { bytes: Limits::LEAST_BYTES, ..Limits::default() };
    let running = Running::with(temporary(), limits, None).await;
    let (end, largest) = (AtomicBool::new(false), AtomicU64::new(0));
    let last = 200;
    std::thread::scope(|scope| {
        let look = || {
            while !end.load(Ordering::Relaxed) {
                let sizes =
                    files(running.folder.path()).into_iter().map(|path| fs::metadata(path).map_or(0, |it| it.len()));
                largest.fetch_max(sizes.sum(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        let looking = scope.spawn(look);
        let over = Over(&end);
        let sending = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                for number in 0..=last {
                    running.send(export("order", noise(number))).await;
                    if number % 20 == 0 {
                        running.trace(trace(number), 1).await;
                    }
                }
                running.trace(trace(last), 4).await
            })
        });
        drop(over);
        looking.join().expect("it looks");
        assert_eq!(sending.len(), 4, "the newest is there");
    });
    // 13 MB were sent.
    let largest = largest.into_inner();
    assert!(largest <= limits.bytes, "{largest} bytes");
    assert!(largest > limits.bytes / 2, "{largest} bytes");
    let reader = running.reader();
    assert_eq!(reader.trace(trace(0)).expect("it can be read"), [], "the oldest is gone");
    let counts = reader.counts().expect("it can be read");
    assert!(counts.bytes <= limits.bytes && counts.spans < 4 * last, "{counts:?}");
}

#[tokio::test]
async fn what_is_too_old_is_removed() {
    let limits = Limits { age: Duration::from_millis(400), ..Limits::default() };
    let running = Running::with(temporary(), limits, None).await;
    running.send(single(1)).await;
    running.trace(trace(1), 1).await;
    let mut number = 1;
    eventually(PATIENCE, "the first trace is gone", async || {
        number += 1;
        running.send(single(number)).await;
        running.trace(trace(1), 0).await.is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn calls_and_topics_are_counted_as_edges_and_requests_as_rates() {
    let running = Running::start().await;
    let topic = || vec![text("messaging.system", "kafka"), text("messaging.destination.name", "order_events")];
    let of_order = vec![
        span(trace(1), 1, None, SpanKind::Server, Vec::new()),
        span(trace(1), 2, Some(1), SpanKind::Client, vec![text("server.address", "127.0.0.1")]),
        span(
            trace(1),
            4,
            Some(1),
            SpanKind::Client,
            vec![text("db.system.name", "postgresql"), text("db.namespace", "order_db")],
        ),
        span(trace(1), 5, Some(1), SpanKind::Producer, topic()),
    ];
    running.send(export("order", of_order)).await;
    let of_product = failed(span(trace(1), 3, Some(2), SpanKind::Server, Vec::new()), "gone");
    running.send(export("product", vec![of_product])).await;
    running.send(export("payment", vec![span(trace(1), 6, Some(5), SpanKind::Consumer, topic())])).await;
    running.trace(trace(1), 6).await;

    let reader = running.reader();
    let edges = reader.edges(Some(BEGIN)).expect("it can be read");
    let told = |edge: &Edge| (edge.from.clone(), edge.hop, edge.to.clone(), edge.count, edge.errors);
    let edge = |from: &str, hop, to: &str, errors| (from.to_owned(), hop, to.to_owned(), 1, errors);
    assert_eq!(
        edges.iter().map(told).collect::<Vec<_>>(),
        [
            edge("order", Hop::Query, "order_db", 0),
            edge("order", Hop::Publish, "order_events", 0),
            edge("order", Hop::Call, "product", 1),
            edge("order_events", Hop::Consume, "payment", 0),
        ]
    );
    assert_eq!(edges[0].durations.max, 1_000_000);
    assert_eq!(edges[0].last, BEGIN + 4);
    assert_eq!(reader.edges(Some(BEGIN + 60_000_000_000)).expect("it can be read"), []);
    // As long ago as these spans are.
    let rates = reader.rates(Duration::from_secs(100 * 365 * 24 * 60 * 60)).expect("it can be read");
    let rates: Vec<_> = rates.iter().map(|rate| (rate.resource.as_str(), rate.requests, rate.errors)).collect();
    assert_eq!(rates, [("order", 1, 0), ("payment", 1, 0), ("product", 1, 1)]);
    assert_eq!(reader.rates(Duration::ZERO).expect("it can be read"), []);
}

/// What the next test kills; by itself it does nothing.
#[tokio::test]
#[expect(clippy::print_stdout, reason = "that is how the other test learns where it is")]
async fn a_receiver_on_its_own() {
    let Some(folder) = std::env::var_os("FOLDER") else { return };
    let settings = Settings { folder: folder.into(), limits: Limits::default(), forward: None };
    let receiver = Receiver::bind(settings, any_port(), any_port()).await.expect("it listens");
    println!("\nlistens on {}", receiver.addresses().expect("it has addresses").0);
    receiver.run(std::future::pending()).await.expect("it runs");
}

#[tokio::test]
async fn a_kill_loses_nothing_that_was_written_and_a_torn_file_only_itself() {
    let folder = temporary();
    let own = std::env::current_exe().expect("this program");
    let mut command = Command::new(own);
    command.args(["--exact", "store::a_receiver_on_its_own", "--nocapture"]).env("FOLDER", folder.path());
    let mut process = Process::spawn(command.stdout(Stdio::piped()).stderr(Stdio::null())).expect("it runs");
    let mut lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
    let address = lines.find_map(|line| line.ok()?.strip_prefix("listens on ")?.parse().ok()).expect("it listens");
    let _: () = send(address, TRACES, single(1), None).await.expect("it is taken");
    let reader = Reader::open(folder.path()).expect("it is there");
    wait_for_trace(&reader, trace(1), 1).await;
    process.kill().expect("it is killed");
    process.wait().expect("it is gone");
    assert_eq!(reader.trace(trace(1)).expect("it can be read").len(), 1);

    let running = Running::with(folder, Limits::default(), None).await;
    running.send(single(2)).await;
    running.trace(trace(2), 1).await;
    running.trace(trace(1), 1).await;
    let torn = copy(running.folder.path());
    running.stop().await;

    for path in files(torn.path()).into_iter().filter(|path| path.extension().is_some_and(|it| it == "spans")) {
        let length = fs::metadata(&path).expect("a file").len();
        fs::File::options().write(true).open(&path).expect("it opens").set_len(length / 3).expect("it is torn");
        let _ = fs::remove_file(path.with_extension("spans-wal"));
    }
    let reader = Reader::open(torn.path()).expect("it is there");
    assert_eq!(reader.trace(trace(1)).expect("what is damaged is passed over"), []);
    let running = Running::with(torn, Limits::default(), None).await;
    running.send(single(3)).await;
    running.trace(trace(3), 1).await;
}
