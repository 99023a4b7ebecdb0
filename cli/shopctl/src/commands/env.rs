//! `shopctl env`: an instance's addresses, or what a service needs to be run by hand.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    args::{Env, Global},
    exit::Exit,
    printer, running,
};

pub(crate) async fn run(global: &Global, args: &Env) -> anyhow::Result<Exit> {
    let mut client = running::connect(global).await?;
    if let Some(name) = &args.service {
        let (_, manifest) = running::plan(&running::instance(global)?)?;
        if !manifest.resources.contains_key(name) {
            return Err(running::unknown(name, manifest.resources.keys()).into());
        }
    }
    let values = client.environment(args.service.as_deref()).await?;
    if global.json {
        printer::data(serde_json::to_string(&values)?);
    } else if args.dotenv {
        dotenv(&values, args.service.is_some());
    } else {
        let width = values.keys().map(String::len).max().unwrap_or(0);
        for (name, value) in texts(&values) {
            printer::data(format_args!("{name:<width$}  {value}"));
        }
    }
    Ok(Exit::Success)
}

/// What has a value.
fn texts(values: &BTreeMap<String, Value>) -> impl Iterator<Item = (&String, &str)> {
    values.iter().filter_map(|(name, value)| Some((name, value.as_str()?)))
}

/// Lines that both a shell and every reader of .env files take as they are meant.
fn dotenv(values: &BTreeMap<String, Value>, are_variables: bool) {
    for (name, value) in texts(values) {
        let name = if are_variables { name.clone() } else { name.to_uppercase() };
        printer::data(format_args!("{name}={}", quoted(value)));
    }
}

fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+,=".contains(c);
    if value.chars().all(plain) { value.to_owned() } else { format!("'{}'", value.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_survives_the_shell() {
        for (value, text) in
            [("127.0.0.1:50051", "127.0.0.1:50051"), ("", ""), ("a b", "'a b'"), ("it's $HOME", r"'it'\''s $HOME'")]
        {
            assert_eq!(quoted(value), text);
        }
    }
}
