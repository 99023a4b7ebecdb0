//! From nothing to ready, or to a clear no.

use std::net::TcpListener;

use super::sandbox::{DEADLINE, Sandbox, code, text};

#[test]
fn resources_start_in_the_order_of_their_edges() {
    let sandbox = Sandbox::new(
        r#"
        [resource.last]
        kind = "task"
        command = ["sh", "-c", "echo last >> $SANDBOX/order"]
        needs = { server = "ready" }
        [resource.server]
        kind = "service"
        command = ["sh", "-c", "echo server >> $SANDBOX/order; exec @fake listen ${port.server.x}"]
        ports = { x = 1 }
        probe = { kind = "tcp", port = "x" }
        needs = { first = "completed" }
        [resource.first]
        kind = "task"
        command = ["sh", "-c", "echo first >> $SANDBOX/order"]
        "#,
    );
    let up = sandbox.up(&["--detach"]);
    assert_eq!(up.exit(), 0);
    assert_eq!(sandbox.read("order"), "first\nserver\nlast\n");
    sandbox.succeed(&["down"]);
    sandbox.assert_empty_within(DEADLINE);
}

#[test]
fn a_part_brings_what_it_needs_and_nothing_else() {
    let task = |name: &str, more: &str| {
        format!(
            "[resource.{name}]\nkind = \"task\"\ncommand = [\"sh\", \"-c\", \"echo {name} >> $SANDBOX/ran\"]\n{more}\n"
        )
    };
    let manifest = [task("a", ""), task("b", "needs = { a = \"completed\" }"), task("c", "")].concat();
    let sandbox = Sandbox::new(&manifest);
    assert_eq!(sandbox.up(&["--detach", "b"]).exit(), 0);
    assert_eq!(sandbox.read("ran"), "a\nb\n");
}

#[test]
fn a_failing_task_ends_the_boot_with_its_last_words_and_leaves_nothing() {
    let sandbox = Sandbox::new(
        r#"
        [resource.server]
        kind = "service"
        command = ["@fake", "escape", "${port.server.x}"]
        ports = { x = 1 }
        probe = { kind = "tcp", port = "x" }
        env = { FAKE_SHADOW = "${dir.data}" }
        [resource.migrate]
        kind = "task"
        command = ["sh", "-c", "echo all goes well; echo no such table >&2; exit 7"]
        needs = { server = "ready" }
        "#,
    );
    let output = sandbox.run(&["up", "--isolated"]);
    let errors = text(&output.stderr);
    assert_eq!(code(output.status), 3, "{errors}");
    for part in ["migrate exited with 7", "no such table", "hint: `shopctl logs migrate"] {
        assert!(errors.contains(part), "{part:?} is not in {errors}");
    }
    assert_eq!(sandbox.alive(), [0_u32; 0]);
}

#[test]
fn a_service_that_keeps_ending_fails_the_boot_at_the_third_time() {
    let sandbox = Sandbox::new(
        r#"
        [resource.server]
        kind = "service"
        command = ["sh", "-c", "echo once >> $SANDBOX/runs; exit 9"]
        ports = { x = 1 }
        probe = { kind = "tcp", port = "x" }
        restart = "on-failure"
        "#,
    );
    let output = sandbox.run(&["up", "--isolated"]);
    assert_eq!(code(output.status), 3, "{}", text(&output.stderr));
    assert_eq!(sandbox.read("runs").lines().count(), 3);
}

#[test]
fn a_boot_that_takes_too_long_names_what_it_waited_for() {
    let sandbox = Sandbox::new(
        r#"
        [resource.server]
        kind = "service"
        command = ["sleep", "600"]
        ports = { x = 1 }
        probe = { kind = "tcp", port = "x" }
        [resource.seed]
        kind = "task"
        command = ["true"]
        needs = { server = "ready" }
        "#,
    );
    let output = sandbox.run(&["up", "--isolated", "--timeout", "2s"]);
    let errors = text(&output.stderr);
    assert_eq!(code(output.status), 4, "{errors}");
    assert!(errors.contains("not all was ready after 2s: server"), "{errors}");
    assert!(errors.contains("nothing listens on port"), "{errors}");
    assert_eq!(sandbox.alive(), [0_u32; 0]);
}

#[test]
fn the_timeout_does_not_count_the_build_which_can_be_left_out() {
    let sandbox = Sandbox::new(
        r#"
        [resource.build]
        kind = "task"
        command = ["sh", "-c", "echo built >> $SANDBOX/built; sleep 5.5"]
        build = true
        [resource.rest]
        kind = "task"
        command = ["true"]
        needs = { build = "completed" }
        "#,
    );
    assert_eq!(sandbox.up(&["--detach", "--timeout", "5s"]).exit(), 0);
    sandbox.succeed(&["down"]);
    assert_eq!(sandbox.up(&["--detach", "--no-build"]).exit(), 0);
    assert_eq!(sandbox.read("built"), "built\n");
}

