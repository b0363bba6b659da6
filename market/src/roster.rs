//! The offers laid out for placement: one dense row each, so that a search over 100,000 providers is one scan.

use pricing::Rate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use types::documents::Ask;
use types::{Bytes, Did, Hash, Score, Tier};

/// What a search must know of one offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// Whose.
    pub provider: Did,
    /// Its prices, for comparing.
    pub rate: Rate,
    /// Room that is not sold.
    pub free: u64,
    /// All room.
    pub capacity: u64,
    /// The longest contract, in microseconds.
    pub duration_max: u64,
    /// Until when the offer stands.
    pub expires: i64,
    /// Operator, network and region by hash, for comparing.
    pub operator: u64,
    /// See `operator`.
    pub network: u64,
    /// See `operator`.
    pub region: u64,
    /// What is sold.
    pub committed: u64,
    /// Bit n: serves the nth tier of [`Tier::ALL`].
    pub tiers: u8,
    /// What reputation says of it.
    pub score: Score,
}

/// All rows, and where each provider's is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Roster {
    rows: Vec<Row>,
    index: BTreeMap<Did, u32>,
}

impl Roster {
    /// All rows, in the order in which providers first appeared.
    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// A provider's row.
    pub(crate) fn row(&self, provider: &Did) -> Option<&Row> {
        self.index.get(provider).and_then(|at| self.rows.get(*at as usize))
    }

    /// An ask stands from now on.
    pub(crate) fn publish(&mut self, ask: &Ask, network: &str, committed: Bytes, score: Score) {
        let tiers = (0u8..).zip(Tier::ALL).filter(|(_, tier)| ask.tiers.contains(tier));
        let row = Row {
            provider: ask.provider,
            rate: Rate::of(ask).unwrap_or_default(),
            free: ask.capacity.0.saturating_sub(committed.0),
            capacity: ask.capacity.0,
            duration_max: ask.duration_max.0,
            expires: ask.expires.0,
            operator: key(&ask.operator),
            network: key(network),
            region: key(&ask.region),
            committed: committed.0,
            tiers: tiers.fold(0, |bits, (n, _)| bits | 1 << n),
            score,
        };
        if let Some(old) = self.row_mut(&ask.provider) {
            *old = row;
            return;
        }
        let at = u32::try_from(self.rows.len()).expect("fewer than 2^32 providers fit in memory");
        self.index.insert(ask.provider, at);
        self.rows.push(row);
    }

    /// What is sold of a provider's room has changed.
    pub(crate) fn commit(&mut self, provider: &Did, committed: Bytes) {
        if let Some(row) = self.row_mut(provider) {
            row.committed = committed.0;
            row.free = row.capacity.saturating_sub(committed.0);
        }
    }

    /// A provider's score has changed.
    pub(crate) fn rate(&mut self, provider: &Did, score: Score) {
        if let Some(row) = self.row_mut(provider) {
            row.score = score;
        }
    }

    /// Whether both say the same of the same providers, in whatever order.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        let agree = |row: &Row| other.row(&row.provider) == Some(row);
        let indexed = |row: &Row| self.row(&row.provider) == Some(row);
        self.rows.len() == other.rows.len() && self.rows.iter().all(|row| agree(row) && indexed(row))
    }

    fn row_mut(&mut self, provider: &Did) -> Option<&mut Row> {
        let at = *self.index.get(provider)?;
        self.rows.get_mut(at as usize)
    }
}

/// A text as a number that only equal texts share, but for a chance of 2^-64.
pub(crate) fn key(text: &str) -> u64 {
    let hash = Hash::of(text.as_bytes());
    u64::from_le_bytes(hash.0[..8].try_into().expect("a hash has more than eight bytes"))
}
