//! Looking whether a resource is ready, from inside shopctl.

use std::{net::Ipv4Addr, time::Duration};

use shopctl_core::manifest::Probe;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tonic::transport::Endpoint;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(2);

/// Probes once, on this machine's `port`.
///
/// # Errors
/// Why it is not ready, for people.
pub async fn probe(probe: &Probe, port: u16) -> Result<(), String> {
    let attempt = async {
        match probe {
            Probe::Tcp { port: _ } => connect(port).await.map(drop),
            Probe::Http { port: _, path } => http(port, path).await,
            Probe::Grpc { port: _, service } => grpc(port, service).await,
            Probe::Postgres { port: _ } => postgres(port).await,
        }
    };
    timeout(PATIENCE, attempt).await.unwrap_or_else(|_| Err(format!("port {port} did not answer within 2 s")))
}

async fn connect(port: u16) -> Result<TcpStream, String> {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::ConnectionRefused => format!("nothing listens on port {port} yet"),
        _ => format!("cannot connect to port {port}: {error}"),
    })
}

async fn http(port: u16, path: &str) -> Result<(), String> {
    // By hand where nothing listens: its message says more than that of the client.
    connect(port).await?;
    let client = reqwest::Client::builder().no_proxy().build().map_err(|error| error.to_string())?;
    let response = client.get(format!("http://127.0.0.1:{port}{path}")).send().await;
    let response = response.map_err(|error| format!("GET {path} on port {port} failed: {}", root_of(&error)))?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let body = response.text().await.unwrap_or_default();
    let body: String = body.chars().filter(|c| !c.is_control()).take(200).collect();
    Err(format!("GET {path} on port {port} answers {status} {body}").trim_end().to_owned())
}

async fn grpc(port: u16, service: &str) -> Result<(), String> {
    connect(port).await?;
    let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}")).map_err(|error| error.to_string())?;
    let channel = endpoint.connect().await.map_err(|error| format!("no gRPC on port {port}: {}", root_of(&error)))?;
    let request = HealthCheckRequest { service: service.to_owned() };
    let answer = HealthClient::new(channel).check(request).await;
    let status =
        answer.map_err(|status| format!("health on port {port} answers {:?}: {}", status.code(), status.message()))?;
    match status.into_inner().status() {
        ServingStatus::Serving => Ok(()),
        other => Err(format!("health on port {port} says {}", other.as_str_name())),
    }
}

/// Ready is a server that asks for authentication, or refuses for any other reason than that it starts or stops.
async fn postgres(port: u16) -> Result<(), String> {
    const PROTOCOL_3_0: u32 = 196_608;
    /// "the database system is starting up"
    const CANNOT_CONNECT_NOW: &[u8] = b"C57P03\0";
    const PARAMETERS: &[u8] = b"user\0shop\0database\0postgres\0\0";
    let broke = |error: std::io::Error| format!("PostgreSQL on port {port} hung up: {error}");
    let mut stream = connect(port).await?;
    let mut packet = Vec::from(u32::try_from(8 + PARAMETERS.len()).unwrap_or_default().to_be_bytes());
    packet.extend(PROTOCOL_3_0.to_be_bytes());
    packet.extend(PARAMETERS);
    stream.write_all(&packet).await.map_err(broke)?;
    match stream.read_u8().await.map_err(broke)? {
        b'R' => Ok(()),
        b'E' => {
            let length = stream.read_u32().await.map_err(broke)?.saturating_sub(4).min(8192);
            let mut fields = Vec::new();
            stream.take(length.into()).read_to_end(&mut fields).await.map_err(broke)?;
            let not_now = fields.windows(CANNOT_CONNECT_NOW.len()).any(|part| part == CANNOT_CONNECT_NOW);
            if not_now { Err(format!("PostgreSQL on port {port} is starting up")) } else { Ok(()) }
        }
        other => Err(format!("what answers on port {port} is no PostgreSQL (its first byte is {other:#04x})")),
    }
}

/// What lies at the bottom of an error that only says "transport error".
fn root_of(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// Serves one answer to whatever it is asked.
    async fn answering(answer: &'static [u8]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut request = [0; 1024];
                    if stream.read(&mut request).await.is_ok_and(|count| count > 0) {
                        let _ = stream.write_all(answer).await;
                    }
                });
            }
        });
        port
    }

    fn name() -> String {
        "x".to_owned()
    }

    #[tokio::test]
    async fn http_is_ready_when_it_says_so() {
        let http = Probe::Http { port: name(), path: "/health/ready".to_owned() };
        let ready = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        assert_eq!(probe(&http, ready).await, Ok(()));
        let away = answering(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 5\r\n\r\nstore").await;
        let error = probe(&http, away).await.expect_err("it is not ready");
        assert!(error.contains("503") && error.contains("store"), "{error}");
    }

    #[tokio::test]
    async fn postgres_is_ready_once_it_no_longer_starts_up() {
        let postgres = Probe::Postgres { port: name() };
        for (answer, ready) in [
            (&b"R\0\0\0\x08\0\0\0\x0a"[..], true),
            (b"E\0\0\0\x16SFATAL\0C3D000\0Mno\0\0", true),
            (b"E\0\0\0\x16SFATAL\0C57P03\0Mno\0\0", false),
            (b"HTTP/1.1 400", false),
        ] {
            assert_eq!(probe(&postgres, answering(answer).await).await.is_ok(), ready, "{answer:?}");
        }
    }

    #[tokio::test]
    async fn a_port_without_listener_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        drop(listener);
        for (kind, probed) in [
            ("tcp", Probe::Tcp { port: name() }),
            ("grpc", Probe::Grpc { port: name(), service: String::new() }),
            ("postgres", Probe::Postgres { port: name() }),
        ] {
            let error = probe(&probed, port).await.expect_err("nothing listens");
            assert!(error.contains(&port.to_string()), "{kind}: {error}");
        }
    }
}
