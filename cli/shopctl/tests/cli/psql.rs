//! A database of a running shop, by the real psql and by the small client.

use std::{
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    process::{Output, Stdio},
};

use super::sandbox::{Sandbox, code, text};

/// A psql that tells how it was called.
const FAKE_PSQL: &str = r#"#!/bin/sh
echo "arguments: $*"
echo "access: $PGHOST $PGPORT $PGUSER $PGDATABASE $PGPASSWORD"
tr '\0' ' ' < /proc/$$/cmdline
exit 3
"#;

#[test]
fn the_users_psql_takes_over_with_the_password_only_in_its_environment() {
    let sandbox = Sandbox::new(
        r#"
        [secrets]
        order_db = "password"
        [addresses]
        order_db = "postgres://shop:${secret.order_db}@127.0.0.1:4321/order_db"
        product_db = "embedded:///somewhere"
        [resource.server]
        kind = "service"
        command = ["sleep", "600"]
        env = { PASSWORD = "${secret.order_db}" }
        "#,
    );
    assert_eq!(code(sandbox.run(&["psql", "order_db"]).status), 8);
    assert_eq!(sandbox.up(&["--detach"]).exit(), 0);
    let printed = sandbox.succeed(&["env", "server", "--dotenv"]);
    let password = printed.trim().strip_prefix("PASSWORD=").expect("the secret is printed").to_owned();

    std::fs::create_dir(sandbox.path("bin")).expect("a folder is made");
    std::fs::write(sandbox.path("bin/psql"), FAKE_PSQL).expect("a script is written");
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(sandbox.path("bin/psql"), executable).expect("it can be run");
    let path = format!("{}:/usr/bin:/bin", sandbox.path("bin").display());
    let mut command = sandbox.command(&["psql", "order_db", "--", "-c", "select 1"]);
    let output = command.env("PATH", path).env("PGSERVICE", "other").output().expect("shopctl runs");
    assert_eq!(code(output.status), 3, "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.contains("arguments: -c select 1"), "{said}");
    assert!(said.contains(&format!("access: 127.0.0.1 4321 shop order_db {password}")), "{said}");
    assert_eq!(said.matches(&password).count(), 1, "{said}");

    // The product's database is none of PostgreSQL's.
    for unknown in ["orders", "product_db", "server"] {
        let output = sandbox.run(&["psql", unknown]);
        assert_eq!(code(output.status), 2);
        assert!(text(&output.stderr).contains("there are order_db"), "{}", text(&output.stderr));
    }
}

/// A real server; as root its cluster is outside of the sandbox and has to go with it.
struct Database(Sandbox);

impl Database {
    fn boot() -> Self {
        let sandbox = Sandbox::new(
            r#"
            [secrets]
            order_db = "password"
            [addresses]
            order_db = "postgres://shop:${secret.order_db}@127.0.0.1:${port.order_db.sql}/order_db"
            [resource.postgres]
            kind = "task"
            command = ["@shopctl", "internal", "postgres-install"]
            [resource.order_db]
            kind = "embedded"
            command = ["@shopctl", "internal", "postgres", "order_db"]
            needs = { postgres = "completed" }
            ports = { sql = 5432 }
            probe = { kind = "postgres", port = "sql" }
            stop = { signals = ["INT", "QUIT"], to = "process" }
            env = { PGDATA = "${dir.data}/order_db", PGPORT = "${port.order_db.sql}", PGPASSWORD = "${secret.order_db}" }
            "#,
        );
        let database = Self(sandbox);
        assert_eq!(database.0.up(&["--detach"]).exit(), 0);
        database
    }

    fn feed(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.0.command(&[&["psql", "order_db", "--builtin"], arguments].concat());
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("shopctl runs");
        let fed = child.stdin.take().expect("it has a stdin").write_all(input.as_bytes());
        fed.expect("it is read");
        child.wait_with_output().expect("it ends")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.0.run(&["down", "--volumes"]);
    }
}

#[test]
fn the_small_client_runs_statements_and_tells_the_servers_errors() {
    let database = Database::boot();
    let script = "create table item (id int primary key,\n  name text);\n\
        insert into item values (1, 'a;b'), (2, null); -- both\nselect * from item order by id;\nselect 7 as last";
    let output = database.feed(&[], script);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "id  name\n1   a;b\n2\nlast\n7\n");
    assert_eq!(text(&output.stderr), "(0 rows)\n(2 rows)\n(2 rows)\n(1 row)\n");

    let output = database.feed(&["--json", "--", "-c", "select id, name from item where id = 2"], "");
    assert_eq!(text(&output.stdout), "[{\"id\":\"2\",\"name\":null}]\n");
    let output = database.feed(&[], "\\d\n\\d item\n\\x\n\\q\nselect 'never';\n");
    let said = text(&output.stdout);
    assert!(said.contains("public  item  base table") && said.contains("name    text"), "{said}");
    assert!(!said.contains("never") && text(&output.stderr).contains("only \\q"), "{said}");

    let output = database.feed(&[], "select * from nothing;\nselect 'never';\n");
    assert_eq!(code(output.status), 1);
    assert!(text(&output.stderr).contains("relation \"nothing\" does not exist (42P01)"), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "");
    assert_eq!(code(database.feed(&["--", "-f", "x.sql"], "").status), 2);

    // And the real one, which comes with the server or with the system, where there is one.
    if std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|dir| dir.join("psql").exists()) {
        let said = database.0.succeed(&["psql", "order_db", "--", "-Atc", "select count(*), current_user from item"]);
        assert_eq!(said, "2|shop\n");
    }
}
