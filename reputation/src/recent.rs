//! The latest epochs of one dimension, kept so that an outcome that a dispute reverses can be taken back exactly.

use crate::policy::{DimensionPolicy, ReputationPolicy, WHOLE_PPM};
use crate::suspicion::Suspicion;
use crate::tally::Tally;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use types::Epoch;

/// What a dimension's epochs come to: the estimate and the test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sums {
    pub(crate) tally: Tally,
    pub(crate) suspicion: Suspicion,
}

/// How a dimension is counted: what holds for all of them, and what is asked in it.
#[derive(Clone, Copy)]
pub(crate) struct Rule<'a> {
    pub(crate) policy: &'a ReputationPolicy,
    pub(crate) asked: &'a DimensionPolicy,
}

/// How often it was as promised and how often not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) good: u64,
    pub(crate) bad: u64,
}

/// Either epochs in a row in which nothing was bad, or one in which something was, with its counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Spell {
    from: Epoch,
    epochs: u32,
    /// Zero for good epochs in a row: however many outcomes an epoch had, it is one observation.
    counts: Counts,
}

/// Closed epochs: the latest one by one, those before summed up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recent {
    /// Everything before the first spell.
    before: Sums,
    spells: VecDeque<Spell>,
    /// All of it.
    sums: Sums,
}

impl Counts {
    pub(crate) fn all(self) -> u64 {
        self.good.saturating_add(self.bad)
    }

    pub(crate) fn plus(self, more: Self) -> Self {
        let (good, bad) = (self.good.saturating_add(more.good), self.bad.saturating_add(more.bad));
        Self { good, bad }
    }

    pub(crate) fn less(self, part: Self) -> Self {
        let (good, bad) = (self.good.saturating_sub(part.good), self.bad.saturating_sub(part.bad));
        Self { good, bad }
    }

    /// The share that was bad; nothing where there was no outcome.
    fn bad_ppm(self) -> Option<u32> {
        let all = u128::from(self.good) + u128::from(self.bad);
        let share = (u128::from(self.bad) * u128::from(WHOLE_PPM)).checked_div(all);
        share.and_then(|share| u32::try_from(share).ok())
    }
}

impl Sums {
    /// Counts `epoch`, of whose outcomes so many were good and bad.
    pub(crate) fn observe(&mut self, rule: Rule<'_>, epoch: Epoch, counts: Counts) {
        if let Some(bad_ppm) = counts.bad_ppm() {
            self.tally.observe(&rule.policy.tally, epoch, bad_ppm);
            self.suspicion.observe(&rule.asked.suspicion, epoch, bad_ppm);
        }
    }

    fn observe_spell(&mut self, rule: Rule<'_>, spell: &Spell) {
        let counts = if spell.is_good() { Counts { good: 1, bad: 0 } } else { spell.counts };
        for passed in 0..u64::from(spell.epochs) {
            self.observe(rule, spell.from.plus(passed), counts);
        }
    }
}

impl Spell {
    const fn good(from: Epoch) -> Self {
        Self { from, epochs: 1, counts: Counts { good: 0, bad: 0 } }
    }

    const fn is_good(&self) -> bool {
        self.counts.bad == 0
    }

    /// The epoch after its last.
    fn end(&self) -> Epoch {
        self.from.plus(u64::from(self.epochs))
    }
}

impl Recent {
    /// What all closed epochs come to.
    pub(crate) fn sums(&self) -> Sums {
        self.sums
    }

    /// Counts `epoch`, which is later than all before, for good.
    pub(crate) fn close(&mut self, rule: Rule<'_>, epoch: Epoch, counts: Counts) {
        if counts.all() == 0 {
            return;
        }
        self.sums.observe(rule, epoch, counts);
        let spell = Spell { counts, ..Spell::good(epoch) };
        self.insert(self.spells.len(), if counts.bad == 0 { Spell::good(epoch) } else { spell });
        self.sum_up(rule, epoch);
    }

    /// Takes `counts` out of the closed `epoch`, and counts anew from there; whether it was still there.
    pub(crate) fn take_back(&mut self, rule: Rule<'_>, epoch: Epoch, counts: Counts) -> bool {
        let found = self.spells.binary_search_by_key(&epoch, |spell| spell.from).ok();
        let Some(at) = found.filter(|at| !self.spells[*at].is_good()) else { return false };
        let Some(mut spell) = self.spells.remove(at) else { return false };
        spell.counts = spell.counts.less(counts);
        if spell.counts.bad > 0 {
            self.spells.insert(at, spell);
        } else if spell.counts.good > 0 {
            self.insert(at, Spell::good(epoch));
        }
        self.sums = self.before;
        for spell in &self.spells {
            self.sums.observe_spell(rule, spell);
        }
        true
    }

