//! Under which contract an object is kept: one with room, one that grows, or a new one.

use crate::wish::{shape, stored_bytes_max};
use types::{Bytes, ContractId, Span, Terms};

/// Where a client wants an object to go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Housing {
    /// Into a contract with room that is as wished; else under a new one.
    #[default]
    Shared,
    /// As [`Housing::Shared`], but a contract without room grows, where one is otherwise as wished.
    Growing,
    /// Under a contract of its own.
    Own,
    /// Into this contract.
    In(ContractId),
}

/// A contract as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub struct Room<'a> {
    /// Which.
    pub id: ContractId,
    /// What it promises now.
    pub terms: &'a Terms,
    /// What its fullest slot holds.
    pub kept: Bytes,
    /// How long it still runs.
    pub left: Span,
    /// Whether it is active and every slot is well, so that it can be revised.
    pub is_well: bool,
}

impl Room<'_> {
    /// How many bytes every slot can still take.
    pub fn free(&self) -> u64 {
        self.terms.slot_capacity().0.saturating_sub(self.kept.0)
    }

    /// What an object of `plain` bytes takes on each slot at most; nothing where the terms are impossible.
    pub fn need(&self, plain: u64) -> Option<u64> {
        let shape = shape(self.terms).ok()?;
        let all = shape.bytes_on_slots(stored_bytes_max(plain));
        Some(all.div_ceil(shape.shards().into()))
    }

    /// Whether its promise is the wished one but for size and time, and lasts for nine tenths of the wished time.
    fn suits(&self, wanted: &Terms) -> bool {
        let Terms { capacity, duration, egress, shard_bytes, .. } = *self.terms;
        let alike = Terms { capacity, duration, egress, shard_bytes, ..wanted.clone() };
        let lasts = u128::from(self.left.0) * 10 >= u128::from(wanted.duration.0) * 9;
        self.is_well && alike == *self.terms && lasts
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Housed {
    /// Put it into this contract.
    Join(ContractId),
    /// Let this contract come to have room for so many bytes in all, and put it there.
    Grow {
        /// Which contract.
        contract: ContractId,
        /// Its new capacity.
        capacity: Bytes,
    },
    /// Make a new contract.
    New,
}

/// Where an object of `plain` bytes goes for which `wanted` was wished: into the contract that it fills best; else,
/// where `may_grow`, into the one that grows least; else into a new one. The order of `rooms` does not matter.
pub fn house(plain: u64, wanted: &Terms, rooms: &[Room<'_>], may_grow: bool) -> Housed {
    let suited = || rooms.iter().filter(|room| room.suits(wanted));
    let fitting =
        suited().filter_map(|room| Some((room.free().checked_sub(room.need(plain)?)?, room.id)));
    if let Some((_, id)) = fitting.min() {
        return Housed::Join(id);
    }
    let grown = |room: &Room<'_>| {
        let slot = room.kept.0.checked_add(room.need(plain)?)?;
        let capacity = slot.checked_mul(room.terms.redundancy.data.into())?;
        Some((capacity.checked_sub(room.terms.capacity.0)?, room.id, capacity))
    };
    match suited().filter_map(grown).min().filter(|_| may_grow) {
        Some((_, contract, capacity)) => Housed::Grow { contract, capacity: Bytes(capacity) },
        None => Housed::New,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StorageWish;
    use types::Hash;

    const MB: u64 = 1_000_000;

    fn terms(capacity: u64) -> Terms {
        StorageWish::new(Bytes(capacity), Span(30 * Span::DAY.0)).terms().unwrap()
    }

    fn id(number: u8) -> ContractId {
        Hash([number; 32])
    }

    fn room(number: u8, terms: &Terms, kept: u64, days: u64) -> Room<'_> {
        let left = Span(days * Span::DAY.0);
        Room { id: id(number), terms, kept: Bytes(kept), left, is_well: true }
    }

    #[test]
    fn an_object_goes_where_it_fits_best() {
        let (large, small, wanted) = (terms(400 * MB), terms(100 * MB), terms(10 * MB));
        let rooms = [room(1, &large, 0, 30), room(2, &small, 0, 30), room(3, &small, 24 * MB, 30)];
        assert_eq!(house(10 * MB, &wanted, &rooms, false), Housed::Join(id(2)));
        assert_eq!(house(200 * MB, &wanted, &rooms, false), Housed::Join(id(1)));
        assert_eq!(house(500 * MB, &wanted, &rooms, false), Housed::New);
        let turned: Vec<Room<'_>> = rooms.into_iter().rev().collect();
        assert_eq!(house(10 * MB, &wanted, &turned, false), Housed::Join(id(2)));
    }

    #[test]
    fn only_what_is_promised_alike_is_shared() {
        let (wanted, open) = (terms(MB), terms(100 * MB));
        let joins = |room: Room<'_>| house(MB, &wanted, &[room], true) == Housed::Join(id(1));
        assert!(joins(room(1, &open, 0, 30)));
        assert!(joins(room(1, &open, 0, 27)), "nine tenths of the time are enough");
        assert!(!joins(room(1, &open, 0, 26)));
        assert!(!joins(Room { is_well: false, ..room(1, &open, 0, 30) }));
        let other = Terms { availability_permille: 900, ..open.clone() };
        assert!(!joins(room(1, &other, 0, 30)));
        let other = Terms { tier: types::Tier::Cold, ..open };
        assert!(!joins(room(1, &other, 0, 30)));
    }

    #[test]
    fn growth_is_by_what_is_needed_and_only_where_it_is_wanted() {
        let (wanted, open) = (terms(50 * MB), terms(10 * MB));
        let kept = open.slot_capacity();
        let rooms = [room(1, &open, kept.0, 30)];
        assert_eq!(house(50 * MB, &wanted, &rooms, false), Housed::New);
        let Housed::Grow { contract, capacity } = house(50 * MB, &wanted, &rooms, true) else {
            panic!("it may grow")
        };
        assert_eq!(contract, id(1));
        let grown = Terms { capacity, ..open };
        let room = room(1, &grown, kept.0, 30);
        assert!(room.free() >= room.need(50 * MB).unwrap(), "what grew is enough");
    }
}
