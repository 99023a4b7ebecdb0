//! The search index: a copy of the documents that can be thrown away and made again at any time.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tantivy::directory::MmapDirectory;
use tantivy::indexer::IndexWriterOptions;
use tantivy::schema::{FAST, Field, INDEXED, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{AsciiFoldingFilter, LowerCaser, RawTokenizer, TextAnalyzer};
use tantivy::{IndexReader, IndexWriter, ReloadPolicy, TantivyDocument, Term};

use super::document::Document;
use crate::store::text;

/// Raised whenever the same documents would be indexed otherwise.
const FORMAT: u32 = 1;
const WORDS: &str = "words";
const WHOLE: &str = "whole";
/// tantivy's minimum; a commit flushes long before it is full.
const WRITER_BYTES: usize = 15_000_000;

pub(super) const SEQUENCE: &str = "sequence";
pub(super) const NAME: &str = "name";
pub(super) const PRICE: &str = "price";

/// What a commit says about itself.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    format: u32,
    /// Of the file that was indexed.
    identity: u64,
    /// The last change that is in the index.
    change: u64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Fields {
    pub(super) sequence: Field,
    pub(super) name: Field,
    pub(super) description: Field,
    pub(super) sku: Field,
    pub(super) price: Field,
}

/// An index that can be searched.
pub(super) struct Index {
    pub(super) fields: Fields,
    pub(super) reader: IndexReader,
}

/// The only writer of an index.
pub(super) struct Indexed {
    writer: IndexWriter,
    fields: Fields,
    identity: u64,
    /// The last change that is in the index.
    pub(super) change: u64,
}

/// Why an index that is there can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error(transparent)]
    Damaged(#[from] tantivy::TantivyError),
    #[error("{0} fails its checksum")]
    Checksum(PathBuf),
    #[error("it was made by another version")]
    Version,
    #[error("it belongs to another file, or to a later state of this one")]
    Foreign,
}

impl Index {
    /// Opens what is there, if it is whole and belongs to the file `identity`, whose last change is `last_change`.
    pub(super) fn open(directory: &Path, identity: u64, last_change: u64) -> Result<(Self, Indexed), Unusable> {
        let index = tantivy::Index::open_in_dir(directory)?;
        let (schema, _) = schema();
        if index.schema() != schema {
            return Err(Unusable::Version);
        }
        let stamp = index.load_metas()?.payload.and_then(|stamp| serde_json::from_str::<Stamp>(&stamp).ok());
        let stamp = stamp.filter(|stamp| stamp.format == FORMAT).ok_or(Unusable::Version)?;
        if stamp.identity != identity || stamp.change > last_change {
            return Err(Unusable::Foreign);
        }
        if let Some(damaged) = index.validate_checksum()?.into_iter().next() {
            return Err(Unusable::Checksum(damaged));
        }
        Ok(Self::ready(index, identity, stamp.change)?)
    }

    /// Makes an empty one in place of whatever is there.
    pub(super) fn create(directory: &Path, identity: u64) -> Result<(Self, Indexed), tantivy::TantivyError> {
        let removed = if directory.is_file() { fs::remove_file(directory) } else { fs::remove_dir_all(directory) };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            Ok(()) | Err(_) => fs::create_dir_all(directory)?,
        }
        let index = tantivy::Index::create(MmapDirectory::open(directory)?, schema().0, Default::default())?;
        Self::ready(index, identity, 0)
    }

    fn ready(mut index: tantivy::Index, identity: u64, change: u64) -> Result<(Self, Indexed), tantivy::TantivyError> {
        let fields = schema().1;
        let whole =
            TextAnalyzer::builder(RawTokenizer::default()).filter(LowerCaser).filter(AsciiFoldingFilter).build();
        index.tokenizers().register(WORDS, text::analyzer());
        let fast = index.fast_field_tokenizer().clone();
        fast.register(WHOLE, whole);
        index.set_fast_field_tokenizers(fast);
        let options = IndexWriterOptions::builder()
            .num_worker_threads(1)
            .num_merge_threads(1)
            .memory_budget_per_thread(WRITER_BYTES)
            .build();
        let writer = index.writer_with_options(options)?;
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok((Self { fields, reader }, Indexed { writer, fields, identity, change }))
    }
}

impl Indexed {
    /// Takes over a document's newest state. Not to be seen before [`Indexed::commit`].
    pub(super) fn put(&self, document: &Document) -> Result<(), tantivy::TantivyError> {
        let Fields { sequence, name, description, sku, price } = self.fields;
        self.writer.delete_term(Term::from_field_u64(sequence, document.sequence));
        let Some(details) = &document.details else { return Ok(()) };
        let mut indexed = TantivyDocument::default();
        indexed.add_u64(sequence, document.sequence);
        indexed.add_text(name, &details.name);
        indexed.add_text(description, &details.description);
        if let Some(number) = &details.sku {
            indexed.add_text(sku, number);
        }
        indexed.add_u64(price, details.price.get().unsigned_abs());
        self.writer.add_document(indexed)?;
        Ok(())
    }

    /// Makes all that was put durable, as the state after `change`.
    pub(super) fn commit(&mut self, change: u64) -> Result<(), tantivy::TantivyError> {
        let stamp = Stamp { format: FORMAT, identity: self.identity, change };
        let stamp =
            serde_json::to_string(&stamp).map_err(|error| tantivy::TantivyError::InternalError(error.to_string()))?;
        let mut commit = self.writer.prepare_commit()?;
        commit.set_payload(&stamp);
        commit.commit()?;
        self.change = change;
        Ok(())
    }
}

fn schema() -> (Schema, Fields) {
    let text = || {
        let words = TextFieldIndexing::default().set_tokenizer(WORDS).set_index_option(IndexRecordOption::WithFreqs);
        TextOptions::default().set_indexing_options(words)
    };
    let mut schema = Schema::builder();
    let fields = Fields {
        sequence: schema.add_u64_field(SEQUENCE, INDEXED | FAST),
        name: schema.add_text_field(NAME, text().set_fast(WHOLE)),
        description: schema.add_text_field("description", text()),
        sku: schema.add_text_field("sku", text()),
        price: schema.add_u64_field(PRICE, FAST),
    };
    (schema.build(), fields)
}
