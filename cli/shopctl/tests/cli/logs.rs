//! What resources wrote comes back: all of it, harmless and in order.

use nix::sys::signal::Signal;

use super::sandbox::{Sandbox, eventually, signal, text};

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
    assert!(numbers[200_000].len() == 3_000_000 && numbers[200_000].bytes().all(|byte| byte == b'x'));
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

/// A sandbox in which a task has run this script.
fn after(script: &str) -> Sandbox {
    let sandbox = Sandbox::new("[resource.a]\nkind = \"task\"\ncommand = [\"bash\", \"../script\"]\n");
    std::fs::write(sandbox.path("script"), script).expect("a script is written");
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    sandbox
}

#[test]
fn both_streams_of_a_flood_arrive_whole_and_in_order() {
    let sandbox = after("seq 1 100000 & seq 1 100000 >&2 & wait");
    let output = sandbox.succeed(&["logs", "--json"]);
    for stream in ["stdout", "stderr"] {
        let lines = output.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("it is JSON"));
        let lines = lines.filter(|line| line["stream"] == stream);
        let numbers: Vec<String> = lines.map(|line| line["text"].as_str().expect("a text").to_owned()).collect();
        assert!(numbers.iter().enumerate().all(|(index, line)| *line == (index + 1).to_string()), "{stream}");
        assert_eq!(numbers.len(), 100_000, "{stream}");
    }
}

#[test]
fn a_line_of_ten_megabytes_and_garbage_come_back() {
    let sandbox =
        after(r"head -c 10485760 /dev/zero | tr '\0' y; printf '\n\xff\xfe\0\033[2J\033[31mred\n10%%\r20%%\r'");
    let output = sandbox.succeed(&["logs"]);
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(
        lines[0].strip_prefix("a | ").is_some_and(|line| line.len() == 10 << 20 && line.bytes().all(|b| b == b'y'))
    );
    assert_eq!(lines[1..], ["a | \u{fffd}\u{fffd}\\u{0}\\u{1b}[2Jred", "a | 10%\\r20%"]);
}

#[test]
fn a_closed_stdout_and_a_grandchild_that_holds_it_open_hang_nothing() {
    let sandbox = after(
        "echo one
        bash -c \"touch $SANDBOX/up; until [ -e $SANDBOX/go ]; do sleep 0.01; done; echo from the grandchild; exec -a $SANDBOX sleep 600\" &
        until [ -e $SANDBOX/up ]; do sleep 0.01; done
        exec >&- 2>&-",
    );
    assert_eq!(sandbox.succeed(&["logs"]), "a | one\n");
    std::fs::write(sandbox.path("go"), "").expect("a file is written");
    eventually("what it writes later is logged", || {
        (sandbox.succeed(&["logs"]) == "a | one\na | from the grandchild\n").then_some(())
    });
}

#[test]
fn what_was_written_is_there_after_a_kill() {
    let sandbox = Sandbox::new(
        r#"
        [resource.a]
        kind = "service"
        command = ["bash", "-c", "echo whole; printf partial; exec sleep 600"]
        "#,
    );
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    eventually("the line without end is in the file", || {
        (sandbox.succeed(&["logs"]) == "a | whole\na | partial\n").then_some(())
    });
    let (supervisor, reaper) = sandbox.supervisor_and_reaper();
    signal(supervisor, Signal::SIGKILL);
    signal(reaper, Signal::SIGKILL);
    assert_eq!(sandbox.succeed(&["logs"]), "a | whole\na | partial\n");
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    eventually("the log goes on", || {
        (sandbox.succeed(&["logs"]) == "a | whole\na | partial\na | whole\na | partial\n").then_some(())
    });
}

