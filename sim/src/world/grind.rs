//! Whoever reveals the beacons tries to choose them.
//!
//! Each epoch it looks at several values, and likes best the one by which its friends' missing chunks are asked for least. It
//! hands that in; the market takes nothing but the next value of the chain that it committed to when it was founded. The
//! mutant of this is a world in which the choice counts.

use super::World;
use crate::disks::Gone;
use contracts::beacon::HashChain;
use market::event::SlotId;
use market::{Command, Market, schedule};
use shards::{Root, SlotSummary, prove};
use types::documents::{AuditKind, SlotChallenge};
use types::{Did, Epoch, Hash};

impl World {
    /// Tries to open `epoch` with the value that suits the grinder best, `right` being the one that may.
    pub(super) fn grind(&mut self, epoch: Epoch, right: Hash) {
        let Some(grinding) = self.settings.market.grinding.clone() else { return };
        let Some(ahead) = self.looked_ahead(epoch, right) else { return };
        let asked = self.asked_of(&ahead, &grinding.group);
        let others = (1..grinding.tries).map(|at| {
            // What any other chain would have revealed.
            HashChain::new(&super::named("try", &[&right.0, &at.to_le_bytes()]).0, 1).anchor()
        });
        let values = std::iter::once(right).chain(others);
        let harm =
            |value: &Hash| asked.iter().filter(|(c, gone)| finds(value, epoch, c, *gone)).count();
        let Some(best) = values.min_by_key(harm) else { return };
        if best == right {
            return;
        }
        if grinding.accepted {
            self.drawn_from = Some(best);
        } else if self.submit(&Command::open_epoch(epoch, best)).is_none() {
            self.watch.count("beacons.refused");
        }
    }

    /// The market as it will be once `epoch` is open.
    fn looked_ahead(&mut self, epoch: Epoch, beacon: Hash) -> Option<Market> {
        self.drawn_from = None;
        let mut ahead = self.market().clone();
        let events = ahead.decide(self.now, &Command::open_epoch(epoch, beacon)).ok()?;
        for event in &events {
            ahead.apply(event);
        }
        Some(ahead)
    }

    /// What will be asked of a group's slots from which something is gone.
    fn asked_of(&self, ahead: &Market, group: &str) -> Vec<(SlotChallenge, Gone)> {
        let of_group = |did: &Did| {
            let group_of = self.members.group_of_party(did);
            group_of.is_some_and(|at| self.members.groups()[at].called() == group)
        };
        let asked = schedule::routine(ahead).into_iter().filter(|(did, _)| of_group(did));
        asked
            .flat_map(|(did, slots)| slots.into_iter().map(move |slot| (did, slot)))
            .filter_map(|(did, slot)| {
                let id = SlotId { contract: slot.contract, slot: slot.slot };
                let gone = self.disks.kept(&did, &id).map(|kept| kept.gone)?;
                (gone != Gone::Nothing).then_some((slot, gone))
            })
            .collect()
    }
}

/// Whether challenges drawn from `value` ask for anything that is gone.
fn finds(value: &Hash, epoch: Epoch, asked: &SlotChallenge, gone: Gone) -> bool {
    let size = asked.size;
    let slot = SlotSummary { root: Root(size.root.0), bytes: size.bytes, shards: size.shards };
    let seed = asked.seed(value, epoch, AuditKind::Routine);
    prove::picks(seed, &slot, asked.count).iter().any(|pick| gone.takes(pick.offset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::documents::SlotSize;

    #[test]
    fn of_several_values_one_asks_for_less_of_what_is_gone() {
        let size = SlotSize { root: Hash([3; 32]), bytes: 1 << 30, shards: 1_024 };
        let asked = SlotChallenge { contract: Hash([1; 32]), slot: 0, size, count: 72 };
        let gone = Gone::Part { ppm: 10_000, salt: 5 };
        let found = |value: u16| {
            let value = crate::world::named("test", &[&value.to_le_bytes()]);
            finds(&value, Epoch(1), &asked, gone)
        };
        // 1 − .99^72 is .515: of 400 values 206, within four deviations of 10.
        let all = (0..400).filter(|value| found(*value)).count();
        assert!(all.abs_diff(206) < 40, "{all}");
        // Of eight values one finds nothing but with .515^8, .005.
        let ground = (0..50).filter(|at| (0..8).all(|value| found(at * 8 + value))).count();
        assert!(ground <= 3, "{ground} of 50");
    }
}
