//! What a developer sees of the build, in a workspace of one small service.

use std::{fs, path::Path};

use tempfile::TempDir;

use crate::stack::{Stack, code};

const MANIFEST: &str = r#"
version = 1

[resource.build]
kind = "task"
command = ["@shopctl", "internal", "build"]
build = true

[resource.small]
kind = "service"
command = ["@bin/small"]
needs = { build = "completed" }
"#;

fn workspace(program: &str) -> TempDir {
    let dir = tempfile::tempdir().expect("the temporary folder can be written");
    let write = |path: &str, text: &str| {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("a folder can be made");
        fs::write(path, text).expect("a file can be written");
    };
    write("Cargo.toml", "[package]\nname = \"small\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n");
    write("compose/services.toml", MANIFEST);
    write("src/main.rs", program);
    dir
}

#[test]
#[cfg_attr(feature = "docker", ignore = "its workspace has no containers")]
fn a_compile_error_ends_the_boot_with_its_place_and_leaves_nothing() {
    let workspace = workspace("fn main() { let wrong: u32 = \"text\"; }");
    let stack = Stack::of(workspace.path(), "compile");
    let output = stack.run(&["up", "--detach", "--isolated"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(code(&output), 3, "{said}");
    assert!(said.contains("mismatched types") && said.contains("src/main.rs:1:30"), "{said}");
    assert_eq!(code(&stack.run(&["status"])), 8, "nothing runs");

    fs::write(workspace.path().join("src/main.rs"), "fn main() { std::thread::park(); }").expect("it can be mended");
    stack.succeeds(&["up", "--detach"]);
    stack.succeeds(&["down", "--volumes"]);
}
