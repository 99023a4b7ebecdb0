//! Waiting until a service says that it is ready: before, a busy machine may not have its connections open yet.

use std::{net::SocketAddr, time::Duration};

use tonic::transport::Endpoint;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

/// Long enough for a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(30);

/// Returns as soon as the gRPC server at `address` says that it serves `service`, such as `pb.OrderService`.
///
/// # Panics
/// When it does not within 30 s.
pub async fn grpc(address: SocketAddr, service: &str) {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address makes a URL");
    let health = HealthClient::new(endpoint.connect_lazy());
    crate::eventually(PATIENCE, &format!("{service} at {address} is ready"), async || {
        let asked = HealthCheckRequest { service: service.to_owned() };
        let answer = health.clone().check(asked).await.ok()?;
        (answer.into_inner().status() == ServingStatus::Serving).then_some(())
    })
    .await;
}
