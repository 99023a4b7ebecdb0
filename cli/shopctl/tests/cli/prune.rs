//! Removing what stopped instances have left, and nothing else.

use serde_json::Value;

use super::sandbox::{Sandbox, code, text};

const SERVER: &str = r#"
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
fn only_stopped_instances_are_removed_and_only_when_that_is_wanted() {
    let sandbox = Sandbox::new(SERVER);
    for name in ["a", "b", "lives"] {
        assert_eq!(sandbox.up(&["--detach", "--instance", name]).exit(), 0);
    }
    sandbox.succeed(&["down", "--instance", "a"]);
    sandbox.succeed(&["down", "--instance", "b"]);

    let output = sandbox.run(&["prune"]);
    let errors = text(&output.stderr);
    assert_eq!(code(output.status), 2, "{errors}");
    assert!(errors.contains("`shopctl prune --yes`") && errors.contains("KiB") && errors.contains("s ago"), "{errors}");
    assert!(!errors.contains("lives"), "{errors}");
    let listed = json(&sandbox.succeed(&["ps", "--json"]));
    let states: Vec<_> = (0..3).map(|n| listed[n]["state"].as_str().expect("it has a state")).collect();
    assert_eq!(states, ["stopped", "stopped", "running"]);

    let removed = json(&sandbox.succeed(&["prune", "--yes", "--json"]));
    assert_eq!((&removed[0]["instance"], &removed[1]["instance"]), (&"a".into(), &"b".into()));
    assert!(removed[0]["bytes"].as_u64().is_some_and(|bytes| bytes > 0) && removed[2].is_null(), "{removed}");
    assert_eq!(std::fs::read_dir(sandbox.path("state/shopctl")).map_or(0, Iterator::count), 1);
    sandbox.succeed(&["status", "--instance", "lives"]);
    assert_eq!(json(&sandbox.succeed(&["prune", "--yes", "--json"])), Value::Array(Vec::new()));
    sandbox.succeed(&["prune"]);
}

#[test]
fn an_instance_whose_workspace_is_gone_is_marked_and_can_be_removed_from_elsewhere() {
    let sandbox = Sandbox::new(SERVER);
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    sandbox.succeed(&["down"]);
    std::fs::rename(sandbox.workspace(), sandbox.path("moved")).expect("the workspace is moved");
    let elsewhere = |arguments: &[&str]| {
        let output = sandbox.command(arguments).current_dir("/").output().expect("shopctl runs");
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    assert!(elsewhere(&["ps"]).contains("workspace (gone)"));
    assert_eq!(json(&elsewhere(&["ps", "--json"]))[0]["workspace_gone"], true);
    assert_eq!(json(&elsewhere(&["prune", "--yes", "--json"]))[0]["workspace_gone"], true);
    assert_eq!(json(&elsewhere(&["ps", "--json"])), Value::Array(Vec::new()));
}

#[test]
fn what_a_killed_instance_left_running_goes_with_it() {
    use nix::sys::signal::Signal;

    let sandbox = Sandbox::new(SERVER);
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    let (supervisor, reaper) = sandbox.supervisor_and_reaper();
    let supervisor_json =
        json(&std::fs::read_to_string(only_instance(&sandbox).join("supervisor.json")).expect("it is there"));
    let socket = std::path::PathBuf::from(supervisor_json["socket"].as_str().expect("it has a socket"));
    assert!(socket.exists());
    // Stopped first, so that neither sees the other go.
    for wanted in [Signal::SIGSTOP, Signal::SIGKILL] {
        super::sandbox::signal(reaper, wanted);
        super::sandbox::signal(supervisor, wanted);
    }
    super::sandbox::eventually("only the service lives", || (sandbox.alive().len() == 1).then_some(()));
    sandbox.succeed(&["prune", "--yes"]);
    assert_eq!(sandbox.alive(), [0_u32; 0]);
    assert!(!socket.exists() && !socket.parent().is_some_and(std::path::Path::exists));
}

fn only_instance(sandbox: &Sandbox) -> std::path::PathBuf {
    let found = std::fs::read_dir(sandbox.path("state/shopctl")).expect("there is state").flatten().next();
    found.expect("there is an instance").path()
}
