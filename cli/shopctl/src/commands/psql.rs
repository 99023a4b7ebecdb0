//! `shopctl psql`: a database of the running shop, by the real psql or a small client of our own.

mod builtin;
mod script;

use std::{env, path::PathBuf, process::Command};

use shopctl_embedded::postgres::{self, Settings};

use super::exec::become_it;
use crate::{
    args::{Global, Psql},
    client,
    exit::{Exit, Failure},
    printer,
};

/// Begins the address of a PostgreSQL database.
const SCHEME: &str = "postgres://";

/// Where a database is and who may use it.
#[derive(Debug, PartialEq, Eq)]
struct Address {
    user: String,
    password: String,
    host: String,
    port: u16,
    database: String,
}

pub(crate) async fn run(global: &Global, args: &Psql) -> anyhow::Result<Exit> {
    let addresses = client::addresses(global).await?;
    let databases = addresses.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
    let databases: Vec<_> = databases.filter(|(_, url)| url.starts_with(SCHEME)).collect();
    let Some((_, url)) = databases.iter().find(|(name, _)| **name == args.database) else {
        let known: Vec<&str> = databases.iter().map(|(name, _)| name.as_str()).collect();
        return Err(Failure::new(Exit::Usage, format!("there is no PostgreSQL database {}", args.database))
            .hint(format!("there are {}", known.join(", ")))
            .into());
    };
    let address =
        Address::parse(url).ok_or_else(|| anyhow::anyhow!("the address of {} makes no sense", args.database))?;
    let program = if args.builtin || global.json { None } else { program() };
    let Some(program) = program else {
        if !args.builtin && !global.json {
            printer::note("there is no psql here: this is shopctl's own small client (\\q ends it)");
        }
        return builtin::run(global, &address, &args.arguments).await;
    };
    let mut command = Command::new(program);
    command
        .args(&args.arguments)
        .env("PGHOST", &address.host)
        .env("PGPORT", address.port.to_string())
        .env("PGUSER", &address.user)
        .env("PGDATABASE", &address.database)
        // Never on the command line, which everybody can read.
        .env("PGPASSWORD", &address.password)
        // A service of the user's would count for more than all of this.
        .env_remove("PGSERVICE")
        .env_remove("PGHOSTADDR");
    match become_it(command)? {}
}

/// The real psql: the user's own, else the one that came with the server.
fn program() -> Option<PathBuf> {
    let dirs = env::var_os("PATH").map(|path| env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
    let own = dirs.into_iter().map(|dir| dir.join("psql")).find(|program| program.is_file());
    own.or_else(|| {
        let server = Settings::from_env().ok().and_then(|settings| postgres::present(&settings).ok().flatten())?;
        Some(server.dir.join("psql")).filter(|program| program.is_file())
    })
}

impl Address {
    /// Reads `postgres://USER:PASSWORD@HOST:PORT/DATABASE`; nothing of ours needs an escape in it.
    fn parse(url: &str) -> Option<Self> {
        let (access, place) = url.strip_prefix(SCHEME)?.rsplit_once('@')?;
        let (user, password) = access.split_once(':')?;
        let (host, database) = place.split_once('/')?;
        let (host, port) = host.rsplit_once(':')?;
        let [user, password, host, database] = [user, password, host, database].map(str::to_owned);
        Some(Self { user, password, host, port: port.parse().ok()?, database })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        let address = Address::parse("postgres://shop:s-_3@127.0.0.1:5432/order_db").expect("it is whole");
        let Address { user, password, host, port, database } = address;
        assert_eq!((&*user, &*password, &*host, port, &*database), ("shop", "s-_3", "127.0.0.1", 5432, "order_db"));
        assert_eq!(Address::parse("postgres://127.0.0.1/order_db"), None);
    }
}
