//! Why something is not ready: the chain from it to the root cause, with the last words of that.

use ratatui::text::{Line as Row, Span};
use shopctl_protocol::{BootOutcome, Cause, Phase};

use crate::{
    model::Model,
    options::Owner,
    text::{pieces, plain},
    theme::Tone,
};

pub(super) fn rows(model: &Model) -> Vec<Row<'static>> {
    let mut rows = failure(model);
    let down = matches!(model.shop.phase(), Some(Phase::Down | Phase::Stopping));
    if rows.is_empty() && model.shop.phase() == Some(Phase::Down) {
        return vec![quiet(model, " nothing runs")];
    }
    if !down {
        rows.extend(faults(model));
        rows.extend(chains(model));
    }
    if rows.is_empty() {
        let text = if model.shop.snapshot.is_some() { " everything is ready" } else { " nothing is known yet" };
        rows.push(quiet(model, text));
    }
    rows
}

fn quiet(model: &Model, text: &str) -> Row<'static> {
    Row::styled(text.to_owned(), model.theme.style(Tone::Quiet))
}

/// How the boot failed.
fn failure(model: &Model) -> Vec<Row<'static>> {
    let Some(outcome) = model.shop.failure() else { return Vec::new() };
    let theme = model.theme;
    let (text, causes): (String, &[Cause]) = match outcome {
        BootOutcome::Failed { resource, why, causes } => (format!("the boot failed: {resource} {why}"), causes),
        BootOutcome::PortTaken { resource, port, why } => {
            (format!("the boot failed: {resource} wants port {port}, but {why}"), &[])
        }
        BootOutcome::TimedOut { waiting } => ("not all was ready in time; what was waited for:".to_owned(), waiting),
        BootOutcome::Ready | BootOutcome::Interrupted { .. } => return Vec::new(),
    };
    let sign = theme.state("failed").0;
    let mut rows = vec![Row::styled(format!(" {sign} {}", plain(&text)), theme.style(Tone::Bad)), Row::default()];
    rows.extend(chain(model, causes));
    rows.push(Row::default());
    let next = match (model.options.owner, model.shop.phase()) {
        (_, Some(Phase::Stopping)) => " everything is being stopped",
        (Owner::Up, _) => {
            " everything is stopped; `q` leaves, with the exit code of this boot; the logs can still be read (1)"
        }
        (Owner::Attached, _) => " everything is stopped; the logs can still be read (1)",
    };
    rows.push(quiet(model, next));
    rows
}

/// What somebody has broken on purpose: nobody shall look for its cause.
fn faults(model: &Model) -> Vec<Row<'static>> {
    let theme = model.theme;
    let broken = model.shop.resources().iter().filter(|resource| !resource.faults.is_empty());
    let mut rows: Vec<Row<'static>> = broken
        .map(|resource| {
            let faults: Vec<String> = resource.faults.iter().map(|fault| plain(fault)).collect();
            Row::from(vec![
                Span::styled(theme.pick(" ▲ ", " ! "), theme.style(Tone::Warning)),
                Span::styled(plain(&resource.name), theme.style(Tone::Strong)),
                Span::styled(format!(" {}, on purpose", faults.join(", ")), theme.style(Tone::Warning)),
            ])
        })
        .collect();
    if !rows.is_empty() {
        rows.push(Row::default());
    }
    rows
}

/// The chains of all that is not ready: those that end in the same root belong together.
fn chains(model: &Model) -> Vec<Row<'static>> {
    let theme = model.theme;
    let mut rows = Vec::new();
    let mut roots: Vec<(&Cause, Vec<&str>)> = Vec::new();
    for resource in model.shop.resources().iter().filter(|resource| !resource.ready) {
        let Some(root) = resource.why.last() else { continue };
        match roots.iter_mut().find(|(found, _)| found.resource == root.resource) {
            Some((found, waiting)) => {
                if found.lines.len() < root.lines.len() || resource.name == root.resource {
                    *found = root;
                }
                waiting.push(&resource.name);
            }
            None => roots.push((root, vec![&resource.name])),
        }
    }
    // What more waits for comes first.
    roots.sort_by_key(|(_, waiting)| std::cmp::Reverse(waiting.len()));
    for (root, waiting) in roots {
        let state = model.shop.resource(&root.resource).map_or("", |resource| resource.state.as_str());
        let (sign, tone) = theme.state(state);
        rows.push(Row::from(vec![
            Span::styled(format!(" {sign} "), theme.style(tone)),
            Span::styled(plain(&root.resource), theme.style(Tone::Strong)),
            Span::raw(format!(" {}", plain(&root.detail))),
        ]));
        rows.extend(last_lines(model, root));
        for name in waiting.into_iter().filter(|name| *name != root.resource) {
            let Some(resource) = model.shop.resource(name) else { continue };
            let names = resource.why.iter().map(|cause| plain(&cause.resource));
            let names: Vec<String> = names.collect();
            let arrow = theme.pick(" → ", " -> ");
            rows.push(Row::from(vec![
                Span::styled("     waits: ", theme.style(Tone::Quiet)),
                Span::raw(names.join(arrow)),
            ]));
        }
        rows.push(Row::default());
    }
    rows
}

/// One chain: each waits for the next one.
fn chain(model: &Model, causes: &[Cause]) -> Vec<Row<'static>> {
    let theme = model.theme;
    let mut rows = Vec::new();
    for (depth, cause) in causes.iter().enumerate() {
        let arrow = if depth == 0 { "  " } else { theme.pick("└ ", "`-") };
        rows.push(Row::from(vec![
            Span::styled(format!(" {}{arrow}", "  ".repeat(depth.min(8))), theme.style(Tone::Quiet)),
            Span::styled(plain(&cause.resource), theme.style(Tone::Strong)),
            Span::raw(format!(" {}", plain(&cause.detail))),
        ]));
        rows.extend(last_lines(model, cause));
    }
    rows
}

fn last_lines(model: &Model, cause: &Cause) -> Vec<Row<'static>> {
    let theme = model.theme;
    let row = |line: &String| {
        let mut spans = vec![Span::styled(theme.pick("     │ ", "     | "), theme.style(Tone::Quiet))];
        spans.extend(pieces(line).into_iter().map(|(style, text)| Span::styled(text, theme.allowed(style))));
        Row::from(spans)
    };
    cause.lines.iter().map(row).collect()
}
