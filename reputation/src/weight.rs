//! How likely a provider is drawn.

use crate::policy::ReputationPolicy;
use types::{Score, Standing};

/// Fixed-point bits of the ratio of costs.
const RATIO_BITS: u32 = 10;

/// The weight of a provider in the placement draw: higher for a higher score, lower for a higher cost.
///
/// `cost` is what the slot costs with this provider and `cheapest` what it costs with the cheapest one, in any
/// unit, the same for all candidates (`pricing::Rate::cost_micro`). The weight falls with the square of the
/// cost, to a millionth at most, so that a dear provider is drawn rarely and never not at all. A banned one
/// weighs nothing. A hundred thousand weights sum to less than 2^57.
pub fn weight(policy: &ReputationPolicy, score: &Score, cost: u64, cheapest: u64) -> u64 {
    merit(policy, score) * favour(cost, cheapest)
}

/// What of a [`weight`] the provider's score gives, whatever the slot costs: a search that has read it needs the score no more.
pub fn merit(policy: &ReputationPolicy, score: &Score) -> u64 {
    u64::from(policy.weights.of(score.standing)) * trust(score)
}

/// 500 to 1000: half for the standing alone, half for the worst bound. Of a new provider the least: what little is known of
/// it must not make one new name worth more than another.
///
/// A bound starts in the middle. Availability is observed of everybody; the others only of those who keep something, so they
/// count only where they have fallen below the start. Else a contract with oneself would buy what it costs next to nothing to
/// show.
fn trust(score: &Score) -> u64 {
    if score.standing == Standing::New {
        return 500;
    }
    let [possession, availability, latency, honesty] = score.bounds;
    let fallen = possession.min(latency).min(honesty).saturating_mul(2);
    let worst = availability.min(fallen).min(1000);
    500 + u64::from(worst) / 2
}

/// What of a [`weight`] the cost gives: the square of cheapest / cost, 1 to 2^20.
#[inline]
pub fn favour(cost: u64, cheapest: u64) -> u64 {
    let whole = 1u64 << RATIO_BITS;
    let ratio = if cheapest >= cost {
        whole
    } else if cheapest <= u64::MAX >> RATIO_BITS {
        (cheapest << RATIO_BITS) / cost
    } else {
        cheapest / (cost >> RATIO_BITS)
    };
    let ratio = ratio.clamp(1, whole);
    ratio * ratio
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn score(standing: Standing, bounds: [u16; 4]) -> Score {
        Score { standing, points: 0, bounds }
    }

    fn bounds() -> impl Strategy<Value = [u16; 4]> {
        [0u16..=1000, 0u16..=1000, 0u16..=1000, 0u16..=1000]
    }

    #[test]
    fn twice_the_price_is_a_quarter_of_the_weight() {
        let policy = ReputationPolicy::default();
        let score = score(Standing::High, [1000; 4]);
        let cheapest = weight(&policy, &score, 100, 100);
        assert_eq!(weight(&policy, &score, 200, 100) * 4, cheapest);
        assert_eq!(weight(&policy, &score, 100, 200), cheapest);
        assert_eq!(weight(&policy, &score, u64::MAX, 1) << 20, cheapest);
        assert_eq!(weight(&policy, &score, 0, 0), cheapest);
    }

    #[test]
    fn proofs_that_a_contract_with_oneself_can_give_make_nobody_drawn_more_often() {
        let policy = ReputationPolicy::default();
        let drawn = |bounds| weight(&policy, &score(Standing::Standard, bounds), 100, 100);
        let known_to_be_there = drawn([500, 990, 500, 500]);
        assert_eq!(drawn([990, 990, 990, 500]), known_to_be_there);
        assert!(drawn([400, 990, 990, 500]) < known_to_be_there);
        assert!(drawn([990, 980, 990, 500]) < known_to_be_there);
    }

    #[test]
    fn the_banned_are_never_drawn_and_the_dearest_may_be() {
        let policy = ReputationPolicy::default();
        let banned = score(Standing::Banned, [1000; 4]);
        assert_eq!(weight(&policy, &banned, 1, 1), 0);
        assert!(weight(&policy, &Score::default(), u64::MAX, 1) > 0);
    }

    proptest! {
        #[test]
        fn a_new_name_is_worth_less_than_any_reputation(
            fresh in bounds(), fled in bounds(), cost in any::<u64>(), cheapest in any::<u64>(),
        ) {
            let policy = ReputationPolicy::default();
            let new = weight(&policy, &score(Standing::New, fresh), cost, cheapest);
            for standing in [Standing::Low, Standing::Standard, Standing::High] {
                prop_assert!(new < weight(&policy, &score(standing, fled), cost, cheapest));
            }
        }

        #[test]
        fn a_higher_score_or_a_lower_price_never_weighs_less(
            lower in bounds(), better in bounds(), cost in any::<u64>(), less in any::<u64>(), cheapest in any::<u64>(),
        ) {
            let policy = ReputationPolicy::default();
            let higher = std::array::from_fn(|i| lower[i].max(better[i]));
            let order = [Standing::Banned, Standing::New, Standing::Low, Standing::Standard, Standing::High];
            for pair in order.windows(2) {
                let before = weight(&policy, &score(pair[0], lower), cost, cheapest);
                prop_assert!(weight(&policy, &score(pair[0], higher), cost, cheapest) >= before);
                prop_assert!(weight(&policy, &score(pair[0], lower), cost.min(less), cheapest) >= before);
                prop_assert!(weight(&policy, &score(pair[1], lower), cost, cheapest) > before);
            }
        }

        #[test]
        fn a_hundred_thousand_weights_can_be_summed(found in bounds(), cost in any::<u64>(), cheapest in any::<u64>()) {
            let policy = ReputationPolicy::default();
            let one = weight(&policy, &score(Standing::High, found), cost, cheapest);
            prop_assert!(one.checked_mul(100_000).is_some());
        }
    }
}
