//! What a policy must keep to do what it is for.

use super::{DimensionPolicy, PointsPolicy, ReputationPolicy, WHOLE_PPM};

/// A policy that would not do what it is for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {rule}")]
pub struct PolicyError {
    /// Which field.
    pub field: &'static str,
    /// What would be right.
    pub rule: &'static str,
}

impl ReputationPolicy {
    /// This policy, when it does what it is for.
    ///
    /// # Errors
    /// [`PolicyError`] names the field and the rule it breaks.
    pub fn validated(self) -> Result<Self, PolicyError> {
        let broken = self.rules().into_iter().find(|(_, holds, _)| !holds);
        match broken {
            Some((field, _, rule)) => Err(PolicyError { field, rule }),
            None => Ok(self),
        }
    }

    fn rules(&self) -> [(&'static str, bool, &'static str); 13] {
        let Self { tally, dimensions, points, weights, newcomers, history } = self;
        let steps = 1..=points.step_max;
        let drawn = weights.low <= weights.standard && weights.standard <= weights.high;
        let tolerated = |d: &DimensionPolicy| (1..WHOLE_PPM).contains(&d.tolerated_ppm);
        [
            (
                "tally.kept_per_epoch_ppm",
                tally.kept_per_epoch_ppm <= WHOLE_PPM,
                "give 0 to 1000000",
            ),
            ("tally.prior_good_micro", tally.prior_good_micro > 0, "give more than zero"),
            (
                "dimensions.tolerated_ppm",
                dimensions.iter().all(tolerated),
                "give 1 to 999999 for each",
            ),
            (
                "dimensions.suspicion.spell_epochs",
                dimensions.iter().all(|d| d.suspicion.spell_epochs > 0),
                "give at least one for each",
            ),
            ("points.review_every", points.review_every > 0, "give at least one epoch"),
            ("points.step_min", steps.contains(&points.step_min), "give 1 to step_max"),
            ("points.start", (1..=points.most).contains(&points.start), "give 1 to most"),
            ("points", points.are_ordered(), "order low_below to most as they are declared"),
            (
                "points.vetted_from, points.high_after",
                points.leave_no_short_cut(),
                "raise them: a new name must not be a short cut",
            ),
            (
                "weights.new",
                weights.new > 0 && weights.new < weights.low,
                "give 1 to less than low",
            ),
            ("weights", drawn, "order low, standard, high"),
            (
                "newcomers.slot_max",
                newcomers.slot_max <= newcomers.total_max,
                "give at most total_max",
            ),
            ("history.changes_max", history.changes_max > 0, "give at least one"),
        ]
    }
}

impl PointsPolicy {
    fn are_ordered(&self) -> bool {
        let rising = [
            self.low_below,
            self.standard_from,
            self.vetted_from,
            self.high_below,
            self.high_from,
            self.most,
        ];
        rising.is_sorted()
    }

    /// Whether a Low provider with one point left is up again, in any steps, before it would be under a new name.
    fn leave_no_short_cut(&self) -> bool {
        let gained = self.vetted_from.saturating_sub(self.start);
        let steps = self.high_from.unsigned_abs().div_ceil(self.step_min.unsigned_abs().max(1));
        let way_up = u64::from(steps).saturating_mul(self.review_every);
        gained >= self.standard_from && self.high_after > way_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_policy_keeps_its_own_rules() {
        let policy = ReputationPolicy::default();
        assert_eq!(policy.validated(), Ok(policy));
    }

    #[test]
    fn a_policy_that_rewards_a_new_name_is_refused() {
        let mut policy = ReputationPolicy::default();
        policy.weights.new = policy.weights.low;
        let error = policy.validated().unwrap_err();
        assert_eq!(error.to_string(), "weights.new: give 1 to less than low");
    }

    #[test]
    fn a_policy_that_makes_a_new_name_a_short_cut_is_refused() {
        for shorten in [
            |points: &mut PointsPolicy| points.vetted_from -= 1,
            |points: &mut PointsPolicy| points.high_after = 40 * points.review_every,
        ] {
            let mut policy = ReputationPolicy::default();
            shorten(&mut policy.points);
            let error = policy.validated().unwrap_err();
            assert!(error.to_string().ends_with("a new name must not be a short cut"), "{error}");
        }
    }

    #[test]
    fn unordered_thresholds_are_refused() {
        let mut policy = ReputationPolicy::default();
        policy.points.high_from = policy.points.most + 1;
        assert_eq!(policy.validated().unwrap_err().field, "points");
        policy = ReputationPolicy::default();
        policy.dimensions[2].tolerated_ppm = 0;
        assert_eq!(policy.validated().unwrap_err().field, "dimensions.tolerated_ppm");
    }
}
