//! A small client for where there is no psql: statements from `-c` or stdin, rows as a table or as JSON.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{IsTerminal as _, Write as _},
};

use anyhow::Context as _;
use serde_json::Value;
use sqlx::{
    AssertSqlSafe, Column as _, Connection as _, Either, Executor as _, PgConnection, Row as _, ValueRef as _,
    postgres::{PgConnectOptions, PgDatabaseError, PgRow, PgSslMode},
};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio_stream::StreamExt as _;

use super::{Address, script};
use crate::{
    args::Global,
    exit::{Exit, Failure},
    lines::harmless,
    printer,
};

/// What `\d` shows.
const TABLES: &str = "select table_schema as schema, table_name as name, lower(table_type) as type \
    from information_schema.tables where table_schema not in ('pg_catalog', 'information_schema') order by 1, 2";

pub(super) async fn run(global: &Global, address: &Address, arguments: &[OsString]) -> anyhow::Result<Exit> {
    let commands = commands(arguments)?;
    let options = PgConnectOptions::new_without_pgpass()
        .host(&address.host)
        .port(address.port)
        .username(&address.user)
        .password(&address.password)
        .database(&address.database)
        .ssl_mode(PgSslMode::Disable)
        .application_name("shopctl psql");
    let connection = PgConnection::connect_with(&options).await;
    let connection = connection.with_context(|| format!("cannot connect to {}", address.database))?;
    let mut session = Session { connection, json: global.json, quiet: global.quiet };
    if commands.is_empty() {
        return session.converse(&address.database).await;
    }
    for sql in commands {
        if let Some(error) = session.execute(&sql).await? {
            return Err(Failure::new(Exit::Failure, error).into());
        }
    }
    Ok(Exit::Success)
}

/// The statements of `-c SQL`, the one argument that is known here.
fn commands(arguments: &[OsString]) -> Result<Vec<String>, Failure> {
    let mut words = arguments.iter().map(|word| word.to_string_lossy().into_owned());
    let mut commands = Vec::new();
    while let Some(word) = words.next() {
        match (word.strip_prefix("-c"), word.strip_prefix("--command=")) {
            (_, Some(sql)) => commands.push(sql.to_owned()),
            (Some(sql), None) if !sql.is_empty() => commands.push(sql.to_owned()),
            (Some(_), None) => commands.extend(words.next()),
            (None, None) => {
                return Err(Failure::new(Exit::Usage, format!("shopctl's own client does not know {word}"))
                    .hint("it takes -c SQL, or statements on stdin; for more, install psql"));
            }
        }
    }
    Ok(commands)
}

struct Session {
    connection: PgConnection,
    json: bool,
    quiet: bool,
}

impl Session {
    /// Statements from stdin, to its end; only a human is given a second chance after an error.
    async fn converse(&mut self, name: &str) -> anyhow::Result<Exit> {
        let human = std::io::stdin().is_terminal();
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        let mut statement = String::new();
        loop {
            if human {
                let sign = if statement.is_empty() { '=' } else { '-' };
                write!(anstream::stdout(), "{name}{sign}> ")?;
                anstream::stdout().flush()?;
            }
            let line = lines.next_line().await.context("cannot read stdin")?;
            let is_last = line.is_none();
            let line = line.unwrap_or_default();
            let command = if statement.is_empty() { line.trim().strip_prefix('\\') } else { None };
            let sql = match command.map(|command| command.split_whitespace().collect::<Vec<_>>()).as_deref() {
                Some(["q"]) => return Ok(Exit::Success),
                Some(["d"]) => TABLES.to_owned(),
                Some(["d", table]) => columns(table),
                Some(_) => {
                    printer::note("only \\q, \\d and \\d TABLE are known here");
                    continue;
                }
                None => {
                    statement.push_str(&line);
                    statement.push('\n');
                    let ends = script::is_complete(&statement) || (is_last && !statement.trim().is_empty());
                    if ends { std::mem::take(&mut statement) } else { String::new() }
                }
            };
            if statement.trim().is_empty() {
                statement.clear();
            }
            if !sql.is_empty()
                && let Some(error) = self.execute(&sql).await?
            {
                if !human {
                    return Err(Failure::new(Exit::Failure, error).into());
                }
                printer::note(error);
            }
            if is_last {
                return Ok(Exit::Success);
            }
        }
    }

    /// Runs statements and prints what they answer; an error of theirs in the server's words.
    async fn execute(&mut self, sql: &str) -> anyhow::Result<Option<String>> {
        // Without parameters every value comes as text. What is run is the user's own wish.
        let mut answers = self.connection.fetch_many(sqlx::raw_sql(AssertSqlSafe(sql)));
        let mut rows: Vec<PgRow> = Vec::new();
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(Either::Right(row)) => rows.push(row),
                Ok(Either::Left(done)) => {
                    let rows = std::mem::take(&mut rows);
                    if self.json {
                        let rows: Vec<_> = rows.iter().map(object).collect();
                        printer::data(serde_json::to_string(&rows)?);
                        continue;
                    }
                    if !rows.is_empty() {
                        printer::data(table(&rows));
                    }
                    if !self.quiet {
                        let count = done.rows_affected();
                        printer::note(format_args!("({count} row{})", if count == 1 { "" } else { "s" }));
                    }
                }
                Err(sqlx::Error::Database(error)) => return Ok(Some(words(error.downcast_ref()))),
                Err(error) => return Err(error).context("the connection to the database broke"),
            }
        }
        Ok(None)
    }
}

fn columns(table: &str) -> String {
    let (schema, name) = table.split_once('.').unwrap_or(("public", table));
    let [schema, name] = [schema, name].map(|part| part.replace('\'', "''"));
    format!(
        "select column_name as column, data_type as type, is_nullable as nullable, column_default as default \
         from information_schema.columns where table_schema = '{schema}' and table_name = '{name}' \
         order by ordinal_position"
    )
}

fn values(row: &PgRow) -> impl Iterator<Item = (String, Option<String>)> {
    row.columns().iter().enumerate().map(|(number, column)| {
        let value = row.try_get_raw(number).ok().filter(|value| !value.is_null());
        let text = value.map(|value| value.as_bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned()));
        (column.name().to_owned(), text.and_then(Result::ok))
    })
}

/// Every value as the server writes it.
fn object(row: &PgRow) -> BTreeMap<String, Value> {
    values(row).map(|(name, value)| (name, value.map_or(Value::Null, Value::String))).collect()
}

fn table(rows: &[PgRow]) -> String {
    let head: Option<Vec<String>> = rows.first().map(|row| values(row).map(|(name, _)| name).collect());
    let cells = |row: &PgRow| values(row).map(|(_, value)| value.unwrap_or_default()).collect();
    let lines = head.into_iter().chain(rows.iter().map(cells));
    let harmless = |line: Vec<String>| line.iter().map(|cell| harmless(cell).into_owned()).collect::<Vec<_>>();
    printer::aligned(&lines.map(harmless).collect::<Vec<_>>())
}

fn words(error: &PgDatabaseError) -> String {
    let mut text = format!("{} ({})", error.message(), error.code());
    for (what, said) in [("DETAIL", error.detail()), ("HINT", error.hint())] {
        if let Some(said) = said {
            text = format!("{text}\n{what}: {said}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(words: &[&str]) -> Result<Vec<String>, Failure> {
        commands(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn commands_are_taken_in_each_of_psqls_forms_and_nothing_else_is() {
        let taken = given(&["-c", "a", "-cb", "--command=c"]).expect("all are known");
        assert_eq!(taken, ["a", "b", "c"]);
        assert!(given(&["-f", "x.sql"]).is_err());
    }
}
