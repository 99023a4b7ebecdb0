//! What is kept of a shop in which something failed, before it is removed.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::{Value, json};
use shopctl_kafka::{Tail, tail::Start, topics};
use shopctl_scenario::report::{Suite, text};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::time::timeout;

use super::write::{self, write};
use crate::{
    args::{
        Global,
        smoke::{Format, Smoke},
    },
    client, printer, running,
};

/// For each part; what takes longer is left out.
const PATIENCE: Duration = Duration::from_secs(20);

const DATABASES: [&str; 4] = ["account_db", "recommender_db", "order_db", "payment_db"];

/// Writes everything that can be had into one folder, and answers with its path. What cannot be had is told in its place.
pub(super) async fn collect(global: &Global, args: &Smoke, suite: &Suite) -> Option<PathBuf> {
    let folder = args.artifacts.join(&global.instance);
    if let Err(error) = std::fs::create_dir_all(&folder) {
        printer::note(format_args!("nothing is kept of what failed: {}: {error}", folder.display()));
        return None;
    }
    let repeat = format!("seed {}\n\n{}\n", suite.seed, suite.repeat);
    keep(&folder.join("repeat.txt"), Ok(repeat));
    let failed = suite.scenarios.iter().filter(|played| !played.held());
    keep(&folder.join("failures.txt"), Ok(failed.map(text).collect::<Vec<_>>().join("\n")));
    for (name, format) in [("report.json", Format::Json), ("report.html", Format::Html), ("junit.xml", Format::Junit)] {
        keep(&folder.join(name), write::text(format, suite));
    }
    keep(&folder.join("logs.txt"), patiently(logs(global, &folder.join("logs.txt"))).await);
    keep(&folder.join("status.json"), patiently(shopctl(global, &["status", "--json"])).await);
    keep(&folder.join("why.txt"), patiently(why(global)).await);
    if let Ok(addresses) = client::addresses(global).await {
        let address = |name: &str| addresses.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        keep(&folder.join("events.jsonl"), patiently(events(&address("kafka"))).await);
        for database in DATABASES {
            let path = folder.join("databases").join(format!("{database}.jsonl"));
            keep(&path, patiently(dump(&address(database))).await);
        }
    }
    Some(folder)
}

async fn patiently(work: impl Future<Output = anyhow::Result<String>>) -> anyhow::Result<String> {
    timeout(PATIENCE, work).await.unwrap_or_else(|_| anyhow::bail!("it took longer than {PATIENCE:?}"))
}

/// Writes it, or why there is none; nothing where it was written already.
fn keep(path: &Path, text: anyhow::Result<String>) {
    let text = text.unwrap_or_else(|error| format!("not to be had: {error:#}\n"));
    if !text.is_empty()
        && let Err(error) = write(path, &text)
    {
        printer::note(format_args!("{error:#}"));
    }
}

/// Straight into the file: there may be many.
async fn logs(global: &Global, path: &Path) -> anyhow::Result<String> {
    let mut command = this(global, &["logs", "--timestamps", "--no-color"])?;
    command.stdout(File::create(path)?).status().await?;
    Ok(String::new())
}

/// What a command of this program says about the instance.
async fn shopctl(global: &Global, words: &[&str]) -> anyhow::Result<String> {
    Ok(String::from_utf8_lossy(&this(global, words)?.output().await?.stdout).into_owned())
}

fn this(global: &Global, words: &[&str]) -> anyhow::Result<tokio::process::Command> {
    let mut command = tokio::process::Command::new(std::env::current_exe()?);
    command.args(words).args(["--instance", &global.instance]).stdin(Stdio::null()).stderr(Stdio::null());
    if let Some(manifest) = &global.manifest {
        command.arg("--manifest").arg(manifest);
    }
    command.kill_on_drop(true);
    Ok(command)
}

/// Of each resource that is not ready, down to the root cause.
async fn why(global: &Global) -> anyhow::Result<String> {
    let snapshot = running::connect(global).await?.status().await?;
    let mut text = String::new();
    for resource in snapshot.resources.iter().filter(|resource| !resource.ready) {
        text.push_str(&format!("{} is {}\n", resource.name, resource.state));
        for cause in &resource.why {
            text.push_str(&format!("  {}: {}\n", cause.resource, cause.detail));
            cause.lines.iter().for_each(|line| text.push_str(&format!("    | {line}\n")));
        }
    }
    Ok(if text.is_empty() { "every resource is ready\n".to_owned() } else { text })
}

async fn events(kafka: &str) -> anyhow::Result<String> {
    let mut text = String::new();
    for event in Tail::open(kafka, &topics::ALL, Start::Earliest).await?.rest().await? {
        let line = json!({
            "topic": event.topic, "partition": event.partition, "offset": event.offset, "key": event.key,
            "ce_id": event.id, "type": event.kind, "data": event.data,
        });
        text.push_str(&format!("{line}\n"));
    }
    Ok(text)
}

/// All rows of all tables, a JSON object each.
async fn dump(url: &str) -> anyhow::Result<String> {
    let mut connection = PgConnection::connect(url).await?;
    let tables = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut connection).await?;
    let mut text = String::new();
    for table in tables {
        let rows = format!("SELECT to_jsonb(found) FROM {table} AS found");
        let rows: Vec<Value> = sqlx::query_scalar(AssertSqlSafe(rows)).fetch_all(&mut connection).await?;
        rows.into_iter().for_each(|row| text.push_str(&format!("{}\n", json!({ "table": table, "row": row }))));
    }
    Ok(text)
}