#[test]
fn a_taken_port_is_told_with_its_holder_and_the_way_out_before_anything_starts() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = taken.local_addr().expect("it has an address").port();
    let sandbox = Sandbox::new(&format!(
        r#"
        [resource.early]
        kind = "task"
        command = ["sh", "-c", "echo early >> $SANDBOX/early"]
        [resource.server]
        kind = "service"
        command = ["@fake", "listen", "${{port.server.x}}"]
        ports = {{ x = {port} }}
        probe = {{ kind = "tcp", port = "x" }}
        "#
    ));
    let output = sandbox.run(&["up"]);
    let errors = text(&output.stderr);
    assert_eq!(code(output.status), 5, "{errors}");
    for part in ["server needs port", &port.to_string(), &format!("pid {}", std::process::id()), "--isolated"] {
        assert!(errors.contains(part), "{part:?} is not in {errors}");
    }
    assert_eq!(sandbox.read("early"), "");
    // What the hint says works: the first choice is not remembered.
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
}

#[test]
fn a_port_that_is_taken_while_booting_is_told_the_same_way() {
    let sandbox = Sandbox::new(
        r#"
        [resource.thief]
        kind = "service"
        command = ["@fake", "listen", "${port.server.x}"]
        [resource.wait]
        kind = "task"
        command = ["bash", "-c", "until : > /dev/tcp/127.0.0.1/${port.server.x}; do :; done 2> /dev/null"]
        needs = { thief = "started" }
        [resource.server]
        kind = "service"
        command = ["@fake", "listen", "${port.server.x}"]
        ports = { x = 1 }
        needs = { wait = "completed" }
        probe = { kind = "http", port = "x", path = "/" }
        restart = "on-failure"
        "#,
    );
    let output = sandbox.run(&["up", "--isolated"]);
    let errors = text(&output.stderr);
    assert_eq!(code(output.status), 5, "{errors}");
    assert!(errors.contains("server wants port") && errors.contains("fake listen"), "{errors}");
    assert_eq!(sandbox.alive(), [0_u32; 0]);
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let sandbox = Sandbox::new("[resource.a]\nkind = \"task\"\ncommand = [\"true\"]\nneeds = { b = \"ready\" }\n");
    let output = sandbox.run(&["up"]);
    assert_eq!(code(output.status), 1);
    assert!(text(&output.stderr).contains("line 2: resource a: it needs b, which is no resource"));

    let sandbox = Sandbox::new("[resource.a]\nkind = \"task\"\ncommand = [\"true\"]\n");
    let output = sandbox.run(&["up", "b"]);
    assert_eq!(code(output.status), 2);
    assert!(text(&output.stderr).contains("there is no resource b; there are a"));
    assert_eq!(code(sandbox.run(&["up", "--env", "b.X=1"]).status), 2);

    let output = sandbox.command(&["up"]).current_dir("/").output().expect("shopctl runs");
    assert_eq!(code(output.status), 1);
    assert!(text(&output.stderr).contains("compose/services.toml"));
}

#[test]
fn variables_come_from_the_manifest_the_instance_and_the_command_line() {
    let sandbox = Sandbox::new(
        r#"
        [secrets]
        token = "password"
        [environment]
        COMMON = "of ${instance}"
        LEVEL = "info"
        [resource.a]
        kind = "service"
        command = ["sh", "-c", "echo \"$COMMON $LEVEL $TOKEN\" > $SANDBOX/a; exec sleep 600"]
        env = { TOKEN = "${secret.token}" }
        [resource.a-migrate]
        kind = "task"
        command = ["sh", "-c", "echo \"$COMMON $LEVEL $TOKEN\" > $SANDBOX/migrate"]
        env_from = "a"
        [resource.b]
        kind = "service"
        command = ["sh", "-c", "echo \"$COMMON $LEVEL $TOKEN\" > $SANDBOX/b; exec sleep 600"]
        "#,
    );
    let up = sandbox.up(&["--detach", "--instance", "x", "--env", "COMMON=all", "--env", "a.LEVEL=debug"]);
    assert_eq!(up.exit(), 0);
    let printed = sandbox.succeed(&["env", "a", "--dotenv", "--instance", "x"]);
    let token = printed.lines().find_map(|line| line.strip_prefix("TOKEN=")).expect("it has the secret").to_owned();
    assert!(token.len() >= 24, "{token}");
    super::sandbox::eventually("all have written", || {
        (!sandbox.read("b").is_empty() && !sandbox.read("a").is_empty()).then_some(())
    });
    assert_eq!(sandbox.read("a"), format!("all debug {token}\n"));
    assert_eq!(sandbox.read("migrate"), format!("all debug {token}\n"));
    assert_eq!(sandbox.read("b"), "all info \n");
}
