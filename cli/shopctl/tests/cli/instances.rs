//! Several instances, and the commands that talk to a running one.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixListener,
};

use serde_json::{Value, json};

use super::sandbox::{DEADLINE, Sandbox, code, eventually, text};

const SERVER: &str = r#"
    [addresses]
    server = "http://127.0.0.1:${port.server.x}"
    [resource.server]
    kind = "service"
    command = ["@fake", "listen", "${port.server.x}"]
    ports = { x = 1 }
    probe = { kind = "tcp", port = "x" }
"#;

fn parse(text: &str) -> Value {
    serde_json::from_str(text).expect("it is JSON")
}

#[test]
fn two_instances_run_side_by_side_and_end_alone() {
    let sandbox = Sandbox::new(SERVER);
    assert_eq!(sandbox.up(&["--detach", "--instance", "a"]).exit(), 0);
    assert_eq!(sandbox.up(&["--detach", "--instance", "b"]).exit(), 0);
    let address = |name| parse(&sandbox.succeed(&["env", "--json", "--instance", name]))["server"].clone();
    assert_ne!(address("a"), address("b"));
    let listed = parse(&sandbox.succeed(&["ps", "--json"]));
    assert_eq!(listed.as_array().map(Vec::len), Some(2));
    assert!(listed[0]["running"] == true && listed[1]["running"] == true);

    sandbox.succeed(&["down", "--instance", "a"]);
    assert_eq!(code(sandbox.run(&["status", "--instance", "a"]).status), 8);
    let status = parse(&sandbox.succeed(&["status", "--json", "--instance", "b"]));
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
    let workspace = sandbox.workspace().display().to_string();
    let parts = [
        "instance default is running already",
        &supervisor,
        concat!("shopctl ", env!("CARGO_PKG_VERSION")),
        &workspace,
        "detached",
        "shopctl logs -f",
        "shopctl down",
    ];
    for part in parts {
        assert!(errors.contains(part), "{part:?} is not in {errors}");
    }
    sandbox.succeed(&["down"]);

    let up = sandbox.up(&[]);
    up.wait_until_ready();
    let errors = text(&sandbox.run(&["up"]).stderr);
    assert!(errors.contains("held by the `up` with pid"), "{errors}");
}

#[test]
fn a_second_clone_is_told_which_instance_has_its_ports_and_how_to_have_others() {
    let port = {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        socket.local_addr().expect("it has an address").port()
    };
    let manifest = SERVER.replace("x = 1 ", &format!("x = {port} "));
    let (first, second) = (Sandbox::new(&manifest), Sandbox::new(&manifest));
    assert_eq!(code(first.run(&["up", "--detach"]).status), 0);
    let output = second.run(&["up", "--detach"]);
    let errors = text(&output.stderr);
    assert_eq!(code(output.status), 5, "{errors}");
    let owner = format!("server of shopctl's instance default in {}", first.workspace().display());
    for part in [&port.to_string(), "pid ", "fake listen", &owner, "--isolated", "--port-offset"] {
        assert!(errors.contains(part), "{part:?} is not in {errors}");
    }
    assert_eq!(code(second.run(&["up", "--detach", "--isolated"]).status), 0);
}

#[test]
fn a_supervisor_of_another_version_is_named_and_can_be_stopped() {
    let sandbox = Sandbox::new(SERVER);
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    let state = std::fs::read_dir(sandbox.path("state/shopctl")).expect("there is state").flatten().next();
    let path = state.expect("there is an instance").path().join("supervisor.json");
    let mut running = parse(&std::fs::read_to_string(&path).expect("it runs"));
    let socket = sandbox.path("other.sock");
    running["socket"] = json!(socket);
    running["version"] = json!("9.9.9");
    std::fs::write(&path, running.to_string()).expect("the file is written");
    let listener = UnixListener::bind(&socket).expect("a socket is made");
    // First a refusal that is understood, then words of another century.
    let answers = [r#"{"reply":"refused","why":"this one is run by shopctl 9.9.9 (protocol 9)"}"#, r#"{"9":true}"#];
    let speaker = std::thread::spawn(move || {
        for answer in answers.into_iter().chain([answers[0]]) {
            let (mut stream, _) = listener.accept().expect("somebody comes");
            let mut hello = String::new();
            BufReader::new(&stream).read_line(&mut hello).expect("it says something");
            assert!(hello.contains(r#""request":"hello""#), "{hello}");
            writeln!(stream, "{answer}").expect("it listens");
        }
    });
    for _ in 0..2 {
        let output = sandbox.run(&["status"]);
        let errors = text(&output.stderr);
        assert_eq!(code(output.status), 1, "{errors}");
        assert!(errors.contains("another version") && errors.contains("9.9.9"), "{errors}");
        assert!(errors.contains("`shopctl down --instance default`"), "{errors}");
    }
    sandbox.succeed(&["down"]);
    sandbox.assert_empty_within(DEADLINE);
    speaker.join().expect("all went as it should");
}

#[test]
fn a_client_of_another_version_is_told_both_versions_and_nothing_else_happens() {
    let sandbox = Sandbox::new(SERVER);
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    let state = std::fs::read_dir(sandbox.path("state/shopctl")).expect("there is state").flatten().next();
    let path = state.expect("there is an instance").path().join("supervisor.json");
    let running = parse(&std::fs::read_to_string(&path).expect("it runs"));
    let socket = running["socket"].as_str().expect("it has a socket");
    let mut stream = std::os::unix::net::UnixStream::connect(socket).expect("somebody listens");
    writeln!(stream, r#"{{"request":"hello","protocol":999,"version":"9.9.9"}}"#).expect("it is read");
    let answers: Vec<String> = BufReader::new(&stream).lines().map_while(Result::ok).collect();
    assert_eq!(answers.len(), 1, "{answers:?}");
    let refusal = parse(&answers[0]);
    assert_eq!(refusal["reply"], "refused");
    let why = refusal["why"].as_str().expect("it says why");
    assert!(why.contains(env!("CARGO_PKG_VERSION")) && why.contains("9.9.9 (protocol 999)"), "{why}");
    sandbox.succeed(&["status"]);
}

#[test]
fn ports_and_secrets_stay_until_their_removal_is_asked_for() {
    let sandbox = Sandbox::new(&format!("[secrets]\nx = \"password\"\n{SERVER}"));
    let address = || parse(&sandbox.succeed(&["env", "--json"]))["server"].clone();
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
