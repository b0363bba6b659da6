//! What a broken promise costs its provider, and who gets it. No rule pays the judge.
#![warn(clippy::arithmetic_side_effects)]

use crate::contract::Cause;
use crate::fixed::{PERMILLE, PPM};
use types::terms::PenaltySchedule;
use types::{MoneyError, Msat};

/// What was lost, and how it came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The lost fraction of the slot, in parts per million; all of it for one unreachable beyond the repair time.
    pub fraction_ppm: u32,
    /// For how many epochs the promise has been broken.
    pub epochs_at_fault: u64,
    /// Whether the provider said so itself.
    pub confessed: bool,
}

/// What a loss costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slash {
    /// What the bond loses.
    pub amount: Msat,
    /// Whether the provider loses the slot.
    pub replace: bool,
}

/// The share of the bond that losing `fraction_ppm` costs before anything is added or halved, in permille.
pub fn step_permille(schedule: &PenaltySchedule, fraction_ppm: u32) -> u32 {
    if fraction_ppm == 0 {
        return 0;
    }
    let step = schedule.steps.iter().find(|step| fraction_ppm <= step.fraction_ppm);
    step.map_or(PERMILLE, |step| u32::from(step.slash_permille).min(PERMILLE))
}

/// What `loss` costs where `bond` is at stake: the step's share, and more with every epoch at fault, at most all of it.
///
/// Rounded up, and never above `bond`.
pub fn assess(schedule: &PenaltySchedule, loss: &Loss, bond: Msat) -> Result<Slash, MoneyError> {
    let bond = bond.non_negative()?;
    let step = u64::from(step_permille(schedule, loss.fraction_ppm));
    let added = u64::from(schedule.per_epoch_permille).saturating_mul(loss.epochs_at_fault);
    let share = step.saturating_add(added).min(u64::from(PERMILLE));
    let kept =
        if loss.confessed { u64::from(schedule.confessed_permille) } else { u64::from(PERMILLE) };
    let ppm = share.saturating_mul(kept).min(u64::from(PPM));
    let amount = bond.scale_up(u128::from(ppm), u128::from(PPM))?.min(bond);
    Ok(Slash { amount, replace: loss.fraction_ppm > schedule.replace_above_ppm })
}

/// What of a slash stays paid even if the provider proves later that it has every byte.
///
/// Nothing, where a verdict said that a proof failed: that was wrong then. But whoever could not be reached for so long
/// that its slot was rebuilt elsewhere has caused that repair, and pays for it. Else going dark and proving
/// possession afterwards would be a way to leave a contract at the market's cost.
pub fn stays(cause: Cause, repair_cost: Msat, slashed: Msat) -> Msat {
    match cause {
        Cause::Unreachable => repair_cost.min(slashed),
        Cause::Lost | Cause::Confessed => Msat::ZERO,
    }
}

/// Who gets a slash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// To the repair pool.
    pub to_pool: Msat,
    /// To the client.
    pub to_client: Msat,
}

