//! The one task that creates products. Elasticsearch has no transactions, and a page of the list ends with a place in the
//! order of creation: so whatever was asked while a request ran goes into the next one together, in that order.
//!
//! A product that is asked for alone is one document, hence there or not. A group is written as documents that nobody sees;
//! then the control document says that the group is decided; then its documents become visible, and the answer goes out.
//! Whoever dies before the decision has created nothing, whoever dies after it has created all: see `recovery`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kit::crash;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::Error;
use super::client::{Client, Written};
use super::control::{Handle, Open, State};
use super::document::Source;
use super::waiting::Waiting;

/// Requests that may wait; more wait outside.
const QUEUE: usize = 1024;
/// Requests that are written together.
const BATCH: usize = 256;
/// Bytes of one request to Elasticsearch, which takes 100 MB; smaller ones are kinder to its memory.
const MOST_BYTES: usize = 8 << 20;
/// How long it is tried to make a decided group visible before the answer is that nobody knows.
const PATIENCE: Duration = Duration::from_secs(8);
const RETRY: Duration = Duration::from_millis(200);

pub(super) struct Creator {
    jobs: mpsc::Sender<Job>,
}

struct Job {
    documents: Vec<(String, Source)>,
    answer: oneshot::Sender<Result<(), Error>>,
}

/// Those documents of one request that are to be all or none, or a single one.
struct Group {
    /// `None` if it is a single document.
    id: Option<String>,
    job: Job,
    outcome: Result<Vec<Written>, Error>,
}

impl Creator {
    /// It ends when this value is dropped, after what was asked is done.
    pub(super) fn start(client: Client, alias: String, waiting: Arc<Waiting>) -> (Self, tokio::task::JoinHandle<()>) {
        let (jobs, mut queue) = mpsc::channel(QUEUE);
        let control = Handle::new(client.clone(), alias.clone());
        let mut work = Work { client, alias, control, waiting, finished: BTreeSet::new() };
        let task = tokio::spawn(async move {
            let mut batch = Vec::with_capacity(BATCH);
            while queue.recv_many(&mut batch, BATCH).await > 0 {
                work.create(std::mem::take(&mut batch)).await;
                if queue.is_empty() {
                    work.release().await;
                }
            }
        });
        (Self { jobs }, task)
    }

    /// Returns when all of them can be seen, or none of them ever will be; after an error that came late, nobody knows.
    pub(super) async fn create(&self, documents: Vec<(String, Source)>) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        self.jobs.send(Job { documents, answer }).await.map_err(|_| Error::Stopped)?;
        answered.await.map_err(|_| Error::Stopped)?
    }
}

struct Work {
    client: Client,
    alias: String,
    control: Handle,
    waiting: Arc<Waiting>,
    /// What the control document still has as open.
    finished: BTreeSet<String>,
}

impl Work {
    async fn create(&mut self, jobs: Vec<Job>) {
        let mut groups: Vec<Group> = jobs.into_iter().map(Group::new).collect();
        if let Err(error) = self.fill(&mut groups).await {
            groups.iter_mut().for_each(|group| group.outcome = Err(error.clone()));
        }
        for Group { job: Job { documents, answer }, outcome, .. } in groups {
            if outcome.is_ok() {
                self.waiting.note(documents.into_iter().map(|(id, _)| id));
            }
            // An asker who went away does not need the answer.
            let _ = answer.send(outcome.map(drop));
        }
    }

    async fn fill(&mut self, groups: &mut [Group]) -> Result<(), Error> {
        let singles = Uuid::new_v4().simple().to_string();
        self.reserve(groups, &singles).await?;
        crash::point("create-before-write");
        self.write(groups).await?;
        crash::point("create-after-write");
        self.decide(groups).await;
        self.finished.insert(singles);
        Ok(())
    }

    /// Gives each document its place.
    async fn reserve(&mut self, groups: &mut [Group], singles: &str) -> Result<(), Error> {
        let count: u64 = groups.iter().map(|group| group.job.documents.len() as u64).sum();
        let opened: Vec<Open> = groups.iter().filter_map(|group| group.id.clone()).map(Open::new).collect();
        let opened: Vec<Open> = opened.into_iter().chain([Open::new(singles.to_owned())]).collect();
        let finished = &self.finished;
        let reserved = self.control.change(|control| {
            let first = control.last + 1;
            control.last += count;
            control.open.retain(|open| !finished.contains(&open.id));
            control.open.extend(opened.iter().cloned());
            (first, true)
        });
        let places = reserved.await?..;
        self.finished.clear();
        let documents = groups.iter_mut().flat_map(|group| &mut group.job.documents);
        for (place, (_, source)) in places.zip(documents) {
            source.sequence = place;
        }
        Ok(())
    }

    async fn write(&self, groups: &mut [Group]) -> Result<(), Error> {
        let mut written = Vec::new();
        for (lines, count) in requests(groups)? {
            match self.client.bulk(&self.alias, lines).await {
                Ok(answers) if answers.len() == count => written.extend(answers),
                Ok(_) => return Err(Error::Malformed("not an answer for each document".to_owned())),
                Err(error) => written.extend((0..count).map(|_| Err(error.clone()))),
            }
        }
        let mut written = written.into_iter();
        for group in groups {
            group.outcome = written.by_ref().take(group.job.documents.len()).collect();
        }
        Ok(())
    }

