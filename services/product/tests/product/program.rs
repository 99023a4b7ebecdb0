//! The real program in a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use reqwest::StatusCode;
use testkit::port::Port;
use testkit::process::Process;

use crate::support::{Client, DEADLINE, Setting};

const PROGRAM: &str = env!("CARGO_BIN_EXE_product");

/// The program; it ends with this value.
pub(crate) struct Program {
    pub(crate) process: Process,
    pub(crate) client: Client,
    _port: Port,
    said: Arc<Mutex<String>>,
}

impl Program {
    pub(crate) async fn start(setting: &Setting) -> Self {
        Self::start_with(setting, &[]).await
    }

    pub(crate) async fn start_with(setting: &Setting, more: &[(&str, &str)]) -> Self {
        let port = Port::reserve();
        let address = port.address().to_string();
        let mut command = Command::new(PROGRAM);
        command
            .arg("serve")
            .envs(setting.variables())
            .env("HTTP_ADDR", &address)
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = Process::spawn(&mut command).expect("it can be executed");
        let lines = BufReader::new(process.stderr.take().expect("it is piped")).lines();
        let said = Arc::new(Mutex::new(String::new()));
        let log = said.clone();
        // Read to the end, so that it never waits for a reader.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                *log.lock().expect("no panic while it is held") += &format!("{line}\n");
            }
        });
        let client = Client::new(format!("http://{address}"));
        let mut program = Self { process, client, _port: port, said };
        testkit::eventually(DEADLINE, "the program answers", async || program.answers().await).await;
        program
    }

    async fn answers(&mut self) -> Option<()> {
        if let Some(status) = self.process.try_wait().expect("it is our child") {
            panic!("it ended with {status}: {}", self.said.lock().expect("no panic while it is held"));
        }
        let response = self.client.request(reqwest::Method::GET, "/health").send().await;
        response.is_ok_and(|response| response.status() == StatusCode::OK).then_some(())
    }

    /// SIGKILL.
    pub(crate) fn kill(self) {
        drop(self.process);
    }
}
