//! Reviews: from what was noted to points and standing.

use crate::change::{Change, Finding, Occasion, Reason};
use crate::policy::{PointsPolicy, ReputationPolicy, WHOLE_PPM};
use crate::recent::{Counts, Rule};
use crate::record::Record;
use crate::side::Side;
use types::{Dimension, Epoch, Standing};

/// Good outcomes that a period's rate is diluted with, so that one failure among a handful is not a rate.
const DILUTION: u64 = 2;

/// At the opening of which epochs a [`review`](Record::review) may change anything, as long as the record stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attention {
    /// At none.
    Never,
    /// At those that leave this remainder when they are divided by `review_every`.
    Regular(u64),
    /// At every one.
    Always,
}

impl Record {
    /// At the opening of which epochs a review may change anything. It depends on the record alone, not on the epoch.
    pub fn attention(&self, policy: &ReputationPolicy) -> Attention {
        if self.reversal.is_some() {
            return Attention::Always;
        }
        if self.score.standing == Standing::Banned {
            return Attention::Never;
        }
        if self.is_alarmed_for_good(policy) {
            return Attention::Always;
        }
        if self.has_waited_for_enough(policy) {
            return Attention::Regular(self.joined.0 % policy.points.review_every.max(1));
        }
        Attention::Never
    }

    /// What opening `epoch` changes, if anything: an alarm that expels at once, points when a review is due.
    ///
    /// A review is due every `review_every` epochs since the provider came, and waits for enough evidence; it is due at
    /// once where a reversal gives points back. A ban ends by a reversal alone, never by time.
    /// Changes nothing: [`adopt`](Record::adopt) does.
    pub fn review(&self, policy: &ReputationPolicy, epoch: Epoch) -> Option<Change> {
        let age = epoch.since(self.joined);
        if let Some(reheard) = self.rehear(policy, age) {
            return Some(reheard);
        }
        if self.score.standing == Standing::Banned {
            return None;
        }
        if let Some(expulsion) = self.expulsion(policy) {
            return Some(expulsion);
        }
        if age == 0 || !age.is_multiple_of(policy.points.review_every.max(1)) {
            return None;
        }
        self.has_waited_for_enough(policy).then(|| self.judge(policy, age))
    }

    /// Whether enough was seen since the last review for another.
    fn has_waited_for_enough(&self, policy: &ReputationPolicy) -> bool {
        let seen = self.sides.iter().map(Side::seen).fold(0, u64::saturating_add);
        seen >= policy.points.outcomes_min.max(1)
    }

    fn expulsion(&self, policy: &ReputationPolicy) -> Option<Change> {
        let alarmed = |(_, side, rule): &(Dimension, &Side, Rule<'_>)| {
            rule.asked.suspicion.expels && side.is_alarmed(*rule)
        };
        let (dimension, side, _) = self.by_dimension(policy).find(alarmed)?;
        let finding = Finding::Suspicious { expelled: true };
        let change = self.change(Standing::Banned, 0, vec![reason(dimension, side, finding)]);
        Some(Change { occasion: Occasion::Alarm, ..change })
    }

    /// Whether small failures have gone on for so long that they expel.
    pub(crate) fn is_alarmed_for_good(&self, policy: &ReputationPolicy) -> bool {
        self.by_dimension(policy)
            .any(|(_, s, rule)| rule.asked.suspicion.expels && s.is_alarmed(rule))
    }

    /// Whether small failures have gone on for too long in any dimension.
    pub(crate) fn is_alarmed(&self, policy: &ReputationPolicy) -> bool {
        self.by_dimension(policy).any(|(_, side, rule)| side.is_alarmed(rule))
    }

    fn judge(&self, policy: &ReputationPolicy, age: u64) -> Change {
        let mut reasons = Vec::new();
        let mut limited = false;
        let seen = self.by_dimension(policy).filter(|(_, side, _)| side.seen() > 0);
        for (dimension, side, rule) in seen.clone() {
            let (_, finding) = step(&policy.points, rule.asked.tolerated_ppm, side.period);
            reasons.push(reason(dimension, side, finding));
            let limits = self.limits(rule, dimension);
            limited |= limits.is_some();
            reasons.extend(limits.map(|finding| reason(dimension, side, finding)));
        }
        let counts = seen.map(|(dimension, side, _)| (dimension, side.period));
        let points_to = policy.points_after(self.score.points, counts);
        let standing = policy.points.standing(self.score.standing, points_to, age);
        let to = if limited { standing.min(Standing::Low) } else { standing };
        self.change(to, points_to, reasons)
    }

