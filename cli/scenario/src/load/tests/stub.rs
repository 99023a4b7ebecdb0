use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Answers as a shop does that thinks about nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Stub {
    /// When it stands still, after the first request for an order, and for how long.
    pub(super) still: Option<(Duration, Duration)>,
    /// The beginning of paths that are answered with 503.
    pub(super) refused: &'static str,
}

struct Shared {
    stub: Stub,
    orders: AtomicI64,
    began: std::sync::OnceLock<Instant>,
    url: String,
}

impl Stub {
    /// Serves on threads of its own until the test ends; `paid` hears of each order. Answers with its address.
    pub(super) fn serve(self, paid: impl Fn(i64) + Clone + Send + 'static) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let url = format!("http://{}", listener.local_addr().expect("it listens"));
        let shared =
            Shared { stub: self, orders: AtomicI64::new(0), began: std::sync::OnceLock::new(), url: url.clone() };
        let shared = Arc::new(shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (shared, paid) = (Arc::clone(&shared), paid.clone());
                // A client that goes away is no error.
                thread::spawn(move || drop(shared.answer_all(stream, paid)));
            }
        });
        url
    }
}

impl Shared {
    fn answer_all(&self, stream: TcpStream, paid: impl Fn(i64)) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        loop {
            let (mut line, mut length) = (String::new(), 0);
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
            loop {
                let mut header = String::new();
                reader.read_line(&mut header)?;
                if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap_or(0);
                }
                if header.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body)?;
            let body = self.answer(&path, &String::from_utf8_lossy(&body), &paid);
            let refused = !self.stub.refused.is_empty() && path.starts_with(self.stub.refused);
            let status = if refused { "503 Service Unavailable" } else { "200 OK" };
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            reader.get_mut().write_all((head + &body).as_bytes())?;
        }
    }

    fn answer(&self, path: &str, body: &str, paid: &impl Fn(i64)) -> String {
        if body.contains("register(") {
            return r#"{"data":{"register":{"token":"t"}}}"#.to_owned();
        }
        self.stand_still();
        let url = &self.url;
        if body.contains("createOrder(") {
            let order = self.orders.fetch_add(1, Ordering::Relaxed) + 1;
            return format!(r#"{{"data":{{"createOrder":{{"id":{order}}}}}}}"#);
        }
        if let Some((_, order)) = body.split_once(r#""order":"#) {
            let order: String = order.chars().take_while(char::is_ascii_digit).collect();
            return format!(r#"{{"data":{{"checkout":{{"checkoutUrl":"{url}/page/{order}"}}}}}}"#);
        }
        if let Some(order) = path.strip_prefix("/page/") {
            return format!(r#"{{"success_url":"/pay/{order}"}}"#);
        }
        if let Some(order) = path.strip_prefix("/pay/").and_then(|order| order.parse().ok()) {
            paid(order);
        }
        r#"{"message":"thanks"}"#.to_owned()
    }

    fn stand_still(&self) {
        let Some((after, time)) = self.stub.still else { return };
        let began = *self.began.get_or_init(Instant::now);
        let (from, until) = (began + after, began + after + time);
        if (from..until).contains(&Instant::now()) {
            thread::sleep(until.saturating_duration_since(Instant::now()));
        }
    }
}
