//! Reviews: from what was noted to points and standing.

use crate::change::{Change, Finding, Reason};
use crate::policy::{DimensionPolicy, PointsPolicy, ReputationPolicy, WHOLE_PPM};
use crate::record::Record;
use crate::side::Side;
use types::{Dimension, Epoch, Standing};

/// Good outcomes that a period's rate is diluted with, so that one failure among a handful is not a rate.
const DILUTION: u64 = 2;

impl Record {
    /// What opening `epoch` changes, if anything: an alarm that expels at once, points when a review is due.
    ///
    /// A review is due every `review_every` epochs since the provider came, and waits for enough evidence.
    /// Changes nothing: [`adopt`](Record::adopt) does.
    pub fn review(&self, policy: &ReputationPolicy, epoch: Epoch) -> Option<Change> {
        if self.score.standing == Standing::Banned {
            return None;
        }
        if let Some(expulsion) = self.expulsion(policy) {
            return Some(expulsion);
        }
        let age = epoch.since(self.joined);
        if age == 0 || !age.is_multiple_of(policy.points.review_every.max(1)) {
            return None;
        }
        let seen =
            self.sides.iter().fold(0u64, |sum, s| sum.saturating_add(s.good).saturating_add(s.bad));
        if seen < policy.points.outcomes_min.max(1) {
            return None;
        }
        Some(self.judge(policy, age))
    }

    fn expulsion(&self, policy: &ReputationPolicy) -> Option<Change> {
        let alarmed = |(_, side, asked): &(Dimension, &Side, &DimensionPolicy)| {
            asked.suspicion.expels && side.is_alarmed(policy, asked)
        };
        let (dimension, side, _) = self.by_dimension(policy).find(alarmed)?;
        let finding = Finding::Suspicious { expelled: true };
        Some(self.change(Standing::Banned, 0, vec![reason(dimension, side, finding)]))
    }

    fn judge(&self, policy: &ReputationPolicy, age: u64) -> Change {
        let points = &policy.points;
        let (mut moved, mut moved_hard) = (points.step_max, points.step_max);
        let mut reasons = Vec::new();
        let mut limited = false;
        for (dimension, side, asked) in
            self.by_dimension(policy).filter(|(_, side, _)| side.seen() > 0)
        {
            let (step, finding) = step(points, asked.tolerated_ppm, side);
            moved = moved.min(step);
            if asked.suspicion.expels {
                moved_hard = moved_hard.min(step);
            }
            reasons.push(reason(dimension, side, finding));
            let limits = self.limits(policy, dimension);
            limited |= limits.is_some();
            reasons.extend(limits.map(|finding| reason(dimension, side, finding)));
        }
        let after = |moved: i32| self.score.points.saturating_add(moved);
        let points_to = after(moved).max(after(moved_hard).min(1)).clamp(0, points.most);
        let standing = self.standing(points, points_to, age);
        let to = if limited { standing.min(Standing::Low) } else { standing };
        self.change(to, points_to, reasons)
    }

    /// Why `dimension` keeps the standing at Low, if it does.
    fn limits(&self, policy: &ReputationPolicy, dimension: Dimension) -> Option<Finding> {
        let (side, asked) = (&self.sides[dimension as usize], policy.dimension(dimension));
        let (bound, bound_min) = (self.score.bounds[dimension as usize], asked.bound_min);
        if side.is_alarmed(policy, asked) {
            return Some(Finding::Suspicious { expelled: false });
        }
        let judged = side.seen() >= enough(dimension, policy);
        (judged && bound < bound_min).then_some(Finding::BelowBound { bound, bound_min })
    }

    /// The standing that `points` mean for a provider of this past and `age`.
    fn standing(&self, policy: &PointsPolicy, points: i32, age: u64) -> Standing {
        let vetted = age >= policy.vetting;
        let is_high = self.score.standing == Standing::High;
        let high = if is_high { policy.high_below } else { policy.high_from };
        match self.score.standing {
            _ if points <= 0 => Standing::Banned,
            _ if points < policy.low_below => Standing::Low,
            Standing::New if !vetted || points < policy.vetted_from => Standing::New,
            Standing::Low if !vetted || points < policy.standard_from => Standing::Low,
            _ if points >= high && age >= policy.high_after => Standing::High,
            _ => Standing::Standard,
        }
    }

    fn change(&self, to: Standing, points_to: i32, reasons: Vec<Reason>) -> Change {
        Change {
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
    ) -> impl Iterator<Item = (Dimension, &'a Side, &'a DimensionPolicy)> {
        let asked = |dimension: Dimension| policy.dimension(dimension);
        Dimension::ALL.into_iter().zip(&self.sides).map(move |(d, side)| (d, side, asked(d)))
    }
}

/// How much evidence a bound is judged on: losses are rare, so a few tell something of honesty.
fn enough(dimension: Dimension, policy: &ReputationPolicy) -> u64 {
    if dimension == Dimension::Honesty { 1 } else { policy.points.outcomes_min }
}

/// How far a period with this side's outcomes moves the points: `step_max` for none bad, `step_min` where it is just
/// tolerated, less `step_min` just beyond, less `step_max` from ten times what is tolerated.
fn step(points: &PointsPolicy, tolerated_ppm: u32, side: &Side) -> (i32, Finding) {
    let all = side.good.saturating_add(side.bad).saturating_add(DILUTION);
    let rate = u128::from(side.bad) * u128::from(WHOLE_PPM) / u128::from(all);
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
    Reason { dimension, good: side.good, bad: side.bad, finding, document: side.document }
}

#[cfg(test)]
mod tests;