#[test]
fn the_oldest_lines_make_room_and_are_counted() {
    let sandbox = Sandbox::new(
        r#"
        [resource.a]
        kind = "task"
        command = ["bash", "-c", "seq 1 400000"]
        "#,
    );
    let up = sandbox.command(&["up", "--isolated", "--detach"]).env("SHOPCTL_LOG_MIB", "1").output();
    assert!(up.expect("shopctl runs").status.success());
    let output = sandbox.succeed(&["logs"]);
    let (note, rest) = output.split_once('\n').expect("there are lines");
    let dropped = note.strip_prefix("a | … ").and_then(|note| note.split_once(" earlier lines dropped"));
    let dropped: usize = dropped.expect(note).0.replace(',', "").parse().expect("a number");
    assert_eq!(dropped + rest.lines().count(), 400_000);
    assert_eq!(rest.lines().next(), Some(format!("a | {}", dropped + 1).as_str()));
    let json = sandbox.succeed(&["logs", "--json"]);
    assert!(json.lines().next().is_some_and(|line| line.contains(&format!(r#""dropped":{dropped}"#))));
    assert_eq!(sandbox.succeed(&["logs", "--tail", "2"]), "a | 399999\na | 400000\n");
    // What was asked for are matches.
    assert_eq!(sandbox.succeed(&["logs", "--grep", "^399999$"]), "a | 399999\n");
}

#[test]
fn filters_pick_lines_by_text_level_trace_and_time() {
    const EVENT: &str = r#"{"timestamp":"2026-11-27T01:53:01Z","level":"WARN","message":"slow","spans":[{"name":"http","trace_id":"0af7651916cd43dd8448eb211c80319c"}]}"#;
    let sandbox =
        after(&format!("echo '2026-11-27T01:53:01Z  INFO fine'; echo 'ERROR: bad'; echo '  at main'; echo '{EVENT}'"));
    let logs = |filter: &[&str]| sandbox.succeed(&[&["logs"], filter].concat());
    let slow = "a | 2026-11-27T01:53:01Z  WARN http{trace_id=0af7651916cd43dd8448eb211c80319c}: slow\n";
    assert_eq!(logs(&["--grep", "^ +at"]), "a |   at main\n");
    assert_eq!(logs(&["--level", "error"]), "a | ERROR: bad\na |   at main\n");
    assert_eq!(logs(&["--level", "warn"]), format!("a | ERROR: bad\na |   at main\n{slow}"));
    assert_eq!(logs(&["--trace", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]), slow);
    assert_eq!(logs(&["--tail", "1"]), slow);
    assert_eq!(logs(&["--tail", "1", "--level", "error"]), "a |   at main\n");
    assert_eq!(logs(&["--since", "1h"]).lines().count(), 4);
    assert_eq!(logs(&["--until", "1h"]), "");
    assert_eq!(logs(&["--since", "2100-01-01T00:00:00Z"]), "");
    let json = logs(&["--json", "--grep", "slow"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!((&json["level"], &json["json"]["message"]), (&"warn".into(), &"slow".into()));
    // From one line on, to before another.
    let json = logs(&["--json"]);
    let times: Vec<serde_json::Value> =
        json.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
    let time = |index: usize| times[index]["time"].as_str().expect("a time");
    assert_eq!(logs(&["--since", time(1), "--until", time(3)]), "a | ERROR: bad\na |   at main\n");

    for (wrong, told) in
        [(&["b"][..], "there is a"), (&["--grep", "("], "--grep"), (&["--trace", "1"], "32 hexadecimal")]
    {
        let output = sandbox.run(&[&["logs"], wrong].concat());
        assert_eq!(
            (output.status.code(), text(&output.stderr).contains(told)),
            (Some(2), true),
            "{}",
            text(&output.stderr)
        );
    }
}

#[test]
fn following_filters_too() {
    let sandbox = Sandbox::new(
        r#"
        [resource.writer]
        kind = "service"
        command = ["bash", "-c", "echo hay; echo needle 1; until [ -e $SANDBOX/go ]; do sleep 0.01; done; echo hay; echo needle 2; exec sleep 600"]
        "#,
    );
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    let file = std::fs::File::create(sandbox.path("followed")).expect("a file is made");
    let mut follower = sandbox.command(&["logs", "-f", "--grep", "needle"]).stdout(file).spawn().expect("shopctl runs");
    let followed = |wanted: &str| eventually(wanted, || sandbox.read("followed").ends_with(wanted).then_some(()));
    followed("needle 1\n");
    std::fs::write(sandbox.path("go"), "").expect("a file is written");
    followed("needle 2\n");
    sandbox.succeed(&["down"]);
    assert!(follower.wait().expect("it ends").success());
    assert_eq!(sandbox.read("followed"), "writer | needle 1\nwriter | needle 2\n");
}

#[test]
fn a_full_disk_costs_lines_that_are_counted_and_no_service() {
    let sandbox = Sandbox::new(
        r#"
        [resource.writer]
        kind = "service"
        command = ["bash", "-c", "seq 1 100000; until [ -e $SANDBOX/go ]; do sleep 0.01; done; echo goes on; exec sleep 600"]
        [resource.server]
        kind = "service"
        command = ["@fake", "listen", "${port.server.x}"]
        ports = { x = 1 }
        probe = { kind = "tcp", port = "x" }
        "#,
    );
    // The instance has to be there before its logs can be put on a disk of their own.
    assert_eq!(sandbox.up(&["--detach", "server"]).exit(), 0);
    sandbox.succeed(&["down"]);
    let instance = std::fs::read_dir(sandbox.path("state/shopctl")).expect("there is state").flatten().next();
    let logs = instance.expect("there is an instance").path().join("logs");
    // A mount that only this `up` and its children see, and that ends with them.
    let up = sandbox.command(&["up"]);
    let script = format!("mount -t tmpfs -o size=200k none {} && exec \"$0\" up", logs.display());
    let mut unshared = std::process::Command::new("unshare");
    unshared.args(["--mount", "--map-root-user", "sh", "-c", &script]).arg(up.get_program());
    unshared.current_dir(sandbox.workspace());
    for (name, value) in up.get_envs() {
        match value {
            Some(value) => unshared.env(name, value),
            None => unshared.env_remove(name),
        };
    }
    let output = std::fs::File::create(sandbox.path("unshared")).expect("a file is made");
    unshared.stdout(output.try_clone().expect("a file can be shared")).stderr(output);
    let mut up = match unshared.spawn() {
        Ok(up) => up,
        Err(error) => return eprintln!("not tried: no unshare: {error}"),
    };
    let said = |words: &str| sandbox.read("unshared").contains(words);
    eventually("it is up, or cannot mount", || {
        (said("are ready") || up.try_wait().expect("it can be waited for").is_some()).then_some(())
    });
    if !said("are ready") {
        return eprintln!("not tried: {}", sandbox.read("unshared"));
    }
    eventually("the loss is told", || said("its lines are lost, the log cannot be written").then_some(()));
    let status = text(&sandbox.run(&["status"]).stdout);
    assert!(status.contains("No space left on device"), "{status}");
    assert_eq!(super::sandbox::code(sandbox.run(&["status"]).status), 0, "nothing is unhealthy: {status}");
    std::fs::write(sandbox.path("go"), "").expect("a file is written");
    eventually("the writer goes on, if unheard", || {
        let status: serde_json::Value = serde_json::from_str(&sandbox.succeed(&["status", "--json"])).ok()?;
        let resources = status["resources"].as_array()?;
        resources.iter().all(|resource| resource["ready"] == true).then_some(())
    });
    signal(up.id(), Signal::SIGINT);
    assert!(up.wait().expect("it ends").success(), "{}", sandbox.read("unshared"));
}
