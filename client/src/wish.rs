//! What a person wants stored, turned into the terms of a contract.

use crate::plan::Housing;
use contracts::terms::{TermsError, validate};
use shards::{Shape, seal};
use types::documents::Quote;
use types::terms::{
    BITCOIN_TAG, Detection, PayoutCurve, PenaltySchedule, Placement, RailKind, Renewal,
};
use types::{Bytes, GbPrice, Price, Redundancy, Span, Terms, Tier};

/// Shard sizes that are tried where none is wished for, largest first.
const SHARD_BYTES: [u32; 3] = [1 << 20, 512 << 10, 256 << 10];
/// A slot must hold so many shards before a larger size is taken, so that rounding wastes a sixteenth at most.
const SHARDS_PER_SLOT_MIN: u64 = 16;
/// The largest object that can be wished for: an eighth of what 63 bits hold.
pub const SIZE_MAX: u64 = 1 << 60;

/// What should be stored, how long and how well. What is not said is as in [`Terms::standard`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageWish {
    /// How many bytes, before they are compressed, sealed and coded.
    pub size: Bytes,
    /// How long.
    pub duration: Span,
    /// k and m.
    pub redundancy: Redundancy,
    /// How often and fast it will be read.
    pub tier: Tier,
    /// Share of challenges that must be answered, in permille.
    pub availability_permille: u16,
    /// Time within which an answer must begin to arrive; nothing lets it follow from the tier.
    pub first_byte: Option<Span>,
    /// Bytes per second that a read must at least deliver; zero promises none.
    pub throughput: u64,
    /// Who may hold slots together.
    pub placement: Placement,
    /// What compliance earns.
    pub payout: PayoutCurve,
    /// What loss costs.
    pub penalties: PenaltySchedule,
    /// The bond as a multiple of the slot's price, in permille.
    pub bond_ratio_permille: u32,
    /// What happens at the end.
    pub renewal: Renewal,
    /// What leaving early costs, in permille.
    pub early_exit_permille: u16,
    /// How much announced maintenance costs nothing, per 30 days.
    pub maintenance: Span,
    /// Where the money sits. On Bitcoin only providers that settle there are asked.
    pub rail: RailKind,
    /// Sealed bytes that a new contract has room for; nothing lets them follow from size and room.
    pub capacity: Option<Bytes>,
    /// The size of a full shard; nothing lets it follow from the size.
    pub shard_bytes: Option<u32>,
    /// How small a loss must be found, how surely and how soon.
    pub detection: Option<Detection>,
    /// How long a slot may stay unreachable before it is replaced.
    pub repair_time: Option<Span>,
    /// Bytes of reads to pay for in advance; nothing means one whole read, or none on Bitcoin, where escrows pay once.
    pub egress: Option<Bytes>,
    /// Under which contract.
    pub housing: Housing,
    /// Plain bytes that a new contract should have room for, where that is more than the size: later objects share it.
    pub room: Option<Bytes>,
    /// What is offered for it where a new contract is made; nothing takes what is asked.
    pub counter: Option<CounterPrices>,
}

/// What the client would pay at most: a counter's prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CounterPrices {
    /// For keeping, per GB and day after the tier's multiplier.
    pub price: Price,
    /// For reads, per GB; what the quote's dearest provider asks where nothing is said.
    pub egress: Option<GbPrice>,
}

impl CounterPrices {
    /// Whether every slot of `quote` costs no more.
    pub fn is_met_by(&self, quote: &Quote) -> bool {
        let reads = |price: GbPrice| self.egress.is_none_or(|most| price <= most);
        quote.slots.iter().all(|slot| slot.price <= self.price && reads(slot.egress))
    }

    /// What it offers for reads in answer to `quote`.
    pub fn egress_max(&self, quote: &Quote) -> GbPrice {
        let dearest = quote.slots.iter().chain(&quote.reserves).map(|slot| slot.egress).max();
        self.egress.or(dearest).unwrap_or_default()
    }
}

