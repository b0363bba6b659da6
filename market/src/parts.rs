//! The state in parts, for snapshots.
//!
//! One after the other their bytes are the bytes of the whole state. Yet each part can be read, and its hash checked, without
//! the others, on any thread and in any order: a part holds whole entries of one field, and the state's root is the hash of
//! its parts' hashes.

use crate::genesis::Genesis;
use crate::reviews::{Known, Reviews};
use crate::shared::Shared;
use crate::state::Market;
use contracts::ledger::Totals;
use contracts::{Account, Ledger};
use imbl::{OrdMap, OrdSet};
use reputation::{Record, ReputationPolicy};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use types::{Did, Hash};

/// What is said of a genesis that ends too early.
const CUT: postcard::Error = postcard::Error::DeserializeUnexpectedEnd;
/// A part ends with the entry that makes it this long, in bytes.
const PART_BYTES: usize = 1 << 20;

/// What the fields of a state are, and how they are cut. It changes with them, so that a snapshot of another program's
/// state is not taken for one of ours.
pub const FORMAT: u64 = 3;

/// A part of a state's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Of which field.
    pub field: u8,
    /// Whether it is that field's first.
    pub first: bool,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Part {
    /// Its hash, under its field.
    pub fn hash(&self) -> Hash {
        Hash::derive("bondstore 2026 part of a state", &[&[self.field], &self.bytes])
    }
}

/// The root of a state whose parts have these hashes, in order.
pub fn root(hashes: &[Hash]) -> Hash {
    let hashes: Vec<&[u8]> = hashes.iter().map(|hash| &hash.0[..]).collect();
    Hash::derive("bondstore 2026 state", &hashes)
}

/// Why parts give no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartError {
    /// A part of a field that there is not.
    #[error("a part is of field {0}, of which there is none")]
    UnknownField(u8),
    /// A part that does not hold what its field does.
    #[error("a part of field {0} cannot be read: {1}")]
    Unreadable(u8, postcard::Error),
    /// The state is of a market that was founded otherwise than the one that it is read into.
    #[error("the state is another market's: what that was founded with is not what this one was")]
    Foreign,
    /// Parts are missing, or there are too many.
    #[error("the parts of field {0} are not all there")]
    Incomplete(u8),
}

impl Market {
    /// Gives every part of the state to `take`, in order, until that fails.
    pub fn write_parts<E>(&self, take: impl FnMut(Part) -> Result<(), E>) -> Result<(), E> {
        let mut cut = Cutter { field: 0, take };
        cut.whole(&self.genesis)?;
        cut.whole(&self.epoch)?;
        cut.whole(&self.course.value)?;
        cut.entries(self.ledger.accounts())?;
        cut.entries(self.offers.iter())?;
        cut.entries(self.committed.iter())?;
        cut.entries(self.records.iter())?;
        cut.entries(self.contracts.iter())?;
        cut.entries(self.open.iter())?;
        cut.entries(self.reminders.by_time.iter())?;
        cut.entries(self.reminders.by_epoch.iter())?;
        cut.entries(self.holdings.iter())?;
        cut.entries(self.by_client.iter())?;
        cut.entries(self.by_quote.iter())?;
        cut.whole(&self.roster)?;
        cut.entries(self.references.iter())?;
        cut.entries(self.withdrawals.iter())?;
        cut.entries(self.delayed.iter())?;
        cut.entries(self.former.iter())?;
        cut.entries(self.pooled.iter())?;
        cut.whole(&self.sharing)?;
        cut.whole(&self.docket)?;
        cut.entries(self.escrows.all.iter())?;
        // The last field: a market without a chain has none, and its root is what it was before there were any.
        self.course.chained.as_ref().map_or(Ok(()), |chained| cut.whole(chained))
    }

    /// The BLAKE3 hash of the parts' hashes: equal states and only they have equal roots.
    pub fn root(&self) -> Hash {
        let mut hashes = Vec::new();
        let hash = |part: Part| {
            hashes.push(part.hash());
            Ok::<(), std::convert::Infallible>(())
        };
        let Ok(()) = self.write_parts(hash);
        root(&hashes)
    }
}

/// Cuts fields into parts.
struct Cutter<F> {
    field: u8,
    take: F,
}

impl<E, F: FnMut(Part) -> Result<(), E>> Cutter<F> {
    fn whole(&mut self, value: &impl Serialize) -> Result<(), E> {
        let bytes = extended(Vec::new(), value);
        self.cut(true, bytes)?;
        self.field += 1;
        Ok(())
    }

