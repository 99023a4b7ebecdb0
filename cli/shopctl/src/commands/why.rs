//! `shopctl why`: why a resource is not ready.

use crate::{
    args::{Global, Why},
    exit::Exit,
    lines::harmless,
    printer, running,
};

pub(crate) async fn run(global: &Global, args: &Why) -> anyhow::Result<Exit> {
    let causes = running::connect(global).await?.why(&args.resource).await?;
    if global.json {
        printer::data(serde_json::to_string(&causes)?);
        return Ok(Exit::Success);
    }
    for (depth, cause) in causes.iter().enumerate() {
        let indent = "  ".repeat(depth);
        printer::data(format_args!("{indent}{}: {}", cause.resource, harmless(&cause.detail)));
        for line in &cause.lines {
            printer::data(format_args!("{indent}  | {}", harmless(line)));
        }
    }
    Ok(Exit::Success)
}
