//! `status`, also as it goes on.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use serde_json::Value;

use super::sandbox::{Sandbox, code};

const FLAKY: &str = r#"
    [resource.flaky]
    kind = "service"
    command = ["bash", "-c", "until [ -e $SANDBOX/die ]; do sleep 0.01; done; exit 5"]
    [resource.steady]
    kind = "service"
    command = ["sleep", "600"]
"#;

#[test]
fn watching_tells_each_change_until_all_is_down() {
    let sandbox = Sandbox::new(FLAKY);
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    let mut lines = sandbox.command(&["status", "--watch"]).stdout(Stdio::piped()).spawn().expect("shopctl runs");
    let snapshots = sandbox.command(&["status", "--watch", "--json"]).stdout(Stdio::piped()).spawn();
    let mut snapshots = snapshots.expect("shopctl runs");
    let mut said =
        BufReader::new(lines.stdout.take().expect("it has a stdout")).lines().map(|line| line.expect("text"));
    let mut shown = BufReader::new(snapshots.stdout.take().expect("it has a stdout"))
        .lines()
        .map(|line| serde_json::from_str::<Value>(&line.expect("text")).expect("a line is a snapshot"));
    // Both see it before it dies.
    assert_eq!([said.next(), said.next()].map(Option::unwrap_or_default), ["flaky: ready", "steady: ready"]);
    assert_eq!(shown.next().expect("there is a first")["resources"][0]["state"], "ready");

    std::fs::write(sandbox.path("die"), "").expect("a file is written");
    let died = said.find(|line| line.starts_with("flaky: failed")).expect("it is told");
    assert!(died.contains("exited with 5"), "{died}");
    let died = shown.find(|snapshot| snapshot["resources"][0]["state"] == "failed").expect("it is told");
    assert_eq!((&died["phase"], &died["resources"][1]["state"]), (&"up".into(), &"ready".into()));

    sandbox.succeed(&["down"]);
    assert_eq!(said.last().as_deref(), Some("down"));
    assert_eq!(shown.last().expect("there is a last")["phase"], "down");
    for child in [&mut lines, &mut snapshots] {
        assert_eq!(code(child.wait().expect("it ends")), 3, "of when it was still up");
    }
}
