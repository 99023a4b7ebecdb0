//! A program with what a resource runs with.

use super::sandbox::{Sandbox, code, text};

#[test]
fn a_program_has_the_resources_environment_and_folder_and_ends_as_it_likes() {
    let sandbox = Sandbox::new(
        r#"
        [environment]
        COMMON = "of ${instance}"
        [resource.server]
        kind = "service"
        command = ["sleep", "600"]
        dir = "compose"
        env = { OWN = "its own" }
        [resource.migrate]
        kind = "task"
        command = ["true"]
        env = { OWN = "the task's" }
        "#,
    );
    assert_eq!(code(sandbox.run(&["exec", "server", "--", "true"]).status), 8);
    assert_eq!(sandbox.up(&["--detach", "--env", "COMMON=all"]).exit(), 0);
    let shown = "echo \"$COMMON, $OWN, ${SHOPCTL_STATE-no marker}\"; ls";
    assert_eq!(
        sandbox.succeed(&["exec", "server", "--", "sh", "-c", shown]),
        "all, its own, no marker\nservices.toml\n"
    );
    assert_eq!(sandbox.succeed(&["exec", "migrate", "--", "sh", "-c", "echo \"$OWN\"; ls"]), "the task's\ncompose\n");
    assert_eq!(code(sandbox.run(&["exec", "server", "--", "sh", "-c", "exit 42"]).status), 42);
    assert_eq!(code(sandbox.run(&["exec", "server", "--", "sh", "-c", "kill -TERM $$"]).status), 128 + 15);

    let output = sandbox.run(&["exec", "nobody", "--", "true"]);
    assert_eq!(code(output.status), 2);
    assert!(text(&output.stderr).contains("there are migrate, server"), "{}", text(&output.stderr));
    assert_eq!(code(sandbox.run(&["exec", "server"]).status), 2);
    let output = sandbox.run(&["exec", "server", "--", "no-such-program"]);
    assert_eq!(code(output.status), 1);
    assert!(text(&output.stderr).contains("no-such-program"), "{}", text(&output.stderr));
    for command in ["env", "why"] {
        let output = sandbox.run(&[command, "nobody"]);
        assert_eq!(code(output.status), 2, "{command}");
        assert!(text(&output.stderr).contains("there are migrate, server"), "{}", text(&output.stderr));
    }
}
