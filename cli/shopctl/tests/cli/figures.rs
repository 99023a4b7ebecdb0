//! What a dashboard costs, and how fast it answers: figures of this machine, so only on demand.
//!
//! `cargo test -p shopctl --test cli figures -- --ignored --nocapture --test-threads 1`

use std::{
    fs,
    thread::sleep,
    time::{Duration, Instant},
};

use super::{sandbox::Sandbox, terminal::Terminal};

/// Eight that listen, as a shop has; they say little.
fn quiet() -> String {
    let service = |n: u16| {
        format!(
            "[resource.s{n}]\nkind = \"service\"\ncommand = [\"@fake\", \"listen\", \"${{port.s{n}.tcp}}\"]\n\
             ports = {{ tcp = {} }}\nprobe = {{ kind = \"tcp\", port = \"tcp\" }}\n",
            21000 + n
        )
    };
    (0..8).map(service).collect()
}

/// One that writes at full speed.
pub(crate) const FLOOD: &str = r#"
[resource.flood]
kind = "service"
command = ["yes", "a line of some eighty bytes, as a service writes it that was told to tell everything"]
"#;

/// Seconds of CPU that a process has used.
fn cpu(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it lives");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().filter_map(|field| field.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}

/// KiB.
pub(crate) fn memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or_default()
}

/// Polled more often than [`eventually`] does.
fn time_until(what: &str, done: impl Fn() -> bool) -> Duration {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < Duration::from_secs(30), "not within 30 s: {what}");
        sleep(Duration::from_micros(500));
    }
    begin.elapsed()
}

fn percentile(sorted: &[Duration], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0
}

#[test]
#[ignore = "measures this machine"]
fn the_first_frame() {
    let mut took = Vec::new();
    for _ in 0..5 {
        let sandbox = Sandbox::new(&quiet());
        let mut terminal = Terminal::open(&sandbox, 200, 60);
        terminal.wait_for("$ ");
        terminal.press(&format!("{} up --isolated", env!("CARGO_BIN_EXE_shopctl")));
        sleep(Duration::from_millis(200));
        terminal.press("\n");
        took.push(time_until("a frame", || terminal.is_taken() && terminal.shown().contains("1 home")));
        terminal.wait_for("up 8/8");
        terminal.press("\x03");
        terminal.wait_until_taken(false);
    }
    took.sort();
    eprintln!("first frame: median {:.0} ms, worst {:.0} ms", percentile(&took, 0.5), percentile(&took, 1.0));
}

#[test]
#[ignore = "measures this machine"]
fn idle() {
    let sandbox = Sandbox::new(&quiet());
    let mut terminal = Terminal::open(&sandbox, 200, 60);
    terminal.type_command("up --isolated");
    terminal.wait_for("up 8/8");
    let (pid, (supervisor, _)) = (sandbox.client("up\0--isolated\0"), sandbox.supervisor_and_reaper());
    sleep(Duration::from_secs(12));
    let (written, used, beside) = (terminal.written(), cpu(pid), cpu(supervisor));
    sleep(Duration::from_secs(60));
    eprintln!(
        "idle: {:.0} bytes in 10 s, CPU of a core {:.3} % (the supervisor beside it {:.3} %), {} KiB of memory",
        (terminal.written() - written) as f64 / 6.0,
        (cpu(pid) - used) / 60.0 * 100.0,
        (cpu(supervisor) - beside) / 60.0 * 100.0,
        memory(pid),
    );
    terminal.press("\x03");
    terminal.wait_until_taken(false);
}

#[test]
#[ignore = "measures this machine"]
fn keys_while_a_service_writes_at_full_speed() {
    keys_under(1);
}

#[test]
#[ignore = "measures this machine"]
fn keys_while_four_services_write_at_full_speed() {
    keys_under(4);
}

fn keys_under(writers: u16) {
    let floods: String = (0..writers).map(|n| FLOOD.replace("flood", &format!("flood{n}"))).collect();
    let sandbox = Sandbox::new(&format!("{floods}{}", quiet()));
    let mut terminal = Terminal::open(&sandbox, 200, 60);
    terminal.type_command("up --isolated");
    terminal.wait_for(&format!("up {0}/{0}", 8 + writers));
    let pid = sandbox.client("up\0--isolated\0");
    terminal.press("j");
    terminal.wait_for("a line of some eighty bytes");
    sleep(Duration::from_secs(3));
    let (begin, used, written) = (Instant::now(), cpu(pid), terminal.written());
    let mut took = Vec::new();
    for _ in 0..50 {
        terminal.press("?");
        took.push(time_until("the help", || terminal.shown().contains("every command by its name")));
        sleep(Duration::from_millis(70));
        terminal.press("\x1b");
        time_until("no help", || !terminal.shown().contains("every command by its name"));
        sleep(Duration::from_millis(70));
    }
    took.sort();
    let seconds = begin.elapsed().as_secs_f64();
    eprintln!(
        "a key while {writers} write: median {:.1} ms, p99 {:.1} ms, worst {:.1} ms; {:.0} % of a core, {} KiB of memory, {:.0} KB/s to the terminal",
        percentile(&took, 0.5),
        percentile(&took, 0.99),
        percentile(&took, 1.0),
        (cpu(pid) - used) / seconds * 100.0,
        memory(pid),
        (terminal.written() - written) as f64 / seconds / 1000.0,
    );
    terminal.press("\x03");
    terminal.wait_until_taken(false);
}
