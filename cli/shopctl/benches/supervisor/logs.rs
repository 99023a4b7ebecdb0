//! How fast lines come into the log and are found there again.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{flood, place::Place, row::Row};

const LINE_BYTES: usize = 100;
const LINES: u64 = 4_000_000;
/// Runs of each measurement, of which the best counts: others use this machine too.
const RUNS: usize = 3;

pub(crate) fn rows() -> Vec<Row> {
    let alone = (0..RUNS).map(|_| baseline()).fold(0.0, f64::max);
    let mut rows = vec![Row::new("`cat > file`, lines/s", "3.0 M", millions(alone))];
    for writers in [1, 4] {
        let runs: Vec<Flood> = (0..RUNS).map(|_| Flood::run(writers)).collect();
        let rates: Vec<String> = runs.iter().map(|run| millions(run.rate)).collect();
        let best = runs.iter().map(|run| run.rate).fold(0.0, f64::max);
        let measured = format!("{} ({:.2} of cat; all runs: {})", millions(best), best / alone, rates.join(", "));
        rows.push(Row::new(format!("{writers} writers, detached, lines/s"), ">= 1.2 M", measured));
        let lost: u64 = runs.iter().map(|run| run.lost).sum();
        rows.push(Row::new("  lost or reordered", "0", lost.to_string()));
        let memory = runs.iter().map(|run| run.memory).max().unwrap_or(0);
        rows.push(Row::new("  memory of the supervisor", "< 64 MiB", format!("{memory} MiB")));
    }
    rows.push(long_line());
    rows.push(grep());
    rows
}

fn millions(rate: f64) -> String {
    format!("{:.2} M", rate / 1e6)
}

fn baseline() -> f64 {
    let place = Place::new("");
    let file = File::create(place.path("lines")).expect("a file is made");
    let begin = Instant::now();
    let mut writer = Command::new(std::env::current_exe().expect("a program knows itself"))
        .args(["flood", &LINES.to_string(), &LINE_BYTES.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let lines = writer.stdout.take().expect("a pipe");
    let status = Command::new("cat").stdin(lines).stdout(file).status().expect("cat runs");
    assert!(status.success() && writer.wait().expect("it ends").success());
    LINES as f64 / begin.elapsed().as_secs_f64()
}

struct Flood {
    rate: f64,
    lost: u64,
    /// MiB.
    memory: u64,
}

impl Flood {
    fn run(writers: u64) -> Self {
        let each = LINES / writers;
        let place = Place::new(&manifest(writers, each, LINE_BYTES));
        // With the boot and the end of the last writer: what one writer took says nothing of when the others began.
        let begin = Instant::now();
        place.succeed(&["up", "--isolated", "--detach"]);
        let took = begin.elapsed().as_secs_f64();
        let names: Vec<String> = (0..writers).map(|writer| format!("w{writer}")).collect();
        let memory = place.peak_memory();
        let lost = names.iter().map(|name| missing(&place, name, each)).sum();
        Self { rate: LINES as f64 / took, lost, memory }
    }
}

fn manifest(writers: u64, lines: u64, bytes: usize) -> String {
    let writer = |writer| {
        format!("[resource.w{writer}]\nkind = \"task\"\ncommand = [\"@bench\", \"flood\", \"{lines}\", \"{bytes}\"]\n")
    };
    (0..writers).map(writer).collect()
}

/// How many lines are not where they belong.
fn missing(place: &Place, resource: &str, lines: u64) -> u64 {
    let mut logs = place.command(&["logs", resource]).stdout(Stdio::piped()).spawn().expect("shopctl runs");
    let mut out = BufReader::with_capacity(1 << 20, logs.stdout.take().expect("a pipe"));
    let prefix = resource.len() + " | ".len();
    let (mut wrong, mut line) = (0, Vec::new());
    for number in 0..lines {
        line.clear();
        out.read_until(b'\n', &mut line).expect("it is read");
        wrong += u64::from(line.get(prefix..) != Some(&flood::line(number, LINE_BYTES)));
    }
    line.clear();
    wrong += u64::from(out.read_until(b'\n', &mut line).expect("it is read") > 0);
    assert!(logs.wait().expect("it ends").success());
    wrong
}

fn long_line() -> Row {
    let place = Place::new(&manifest(1, 0, 300_000_000));
    let begin = Instant::now();
    place.succeed(&["up", "--isolated", "--detach"]);
    let took = begin.elapsed();
    Row::new("300 MB without newline: memory", "< 64 MiB", format!("{} MiB, {took:.1?} with boot", place.peak_memory()))
}

fn grep() -> Row {
    let place = Place::new(&manifest(1, 1_000_000, LINE_BYTES));
    place.succeed(&["up", "--isolated", "--detach"]);
    let search = |pattern: &str| {
        let begin = Instant::now();
        let output = place.succeed(&["logs", "--grep", pattern]);
        (begin.elapsed(), output.stdout.iter().filter(|&&byte| byte == b'\n').count())
    };
    let best = |pattern: &str, count: usize| {
        let runs = (0..RUNS).map(|_| search(pattern));
        let times = runs.map(|(took, found)| {
            assert_eq!(found, count, "{pattern}");
            took
        });
        times.min().unwrap_or(Duration::MAX)
    };
    let measured = format!("{:.0?} a number, {:.0?} a class", best("0000999999", 1), best("[0-9]{5}77777", 10));
    Row::new("logs --grep over 1,000,000 lines", "< 300 ms", measured)
}