    /// Why `dimension` keeps the standing at Low, if it does.
    fn limits(&self, rule: Rule<'_>, dimension: Dimension) -> Option<Finding> {
        let side = &self.sides[dimension as usize];
        let (bound, bound_min) = (self.score.bounds[dimension as usize], rule.asked.bound_min);
        if side.is_alarmed(rule) {
            return Some(Finding::Suspicious { expelled: false });
        }
        let judged = side.seen() >= enough(dimension, rule.policy) && side.can_reach(rule);
        (judged && bound < bound_min).then_some(Finding::BelowBound { bound, bound_min })
    }

    pub(crate) fn change(&self, to: Standing, points_to: i32, reasons: Vec<Reason>) -> Change {
        Change {
            occasion: Occasion::Review,
            from: self.score.standing,
            to,
            points_from: self.score.points,
            points_to,
            since: self.reviewed,
            reasons,
        }
    }

    fn by_dimension<'a>(
        &'a self,
        policy: &'a ReputationPolicy,
    ) -> impl Iterator<Item = (Dimension, &'a Side, Rule<'a>)> + Clone {
        let sides = Dimension::ALL.into_iter().zip(&self.sides);
        sides.map(|(dimension, side)| (dimension, side, policy.rule(dimension)))
    }
}

impl PointsPolicy {
    /// The standing that `points` mean for a provider that was `from` and came `age` epochs ago.
    pub(crate) fn standing(&self, from: Standing, points: i32, age: u64) -> Standing {
        let vetted = age >= self.vetting;
        let high = if from == Standing::High { self.high_below } else { self.high_from };
        match from {
            _ if points <= 0 => Standing::Banned,
            _ if points < self.low_below => Standing::Low,
            Standing::New if !vetted || points < self.vetted_from => Standing::New,
            Standing::Low if !vetted || points < self.standard_from => Standing::Low,
            _ if points >= high && age >= self.high_after => Standing::High,
            _ => Standing::Standard,
        }
    }
}

impl ReputationPolicy {
    /// The points after a period that began with `points` and had so many outcomes.
    ///
    /// The worst dimension moves them. Only one that can ban takes the last of them.
    pub(crate) fn points_after(
        &self,
        points: i32,
        counts: impl Iterator<Item = (Dimension, Counts)>,
    ) -> i32 {
        let most = self.points.step_max;
        let (moved, moved_hard) =
            counts.fold((most, most), |(moved, hard), (dimension, counts)| {
                let asked = self.dimension(dimension);
                let (step, _) = step(&self.points, asked.tolerated_ppm, counts);
                let expels = asked.suspicion.expels;
                (moved.min(step), if expels { hard.min(step) } else { hard })
            });
        let after = |moved: i32| points.saturating_add(moved);
        after(moved).max(after(moved_hard).min(1)).clamp(0, self.points.most)
    }
}

/// How much evidence a bound is judged on: losses are rare, so a few tell something of honesty.
fn enough(dimension: Dimension, policy: &ReputationPolicy) -> u64 {
    if dimension == Dimension::Honesty { 1 } else { policy.points.outcomes_min }
}

/// How far a period with this side's outcomes moves the points: `step_max` for none bad, `step_min` where it is just
/// tolerated, less `step_min` just beyond, less `step_max` from ten times what is tolerated.
fn step(points: &PointsPolicy, tolerated_ppm: u32, counts: Counts) -> (i32, Finding) {
    let all = counts.all().saturating_add(DILUTION);
    let rate = u128::from(counts.bad) * u128::from(WHOLE_PPM) / u128::from(all);
    let tolerated = u128::from(tolerated_ppm);
    let range = points.step_max.saturating_sub(points.step_min);
    let scaled = |part: u128, whole: u128| {
        let whole = whole.max(1);
        let part = u128::from(range.unsigned_abs()) * part.min(whole) / whole;
        points.step_min.saturating_add(i32::try_from(part).unwrap_or(range))
    };
    if rate <= tolerated {
        let gained = scaled(tolerated - rate, tolerated);
        return (gained, Finding::Kept { gained });
    }
    let worst = (tolerated * 10).min(u128::from(WHOLE_PPM));
    let lost = scaled(rate - tolerated, worst - tolerated);
    (lost.saturating_neg(), Finding::Broken { lost, tolerated_ppm })
}

fn reason(dimension: Dimension, side: &Side, finding: Finding) -> Reason {
    let Counts { good, bad } = side.period;
    Reason { dimension, good, bad, finding, document: side.document() }
}

#[cfg(test)]
mod tests;
