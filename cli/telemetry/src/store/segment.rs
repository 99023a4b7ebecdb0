//! One database of the store: how it is made, written and opened for reading.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, ToSql, params};

use super::{Error, Limits, folder};
use crate::{
    chunk::Chunk,
    counting::{Cell, Key, What},
    durations::Durations,
    subject::Subject,
    tally::Hop,
};

/// Of the tables below; another version's are not read.
const VERSION: i32 = 1;

const TABLES: &str = "
    CREATE TABLE resource (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    -- data: a ResourceSpans of OTLP without its resource, packed by zstd; size: of that, unpacked.
    CREATE TABLE chunk (
        id INTEGER PRIMARY KEY, trace BLOB NOT NULL, resource INTEGER NOT NULL, size INTEGER NOT NULL, data BLOB NOT NULL
    );
    CREATE INDEX chunk_trace ON chunk (trace);
    -- What traces are found by. at: when the first span of a chunk began, in ns since 1970.
    CREATE TABLE mark (
        kind INTEGER NOT NULL, key NOT NULL, at INTEGER NOT NULL, trace BLOB NOT NULL,
        PRIMARY KEY (kind, key, at, trace)
    ) WITHOUT ROWID;
    CREATE TABLE tally (
        what INTEGER NOT NULL, period INTEGER NOT NULL, source TEXT NOT NULL, target TEXT NOT NULL,
        count INTEGER NOT NULL, errors INTEGER NOT NULL, last INTEGER NOT NULL, durations BLOB NOT NULL,
        PRIMARY KEY (what, period, source, target)
    ) WITHOUT ROWID;
    CREATE TABLE total (spans INTEGER NOT NULL, dropped INTEGER NOT NULL, oldest INTEGER);
    INSERT INTO total VALUES (0, 0, NULL);
";

/// Marks of this kind are on every trace whose root is there; they have no key.
pub(crate) const ROOT: i64 = 0;

pub(crate) fn kind_of(subject: &Subject) -> i64 {
    match subject {
        Subject::Order(_) => 1,
        Subject::Account(_) => 2,
        Subject::Product(_) => 3,
        Subject::Resource(_) => 4,
    }
}

pub(crate) fn key_of(subject: &Subject) -> &dyn ToSql {
    match subject {
        Subject::Order(id) | Subject::Account(id) => id,
        Subject::Product(name) | Subject::Resource(name) => name,
    }
}

fn number_of(what: What) -> i64 {
    match what {
        What::Requests => 0,
        What::Edge(Hop::Call) => 1,
        What::Edge(Hop::Query) => 2,
        What::Edge(Hop::Publish) => 3,
        What::Edge(Hop::Consume) => 4,
    }
}

fn what_of(number: i64) -> Option<What> {
    let all = [Hop::Call, Hop::Query, Hop::Publish, Hop::Consume].map(What::Edge);
    [What::Requests].into_iter().chain(all).find(|&what| number_of(what) == number)
}

/// SQLite has no numbers beyond i64; the year 2262 is.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// Whether a file is not what it was: torn, or no database at all.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// A segment that is written to.
pub(super) struct Segment {
    path: PathBuf,
    created: u64,
    connection: Connection,
    /// Their numbers in here.
    resources: HashMap<Arc<str>, i64>,
    packer: zstd::bulk::Compressor<'static>,
    empty: bool,
}

impl Segment {
    pub(super) fn create(path: &Path, limits: Limits) -> Result<Self, Error> {
        let sql = |source| Error::Sql { path: path.to_owned(), source };
        let mut connection = Connection::open(path).map_err(sql)?;
        settle(&connection, limits).map_err(sql)?;
        let build = |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            transaction.execute_batch(TABLES)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
            transaction.commit()
        };
        build(&mut connection).map_err(sql)?;
        Self::with(path, connection, true)
    }

    /// Opens one that is there, to go on with it.
    pub(super) fn open(path: &Path, limits: Limits) -> Result<Self, Error> {
        let sql = |source| Error::Sql { path: path.to_owned(), source };
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(sql)?;
        settle(&connection, limits).map_err(sql)?;
        let look = || {
            let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            let told: String = connection.pragma_query_value(None, "quick_check", |row| row.get(0))?;
            let spans: i64 = connection.query_row("SELECT spans FROM total", [], |row| row.get(0))?;
            Ok((version == VERSION && told == "ok", spans == 0))
        };
        match look().map_err(sql)? {
            (true, empty) => Self::with(path, connection, empty),
            (false, _) => Err(sql(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
                Some("it is damaged, or of another version".to_owned()),
            ))),
        }
    }

    fn with(path: &Path, connection: Connection, empty: bool) -> Result<Self, Error> {
        let packer = zstd::bulk::Compressor::new(1).map_err(|source| Error::Io { path: path.to_owned(), source })?;
        let created = folder::created(path).unwrap_or_default();
        Ok(Self { path: path.to_owned(), created, connection, resources: HashMap::new(), packer, empty })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Milliseconds since 1970.
    pub(super) fn created(&self) -> u64 {
        self.created
    }

    pub(super) fn is_empty(&self) -> bool {
        self.empty
    }

    /// All in one transaction. Nothing of it is there after an error.
    pub(super) fn write(
        &mut self,
        chunks: &[Chunk],
        tallies: &BTreeMap<Key, Cell>,
        dropped: u64,
    ) -> rusqlite::Result<()> {
        let Self { connection, resources, packer, .. } = self;
        let transaction = connection.transaction()?;
        let mut spans = 0;
        let mut known = std::mem::take(resources);
        {
            let mut chunk_in = transaction
                .prepare_cached("INSERT INTO chunk (trace, resource, size, data) VALUES (?1, ?2, ?3, ?4)")?;
            let mut mark_in = transaction.prepare_cached("INSERT OR IGNORE INTO mark VALUES (?1, ?2, ?3, ?4)")?;
            let mut packed = Vec::new();
            for chunk in chunks {
                let resource = match known.get(&chunk.resource) {
                    Some(&number) => number,
                    None => {
                        let number = transaction.query_row(
                            "INSERT INTO resource (name) VALUES (?1) ON CONFLICT DO UPDATE SET name = name RETURNING id",
                            [&*chunk.resource],
                            |row| row.get(0),
                        )?;
                        known.insert(Arc::clone(&chunk.resource), number);
                        number
                    }
                };
                packed.clear();
                packed.reserve(zstd::zstd_safe::compress_bound(chunk.data.len()));
                packer
                    .compress_to_buffer(&chunk.data, &mut packed)
                    .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
                let (trace, at) = (chunk.trace.0, signed(chunk.first));
                let size = signed(u64::try_from(chunk.data.len()).unwrap_or(u64::MAX));
                chunk_in.execute(params![&trace[..], resource, size, packed])?;
                if chunk.root {
                    mark_in.execute(params![ROOT, 0, at, &trace[..]])?;
                }
                for subject in &chunk.subjects {
                    mark_in.execute(params![kind_of(subject), key_of(subject), at, &trace[..]])?;
                }
                mark_in.execute(params![
                    kind_of(&Subject::Resource(String::new())),
                    &*chunk.resource,
                    at,
                    &trace[..]
                ])?;
                spans += i64::from(chunk.spans);
            }
            tally(&transaction, tallies)?;
            let oldest = chunks.iter().map(|chunk| signed(chunk.first)).min();
            transaction
                .prepare_cached(
                    "UPDATE total SET spans = spans + ?1, dropped = dropped + ?2,
                     oldest = min(ifnull(oldest, ?3), ifnull(?3, oldest))",
                )?
                .execute(params![spans, signed(dropped), oldest])?;
        }
        transaction.commit()?;
        *resources = known;
        self.empty &= chunks.is_empty();
        Ok(())
    }

    /// Makes it one plain file. A reader that is in it now keeps it from that, which does no harm.
    pub(super) fn seal(self) {
        let settled = self.connection.pragma_update(None, "journal_mode", "DELETE");
        if let Err(error) = settled {
            tracing::debug!(%error, "a reader keeps a segment from being one file");
        }
    }
}

