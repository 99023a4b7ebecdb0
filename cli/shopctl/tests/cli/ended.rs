//! What is told about an instance that does not run any more.

use nix::sys::signal::Signal;

use super::sandbox::{DEADLINE, Sandbox, code, signal, text};

const FAILING: &str = r#"
    [resource.server]
    kind = "service"
    command = ["sleep", "600"]
    [resource.migrate]
    kind = "task"
    command = ["sh", "-c", "echo no such table >&2; exit 7"]
    needs = { server = "ready" }
    [resource.order]
    kind = "service"
    command = ["sleep", "600"]
    needs = { migrate = "completed" }
"#;

#[test]
fn a_boot_that_failed_is_explained_afterwards_down_to_the_root() {
    let sandbox = Sandbox::new(FAILING);
    assert_eq!(sandbox.up(&["--detach"]).exit(), 3);
    let output = sandbox.run(&["why", "order"]);
    let (said, note) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(code(output.status), 0, "{note}");
    assert!(note.contains("as of 2") && note.contains("when the boot failed"), "{note}");
    for part in ["order: waits for migrate", "migrate: exited with 7", "| no such table"] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    assert_eq!(sandbox.succeed(&["why", "server"]), "server: was ready\n");
    assert_eq!(code(sandbox.run(&["why", "nobody"]).status), 2);
    for command in ["status", "wait"] {
        let output = sandbox.run(&[command]);
        assert_eq!(code(output.status), 8, "{command}");
        let errors = text(&output.stderr);
        assert!(errors.contains("its last boot failed: migrate exited with 7; `shopctl why migrate`"), "{errors}");
    }
}

#[test]
fn one_that_was_stopped_is_remembered_as_it_was_before() {
    let sandbox = Sandbox::new(
        r#"
        [resource.flaky]
        kind = "service"
        command = ["sh", "-c", "echo my last words; exit 5"]
        [resource.server]
        kind = "service"
        command = ["sleep", "600"]
        "#,
    );
    assert_eq!(sandbox.up(&["--detach", "server"]).exit(), 0);
    sandbox.succeed(&["down"]);
    let output = sandbox.run(&["why", "server"]);
    assert_eq!(text(&output.stdout), "server: was ready\n");
    assert!(text(&output.stderr).contains("when it was stopped (asked to stop)"), "{}", text(&output.stderr));
    let errors = text(&sandbox.run(&["status"]).stderr);
    assert!(errors.contains("no instance default is running") && !errors.contains("failed"), "{errors}");
}

#[test]
fn one_whose_supervisor_was_killed_is_said_to_be_so() {
    let sandbox = Sandbox::new(FAILING);
    assert_eq!(sandbox.up(&["--detach", "server"]).exit(), 0);
    signal(sandbox.supervisor_and_reaper().0, Signal::SIGKILL);
    sandbox.assert_empty_within(DEADLINE);
    let output = sandbox.run(&["status"]);
    assert_eq!(code(output.status), 8);
    assert!(text(&output.stderr).contains("its supervisor was killed"), "{}", text(&output.stderr));
}
