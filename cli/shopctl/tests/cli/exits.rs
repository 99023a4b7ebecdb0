//! The exit codes of `up --detach`, which scripts go by.

use std::net::TcpListener;

use nix::sys::signal::Signal;

use super::sandbox::{Sandbox, eventually};

#[test]
fn a_detached_boot_that_fails_says_how_by_its_exit_code_and_leaves_nothing() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = taken.local_addr().expect("it has an address").port();
    let sandbox = Sandbox::new(
        r#"
        [resource.failing]
        kind = "task"
        command = ["false"]
        [resource.late]
        kind = "service"
        command = ["sleep", "600"]
        ports = { x = 1 }
        probe = { kind = "tcp", port = "x" }
        "#,
    );
    assert_eq!(sandbox.up(&["--detach", "failing"]).exit(), 3);
    assert_eq!(sandbox.alive(), [0_u32; 0]);
    assert_eq!(sandbox.up(&["--detach", "late", "--timeout", "200ms"]).exit(), 4);
    assert_eq!(sandbox.alive(), [0_u32; 0]);

    let manifest =
        format!("[resource.late]\nkind = \"service\"\ncommand = [\"sleep\", \"600\"]\nports = {{ x = {port} }}\n");
    let sandbox = Sandbox::new(&manifest);
    let status = sandbox.command(&["up", "--detach"]).status().expect("shopctl runs");
    assert_eq!(super::sandbox::code(status), 5);
    assert_eq!(sandbox.alive(), [0_u32; 0]);
}

#[test]
fn ctrl_c_ends_a_detached_boot_with_all_that_it_began() {
    let sandbox = Sandbox::new(
        r#"
        [resource.server]
        kind = "service"
        command = ["@fake", "deaf", "${port.server.x}"]
        ports = { x = 1 }
        probe = { kind = "tcp", port = "x" }
        stop = { grace = "100ms" }
        [resource.slow]
        kind = "task"
        command = ["sh", "-c", "touch $SANDBOX/begun; exec sleep 600"]
        needs = { server = "ready" }
        "#,
    );
    let up = sandbox.up(&["--detach"]);
    eventually("the boot is on its way", || sandbox.path("begun").exists().then_some(()));
    up.signal(Signal::SIGINT);
    assert_eq!(up.exit(), 130);
    assert_eq!(sandbox.alive(), [0_u32; 0]);
}