    fn entries<T: Serialize>(
        &mut self,
        entries: impl ExactSizeIterator<Item = T>,
    ) -> Result<(), E> {
        let mut first = true;
        let mut bytes = extended(Vec::new(), &entries.len());
        for entry in entries {
            bytes = extended(bytes, &entry);
            if bytes.len() >= PART_BYTES {
                let next = Vec::with_capacity(PART_BYTES + bytes.len() / 4);
                self.cut(first, std::mem::replace(&mut bytes, next))?;
                first = false;
            }
        }
        if first || !bytes.is_empty() {
            self.cut(first, bytes)?;
        }
        self.field += 1;
        Ok(())
    }

    fn cut(&mut self, first: bool, bytes: Vec<u8>) -> Result<(), E> {
        (self.take)(Part { field: self.field, first, bytes })
    }
}

fn extended(bytes: Vec<u8>, value: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(value, bytes).expect("the state holds only what postcard can write")
}

/// A state that is put together from its parts, by as many threads as there are.
pub struct Restoration<'a> {
    fields: Vec<Box<dyn Field + 'a>>,
}

impl<'a> Restoration<'a> {
    /// Fills `market`, which has just been founded with what the state's market was founded with.
    pub fn of(market: &'a mut Market) -> Self {
        let records = Records {
            all: &mut market.records,
            reviews: &mut market.reviews,
            policy: &market.genesis.reputation,
        };
        let mut fields: Vec<Box<dyn Field + 'a>> = vec![
            Box::new(Founded(&market.genesis, AtomicBool::new(false))),
            Whole::field(&mut market.epoch),
            Whole::field(&mut market.course.value),
            Entries::field(&mut market.ledger),
            Entries::field(&mut market.offers),
            Entries::field(&mut market.committed),
            Entries::field(records),
            Entries::field(&mut market.contracts),
            Entries::field(&mut market.open),
            Entries::field(&mut market.reminders.by_time),
            Entries::field(&mut market.reminders.by_epoch),
            Entries::field(Sets(&mut market.holdings)),
            Entries::field(Sets(&mut market.by_client)),
            Entries::field(&mut market.by_quote),
            Whole::field(&mut market.roster),
            Entries::field(&mut market.references),
            Entries::field(&mut market.withdrawals),
            Entries::field(&mut market.delayed),
            Entries::field(&mut market.former),
            Entries::field(&mut market.pooled),
            Whole::field(&mut market.sharing),
            Whole::field(&mut market.docket),
            Entries::field(&mut market.escrows.all),
        ];
        if let Some(chained) = &mut market.course.chained {
            fields.push(Whole::field(chained));
        }
        Self { fields }
    }

    /// Takes one part.
    ///
    /// # Errors
    /// [`PartError`] where it is none of a state.
    pub fn take(&self, part: &Part) -> Result<(), PartError> {
        let field = self.fields.get(usize::from(part.field));
        let field = field.ok_or(PartError::UnknownField(part.field))?;
        field.read(part.first, &part.bytes).map_err(|why| match why {
            Misread::Bytes(why) => PartError::Unreadable(part.field, why),
            Misread::Foreign => PartError::Foreign,
        })
    }

    /// Whether every part was there.
    ///
    /// # Errors
    /// [`PartError::Incomplete`] names the first field that is not whole.
    pub fn finish(self) -> Result<(), PartError> {
        let broken = (0u8..).zip(&self.fields).find(|(_, field)| !field.is_whole());
        broken.map_or(Ok(()), |(field, _)| Err(PartError::Incomplete(field)))
    }
}

/// Why a field does not take a part.
#[derive(Debug, thiserror::Error)]
enum Misread {
    #[error(transparent)]
    Bytes(#[from] postcard::Error),
    #[error("it is another market's")]
    Foreign,
}

/// A field that takes its parts.
trait Field: Send + Sync {
    fn read(&self, first: bool, bytes: &[u8]) -> Result<(), Misread>;
    fn is_whole(&self) -> bool;
}

/// What the market was founded with, which must be what it was founded with here; and whether that was read.
struct Founded<'a>(&'a Genesis, AtomicBool);

impl Field for Founded<'_> {
    fn read(&self, _first: bool, bytes: &[u8]) -> Result<(), Misread> {
        // As it is written, so that one without a chain is what it was before there were any.
        let own = extended(Vec::new(), self.0);
        if own != bytes {
            let is_cut = own.starts_with(bytes);
            return Err(if is_cut { Misread::Bytes(CUT) } else { Misread::Foreign });
        }
        self.1.store(true, Ordering::Release);
        Ok(())
    }

    fn is_whole(&self) -> bool {
        self.1.load(Ordering::Acquire)
    }
}