/// Every setting that is not in the file.
fn settle(connection: &Connection, limits: Limits) -> rusqlite::Result<()> {
    // A reader never keeps the writer from writing, only from tidying up.
    connection.busy_timeout(Duration::from_millis(200))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Not one fsync: the disk is for the databases whose commits wait for it. A kill harms nothing; what a power cut tears
    // is removed.
    connection.pragma_update(None, "synchronous", "OFF")?;
    let pages = (limits.segment() / 8 / 4096).clamp(16, 1000);
    connection.pragma_update(None, "wal_autocheckpoint", signed(pages))?;
    connection.pragma_update(None, "journal_size_limit", 0)?;
    // KiB. Above it a transaction would be written twice.
    connection.pragma_update(None, "cache_size", -2048)?;
    connection.pragma_update(None, "cache_spill", false)
}

fn tally(connection: &Connection, tallies: &BTreeMap<Key, Cell>) -> rusqlite::Result<()> {
    let mut find = connection.prepare_cached(
        "SELECT count, errors, last, durations FROM tally
         WHERE what = ?1 AND period = ?2 AND source = ?3 AND target = ?4",
    )?;
    let mut put = connection.prepare_cached("INSERT OR REPLACE INTO tally VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
    for (key, cell) in tallies {
        let what = number_of(key.what);
        let there = find.query_row(params![what, signed(key.period), &*key.from, &*key.to], |row| cell_of(row, 0));
        let mut cell = cell.clone();
        if let Some(there) = there.optional()? {
            cell.merge(&there);
        }
        put.execute(params![
            what,
            signed(key.period),
            &*key.from,
            &*key.to,
            signed(cell.count),
            signed(cell.errors),
            signed(cell.last),
            cell.durations.to_bytes()
        ])?;
    }
    Ok(())
}

fn cell_of(row: &rusqlite::Row<'_>, first: usize) -> rusqlite::Result<Cell> {
    Ok(Cell {
        count: unsigned(row.get(first)?),
        errors: unsigned(row.get(first + 1)?),
        last: unsigned(row.get(first + 2)?),
        durations: Durations::from_bytes(&row.get::<_, Vec<u8>>(first + 3)?),
    })
}

/// A segment that is read.
pub(crate) struct View {
    connection: Connection,
}

/// Spans as they are stored.
pub(crate) struct Stored {
    pub(crate) resource: String,
    /// Packed.
    pub(crate) data: Vec<u8>,
    /// Bytes of it, unpacked.
    pub(crate) size: usize,
}

/// The totals of a segment.
pub(crate) struct Total {
    pub(crate) spans: u64,
    pub(crate) traces: u64,
    pub(crate) dropped: u64,
    pub(crate) oldest: Option<u64>,
}

impl View {
    /// `None` for one that is just being made, or of another version.
    pub(crate) fn open(path: &Path) -> rusqlite::Result<Option<Self>> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(2))?;
        let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok((version == VERSION).then_some(Self { connection }))
    }

    pub(crate) fn chunks(&self, trace: [u8; 16]) -> rusqlite::Result<Vec<Stored>> {
        let mut select = self.connection.prepare(
            "SELECT name, data, size FROM chunk JOIN resource ON resource.id = chunk.resource WHERE trace = ?1",
        )?;
        let stored = select.query_map([&trace[..]], |row| {
            let size = usize::try_from(row.get::<_, i64>(2)?).unwrap_or_default();
            Ok(Stored { resource: row.get(0)?, data: row.get(1)?, size })
        })?;
        stored.collect()
    }

    /// With when they began, the newest first; a trace may come more than once.
    pub(crate) fn traces_of(&self, subject: &Subject, most: usize) -> rusqlite::Result<Vec<(i64, [u8; 16])>> {
        let mut select = self
            .connection
            .prepare("SELECT at, trace FROM mark WHERE kind = ?1 AND key = ?2 ORDER BY at DESC LIMIT ?3")?;
        let most = signed(u64::try_from(most).unwrap_or(u64::MAX));
        let found =
            select.query_map(params![kind_of(subject), key_of(subject), most], |row| Ok((row.get(0)?, row.get(1)?)))?;
        found.collect()
    }

    /// The newest trace with a mark of this kind.
    pub(crate) fn last(&self, kind: i64) -> rusqlite::Result<Option<(i64, [u8; 16])>> {
        let select = "SELECT at, trace FROM mark WHERE kind = ?1 ORDER BY at DESC LIMIT 1";
        self.connection.query_row(select, [kind], |row| Ok((row.get(0)?, row.get(1)?))).optional()
    }

    /// What was counted, `requests` or edges, in periods that began at `since` (seconds since 1970) or later.
    pub(crate) fn tallies(&self, requests: bool, since: u64) -> rusqlite::Result<Vec<(Key, Cell)>> {
        let mut select = self.connection.prepare(
            "SELECT what, period, source, target, count, errors, last, durations FROM tally
             WHERE what BETWEEN ?1 AND ?2 AND period >= ?3",
        )?;
        let (first, last) = if requests { (0, 0) } else { (1, i64::MAX) };
        let found = select.query_map(params![first, last, signed(since)], |row| {
            let key = |what| -> rusqlite::Result<Key> {
                let text = |column| row.get::<_, String>(column).map(Arc::from);
                Ok(Key { period: unsigned(row.get(1)?), what, from: text(2)?, to: text(3)? })
            };
            what_of(row.get(0)?).map(|what| Ok((key(what)?, cell_of(row, 4)?))).transpose()
        })?;
        found.filter_map(Result::transpose).collect()
    }

    pub(crate) fn total(&self) -> rusqlite::Result<Total> {
        let select = "SELECT spans, dropped, oldest, (SELECT count(DISTINCT trace) FROM chunk) FROM total";
        self.connection.query_row(select, [], |row| {
            Ok(Total {
                spans: unsigned(row.get(0)?),
                dropped: unsigned(row.get(1)?),
                oldest: row.get::<_, Option<i64>>(2)?.map(unsigned),
                traces: unsigned(row.get(3)?),
            })
        })
    }
}
