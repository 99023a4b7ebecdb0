//! How fast instances come and go, and what they cost while nothing happens.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{place::Place, row::Row};

const RUNS: usize = 5;
/// How long nothing happens.
const IDLE: Duration = Duration::from_secs(20);

/// Listens after 2 ms, as a quick service does.
pub(crate) fn listen(port: u16) {
    std::thread::sleep(Duration::from_millis(2));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port is free");
    for connection in listener.incoming() {
        drop(connection);
    }
}

/// Eight services, each with a probe; three deep: two, then three, then three.
fn eight() -> String {
    (0..8)
        .map(|number| {
            let needs = match number {
                0 | 1 => String::new(),
                2..5 => "s0 = \"ready\", s1 = \"ready\"".to_owned(),
                _ => "s2 = \"ready\", s3 = \"ready\", s4 = \"ready\"".to_owned(),
            };
            format!(
                "[resource.s{number}]\nkind = \"service\"\ncommand = [\"@bench\", \"listen\", \"${{port.s{number}.x}}\"]\n\
                 ports = {{ x = {} }}\nprobe = {{ kind = \"tcp\", port = \"x\" }}\nneeds = {{ {needs} }}\n",
                number + 1
            )
        })
        .collect()
}

pub(crate) fn rows() -> Vec<Row> {
    let (mut ready, mut stopped, mut up_and_back) = (Vec::new(), Vec::new(), Vec::new());
    let mut idle = (String::new(), String::new());
    for run in 0..RUNS {
        let place = Place::new(&eight());
        let begin = Instant::now();
        place.succeed(&["up", "--isolated", "--detach"]);
        up_and_back.push(begin.elapsed());
        // As seen from inside: from the start of the supervisor to the last one's readiness.
        let status = place.status();
        let uptime = status["supervisor"]["uptime"].as_f64().expect("a number");
        let since = status["resources"].as_array().expect("a list").iter();
        let last = since.filter_map(|resource| resource["uptime"].as_f64()).fold(f64::MAX, f64::min);
        ready.push(Duration::from_secs_f64(uptime - last));
        if run == 0 {
            idle = nothing_happens(&status);
        }
        let begin = Instant::now();
        place.succeed(&["down"]);
        stopped.push(begin.elapsed());
    }
    vec![
        Row::new("eight services, three deep, ready", "100 ms", spread(ready)),
        Row::new("  the whole `up --detach`", "", spread(up_and_back)),
        Row::new("eight services stopped, the whole `down`", "20 ms", spread(stopped)),
        Row::new("idle, of a core, supervisor and reaper", "< 0.5 %", idle.0),
        Row::new("  memory of both (PSS)", "< 40 MB", idle.1),
    ]
}

/// Smallest, median and largest.
fn spread(mut times: Vec<Duration>) -> String {
    times.sort();
    let text = |time: &Duration| format!("{:.0}", time.as_secs_f64() * 1e3);
    format!("{} ms ({} to {})", text(&times[times.len() / 2]), text(&times[0]), text(&times[times.len() - 1]))
}

/// The share of a core, and the memory, of both processes of shopctl's.
fn nothing_happens(status: &Value) -> (String, String) {
    let supervisor = status["supervisor"]["pid"].as_u64().expect("it has a pid");
    let stat = |pid: u64| fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let fields = |pid: u64| -> Vec<u64> {
        let stat = stat(pid);
        let (_, fields) = stat.rsplit_once(')').expect("a name in parentheses");
        fields.split_ascii_whitespace().map(|field| field.parse().unwrap_or_default()).collect()
    };
    let pids = [supervisor, fields(supervisor)[1]];
    // User and system time in hundredths of a second.
    let ticks = || pids.iter().map(|&pid| fields(pid)[11] + fields(pid)[12]).sum::<u64>();
    std::thread::sleep(Duration::from_secs(2));
    let before = ticks();
    std::thread::sleep(IDLE);
    let share = (ticks() - before) as f64 / IDLE.as_secs_f64();
    let pss = |pid: &u64| -> u64 {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("it runs");
        let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).expect("Linux counts it");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    };
    let memory = pids.iter().map(pss).sum::<u64>();
    (format!("{share:.2} %"), format!("{:.1} MB", memory as f64 / 1e3))
}
