//! One transaction over the catalog's tables: every change writes the product and the event that tells of it.

use redb::{ReadableTable, Table, WriteTransaction};

use super::Error;
use super::document::Document;
use super::file::{CHANGES, DOCUMENTS, LISTING, NUMBERS, OUTBOX};
use crate::domain::{Actor, Details, Draft, Product, new_id};
use crate::events::{Change, event};
use crate::store::record::Record;

const LAST_SEQUENCE: &str = "last_sequence";
const LAST_CHANGE: &str = "last_change";
const LAST_EVENT: &str = "last_event";

/// Why a change was refused; nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    NotFound,
    NotOwner,
}

pub(super) struct Transaction<'t> {
    documents: Table<'t, &'static str, &'static [u8]>,
    listing: Table<'t, u64, &'static str>,
    changes: Table<'t, u64, &'static str>,
    outbox: Table<'t, u64, &'static [u8]>,
    numbers: Table<'t, &'static str, u64>,
    last_sequence: u64,
    last_change: u64,
    last_event: u64,
}

impl<'t> Transaction<'t> {
    pub(super) fn begin(transaction: &'t WriteTransaction) -> Result<Self, Error> {
        let numbers = transaction.open_table(NUMBERS)?;
        let last = |name| Ok::<_, Error>(numbers.get(name)?.map_or(0, |last| last.value()));
        let (last_sequence, last_change, last_event) = (last(LAST_SEQUENCE)?, last(LAST_CHANGE)?, last(LAST_EVENT)?);
        Ok(Self {
            documents: transaction.open_table(DOCUMENTS)?,
            listing: transaction.open_table(LISTING)?,
            changes: transaction.open_table(CHANGES)?,
            outbox: transaction.open_table(OUTBOX)?,
            numbers,
            last_sequence,
            last_change,
            last_event,
        })
    }

    pub(super) fn create(&mut self, draft: Draft) -> Result<Product, Error> {
        let mut id = new_id();
        while self.documents.get(id.as_str())?.is_some() {
            id = new_id();
        }
        self.last_sequence += 1;
        let Draft { account_id, details } = draft;
        let document = Document {
            sequence: self.last_sequence,
            account_id,
            version: 1,
            change: 0,
            details: Some(details.clone()),
        };
        self.listing.insert(document.sequence, id.as_str())?;
        let product = Product { id, account_id, version: 1, details };
        self.store(Change::Created, document, &product)?;
        Ok(product)
    }

    pub(super) fn update(
        &mut self,
        id: &str,
        actor: Actor,
        details: Details,
    ) -> Result<Result<Product, Refusal>, Error> {
        let (mut document, mut product) = match self.changeable(id, actor)? {
            Ok(found) => found,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if product.details == details {
            return Ok(Ok(product));
        }
        document.version += 1;
        document.details = Some(details.clone());
        product.version = document.version;
        product.details = details;
        self.store(Change::Updated, document, &product)?;
        Ok(Ok(product))
    }

    pub(super) fn delete(&mut self, id: &str, actor: Actor) -> Result<Result<(), Refusal>, Error> {
        let (mut document, mut product) = match self.changeable(id, actor)? {
            Ok(found) => found,
            Err(refusal) => return Ok(Err(refusal)),
        };
        document.version += 1;
        document.details = None;
        product.version = document.version;
        self.listing.remove(document.sequence)?;
        self.store(Change::Deleted, document, &product)?;
        Ok(Ok(()))
    }

    /// Forgets events that the broker has.
    pub(super) fn published(&mut self, marks: &[u64]) -> Result<(), Error> {
        for mark in marks {
            self.outbox.remove(*mark)?;
        }
        Ok(())
    }

    /// To be called once, before the commit.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        self.numbers.insert(LAST_SEQUENCE, self.last_sequence)?;
        self.numbers.insert(LAST_CHANGE, self.last_change)?;
        self.numbers.insert(LAST_EVENT, self.last_event)?;
        Ok(())
    }

    fn changeable(&self, id: &str, actor: Actor) -> Result<Result<(Document, Product), Refusal>, Error> {
        let Some(document) = Document::find(&self.documents, id)? else { return Ok(Err(Refusal::NotFound)) };
        let Some(product) = document.clone().product(id) else { return Ok(Err(Refusal::NotFound)) };
        if !actor.may_change(product.account_id) {
            return Ok(Err(Refusal::NotOwner));
        }
        Ok(Ok((document, product)))
    }

    fn store(&mut self, change: Change, mut document: Document, product: &Product) -> Result<(), Error> {
        let id = product.id.as_str();
        if document.change != 0 {
            self.changes.remove(document.change)?;
        }
        self.last_change += 1;
        document.change = self.last_change;
        self.changes.insert(document.change, id)?;
        self.documents.insert(id, document.encode(id)?.as_slice())?;
        self.last_event += 1;
        let record = event(change, product).and_then(|event| Record::encode(&event));
        let record = record.map_err(|reason| Error::Document { id: id.to_owned(), reason })?;
        self.outbox.insert(self.last_event, record.as_bytes())?;
        Ok(())
    }
}
