//! The recipe of CONTRIBUTING.md for a service that is not Rust, carried out to the letter.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    process::{Command, Stdio},
};

use nix::sys::signal::Signal;

use super::sandbox::{Sandbox, code, eventually, text};

/// The first block of this language in the recipe.
fn block(language: &str) -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../CONTRIBUTING.md");
    let page = fs::read_to_string(page).expect("CONTRIBUTING.md is there");
    let (_, recipe) = page.split_once("### Add a service that is not Rust").expect("it has the recipe");
    let (_, block) = recipe.split_once(&format!("```{language}\n")).expect("the recipe has such a block");
    block.split_once("```").expect("the block ends").0.to_owned()
}

fn sandbox() -> Sandbox {
    let shop = r#"
        [addresses]
        product = "http://127.0.0.1:${port.product.http}"
        [environment]
        SHOP_INSTANCE = "${instance}"
        [resource.product]
        kind = "service"
        command = ["@fake", "listen", "${port.product.http}"]
        ports = { http = 8002 }
        probe = { kind = "tcp", port = "http" }
    "#;
    let sandbox = Sandbox::new(&format!("{shop}\n{}", block("toml")));
    let folder = sandbox.workspace().join("services/reviews");
    fs::create_dir_all(&folder).expect("a folder is made");
    fs::write(folder.join("reviews.py"), block("python")).expect("a program is written");
    sandbox
}

fn get(port: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port.parse().ok()?)).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn has_python() -> bool {
    let found =
        Command::new("python3").arg("--version").stdout(Stdio::null()).status().is_ok_and(|found| found.success());
    if !found {
        eprintln!("not tried: there is no python3");
    }
    found
}

#[test]
fn a_python_service_boots_answers_and_stops_with_the_rest() {
    if !has_python() {
        return;
    }
    let sandbox = sandbox();
    let up = sandbox.up(&[]);
    up.wait_until_ready();
    let port = variable(&sandbox, "PORT");
    let answer = get(&port, "/reviews").expect("it answers");
    assert!(answer.contains("200 OK") && answer.contains("127.0.0.1"), "{answer}");
    up.signal(Signal::SIGINT);
    assert_eq!(up.exit(), 0);
    assert_eq!(sandbox.alive(), [0_u32; 0]);
}

#[test]
fn a_service_that_runs_elsewhere_is_taken_back_once_it_has_ended_there() {
    if !has_python() {
        return;
    }
    let sandbox = sandbox();
    let up = sandbox.up(&["--external", "reviews"]);
    // What an IDE would be given.
    let dotenv = eventually("the supervisor tells its variables", || {
        let output = sandbox.run(&["env", "reviews", "--dotenv"]);
        output.status.success().then(|| text(&output.stdout))
    });
    let mut by_hand = Command::new("sh")
        .args(["-c", &format!("set -a; {dotenv}\nexec python3 -u reviews.py")])
        .env("SANDBOX", sandbox.path(""))
        .current_dir(sandbox.workspace().join("services/reviews"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh runs");
    up.wait_until_ready();
    up.wait_for("external");
    let refused = sandbox.run(&["start", "reviews"]);
    assert_ne!(code(refused.status), 0);
    let said = text(&refused.stderr);
    assert!(said.contains("still listens on port") && said.contains(&by_hand.id().to_string()), "{said}");
    by_hand.kill().expect("it can be ended");
    by_hand.wait().expect("it ends");
    sandbox.succeed(&["start", "reviews"]);
    assert!(get(&variable(&sandbox, "PORT"), "/health").is_some_and(|answer| answer.contains("200 OK")));
    up.signal(Signal::SIGINT);
    assert_eq!(up.exit(), 0);
    assert_eq!(sandbox.alive(), [0_u32; 0]);
}

fn variable(sandbox: &Sandbox, name: &str) -> String {
    let printed = sandbox.succeed(&["env", "reviews", "--dotenv"]);
    let start = format!("{name}=");
    printed.lines().find_map(|line| line.strip_prefix(&start)).expect("it has the variable").to_owned()
}