/// Why a wish cannot become terms.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WishError {
    /// Nothing to store, or more than can be counted.
    #[error("{0} bytes cannot be stored under one contract; give a size of 1 to {SIZE_MAX} bytes")]
    Size(u64),
    /// More segments than a contract's layout can name.
    #[error(
        "{size} bytes in shards of {shard_bytes} bytes are {segments} segments, and a contract names {max} at \
         most; wish for larger shards, of up to {} bytes, or store it in parts",
        shards::shape::SHARD_BYTES_MAX
    )]
    Segments {
        /// What should be stored.
        size: u64,
        /// The size of a shard.
        shard_bytes: u32,
        /// How many segments that makes.
        segments: u64,
        /// How many there can be.
        max: u64,
    },
    /// No time at all.
    #[error("a duration of zero keeps nothing; give one such as 30d")]
    Duration,
    /// A capacity that was wished for does not hold the object.
    #[error("capacity is {found}, and {size} bytes may take {needed} bytes when sealed; give so many at least, or leave the capacity out", found = found.0)]
    Capacity {
        /// What was wished for.
        found: Bytes,
        /// What should be stored.
        size: u64,
        /// What that takes at most.
        needed: u64,
    },
    /// k, m or the size of a shard is out of range.
    #[error(transparent)]
    Shape(#[from] shards::Error),
    /// A figure of the terms is out of range, or two contradict each other.
    #[error(transparent)]
    Terms(#[from] TermsError),
}

impl StorageWish {
    /// `size` kept for `duration`, and everything else as usual.
    pub fn new(size: Bytes, duration: Span) -> Self {
        let usual = Terms::standard(size, duration);
        Self {
            size,
            duration,
            redundancy: usual.redundancy,
            tier: usual.tier,
            availability_permille: usual.availability_permille,
            first_byte: None,
            throughput: usual.throughput,
            placement: usual.placement,
            payout: usual.payout,
            penalties: usual.penalties,
            bond_ratio_permille: usual.bond_ratio_permille,
            renewal: usual.renewal,
            early_exit_permille: usual.early_exit_permille,
            maintenance: usual.maintenance,
            rail: usual.rail,
            capacity: None,
            shard_bytes: None,
            detection: None,
            repair_time: None,
            egress: None,
            housing: Housing::default(),
            room: None,
            counter: None,
        }
    }

    /// The terms to ask for: room for the object's sealed bytes whether or not they can be compressed.
    ///
    /// # Errors
    /// [`WishError`] says which figure is out of range, and the range.
    pub fn terms(&self) -> Result<Terms, WishError> {
        if !(1..=SIZE_MAX).contains(&self.size.0) {
            return Err(WishError::Size(self.size.0));
        }
        if self.duration == Span(0) {
            return Err(WishError::Duration);
        }
        let capacity = self.capacity()?;
        let usual = Terms::standard(capacity, self.duration);
        let terms = Terms {
            capacity,
            duration: self.duration,
            redundancy: self.redundancy,
            shard_bytes: self.shard_bytes_of(capacity)?,
            tier: self.tier,
            availability_permille: self.availability_permille,
            first_byte: self.first_byte.unwrap_or(self.tier.first_byte()),
            throughput: self.throughput,
            repair_time: self.repair_time.unwrap_or(usual.repair_time),
            detection: self.detection.unwrap_or(usual.detection),
            placement: self.placed(),
            payout: self.payout.clone(),
            penalties: self.penalties.clone(),
            bond_ratio_permille: self.bond_ratio_permille,
            renewal: self.renewal,
            early_exit_permille: self.early_exit_permille,
            maintenance: self.maintenance,
            egress: self.egress.unwrap_or(match self.rail {
                RailKind::Ledger => usual.egress,
                RailKind::Bitcoin => Bytes(0),
            }),
            rail: self.rail,
        };
        validate(&terms)?;
        Ok(terms)
    }

    /// Who may hold slots: on Bitcoin, whoever says that it settles there.
    fn placed(&self) -> Placement {
        let mut placement = self.placement.clone();
        let tags = &mut placement.tags;
        if self.rail == RailKind::Bitcoin && !tags.iter().any(|tag| tag == BITCOIN_TAG) {
            tags.push(BITCOIN_TAG.to_owned());
        }
        placement
    }

    /// How many sealed bytes the contract has room for.
    fn capacity(&self) -> Result<Bytes, WishError> {
        let size = self.size.0;
        let needed = stored_bytes_max(size);
        match self.capacity {
            Some(found) if found.0 < needed => Err(WishError::Capacity { found, size, needed }),
            Some(capacity) => Ok(capacity),
            None => Ok(Bytes(stored_bytes_max(self.room_for()))),
        }
    }

    /// How many plain bytes a new contract has room for.
    fn room_for(&self) -> u64 {
        self.room.map_or(self.size.0, |room| room.0.clamp(self.size.0, SIZE_MAX))
    }

    /// The size of a full shard, where `capacity` is stored in such.
    fn shard_bytes_of(&self, capacity: Bytes) -> Result<u32, WishError> {
        let Redundancy { data, parity } = self.redundancy;
        let shard_bytes =
            self.shard_bytes.unwrap_or_else(|| shard_bytes_for(capacity.0, self.redundancy));
        let shape = Shape::new(data, parity, shard_bytes)?;
        let (segments, max) = (shape.segments(capacity.0), segments_max(shape));
        if segments > max {
            let size = self.room_for();
            return Err(WishError::Segments { size, shard_bytes, segments, max });
        }
        Ok(shard_bytes)
    }
}

/// The shape in which objects are cut under `terms`.
///
/// # Errors
/// Names the figure of the terms that is out of range.
pub fn shape(terms: &Terms) -> Result<Shape, shards::Error> {
    Shape::new(terms.redundancy.data, terms.redundancy.parity, terms.shard_bytes)
}

/// The most bytes that `plain` bytes can take when sealed, compressed or not.
///
/// zstd keeps what it cannot compress in blocks of 128 KiB with 3 bytes each, and adds a frame header; this
/// allows ten times that.
pub const fn stored_bytes_max(plain: u64) -> u64 {
    seal::sealed_len(plain.saturating_add(plain / 4096).saturating_add(512))
}

/// How many segments a contract's layout can name: each takes its roots, and up to ten bytes for two numbers.
fn segments_max(shape: Shape) -> u64 {
    shards::layout::LAYOUT_BYTES_MAX as u64 / (32 * u64::from(shape.shards()) + 10)
}

/// The largest usual shard of which a slot holds enough, so that a slot's last shard wastes little; or larger
/// ones, where a contract's layout could not name so many.
fn shard_bytes_for(stored: u64, redundancy: Redundancy) -> u32 {
    let share = stored.div_ceil(u64::from(redundancy.data.max(1)));
    let usual = SHARD_BYTES
        .into_iter()
        .find(|shard| share >= SHARDS_PER_SLOT_MIN * u64::from(*shard))
        .unwrap_or(shards::shape::SHARD_BYTES_MIN);
    let Redundancy { data, parity } = redundancy;
    [usual, 2 << 20, shards::shape::SHARD_BYTES_MAX]
        .into_iter()
        .find(|shard_bytes| {
            let tried = Shape { data, parity, shard_bytes: *shard_bytes };
            tried.segments(stored) <= segments_max(tried)
        })
        .unwrap_or(shards::shape::SHARD_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wish(size: u64) -> StorageWish {
        StorageWish::new(Bytes(size), Span::DAY)
    }

    #[test]
    fn shards_grow_with_what_is_stored() {
        for (size, shard_bytes, slot_bytes) in [
            (1, 256 << 10, 256 << 10),
            (1 << 20, 256 << 10, 512 << 10),
            (40 << 20, 512 << 10, 21 << 19),
            (100_000_000, 1 << 20, 24 << 20),
            (1 << 40, 2 << 20, 131_137 << 21),
        ] {
            let terms = wish(size).terms().unwrap();
            assert_eq!((terms.shard_bytes, terms.slot_capacity().0), (shard_bytes, slot_bytes));
        }
    }

    #[test]
    fn figures_out_of_range_are_refused_by_name() {
        let k = |data, parity| StorageWish { redundancy: Redundancy { data, parity }, ..wish(1) };
        for (wish, text) in [
            (wish(0), "1 to"),
            (wish(u64::MAX), "1 to"),
            (StorageWish { duration: Span(0), ..wish(1) }, "30d"),
            (StorageWish { availability_permille: 1001, ..wish(1) }, "1 to 1000"),
            (StorageWish { capacity: Some(Bytes(9)), ..wish(10) }, "capacity is 9, and 10 bytes"),
            (StorageWish { throughput: u64::MAX, ..wish(1) }, "throughput"),
            (StorageWish { repair_time: Some(Span(2 * Span::DAY.0)), ..wish(1) }, "contradict"),
            (StorageWish { shard_bytes: Some(1000), ..wish(1) }, "262144"),
            (k(0, 2), "data shards"),
            (k(4, 0), "parity shards"),
            (k(65, 2), "data shards"),
            (wish(4 << 40), "in parts"),
        ] {
            let refused = wish.terms().unwrap_err().to_string();
            assert!(refused.contains(text), "{refused}");
        }
    }

    #[test]
    fn what_is_wished_for_is_in_the_terms() {
        let mut wish = wish(1000);
        wish.tier = Tier::Cold;
        wish.placement.distinct_networks = false;
        wish.egress = Some(Bytes(5));
        wish.repair_time = Some(Span::HOUR);
        wish.shard_bytes = Some(2 << 20);
        let terms = wish.terms().unwrap();
        assert_eq!((terms.tier, terms.egress, terms.shard_bytes), (Tier::Cold, Bytes(5), 2 << 20));
        assert_eq!((terms.placement, terms.repair_time), (wish.placement, Span::HOUR));
    }

    #[test]
    fn on_bitcoin_those_who_settle_there_are_asked_and_reads_are_not_paid_in_advance() {
        let mut wish = StorageWish { rail: RailKind::Bitcoin, ..wish(1000) };
        for (said, tags) in [(vec![], vec!["bitcoin"]), (vec!["ssd"], vec!["ssd", "bitcoin"])] {
            wish.placement.tags = said.into_iter().map(str::to_owned).collect();
            let terms = wish.terms().unwrap();
            assert_eq!((terms.rail, terms.egress), (RailKind::Bitcoin, Bytes(0)));
            assert_eq!(terms.renewal, Renewal::Manual);
            assert_eq!(terms.placement.tags, tags);
            // Given back as a wish, they stay as they are.
            let again = StorageWish { placement: terms.placement.clone(), ..wish.clone() };
            assert_eq!(again.terms(), Ok(terms));
        }
    }

    #[test]
    fn how_soon_a_read_begins_follows_from_the_tier_where_nobody_says_it() {
        let seconds = |tier, first_byte| {
            let wish = StorageWish { tier, first_byte, ..wish(1000) };
            wish.terms().unwrap().first_byte.0 / Span::SECOND.0
        };
        assert_eq!(Tier::ALL.map(|tier| seconds(tier, None)), [2, 3, 5, 8]);
        assert_eq!(seconds(Tier::Archive, Some(Span::SECOND)), 1);
    }

    proptest! {
        #[test]
        fn the_room_is_enough_whatever_the_object_compresses_to(
            size in 1..1_u64 << 39, k in 1..17_u16, m in 1..9_u16,
        ) {
            let wish = StorageWish { redundancy: Redundancy { data: k, parity: m }, ..wish(size) };
            let terms = wish.terms().unwrap();
            let shape = shape(&terms).unwrap();
            for stored in [seal::sealed_len(size), stored_bytes_max(size), 16] {
                let slots = u64::from(k) + u64::from(m);
                prop_assert!(shape.bytes_on_slots(stored) / slots <= terms.slot_capacity().0);
            }
            let share = terms.capacity.0.div_ceil(u64::from(k));
            let waste = terms.slot_capacity().0 - share;
            let large = terms.shard_bytes > 1 << 20;
            prop_assert!(waste < 256 << 10 || waste * 16 <= share || large);
        }
    }
}