    /// Puts `spell` at `at`, joined with good epochs that it follows or goes before.
    fn insert(&mut self, at: usize, mut spell: Spell) {
        if spell.is_good() {
            let follows = |next: &&Spell| next.is_good() && spell.end() == next.from;
            if let Some(next) = self.spells.get(at).filter(follows) {
                spell.epochs = spell.epochs.saturating_add(next.epochs);
                self.spells.remove(at);
            }
            let before = at.checked_sub(1).and_then(|before| self.spells.get_mut(before));
            if let Some(last) = before.filter(|last| last.is_good() && last.end() == spell.from) {
                last.epochs = last.epochs.saturating_add(spell.epochs);
                return;
            }
        }
        self.spells.insert(at, spell);
    }

    /// Epochs too long ago to be reversed are only summed up.
    fn sum_up(&mut self, rule: Rule<'_>, now: Epoch) {
        let kept_from = Epoch(now.0.saturating_sub(rule.policy.history.reversible_epochs));
        while let Some(first) = self.spells.front_mut().filter(|first| first.from < kept_from) {
            let old = kept_from.since(first.from).min(u64::from(first.epochs));
            let old = u32::try_from(old).unwrap_or(u32::MAX);
            let past = Spell { epochs: old, ..*first };
            first.from = past.end();
            first.epochs = first.epochs.saturating_sub(old);
            if first.epochs == 0 {
                self.spells.pop_front();
            }
            self.before.observe_spell(rule, &past);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use types::Dimension;

    fn policy(reversible_epochs: u64) -> ReputationPolicy {
        let mut policy = ReputationPolicy::default();
        policy.history.reversible_epochs = reversible_epochs;
        policy
    }

    fn rule(policy: &ReputationPolicy) -> Rule<'_> {
        Rule { policy, asked: policy.dimension(Dimension::Availability) }
    }

    fn closed(policy: &ReputationPolicy, epochs: &[(u64, Counts)]) -> Recent {
        let mut recent = Recent::default();
        for (epoch, counts) in epochs {
            recent.close(rule(policy), Epoch(*epoch), *counts);
        }
        recent
    }

    #[test]
    fn a_good_week_is_one_spell_and_what_is_old_is_only_summed_up() {
        let policy = policy(10);
        let good = Counts { good: 7, bad: 0 };
        let week: Vec<(u64, Counts)> = (0..168).map(|epoch| (epoch, good)).collect();
        let recent = closed(&policy, &week);
        assert_eq!(recent.spells.len(), 1);
        assert_eq!((recent.spells[0].from, recent.spells[0].epochs), (Epoch(157), 11));
    }

    fn history() -> impl Strategy<Value = Vec<(u64, Counts)>> {
        let epoch = (1u64..4, 0u64..5, prop_oneof![3 => Just(0u64), 1 => 1u64..4]);
        prop::collection::vec(epoch, 1..60).prop_map(|steps| {
            let mut at = 0;
            let one = |(passed, good, bad)| {
                at += passed;
                (at, Counts { good, bad })
            };
            steps.into_iter().map(one).collect()
        })
    }

    proptest! {
        #[test]
        fn taking_back_is_never_having_counted(
            history in history(), pick in any::<prop::sample::Index>(), good in 0u64..3, bad in 1u64..3,
            reversible in 200u64..400,
        ) {
            let policy = policy(reversible);
            let at = pick.index(history.len());
            let extra = Counts { good, bad };
            let mut more = history.clone();
            more[at].1 = more[at].1.plus(extra);
            let mut recent = closed(&policy, &more);
            prop_assert!(recent.take_back(rule(&policy), Epoch(history[at].0), extra));
            prop_assert_eq!(recent, closed(&policy, &history));
        }

        #[test]
        fn what_is_summed_up_comes_to_the_same(history in history(), reversible in 0u64..20) {
            let (short, long) = (policy(reversible), policy(1_000));
            prop_assert_eq!(closed(&short, &history).sums(), closed(&long, &history).sums());
        }
    }
}