/// Divides a slash: the repair pool up to `repair_cost`, then the client up to what it `paid`, the rest to the pool.
///
/// So the client never gains by a loss, and the market's own accounts get nothing.
pub fn distribute(
    slashed: Msat,
    repair_cost: Msat,
    paid: Msat,
) -> Result<Distribution, MoneyError> {
    let slashed = slashed.non_negative()?;
    let left = slashed.sub(repair_cost.non_negative()?.min(slashed))?;
    let to_client = paid.non_negative()?.min(left);
    Ok(Distribution { to_pool: slashed.sub(to_client)?, to_client })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Account;
    use crate::rail::{LedgerRail, Rail};
    use proptest::prelude::*;
    use types::{ContractId, Did};

    fn slash(fraction_ppm: u32, epochs_at_fault: u64, confessed: bool, bond: i64) -> Slash {
        let loss = Loss { fraction_ppm, epochs_at_fault, confessed };
        assess(&PenaltySchedule::standard(), &loss, Msat(bond)).unwrap()
    }

    #[test]
    fn the_standard_schedule() {
        for (fraction, epochs, confessed, amount, replace) in [
            (0, 0, false, 0, false),
            (1, 0, false, 100, false),
            (10_000, 0, false, 100, false),
            (10_001, 0, false, 250, false),
            (50_000, 0, false, 250, false),
            (50_001, 0, false, 500, true),
            (200_000, 3, false, 530, true),
            (200_001, 0, false, 1000, true),
            (1_000_000, 99, false, 1000, true),
            (10_000, 0, true, 50, false),
            (1_000_000, u64::MAX, true, 500, true),
        ] {
            let expected = Slash { amount: Msat(amount), replace };
            assert_eq!(slash(fraction, epochs, confessed, 1000), expected, "{fraction} {epochs}");
        }
    }

    #[test]
    fn the_pool_comes_first_then_the_client_up_to_what_it_paid() {
        for (slashed, repair, paid, to_pool, to_client) in [
            (100, 30, 50, 50, 50),
            (100, 30, 90, 30, 70),
            (100, 100, 90, 100, 0),
            (100, 300, 90, 100, 0),
            (100, 0, 0, 100, 0),
            (0, 30, 50, 0, 0),
        ] {
            let parts = distribute(Msat(slashed), Msat(repair), Msat(paid)).unwrap();
            let expected = Distribution { to_pool: Msat(to_pool), to_client: Msat(to_client) };
            assert_eq!(parts, expected, "{slashed} {repair} {paid}");
        }
    }

    #[test]
    fn only_an_absence_still_pays_for_its_repair_once_the_loss_is_disproven() {
        for (cause, repair, slashed, expected) in [
            (Cause::Lost, 30, 100, 0),
            (Cause::Confessed, 30, 100, 0),
            (Cause::Unreachable, 30, 100, 30),
            (Cause::Unreachable, 300, 100, 100),
        ] {
            assert_eq!(stays(cause, Msat(repair), Msat(slashed)), Msat(expected), "{cause:?}");
        }
    }

    #[test]
    fn negative_amounts_are_refused() {
        assert!(distribute(Msat(-1), Msat(0), Msat(0)).is_err());
        assert!(distribute(Msat(1), Msat(-1), Msat(0)).is_err());
        assert!(distribute(Msat(1), Msat(0), Msat(-1)).is_err());
        let loss = Loss { fraction_ppm: 1, epochs_at_fault: 0, confessed: false };
        assert!(assess(&PenaltySchedule::standard(), &loss, Msat(-1)).is_err());
    }

    proptest! {
        #[test]
        fn a_slash_grows_with_the_loss_and_never_above_the_bond(
            fraction in 0u32..1_000_000, more in 0u32..1_000_000, epochs in 0u64..1000, bond in 0..=i64::MAX,
        ) {
            let amount = |fraction, epochs, confessed| slash(fraction, epochs, confessed, bond).amount;
            let larger = fraction.saturating_add(more).min(PPM);
            prop_assert!(amount(fraction, epochs, false) <= amount(larger, epochs, false));
            prop_assert!(amount(fraction, epochs, false) <= amount(fraction, epochs.saturating_add(1), false));
            prop_assert!(amount(fraction, epochs, true) <= amount(fraction, epochs, false));
            prop_assert!(amount(larger, epochs, false) <= Msat(bond));
        }

        #[test]
        fn no_rule_pays_the_judge(slashed in 0..=i64::MAX, repair in 0..=i64::MAX, paid in 0..=i64::MAX) {
            let parts = distribute(Msat(slashed), Msat(repair), Msat(paid)).unwrap();
            prop_assert_eq!(parts.to_pool.add(parts.to_client).unwrap(), Msat(slashed));
            prop_assert!(parts.to_client <= Msat(paid) && parts.to_pool >= Msat(repair.min(slashed)));
            let (contract, client) = (ContractId::default(), Did([1; 32]));
            for posting in LedgerRail.slash((contract, 3), (client, parts.to_client), parts.to_pool) {
                prop_assert_eq!(posting.debit, Account::Bond(contract, 3));
                prop_assert!([Account::RepairPool, Account::Available(client)].contains(&posting.credit));
            }
        }
    }
}
