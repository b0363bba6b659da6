//! From what the ledger's terms lock to what an escrow pays: millisatoshis become satoshis.
//!
//! Provider and pool get whole satoshis, rounded down; what is left of the collateral, which is rounded up, is the client's. So at every
//! outcome the provider and the pool each have less than one satoshi less than on the ledger, and the client up to three more.

use crate::escrow::spend::Split;
use crate::outcome::payouts::{FULL, PayoutError, PayoutTable};
use bitcoin::Amount;
use contracts::outcome::Stake;
use types::{MoneyError, Msat};

/// One satoshi.
const SATOSHI: u64 = 1_000;

/// Why a stake is none for an escrow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StakeError {
    /// The ledger's sums do not come out.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The payouts make no table.
    #[error(transparent)]
    Payouts(#[from] PayoutError),
    /// More than there is of bitcoin.
    #[error("a stake of more than 21 million bitcoin")]
    Overflow,
}

/// What each side puts into a slot's escrow, fee reserve aside; a refund gives it back. The provider's bond is rounded down, the
/// price is the rest of the collateral.
///
/// # Errors
/// Where an amount is negative or boundless.
pub fn parts(stake: &Stake) -> Result<Split, StakeError> {
    let collateral = collateral(stake)?;
    let provider = whole(stake.bond.non_negative()?)?;
    let client = collateral.checked_sub(provider).ok_or(StakeError::Overflow)?;
    Ok(Split { provider, client, pool: Amount::ZERO })
}

/// What every outcome pays of a slot's escrow, exact to the satoshi; [`PayoutTable::rounded`] makes it coarser.
///
/// # Errors
/// Where an amount is negative or boundless.
pub fn payouts(stake: &Stake) -> Result<PayoutTable, StakeError> {
    let collateral = collateral(stake)?;
    let splits = (0..=FULL).map(|outcome| {
        let split = stake.split(outcome)?;
        let (provider, pool) = (whole(split.provider)?, whole(split.pool)?);
        let rest = collateral.checked_sub(provider).and_then(|rest| rest.checked_sub(pool));
        Ok(Split { provider, client: rest.ok_or(StakeError::Overflow)?, pool })
    });
    let splits = splits.collect::<Result<Vec<Split>, StakeError>>()?;
    Ok(PayoutTable::new(collateral, &splits)?)
}

/// Price and bond together, rounded up.
fn collateral(stake: &Stake) -> Result<Amount, StakeError> {
    let msat = unsigned(stake.collateral()?.non_negative()?)?;
    let collateral = Amount::from_sat(msat.div_ceil(SATOSHI));
    if collateral > Amount::MAX_MONEY { Err(StakeError::Overflow) } else { Ok(collateral) }
}

fn whole(msat: Msat) -> Result<Amount, StakeError> {
    Ok(Amount::from_sat(unsigned(msat)? / SATOSHI))
}

