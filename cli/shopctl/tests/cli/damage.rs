//! State that a crash, a full disk or somebody else has damaged.

use std::{fs, process::Command};

use super::sandbox::{Sandbox, code, text};

const SERVER: &str = r#"
    [addresses]
    server = "http://127.0.0.1:${port.server.x}"
    [secrets]
    token = "password"
    [resource.server]
    kind = "service"
    command = ["@fake", "listen", "${port.server.x}"]
    ports = { x = 1 }
    probe = { kind = "tcp", port = "x" }
"#;

/// A workspace with an instance that was up once.
fn used() -> (Sandbox, std::path::PathBuf) {
    let sandbox = Sandbox::new(SERVER);
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    sandbox.succeed(&["down"]);
    let state = fs::read_dir(sandbox.path("state/shopctl")).expect("there is state").flatten().next();
    let state = state.expect("there is an instance").path();
    (sandbox, state)
}

#[test]
fn files_that_are_torn_do_not_keep_an_instance_from_running() {
    let (sandbox, state) = used();
    for damage in ["", "{\"name\": \"def", "\0\0\0\0", "[]", "null"] {
        for file in ["instance.json", "supervisor.json", "processes.json", "plan.json", "last.json"] {
            fs::write(state.join(file), damage).expect("a file is damaged");
        }
        assert_eq!(code(sandbox.run(&["status"]).status), 8, "{damage:?}");
        assert!(sandbox.succeed(&["ps"]).contains("default"), "{damage:?}");
        sandbox.succeed(&["down"]);
        let up = sandbox.command(&["up", "--detach"]).output().expect("shopctl runs");
        assert_eq!(code(up.status), 0, "{damage:?}: {}", text(&up.stderr));
        assert!(text(&up.stderr).contains("its data stay, its ports are settled anew"), "{}", text(&up.stderr));
        sandbox.succeed(&["down"]);
    }
}

#[test]
fn the_block_of_ports_outlives_a_torn_record() {
    let (sandbox, state) = used();
    fs::write(state.join("instance.json"), "{").expect("a file is damaged");
    // Without `--isolated`, which it was given at first.
    let up = sandbox.command(&["up", "--detach"]).output().expect("shopctl runs");
    assert_eq!(code(up.status), 0, "{}", text(&up.stderr));
    let address = sandbox.succeed(&["env"]);
    assert!(!address.contains(":1\n"), "not the manifest's port: {address}");
}

#[test]
fn an_empty_secret_is_refused_with_the_way_out() {
    let (sandbox, state) = used();
    fs::write(state.join("secrets/token"), "").expect("a file is damaged");
    let output = sandbox.run(&["up", "--detach"]);
    assert_eq!(code(output.status), 1);
    let errors = text(&output.stderr);
    assert!(errors.contains("secrets/token is empty"), "{errors}");
    fs::remove_file(state.join("secrets/token")).expect("it can be removed");
    assert_eq!(code(sandbox.run(&["up", "--detach"]).status), 0);
}

#[test]
fn a_process_that_has_got_the_pid_of_one_of_ours_is_left_alone() {
    let (sandbox, state) = used();
    let mut innocent = Command::new("sleep").arg("600").spawn().expect("sleep starts");
    let recorded = format!(
        r#"[{{"resource": "server", "identity": {{"pid": {}, "start": 1}}, "signals": ["KILL"], "group": false}}]"#,
        innocent.id()
    );
    fs::write(state.join("processes.json"), &recorded).expect("a file is written");
    sandbox.succeed(&["down"]);
    fs::write(state.join("processes.json"), &recorded).expect("a file is written");
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    assert!(innocent.try_wait().expect("it can be asked").is_none(), "it was killed");
    innocent.kill().expect("it is our child");
    innocent.wait().expect("it ends");
}

#[test]
fn a_place_that_cannot_hold_state_is_named_with_the_way_out() {
    let sandbox = Sandbox::new(SERVER);
    fs::write(sandbox.path("file"), "").expect("a file is written");
    let mut command = sandbox.command(&["up", "--detach"]);
    let output = command.env("XDG_STATE_HOME", sandbox.path("file")).output().expect("shopctl runs");
    assert_eq!(code(output.status), 1);
    let errors = text(&output.stderr);
    assert!(errors.contains("cannot write") && errors.contains("XDG_STATE_HOME"), "{errors}");
}
