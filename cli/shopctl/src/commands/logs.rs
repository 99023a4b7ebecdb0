//! `shopctl logs`: what the resources wrote, from their files; with `-f` also what they write.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{self, BufWriter, Stdout, Write as _},
};

use anstream::{AutoStream, ColorChoice};

use serde_json::json;
use shopctl_protocol::{LogFilter, Update};
use shopctl_runtime::{
    Client, Instance, client,
    log::{Assembler, History, Line, Stream},
};

use crate::{
    args::{Global, Logs},
    exit::{Exit, Failure},
    lines::{Painter, Style},
    running,
};

pub(crate) async fn run(global: &Global, args: &Logs) -> anyhow::Result<Exit> {
    match print(global, args).await {
        // Whoever read has read enough (`| head`).
        Err(error)
            if error.downcast_ref().is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe) =>
        {
            Ok(Exit::Success)
        }
        outcome => outcome,
    }
}

async fn print(global: &Global, args: &Logs) -> anyhow::Result<Exit> {
    let instance = running::instance(global)?;
    let known = logged(&instance)?;
    if known.is_empty() && !instance.is_locked() {
        return Err(running::not_running(&instance.name).into());
    }
    let mut names = if args.resources.is_empty() { known.clone() } else { args.resources.clone() };
    // First, so that nothing falls between the files and the stream.
    let mut watch = None;
    if args.follow {
        let filter = if args.resources.is_empty() { LogFilter::All } else { LogFilter::Only(names.clone()) };
        match Client::connect(&instance).await {
            Ok(client) => watch = Some(client.watch(filter).await?),
            Err(client::Error::NotRunning(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let colours = AutoStream::choice(&io::stdout()) != ColorChoice::Never;
    let mut output = Output {
        painter: Painter::new(names.iter().map(String::as_str), Style { timestamps: args.timestamps, colours }),
        json: global.json,
        assembler: Assembler::default(),
        seen: BTreeMap::new(),
        out: BufWriter::new(io::stdout()),
    };
    if watch.is_none()
        && let Some(unknown) = names.iter().find(|name| !known.contains(name))
    {
        let message = format!("{unknown} has written nothing; there is {}", known.join(", "));
        return Err(Failure::new(Exit::Usage, message).into());
    }
    output.catch_up(&instance, &names, args.tail)?;
    let Some(mut watch) = watch else {
        return if args.follow { Err(running::not_running(&instance.name).into()) } else { Ok(Exit::Success) };
    };
    while let Some(update) = watch.next().await? {
        match update {
            Update::Line { resource, stamp, stream, partial, text } => {
                output.add(&resource, Line { stamp, stream, partial, bytes: text.into_bytes() })?;
                output.out.flush()?;
            }
            // The files have what the stream has lost.
            Update::Missed { .. } => {
                if args.resources.is_empty() {
                    names = logged(&instance)?;
                }
                output.catch_up(&instance, &names, None)?;
            }
            Update::Snapshot { snapshot } => {
                let exists = |name: &String| snapshot.resources.iter().any(|resource| resource.name == *name);
                if let Some(unknown) = args.resources.iter().find(|name| !exists(name)) {
                    let message = format!("there is no resource {unknown} in this instance");
                    return Err(Failure::new(Exit::Usage, message).into());
                }
            }
            Update::Down => break,
            Update::Changed { .. } | Update::Progress { .. } | Update::Booted { .. } | Update::Stopping { .. } => {}
        }
    }
    Ok(Exit::Success)
}

/// The resources that have a log.
fn logged(instance: &Instance) -> anyhow::Result<Vec<String>> {
    let entries = match std::fs::read_dir(instance.log_dir()) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let names =
        entries.flatten().filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".log")?.to_owned()));
    let mut names: Vec<String> = names.collect();
    names.sort();
    Ok(names)
}

struct Output {
    painter: Painter,
    json: bool,
    assembler: Assembler,
    /// The last stamp that was taken in, by resource.
    seen: BTreeMap<String, u64>,
    /// Coloured or not by the painter: a stripping stream under a buffer moves the buffer once for every line.
    out: BufWriter<Stdout>,
}

impl Output {
    /// Prints what the files have beyond what was seen; only the last `tail` lines of each resource.
    fn catch_up(&mut self, instance: &Instance, names: &[String], tail: Option<usize>) -> io::Result<()> {
        let history = History::open(&instance.log_dir(), names, Some(&self.seen))?;
        let Some(tail) = tail else {
            for (resource, line) in history {
                self.add(&resource, line)?;
            }
            return self.out.flush();
        };
        let mut last: BTreeMap<String, VecDeque<(Line, usize)>> = BTreeMap::new();
        for (resource, line) in history {
            self.seen.insert(resource.clone(), line.stamp);
            if let Some(whole) = self.assembler.add(&resource, line) {
                let lines = last.entry(resource).or_default();
                lines.push_back(whole);
                if lines.len() > tail {
                    lines.pop_front();
                }
            }
        }
        let mut all: Vec<(String, (Line, usize))> = last
            .into_iter()
            .flat_map(|(name, lines)| lines.into_iter().map(move |line| (name.clone(), line)))
            .collect();
        all.sort_by_key(|(_, (line, _))| line.stamp);
        for (resource, (line, left_out)) in &all {
            self.print(resource, line, *left_out)?;
        }
        self.out.flush()
    }

    fn add(&mut self, resource: &str, line: Line) -> io::Result<()> {
        let seen = self.seen.entry(resource.to_owned()).or_default();
        if line.stamp <= *seen {
            return Ok(());
        }
        *seen = line.stamp;
        match self.assembler.add(resource, line) {
            Some((line, left_out)) => self.print(resource, &line, left_out),
            None => Ok(()),
        }
    }

    fn print(&mut self, resource: &str, line: &Line, left_out: usize) -> io::Result<()> {
        let text = String::from_utf8_lossy(&line.bytes);
        if self.json {
            let stream = match line.stream {
                Stream::Stdout => "stdout",
                Stream::Stderr => "stderr",
            };
            let line = json!({ "resource": resource, "stamp": line.stamp, "stream": stream, "text": text });
            return writeln!(self.out, "{line}");
        }
        let more = if left_out > 0 { format!(" … ({left_out} bytes more)") } else { String::new() };
        writeln!(self.out, "{}{more}", self.painter.paint(resource, line.stamp, &text))
    }
}
