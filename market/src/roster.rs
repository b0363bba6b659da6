//! The offers laid out for placement: one dense row each, so that a search over 100,000 providers is one scan.

use imbl::{OrdMap, Vector};
use pricing::Rate;
use reputation::gate::Figures;
use serde::{Deserialize, Serialize};
use types::documents::Ask;
use types::{Bytes, Did, Hash, Score};

/// What the gate and the weight need of one offer, and nothing else: a search reads all of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// Its prices, for comparing.
    pub rate: Rate,
    /// What the gate looks at.
    pub figures: Figures,
}

impl Row {
    /// That of a provider's `ask`.
    pub(crate) fn of(ask: &Ask, committed: Bytes, score: Score) -> Self {
        let figures = Figures::of(ask, score, committed);
        Self { rate: Rate::of(ask).unwrap_or_default(), figures }
    }
}

/// What only a provider that is drawn is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Whose.
    pub provider: Did,
    /// Operator and network by hash, for comparing.
    pub operator: u64,
    /// See `operator`.
    pub network: u64,
}

impl Place {
    /// That of a provider's `ask`, from `network`.
    pub(crate) fn of(ask: &Ask, network: &str) -> Self {
        Self { provider: ask.provider, operator: key(&ask.operator), network: key(network) }
    }
}

/// All rows, and where each provider's is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Roster {
    rows: Vector<Row>,
    places: Vector<Place>,
    index: OrdMap<Did, u32>,
}

impl Roster {
    /// All rows, in the order in which providers first appeared.
    pub(crate) fn rows(&self) -> &Vector<Row> {
        &self.rows
    }

    /// Whose the rows are, in the same order.
    pub(crate) fn places(&self) -> &Vector<Place> {
        &self.places
    }

    /// A provider's place.
    pub(crate) fn place(&self, provider: &Did) -> Option<&Place> {
        self.index.get(provider).and_then(|at| self.places.get(*at as usize))
    }

    /// Where a provider's row is.
    pub(crate) fn row_of(&self, provider: &Did) -> Option<usize> {
        self.index.get(provider).map(|at| *at as usize)
    }

    /// An ask stands from now on.
    pub(crate) fn publish(&mut self, ask: &Ask, network: &str, committed: Bytes, score: Score) {
        let (row, place) = (Row::of(ask, committed, score), Place::of(ask, network));
        if let Some((old, at)) = self.entry(&ask.provider) {
            (*old, *at) = (row, place);
            return;
        }
        let at = u32::try_from(self.rows.len()).expect("fewer than 2^32 providers fit in memory");
        self.index.insert(ask.provider, at);
        self.rows.push_back(row);
        self.places.push_back(place);
    }

    /// What is sold of a provider's room has changed.
    pub(crate) fn commit(&mut self, provider: &Did, committed: Bytes) {
        if let Some(row) = self.row_mut(provider) {
            row.figures.committed = committed;
        }
    }

    /// A provider's score has changed.
    pub(crate) fn rate(&mut self, provider: &Did, score: Score) {
        if let Some(row) = self.row_mut(provider) {
            row.figures.score = score;
        }
    }

    /// Whether it says of each of these providers, who come in order, what is said here, and nothing of anybody else.
    pub(crate) fn says<'a>(
        &self,
        offers: impl ExactSizeIterator<Item = (&'a Did, Row, Place)>,
    ) -> bool {
        let all = [self.rows.len(), self.places.len(), self.index.len()];
        let counted = all == [offers.len(); 3];
        let mut known = offers.zip(&self.index);
        counted
            && known.all(|((provider, row, place), (listed, at))| {
                let at = *at as usize;
                provider == listed
                    && self.rows.get(at) == Some(&row)
                    && self.places.get(at) == Some(&place)
            })
    }

    fn row_mut(&mut self, provider: &Did) -> Option<&mut Row> {
        let at = *self.index.get(provider)? as usize;
        self.rows.get_mut(at)
    }

    fn entry(&mut self, provider: &Did) -> Option<(&mut Row, &mut Place)> {
        let at = *self.index.get(provider)? as usize;
        Some((self.rows.get_mut(at)?, self.places.get_mut(at)?))
    }
}

/// A text as a number that only equal texts share, but for a chance of 2^-64.
fn key(text: &str) -> u64 {
    let hash = Hash::of(text.as_bytes());
    u64::from_le_bytes(hash.0[..8].try_into().expect("a hash has more than eight bytes"))
}