fn unsigned(msat: Msat) -> Result<u64, StakeError> {
    u64::try_from(msat.0).map_err(|_| StakeError::Money(MoneyError::Negative(msat.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::num::NonZeroU16;
    use types::SlotCost;
    use types::terms::{PayoutCurve, PayoutPoint};

    prop_compose! {
        fn curves()(
            mut at in prop::collection::btree_map(0u16..=1000, 0u16..=1000, 1..6),
            target in 0u16..=1000,
        ) -> PayoutCurve {
            let mut paid: Vec<u16> = at.values().copied().collect();
            paid.sort_unstable();
            at.values_mut().zip(paid).for_each(|(value, paid)| *value = paid);
            let point = |(compliance, paid_permille)| PayoutPoint { compliance, paid_permille };
            PayoutCurve { points: at.into_iter().map(point).collect(), target }
        }
    }

    prop_compose! {
        fn stakes()(
            curve in prop_oneof![Just(PayoutCurve::standard()), curves()],
            lines in prop::array::uniform4(0i64..1_000_000_000),
            bond in 0i64..1_000_000_000_000, repair_cost in 0i64..1_000_000_000_000,
        ) -> Stake {
            let [base, premium, bonus, ingress] = lines.map(Msat);
            let cost = SlotCost { base, premium, bonus, ingress };
            Stake { curve, cost, bond: Msat(bond), repair_cost: Msat(repair_cost) }
        }
    }

    fn unrecorded(cases: u32) -> ProptestConfig {
        ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
    }

    /// How many msat more than on the ledger somebody gets.
    fn more(paid: Amount, ledger: Msat) -> i64 {
        i64::try_from(paid.to_sat()).unwrap() * 1_000 - ledger.0
    }

    proptest! {
        #![proptest_config(unrecorded(48))]

        #[test]
        fn an_escrow_pays_what_the_ledger_pays_to_the_satoshi(stake in stakes()) {
            let table = payouts(&stake).unwrap();
            prop_assert_eq!(parts(&stake).unwrap().total(), Some(table.collateral()));
            for outcome in 0..=1023 {
                let (paid, ledger) = (table.at(outcome), stake.split(outcome).unwrap());
                prop_assert_eq!(paid.total(), Some(table.collateral()));
                prop_assert!((-999..=0).contains(&more(paid.provider, ledger.provider)));
                prop_assert!((-999..=0).contains(&more(paid.pool, ledger.pool)));
                prop_assert!((0..3_000).contains(&more(paid.client, ledger.client)));
            }
        }

        /// A step is a hundredth of what the share of the provider, or the pool, can differ by. Each moves by half a step, and one
        /// satoshi of rounding within it and one to whole satoshis; the pool gives way to the provider where both would be above the
        /// collateral; the client has what they have not.
        #[test]
        fn rounding_to_a_hundredth_moves_nobody_further_than_half_a_step(stake in stakes()) {
            let exact = payouts(&stake).unwrap();
            let rounded = exact.rounded(NonZeroU16::new(100).unwrap());
            prop_assert!(rounded.ranges().len() <= 202, "{}", rounded.ranges().len());
            let span = |share: fn(&Split) -> Amount| {
                let shares = || exact.ranges().iter().map(|range| share(&range.split).to_sat());
                i64::try_from(shares().max().unwrap() - shares().min().unwrap()).unwrap()
            };
            let (provider, pool) = (span(|split| split.provider), span(|split| split.pool));
            let half = |span: i64| span * 1_000 / 200 + 2_000;
            for outcome in 0..=1023 {
                let (paid, ledger) = (rounded.at(outcome), stake.split(outcome).unwrap());
                prop_assert_eq!(paid.total(), Some(exact.collateral()));
                prop_assert!(more(paid.provider, ledger.provider).abs() <= half(provider));
                prop_assert!(more(paid.pool, ledger.pool).abs() <= half(provider) + half(pool));
                let bound = 2 * half(provider) + half(pool);
                prop_assert!(more(paid.client, ledger.client).abs() <= bound);
            }
        }
    }

    #[test]
    fn a_lost_slot_pays_the_pool_and_then_the_client() {
        let cost = SlotCost { base: Msat(900_400), premium: Msat(100_000), ..SlotCost::default() };
        let (curve, bond) = (PayoutCurve::standard(), Msat(4_000_700));
        let stake = Stake { curve, cost, bond, repair_cost: Msat(1_700_000) };
        let sats = |provider, client, pool| {
            let [provider, client, pool] = [provider, client, pool].map(Amount::from_sat);
            Split { provider, client, pool }
        };
        assert_eq!(parts(&stake), Ok(sats(4_000, 1_002, 0)));
        let table = payouts(&stake).unwrap();
        assert_eq!(table.at(0), sats(0, 2_002, 3_000));
        assert_eq!(table.at(500), sats(4_000, 1_002, 0));
        assert_eq!(table.at(1000), sats(5_001, 1, 0));
    }

    #[test]
    fn negative_and_boundless_stakes_are_refused() {
        let curve = PayoutCurve::standard();
        let stake = |bond| {
            let cost = SlotCost { base: Msat(1), ..SlotCost::default() };
            Stake { curve: curve.clone(), cost, bond: Msat(bond), repair_cost: Msat::ZERO }
        };
        let boundless = i64::MAX - 1;
        assert_eq!(parts(&stake(-1)), Err(MoneyError::Negative(-1).into()));
        assert_eq!(parts(&stake(boundless)), Err(StakeError::Overflow));
        assert_eq!(payouts(&stake(boundless)).unwrap_err(), StakeError::Overflow);
    }
}
