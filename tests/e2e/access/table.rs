//! Tables of who may do what, and how they are gone through.

use futures::{StreamExt as _, stream};
use serde_json::Value;

use super::{
    credentials::{Credential, Kind},
    scene::{People, Scene},
};

/// What a caller is told, in the words of gRPC, of HTTP and of GraphQL alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Done,
    /// UNAUTHENTICATED, 401.
    Unauthenticated,
    /// PERMISSION_DENIED, 403.
    Denied,
    /// NOT_FOUND, 404: what a caller may not see does not exist.
    Absent,
    /// Nothing that a table expects.
    Other,
}

pub(super) const OK: Verdict = Verdict::Done;
pub(super) const U: Verdict = Verdict::Unauthenticated;
pub(super) const D: Verdict = Verdict::Denied;
pub(super) const N: Verdict = Verdict::Absent;

/// One call and what comes of it, by who makes it. The things that it names are the owner's.
pub(super) struct Row {
    /// As the contract calls it; in brackets which of several such calls.
    pub(super) what: &'static str,
    /// The service that services' own tokens are made for.
    pub(super) callee: &'static str,
    /// Without a token, a bad one, two headers, another account's, a service's own, the right one.
    pub(super) cells: [Verdict; 6],
    /// Services that may more than the others.
    pub(super) except: &'static [(&'static str, Verdict)],
    /// Without a token, under `SHOP_AUTH=open`: the call acts as the account it names, else as the owner of the thing.
    pub(super) open: Verdict,
}

pub(super) const fn row(
    what: &'static str,
    callee: &'static str,
    cells: [Verdict; 6],
    except: &'static [(&'static str, Verdict)],
    open: Verdict,
) -> Row {
    Row { what, callee, cells, except, open }
}

impl Row {
    /// The name without what tells it from its like.
    pub(super) fn call(&self) -> &'static str {
        self.what.split(" (").next().unwrap_or(self.what)
    }

    fn expected(&self, kind: Kind, mode: Mode) -> Verdict {
        let [nobody, bad, twice, stranger, service, right] = self.cells;
        match kind {
            Kind::Nobody => match mode {
                Mode::Required => nobody,
                Mode::Open => self.open,
            },
            Kind::Bad => bad,
            Kind::Twice => twice,
            Kind::Stranger => stranger,
            Kind::Service(name) => {
                self.except.iter().find(|(service, _)| *service == name).map_or(service, |(_, verdict)| *verdict)
            }
            Kind::Right => right,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Required,
    Open,
}

/// What came back.
pub(super) struct Answer {
    pub(super) verdict: Verdict,
    /// All of it, for people and to look for leaks.
    pub(super) shown: String,
}

/// After which what was no answer is taken for one.
const TRIES: usize = 4;
/// Calls under way at a time.
const AT_ONCE: usize = 8;

/// Tries every credential on every row. A refusal must be the one in the table, tell nothing of the owner's, and leave
/// the owner's things as they are; panics with all cells that are otherwise.
pub(super) async fn holds(
    people: &People,
    mode: Mode,
    rows: &[Row],
    call: impl AsyncFn(&Row, &Scene, &Credential) -> Answer,
) {
    let mut wrong = Vec::new();
    for row in rows {
        let scene = people.scene().await;
        let before = scene.state().await;
        let credentials = people.credentials(row.callee, mode);
        let (allowed, refused): (Vec<_>, Vec<_>) =
            credentials.iter().partition(|credential| row.expected(credential.kind, mode) == OK);
        let refusals = stream::iter(refused).map(async |credential| {
            let answer = answered(async || call(row, &scene, credential).await).await;
            let leaked = scene.secrets().into_iter().any(|secret| answer.shown.contains(secret));
            let wrong = answer.verdict != row.expected(credential.kind, mode) || leaked;
            wrong.then(|| format!("{}, {}: {}", row.what, credential.name, answer.shown))
        });
        wrong.extend(refusals.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await.into_iter().flatten());
        let after = scene.state().await;
        if after != before {
            wrong.push(format!("{}: a refused call left {after} of {before}", row.what));
        }
        let deeds = stream::iter(allowed).map(async |credential| {
            let answer = answered(async || {
                // What is done to the owner's things may be done once.
                let own = match credential.kind {
                    Kind::Right | Kind::Service(_) => Some(people.scene().await),
                    Kind::Nobody if mode == Mode::Open => Some(people.scene().await),
                    Kind::Nobody | Kind::Bad | Kind::Twice | Kind::Stranger => None,
                };
                call(row, own.as_ref().unwrap_or(&scene), credential).await
            })
            .await;
            (answer.verdict != OK).then(|| format!("{}, {}: {}", row.what, credential.name, answer.shown))
        });
        wrong.extend(deeds.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await.into_iter().flatten());
    }
    assert!(wrong.is_empty(), "{} cells are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Asks again what had no answer that the tables know, such as that of a machine too busy to keep a deadline.
async fn answered(call: impl AsyncFn() -> Answer) -> Answer {
    for _ in 0..TRIES {
        let answer = call().await;
        if answer.verdict != Verdict::Other {
            return answer;
        }
    }
    call().await
}

/// Every name that the system itself gives must have a row, and every row such a name.
pub(super) fn complete(rows: &[Row], served: &[String]) {
    let mut listed: Vec<&str> = rows.iter().map(Row::call).collect();
    listed.dedup();
    for name in served {
        assert!(listed.contains(&name.as_str()), "{name} has no row in the table of who may do what");
    }
    for name in listed {
        assert!(served.iter().any(|served| served == name), "{name} is in the table and nowhere else");
    }
}

/// A GraphQL answer's verdict, by the code of its first error.
pub(super) fn of_graphql(answer: &Value) -> Verdict {
    match answer["errors"][0]["extensions"]["code"].as_str() {
        None if answer.get("errors").is_none() => OK,
        Some("UNAUTHENTICATED") => U,
        Some("PERMISSION_DENIED") => D,
        Some("NOT_FOUND") => N,
        Some(_) | None => Verdict::Other,
    }
}
