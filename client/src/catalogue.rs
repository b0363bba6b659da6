//! What a client knows of its objects and contracts, as pure data: how it is written, and how two copies of it
//! become one.
//!
//! Every change has a generation, one above the change before. Of two copies of an entry the one with the
//! higher generation counts; what was removed leaves a mark, so that an older copy does not bring it back.

mod merge;
mod record;

pub use record::{ContractRecord, Holder, ObjectRecord};

use crate::name::ObjectName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use types::ContractId;

/// What every written catalogue begins with.
const MAGIC: &[u8; 7] = b"bondcat";
/// The version written now.
const VERSION: u8 = 1;

/// Why bytes are not a catalogue, or a catalogue contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// The bytes begin with something else.
    #[error("these bytes are not a catalogue of Bondstore's")]
    NotACatalogue,
    /// Written by a newer program.
    #[error("the catalogue has version {0}; this program reads version {VERSION}: use a newer one")]
    Version(u8),
    /// Cut off or altered.
    #[error("the catalogue is damaged and cannot be read: {0}")]
    Damaged(String),
}

/// An entry with the generation in which it last changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry<T> {
    /// The generation.
    pub changed: u64,
    /// What it is now.
    pub value: T,
}

/// All objects and contracts of one client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalogue {
    /// Rises with every change.
    pub generation: u64,
    /// Objects by name; nothing where one was removed.
    pub objects: BTreeMap<ObjectName, Entry<Option<ObjectRecord>>>,
    /// Contracts by id.
    pub contracts: BTreeMap<ContractId, Entry<ContractRecord>>,
}

impl Catalogue {
    /// The objects that exist, by name.
    pub fn live(&self) -> impl Iterator<Item = &ObjectRecord> {
        self.objects.values().filter_map(|entry| entry.value.as_ref())
    }

    /// The object of this name.
    pub fn object(&self, name: &ObjectName) -> Option<&ObjectRecord> {
        self.objects.get(name)?.value.as_ref()
    }

    /// Notes an object, new or changed.
    pub fn put_object(&mut self, record: ObjectRecord) {
        let changed = self.next_generation();
        self.objects.insert(record.name.clone(), Entry { changed, value: Some(record) });
    }

    /// Notes that an object is no more.
    pub fn remove_object(&mut self, name: &ObjectName) {
        let changed = self.next_generation();
        self.objects.insert(name.clone(), Entry { changed, value: None });
    }

    /// Notes a contract, new or changed. What was paid before stays paid, what was seen stays seen.
    pub fn put_contract(&mut self, mut record: ContractRecord) {
        if let Some(before) = self.contracts.get(&record.id) {
            record.raise(&before.value);
        }
        let changed = self.next_generation();
        self.contracts.insert(record.id, Entry { changed, value: record });
    }

    /// The catalogue as bytes, with its version in front.
    ///
    /// # Panics
    /// Never: everything in a catalogue can be written.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(VERSION);
        postcard::to_extend(self, bytes).expect("a catalogue in memory can be written")
    }

    /// The catalogue that these bytes are.
    ///
    /// # Errors
    /// [`CatalogueError`] tells a newer version from damage.
    pub fn decode(bytes: &[u8]) -> Result<Self, CatalogueError> {
        let body = bytes.strip_prefix(MAGIC).ok_or(CatalogueError::NotACatalogue)?;
        let (version, body) = body.split_first().ok_or(CatalogueError::NotACatalogue)?;
        if *version != VERSION {
            return Err(CatalogueError::Version(*version));
        }
        let damaged = |reason: &str| CatalogueError::Damaged(reason.to_owned());
        match postcard::take_from_bytes(body) {
            Ok((catalogue, [])) => Ok(catalogue),
            Ok((_, rest)) => Err(damaged(&format!("{} bytes too many", rest.len()))),
            Err(error) => Err(damaged(&error.to_string())),
        }
    }

    fn next_generation(&mut self) -> u64 {
        self.generation = self.generation.saturating_add(1);
        self.generation
    }
}

#[cfg(test)]
mod tests;
