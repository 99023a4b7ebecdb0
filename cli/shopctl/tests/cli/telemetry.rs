//! The receiver of telemetry as a resource.

use std::path::Path;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::sandbox::{Sandbox, code, eventually, signal, text};

const MANIFEST: &str = r#"
    [resource.server]
    kind = "service"
    command = ["sleep", "600"]
    needs = { telemetry = "started" }
    restart = "on-failure"
    [telemetry.addresses]
    otlp = "127.0.0.1:${port.telemetry.otlp}"
    [telemetry.environment]
    OTEL_EXPORTER_OTLP_ENDPOINT = "http://${address.otlp}"
    [telemetry.resource.telemetry]
    kind = "service"
    command = [
        "@shopctl", "internal", "telemetry", "--store", "${dir.data}/telemetry",
        "--grpc", "127.0.0.1:${port.telemetry.otlp}", "--http", "127.0.0.1:${port.telemetry.otlp_http}",
    ]
    ports = { otlp = 14317, otlp_http = 14318 }
    probe = { kind = "http", port = "otlp_http", path = "/health/ready" }
    restart = "always"
"#;

fn resource(sandbox: &Sandbox, name: &str) -> Value {
    let status = text(&sandbox.run(&["status", "--json"]).stdout);
    let status: Value = serde_json::from_str(&status).expect("it is JSON");
    let mut resources = status["resources"].as_array().expect("resources").iter();
    resources.find(|resource| resource["name"] == name).cloned().unwrap_or_default()
}

fn env(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    let values = sandbox.succeed(&[&["env", "--json"], arguments].concat());
    serde_json::from_str(&values).expect("it is JSON")
}

#[test]
fn everybody_is_told_where_telemetry_goes_and_nobody_suffers_when_its_receiver_is_killed() {
    let sandbox = Sandbox::new(MANIFEST);
    let collector = "grpc://127.0.0.1:9";
    assert_eq!(sandbox.up(&["--detach", "--otlp-forward", collector]).exit(), 0);
    let otlp = env(&sandbox, &[])["otlp"].as_str().expect("an address").to_owned();
    assert_eq!(env(&sandbox, &["server"])["OTEL_EXPORTER_OTLP_ENDPOINT"], format!("http://{otlp}"));
    assert_eq!(env(&sandbox, &["telemetry"])["SHOPCTL_OTLP_FORWARD"], collector);
    let said = sandbox.succeed(&["logs", "telemetry"]);
    assert!(said.contains(&otlp) && said.contains(collector), "{said}");

    let (server, first) = (resource(&sandbox, "server"), resource(&sandbox, "telemetry"));
    let pid = |resource: &Value| u32::try_from(resource["pid"].as_u64().expect("it runs")).expect("a pid");
    signal(pid(&first), Signal::SIGKILL);
    eventually("it receives again", || {
        let now = resource(&sandbox, "telemetry");
        (now["ready"] == true && now["restarts"] == 1).then_some(())
    });
    let same = resource(&sandbox, "server");
    assert_eq!((pid(&same), &same["ready"]), (pid(&server), &Value::Bool(true)));

    sandbox.succeed(&["down"]);
    let store = sandbox.path("state");
    let stores = || walk(&store).into_iter().filter(|path| path.ends_with(".spans")).count();
    assert_eq!(stores(), 1, "what it received stays");
    sandbox.succeed(&["down", "--volumes"]);
    assert_eq!(stores(), 0);
}

#[test]
fn without_telemetry_nothing_receives_and_nobody_sends() {
    let sandbox = Sandbox::new(MANIFEST);
    for wrong in
        ["--otlp-forward=localhost:4317", "--otlp-forward=https://localhost", "--otlp-forward=grpc://h --no-telemetry"]
    {
        let output = sandbox.run(&[&["up"], &wrong.split(' ').collect::<Vec<_>>()[..]].concat());
        assert_eq!(code(output.status), 2, "{wrong}: {}", text(&output.stderr));
    }
    assert_eq!(sandbox.up(&["--detach", "--no-telemetry"]).exit(), 0);
    assert_eq!(env(&sandbox, &[])["otlp"], Value::Null);
    assert_eq!(env(&sandbox, &["server"]), serde_json::json!({}));
    assert_eq!(resource(&sandbox, "telemetry"), Value::Null);
    sandbox.succeed(&["down"]);
}

/// Every file below, by its path.
fn walk(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return vec![folder.display().to_string()] };
    entries.flatten().flat_map(|entry| walk(&entry.path())).collect()
}
