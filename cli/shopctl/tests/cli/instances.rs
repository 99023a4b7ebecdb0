//! Several instances, and the commands that talk to a running one.

use serde_json::Value;

use super::sandbox::{Sandbox, code, eventually, text};

const SERVER: &str = r#"
    [addresses]
    server = "http://127.0.0.1:${port.server.x}"
    [resource.server]
    kind = "service"
    command = ["@fake", "listen", "${port.server.x}"]
    ports = { x = 1 }
    probe = { kind = "tcp", port = "x" }
"#;

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("it is JSON")
}

#[test]
fn two_instances_run_side_by_side_and_end_alone() {
    let sandbox = Sandbox::new(SERVER);
    assert_eq!(sandbox.up(&["--detach", "--instance", "a"]).exit(), 0);
    assert_eq!(sandbox.up(&["--detach", "--instance", "b"]).exit(), 0);
    let address = |name| json(&sandbox.succeed(&["env", "--json", "--instance", name]))["server"].clone();
    assert_ne!(address("a"), address("b"));
    let listed = json(&sandbox.succeed(&["ps", "--json"]));
    assert_eq!(listed.as_array().map(Vec::len), Some(2));
    assert!(listed[0]["running"] == true && listed[1]["running"] == true);

    sandbox.succeed(&["down", "--instance", "a"]);
    assert_eq!(code(sandbox.run(&["status", "--instance", "a"]).status), 8);
    let status = json(&sandbox.succeed(&["status", "--json", "--instance", "b"]));
    assert_eq!((&status["instance"], &status["resources"][0]["state"]), (&"b".into(), &"ready".into()));
    assert_eq!(status["resources"][0]["why"], Value::Array(Vec::new()));
}

#[test]
fn a_second_up_says_who_runs_it_and_what_to_do() {
    let sandbox = Sandbox::new(SERVER);
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    let output = sandbox.run(&["up", "--isolated"]);
    let errors = text(&output.stderr);
    assert_eq!(code(output.status), 5, "{errors}");
    let supervisor = sandbox.supervisor_and_reaper().0.to_string();
    for part in ["instance default is running already", &supervisor, "shopctl logs -f", "shopctl down"] {
        assert!(errors.contains(part), "{part:?} is not in {errors}");
    }
    sandbox.succeed(&["status"]);
}

#[test]
fn ports_and_secrets_stay_until_their_removal_is_asked_for() {
    let sandbox = Sandbox::new(&format!("[secrets]\nx = \"password\"\n{SERVER}"));
    let address = || json(&sandbox.succeed(&["env", "--json"]))["server"].clone();
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    let first = address();
    sandbox.succeed(&["down"]);
    assert_eq!(code(sandbox.command(&["up", "--detach"]).status().expect("shopctl runs")), 0);
    assert_eq!(address(), first);
    sandbox.succeed(&["down", "--volumes"]);
    let left = std::fs::read_dir(sandbox.path("state/shopctl")).map_or(0, Iterator::count);
    assert_eq!(left, 0);
}

#[test]
fn what_is_not_running_is_said_and_down_is_content_with_it() {
    let sandbox = Sandbox::new(SERVER);
    for command in [&["status"][..], &["env"], &["why", "server"], &["wait"], &["logs"]] {
        let output = sandbox.run(command);
        assert_eq!(code(output.status), 8, "{command:?}");
        assert!(text(&output.stderr).contains("shopctl up"), "{command:?}");
    }
    sandbox.succeed(&["down"]);
    sandbox.succeed(&["down", "--volumes"]);
}

#[test]
fn a_service_that_died_is_explained_and_shown_by_status() {
    let sandbox = Sandbox::new(
        r#"
        [resource.flaky]
        kind = "service"
        command = ["bash", "-c", "until [ -e $SANDBOX/die ]; do sleep 0.01; done; echo my last words; exit 5"]
        "#,
    );
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    assert_eq!(code(sandbox.run(&["status"]).status), 0);
    std::fs::write(sandbox.path("die"), "").expect("a file is written");
    eventually("it is seen to have failed", || (code(sandbox.run(&["status"]).status) == 3).then_some(()));
    let why = sandbox.succeed(&["why", "flaky"]);
    assert!(why.contains("exited with 5") && why.contains("my last words"), "{why}");
    assert_eq!(code(sandbox.run(&["wait", "flaky"]).status), 3);
    assert_eq!(code(sandbox.run(&["wait", "nobody"]).status), 2);
}

#[test]
fn waiting_ends_when_all_is_ready_or_in_time() {
    let sandbox = Sandbox::new(
        r#"
        [resource.slow]
        kind = "task"
        command = ["bash", "-c", "until [ -e $SANDBOX/go ]; do sleep 0.01; done"]
        [resource.quick]
        kind = "service"
        command = ["sleep", "600"]
        "#,
    );
    let up = sandbox.up(&[]);
    eventually("it runs", || sandbox.run(&["status"]).status.success().then_some(()));
    sandbox.succeed(&["wait", "quick"]);
    let output = sandbox.run(&["wait", "--timeout", "2s"]);
    assert_eq!(code(output.status), 4);
    assert!(text(&output.stderr).contains("slow"), "{}", text(&output.stderr));
    std::fs::write(sandbox.path("go"), "").expect("a file is written");
    sandbox.succeed(&["wait"]);
    up.wait_until_ready();
}

#[test]
fn a_service_that_runs_elsewhere_is_awaited_and_left_alone() {
    let sandbox = Sandbox::new(SERVER);
    let up = sandbox.up(&["--external", "server"]);
    let port = eventually("its port is known", || {
        let output = sandbox.run(&["status", "--json"]);
        let status: Value = serde_json::from_slice(&output.stdout).ok()?;
        u16::try_from(status["resources"][0]["ports"]["x"].as_u64()?).ok()
    });
    let _elsewhere = std::net::TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
    up.wait_until_ready();
    up.signal(nix::sys::signal::Signal::SIGINT);
    assert_eq!(up.exit(), 0);
}
