//! Passing on to another collector: here it is another receiver.

use std::net::SocketAddr;

use shopctl_telemetry::{Limits, Receiver, Settings, Target};
use tokio::net::TcpListener;

use crate::{
    sent::{single, trace},
    support::{Running, any_port, temporary, wait_for_trace},
};

/// Where nobody listens yet.
async fn a_free_address() -> SocketAddr {
    TcpListener::bind(any_port()).await.expect("there is a port").local_addr().expect("it has an address")
}

#[tokio::test]
async fn everything_is_passed_on_over_both_protocols_once_the_other_collector_is_there() {
    let (grpc, http) = (a_free_address().await, a_free_address().await);
    let mut number = 0;
    let mut senders = Vec::new();
    for target in [format!("grpc://{grpc}"), format!("http://{http}")] {
        let target: Target = target.parse().expect("a target");
        let running = Running::with(temporary(), Limits::default(), Some(target)).await;
        for _ in 0..2 {
            number += 1;
            running.send(single(number)).await;
            running.trace(trace(number), 1).await;
        }
        senders.push(running);
    }
    let folder = temporary();
    let settings = Settings { folder: folder.path().to_owned(), limits: Limits::default(), forward: None };
    let other = Receiver::bind(settings, grpc, http).await.expect("the addresses are still free");
    tokio::spawn(other.run(std::future::pending()));
    let reader = shopctl_telemetry::Reader::open(folder.path()).expect("there is a store");
    for number in 1..=number {
        wait_for_trace(&reader, trace(number), 1).await;
    }
}