/// A field in one part.
struct Whole<'a, T>(Mutex<(bool, &'a mut T)>);

impl<'a, T: DeserializeOwned + Send + 'a> Whole<'a, T> {
    fn field(value: &'a mut T) -> Box<dyn Field + 'a> {
        Box::new(Self(Mutex::new((false, value))))
    }
}

impl<T: DeserializeOwned + Send> Field for Whole<'_, T> {
    fn read(&self, _first: bool, bytes: &[u8]) -> Result<(), Misread> {
        let value = postcard::from_bytes(bytes)?;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *kept.1 = value;
        kept.0 = true;
        Ok(())
    }

    fn is_whole(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }
}

/// What takes entries.
trait Collection: Send {
    type Entry: DeserializeOwned;
    /// Adds entries that come in order.
    fn put(&mut self, entries: Vec<Self::Entry>);
}

impl<K, V> Collection for &mut OrdMap<K, V>
where
    K: Ord + Clone + DeserializeOwned + Send + Sync,
    V: Clone + DeserializeOwned + Send + Sync,
{
    type Entry = (K, V);

    fn put(&mut self, entries: Vec<(K, V)>) {
        self.extend(filling(entries));
    }
}

impl<K: Ord + Clone + DeserializeOwned + Send + Sync> Collection for &mut OrdSet<K> {
    type Entry = K;

    fn put(&mut self, entries: Vec<K>) {
        self.extend(filling(entries));
    }
}

impl Collection for &mut Ledger {
    type Entry = (Account, Totals);

    fn put(&mut self, entries: Vec<(Account, Totals)>) {
        self.extend(filling(entries));
    }
}

/// What is known of providers, and whom of them the opening of an epoch looks at.
struct Records<'a> {
    all: &'a mut OrdMap<Did, Shared<Record>>,
    reviews: &'a mut Reviews,
    policy: &'a ReputationPolicy,
}

impl Collection for Records<'_> {
    type Entry = (Did, Shared<Record>);

    fn put(&mut self, entries: Vec<Self::Entry>) {
        for (provider, record) in &entries {
            self.reviews.add(*provider, Known::of(record, self.policy));
        }
        self.all.extend(filling(entries));
    }
}

/// Many sets.
struct Sets<'a, K, E>(&'a mut OrdMap<K, OrdSet<E>>);

impl<K, E> Collection for Sets<'_, K, E>
where
    K: Ord + Clone + DeserializeOwned + Send + Sync,
    E: Ord + Clone + DeserializeOwned + Send + Sync,
{
    type Entry = (K, Vec<E>);

    fn put(&mut self, entries: Vec<(K, Vec<E>)>) {
        let set = |(key, of): (K, Vec<E>)| (key, filling(of).collect::<OrdSet<E>>());
        self.0.extend(filling(entries).map(set));
    }
}

/// Every other entry, and then those in between. A full node of a B-tree is split in its middle, so that entries which come
/// in order leave each node half empty; those in between fill it.
fn filling<T>(entries: Vec<T>) -> impl Iterator<Item = T> {
    let numbered = entries.into_iter().enumerate();
    let (first, between): (Vec<_>, Vec<_>) = numbered.partition(|(place, _)| place % 2 == 0);
    first.into_iter().chain(between).map(|(_, entry)| entry)
}

/// A field of many entries: how many there must be, how many there are, and they.
struct Entries<T>(Mutex<(Option<u64>, u64, T)>);

impl<'a, T: Collection + 'a> Entries<T> {
    fn field(collection: T) -> Box<dyn Field + 'a> {
        Box::new(Self(Mutex::new((None, 0, collection))))
    }
}

impl<T: Collection> Field for Entries<T> {
    fn read(&self, first: bool, bytes: &[u8]) -> Result<(), Misread> {
        let (count, mut rest) = if first {
            let (count, rest) = postcard::take_from_bytes(bytes)?;
            (Some(count), rest)
        } else {
            (None, bytes)
        };
        let mut entries = Vec::new();
        while !rest.is_empty() {
            let (next, behind) = postcard::take_from_bytes(rest)?;
            entries.push(next);
            rest = behind;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.0 = kept.0.or(count);
        kept.1 += entries.len() as u64;
        kept.2.put(entries);
        Ok(())
    }

    fn is_whole(&self) -> bool {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.0 == Some(kept.1)
    }
}
