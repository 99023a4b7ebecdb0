//! `up --watch`: from a saved file to the new binary, and nothing else.

use std::{fs, path::Path};

use serde_json::Value;

use super::sandbox::{Sandbox, eventually, text};

/// Two binaries over one library, built by cargo without any third-party crate, and a script.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new(
        r#"
        [resource.build]
        kind = "task"
        command = ["@shopctl", "internal", "build", "--profile", "${profile}"]
        build = true
        [resource.watch]
        kind = "service"
        only = "watch"
        command = ["@shopctl", "internal", "watch", "--profile", "${profile}"]
        needs = { build = "completed" }
        probe = { kind = "log", line = "watching " }
        [resource.pears]
        kind = "service"
        command = ["@bin/pears"]
        needs = { build = "completed", pears-migrate = "completed" }
        probe = { kind = "log", line = "pears" }
        [resource.pears-migrate]
        kind = "task"
        command = ["@bin/pears", "migrate"]
        needs = { build = "completed" }
        [resource.plums]
        kind = "service"
        command = ["@bin/plums"]
        needs = { build = "completed" }
        probe = { kind = "log", line = "plums" }
        [resource.script]
        kind = "service"
        command = ["sh", "-c", ". ./script.sh"]
        probe = { kind = "log", line = "script" }
        watch = ["script.sh"]
        "#,
    );
    let root = sandbox.workspace();
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("a folder is made");
        fs::write(path, text).expect("a file is written");
    };
    write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"pears\", \"plums\", \"kit\"]\n");
    write("kit/Cargo.toml", "[package]\nname = \"kit\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    write("kit/src/lib.rs", "pub fn stay(word: &str) { println!(\"{word}\"); loop { std::thread::park() } }\n");
    for name in ["pears", "plums"] {
        write(
            &format!("{name}/Cargo.toml"),
            &format!(
                "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\nkit = {{ path = \"../kit\" }}\n"
            ),
        );
        write(&format!("{name}/src/main.rs"), &program(name));
        write(&format!("{name}/schema.sql"), "first\n");
    }
    write("script.sh", "echo script; exec sleep 600\n");
    sandbox
}

/// With an argument it prints its schema, as a migration would apply it; else it says its word and stays.
fn program(word: &str) -> String {
    format!(
        "fn main() {{ if std::env::args().count() > 1 {{ print!(\"{{}}\", include_str!(\"../schema.sql\")) }} else {{ kit::stay(\"{word}\") }} }}\n"
    )
}

fn pids(sandbox: &Sandbox) -> Vec<(String, Value)> {
    let status: Value = serde_json::from_str(&text(&sandbox.run(&["status", "--json"]).stdout)).expect("it is JSON");
    let resources = status["resources"].as_array().expect("it has resources").clone();
    ["pears", "plums", "script"]
        .map(|name| {
            let found = resources.iter().find(|resource| resource["name"] == name).expect("it is one of them");
            (name.to_owned(), found["pid"].clone())
        })
        .to_vec()
}

/// Those that are another process after `change` than before.
fn replaced(sandbox: &Sandbox, change: impl FnOnce(&Path), until: impl Fn(&str) -> bool) -> Vec<String> {
    let before = pids(sandbox);
    let said = text(&sandbox.run(&["logs", "watch"]).stdout).len();
    change(&sandbox.workspace());
    eventually("the watcher has said what it did", || {
        until(&text(&sandbox.run(&["logs", "watch"]).stdout)[said..]).then_some(())
    });
    let after = pids(sandbox);
    before.into_iter().zip(after).filter(|(old, new)| old.1 != new.1).map(|(old, _)| old.0).collect()
}

#[test]
fn a_change_rebuilds_and_restarts_what_it_feeds_and_nothing_else() {
    let sandbox = sandbox();
    assert_eq!(sandbox.up(&["--detach", "--watch"]).exit(), 0);
    let ready = |said: &str| said.contains("ready again");

    let edit = |root: &Path| fs::write(root.join("pears/src/main.rs"), program("pears, ripe")).expect("it is written");
    assert_eq!(replaced(&sandbox, edit, ready), ["pears"]);
    let pears = sandbox.succeed(&["logs", "pears"]);
    assert!(pears.contains("pears, ripe"), "{pears}");

    let edit = |root: &Path| {
        let text = "pub fn stay(word: &str) { println!(\"{word}!\"); loop { std::thread::park() } }\n";
        fs::write(root.join("kit/src/lib.rs"), text).expect("it is written");
    };
    assert_eq!(replaced(&sandbox, edit, ready), ["pears", "plums"]);

    let edit =
        |root: &Path| fs::write(root.join("script.sh"), "echo script two; exec sleep 600\n").expect("it is written");
    assert_eq!(replaced(&sandbox, edit, ready), ["script"]);

    let edit = |root: &Path| fs::write(root.join("pears/schema.sql"), "second\n").expect("it is written");
    assert_eq!(replaced(&sandbox, edit, ready), ["pears"]);
    let migrated = sandbox.succeed(&["logs", "pears-migrate"]);
    assert!(migrated.contains("first") && migrated.contains("second"), "{migrated}");

    let edit = |root: &Path| {
        fs::write(root.join("plums/src/main.rs"), "fn main() { plums_are_out }\n").expect("it is written")
    };
    assert_eq!(replaced(&sandbox, edit, |said| said.contains("goes on as it was")), [""; 0]);
    let said = sandbox.succeed(&["logs", "watch"]);
    assert!(said.contains("cannot find value `plums_are_out`"), "the compiler's own message: {said}");
    sandbox.succeed(&["down"]);
    assert_eq!(sandbox.alive(), [0_u32; 0]);
}
