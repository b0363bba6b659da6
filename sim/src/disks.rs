//! What providers' disks hold: for each slot, how much of what was stored in it is still there.

use crate::by_party::ByParty;
use market::event::SlotId;
use std::collections::BTreeMap;
use types::Did;
use types::documents::SlotSize;

/// The unit of proof, in bytes.
const CHUNK_BYTES: u64 = shards::prove::CHUNK_BYTES as u64;
/// A whole, in parts per million.
const WHOLE_PPM: u32 = 1_000_000;

/// What is gone of a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gone {
    /// Nothing.
    #[default]
    Nothing,
    /// Each chunk with this chance, in parts per million; which ones follows from the salt.
    Part {
        /// The share that is gone.
        ppm: u32,
        /// Chooses the chunks.
        salt: u64,
    },
    /// Everything.
    All,
}

/// One slot on one disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What was stored.
    pub size: SlotSize,
    /// What of it is gone.
    pub gone: Gone,
}

/// All disks, by provider.
#[derive(Clone, Debug, Default)]
pub struct Disks {
    by_party: ByParty<BTreeMap<SlotId, Kept>>,
    /// What was taken from a provider, as it was then: whoever disputes that keeps the bytes until it is judged.
    aside: BTreeMap<(Did, SlotId), Kept>,
}

impl Gone {
    /// The share that is gone, in parts per million.
    pub const fn ppm(self) -> u32 {
        match self {
            Self::Nothing => 0,
            Self::Part { ppm, .. } => ppm,
            Self::All => WHOLE_PPM,
        }
    }

    /// Whether the chunk at this byte is gone.
    pub const fn takes(self, offset: u64) -> bool {
        match self {
            Self::Nothing => false,
            Self::Part { ppm, salt } => {
                (ppm as u64) > mixed(salt ^ (offset / CHUNK_BYTES)) % WHOLE_PPM as u64
            }
            Self::All => true,
        }
    }
}

impl Kept {
    /// How many bytes of it still take room on the disk.
    pub fn bytes(&self) -> u64 {
        let there = u128::from(WHOLE_PPM) - u128::from(self.gone.ppm());
        let bytes = u128::from(self.size.bytes) * there / u128::from(WHOLE_PPM);
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// Whether everything that was stored is there.
    pub const fn is_whole(&self) -> bool {
        self.gone.ppm() == 0
    }
}

impl Disks {
    /// What `party` has of `slot`.
    pub fn kept(&self, party: &Did, slot: &SlotId) -> Option<&Kept> {
        self.by_party.get(party)?.get(slot)
    }

    /// Everything that `party` has.
    pub fn of(&self, party: &Did) -> impl Iterator<Item = (&SlotId, &Kept)> {
        self.by_party.get(party).into_iter().flatten()
    }

    /// How many bytes `party` has on its disk.
    pub fn bytes(&self, party: &Did) -> u64 {
        self.of(party).map(|(_, kept)| kept.bytes()).sum()
    }

    /// `party` has this of `slot` from now on.
    pub fn put(&mut self, party: Did, slot: SlotId, kept: Kept) {
        self.by_party.of(party).insert(slot, kept);
    }

    /// So much of what `party` has of `slot` is gone from now on; what is gone already does not come back.
    pub fn lose(&mut self, party: &Did, slot: &SlotId, gone: Gone) {
        let kept = self.by_party.get_mut(party).and_then(|slots| slots.get_mut(slot));
        if let Some(kept) = kept.filter(|kept| gone.ppm() > kept.gone.ppm()) {
            kept.gone = gone;
        }
    }

    /// Everything that `party` has is gone. Which slots that were.
    pub fn lose_all(&mut self, party: &Did) -> Vec<SlotId> {
        let slots = self.by_party.get_mut(party).into_iter().flatten();
        slots
            .map(|(slot, kept)| {
                kept.gone = Gone::All;
                *slot
            })
            .collect()
    }

    /// `party` forgets `slot`.
    pub fn forget(&mut self, party: &Did, slot: &SlotId) {
        self.by_party.get_mut(party).and_then(|slots| slots.remove(slot));
    }

    /// `party` puts `slot` aside: it holds it no more, and can still show what it had.
    pub fn put_aside(&mut self, party: &Did, slot: &SlotId) {
        if let Some(kept) = self.by_party.get_mut(party).and_then(|slots| slots.remove(slot)) {
            self.aside.insert((*party, *slot), kept);
        }
    }

    /// What `party` has put aside of `slot`.
    pub fn aside(&self, party: &Did, slot: &SlotId) -> Option<&Kept> {
        self.aside.get(&(*party, *slot))
    }
}

/// Spreads a number over all 64 bits (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
const fn mixed(word: u64) -> u64 {
    let word = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let word = (word ^ word >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let word = (word ^ word >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ word >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_chunks_are_gone_as_were_dropped_and_always_the_same_ones() {
        let gone = Gone::Part { ppm: 20_000, salt: 7 };
        let count = (0..200_000u64).filter(|chunk| gone.takes(chunk * 1024)).count();
        // Five deviations around the mean: √(200,000 · 0.02 · 0.98) is 63.
        assert!(count.abs_diff(4_000) < 315, "{count}");
        assert_eq!(gone.takes(5_000), gone.takes(4_097), "one chunk");
        assert!(Gone::All.takes(0) && !Gone::Nothing.takes(0));
    }

    #[test]
    fn what_is_gone_takes_no_room() {
        let size = SlotSize { bytes: 1_000_000, ..SlotSize::default() };
        let kept = |gone| Kept { size, gone };
        assert_eq!(kept(Gone::Nothing).bytes(), 1_000_000);
        assert_eq!(kept(Gone::Part { ppm: 250_000, salt: 0 }).bytes(), 750_000);
        assert_eq!(kept(Gone::All).bytes(), 0);
        assert!(kept(Gone::Part { ppm: 0, salt: 1 }).is_whole());
    }

    #[test]
    fn a_disk_that_fails_takes_everything_on_it_and_nothing_else() {
        let (one, other) = (Did([1; 32]), Did([2; 32]));
        let slot = SlotId { contract: types::Hash([3; 32]), slot: 0 };
        let kept =
            Kept { size: SlotSize { bytes: 10, ..SlotSize::default() }, gone: Gone::Nothing };
        let mut disks = Disks::default();
        disks.put(one, slot, kept);
        disks.put(other, slot, kept);
        assert_eq!(disks.lose_all(&one), [slot]);
        assert_eq!((disks.bytes(&one), disks.bytes(&other)), (0, 10));
        disks.forget(&other, &slot);
        assert_eq!(disks.kept(&other, &slot), None);
    }
}
