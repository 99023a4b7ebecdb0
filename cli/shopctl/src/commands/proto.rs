//! `shopctl proto`: generates the contracts' Rust.

use std::path::Path;

use crate::{
    args::{Global, Proto},
    exit::{Exit, Failure},
    printer, protogen, running,
};

pub(crate) async fn run(global: &Global, args: &Proto) -> anyhow::Result<Exit> {
    let workspace = running::workspace(global)?.root;
    let contracts = workspace.join("proto");
    let (stale, current): (Vec<_>, Vec<_>) =
        protogen::generate(&contracts)?.into_iter().partition(|file| !file.is_current());
    let names: Vec<String> = stale.iter().map(|file| relative(&file.path, &workspace)).collect();
    if args.check && !stale.is_empty() {
        return Err(Failure::new(Exit::Failure, format!("{} no longer match the contracts", names.join(", ")))
            .hint("run `shopctl proto` and commit what it writes")
            .into());
    }
    // What is current keeps its time of change, so that nothing is built again for it.
    stale.iter().try_for_each(protogen::Generated::write)?;
    if global.json {
        printer::data(serde_json::json!({ "written": names, "current": current.len() }));
    } else if !global.quiet {
        for name in &names {
            printer::note(format_args!("wrote {name}"));
        }
        if names.is_empty() {
            printer::note("the generated code is what the contracts give");
        }
    }
    Ok(Exit::Success)
}

fn relative(path: &Path, workspace: &Path) -> String {
    path.strip_prefix(workspace).unwrap_or(path).display().to_string()
}
