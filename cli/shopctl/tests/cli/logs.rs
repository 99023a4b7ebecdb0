//! What resources wrote comes back: all of it, harmless and in order.

use super::sandbox::{Sandbox, eventually};

#[test]
fn everything_that_was_written_is_there_after_the_end_too() {
    let sandbox = Sandbox::new(
        r#"
        [resource.writer]
        kind = "task"
        command = ["bash", "-c", "printf 'one\n\\033]0;title\\007two\n'; printf 'no newline at the end'"]
        "#,
    );
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    let expected = "writer | one\nwriter | \\u{1b}]0;title\\u{7}two\nwriter | no newline at the end\n";
    assert_eq!(sandbox.succeed(&["logs"]), expected);
    sandbox.succeed(&["down"]);
    assert_eq!(sandbox.succeed(&["logs"]), expected);
    assert_eq!(sandbox.succeed(&["logs", "writer", "--tail", "1"]), "writer | no newline at the end\n");
}

#[test]
fn progress_is_no_log_line() {
    let sandbox = Sandbox::new(
        r#"
        [resource.build]
        kind = "task"
        command = ["bash", "-c", "echo '::progress {\"done\":1,\"total\":2}'; echo '::progress of a kind'"]
        "#,
    );
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    assert_eq!(sandbox.succeed(&["logs"]), "build | ::progress of a kind\n");
}

#[test]
fn a_flood_arrives_whole_and_in_order() {
    let sandbox = Sandbox::new(
        r#"
        [resource.flood]
        kind = "task"
        command = ["bash", "-c", "seq 1 200000; head -c 3000000 /dev/zero | tr '\\0' x"]
        "#,
    );
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    let output = sandbox.succeed(&["logs"]);
    let numbers: Vec<&str> = output.lines().map(|line| line.trim_start_matches("flood | ")).collect();
    assert_eq!(numbers.len(), 200_001);
    assert!(numbers[..200_000].iter().enumerate().all(|(index, line)| *line == (index + 1).to_string()));
    assert!(numbers[200_000].starts_with("xxx") && numbers[200_000].ends_with("bytes more)"));
}

#[test]
fn following_shows_what_was_and_what_comes_until_the_end() {
    let sandbox = Sandbox::new(
        r#"
        [resource.writer]
        kind = "service"
        command = ["bash", "-c", "echo before; until [ -e $SANDBOX/go ]; do sleep 0.01; done; echo after; exec sleep 600"]
        "#,
    );
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    let file = std::fs::File::create(sandbox.path("followed")).expect("a file is made");
    let mut follower = sandbox.command(&["logs", "-f"]).stdout(file).spawn().expect("shopctl runs");
    let followed = |wanted: &str| eventually(wanted, || sandbox.read("followed").ends_with(wanted).then_some(()));
    followed("writer | before\n");
    std::fs::write(sandbox.path("go"), "").expect("a file is written");
    followed("writer | after\n");
    sandbox.succeed(&["down"]);
    assert!(follower.wait().expect("it ends").success());
    assert_eq!(sandbox.read("followed"), "writer | before\nwriter | after\n");
}