    /// Creates the groups of which all documents are there, and gives the others up.
    async fn decide(&mut self, groups: &mut [Group]) {
        let ids = |groups: &[Group], whole: bool| -> BTreeSet<String> {
            groups.iter().filter(|group| group.outcome.is_ok() == whole).filter_map(|group| group.id.clone()).collect()
        };
        let (whole, broken) = (ids(groups, true), ids(groups, false));
        if whole.is_empty() && broken.is_empty() {
            return;
        }
        crash::point("group-before-decision");
        let decided = self.control.change(|control| {
            control.open.retain(|open| !broken.contains(&open.id));
            let mut decided = BTreeSet::new();
            for open in control.open.iter_mut().filter(|open| whole.contains(&open.id)) {
                open.state = State::Decided;
                decided.insert(open.id.clone());
            }
            (decided, true)
        });
        let decided = decided.await;
        crash::point("group-after-decision");
        let deadline = Instant::now() + PATIENCE;
        for group in groups {
            let (Some(id), Ok(places)) = (&group.id, &group.outcome) else { continue };
            match &decided {
                Err(error) => group.outcome = Err(error.clone()),
                // Somebody took this process for dead.
                Ok(decided) if !decided.contains(id) => group.outcome = Err(Error::Aborted("they took too long")),
                Ok(_) => match self.settle(&group.job, places, deadline).await {
                    Ok(()) => drop(self.finished.insert(id.clone())),
                    Err(error) => group.outcome = Err(error),
                },
            }
        }
    }

    /// Makes the documents of a group visible that is decided.
    async fn settle(&self, job: &Job, places: &[Written], deadline: Instant) -> Result<(), Error> {
        let documents =
            job.documents.iter().zip(places).map(|((id, source), place)| (id.as_str(), source.waiting, *place));
        let lines = settling(documents);
        loop {
            match settle(&self.client, &self.alias, lines.clone()).await {
                Err(error) if Instant::now() < deadline => {
                    tracing::warn!("products wait to become visible: {error}");
                    sleep(RETRY).await;
                }
                settled => {
                    crash::point("group-after-settling");
                    return settled;
                }
            }
        }
    }

    /// Tells others that nothing is under way. It costs nobody anything if that fails: it is told with what comes next.
    async fn release(&mut self) {
        let finished = &self.finished;
        let released = self.control.change(|control| {
            let before = control.open.len();
            control.open.retain(|open| !finished.contains(&open.id));
            ((), control.open.len() < before)
        });
        match released.await {
            Ok(()) => self.finished.clear(),
            Err(error) => tracing::warn!("the end of some creations could not be told: {error}"),
        }
    }
}

impl Group {
    fn new(job: Job) -> Self {
        let id = (job.documents.len() > 1).then(|| Uuid::new_v4().simple().to_string());
        Self { id, job, outcome: Ok(Vec::new()) }
    }
}

/// The requests that write the documents in their order, and how many are in each.
fn requests(groups: &[Group]) -> Result<Vec<(Vec<u8>, usize)>, Error> {
    let mut requests: Vec<(Vec<u8>, usize)> = Vec::new();
    for group in groups {
        for (id, source) in &group.job.documents {
            if requests.last().is_none_or(|(lines, _)| lines.len() >= MOST_BYTES) {
                requests.push(Default::default());
            }
            if let Some((lines, count)) = requests.last_mut() {
                line(lines, group.id.as_deref(), id, source)?;
                *count += 1;
            }
        }
    }
    Ok(requests)
}

fn line(lines: &mut Vec<u8>, group: Option<&str>, id: &str, source: &Source) -> Result<(), Error> {
    // Nobody sees a document of a group, nor are its events told, until the group is decided.
    let hidden =
        group.map(|group| Source { stands: false, group: Some(group.to_owned()), waiting: None, ..source.clone() });
    let json =
        serde_json::to_vec(hidden.as_ref().unwrap_or(source)).map_err(|error| Error::Document(error.to_string()))?;
    lines.extend_from_slice(json!({"create": {"_id": id}}).to_string().as_bytes());
    lines.push(b'\n');
    lines.extend_from_slice(&json);
    lines.push(b'\n');
    Ok(())
}

/// The request that makes documents visible, each on the condition that nobody has done so.
pub(super) fn settling<'a>(documents: impl Iterator<Item = (&'a str, Option<i64>, Written)>) -> Vec<u8> {
    let mut lines = Vec::new();
    for (id, waiting, Written { seq_no, term }) in documents {
        let update = json!({"update": {"_id": id, "if_seq_no": seq_no, "if_primary_term": term}});
        let change = json!({"doc": {"stands": true, "group": null, "waiting": waiting}});
        lines.extend_from_slice(format!("{update}\n{change}\n").as_bytes());
    }
    lines
}

pub(super) async fn settle(client: &Client, alias: &str, lines: Vec<u8>) -> Result<(), Error> {
    // A conflict is somebody who has done it already.
    let failed =
        client.bulk(alias, lines).await?.into_iter().filter_map(Result::err).find(|error| !error.is_conflict());
    failed.map_or(Ok(()), Err)
}
