//! Row 9: no msat comes from nowhere or goes there, at any event of a contract's life before the market that ships.
//!
//! The life has what moves money in it: deposits, bonds and escrow, reads, a proof that fails, a penalty, a rebuild, the
//! settlement, withdrawals; how much of each, and where it goes wrong, is chance.

mod life;

use super::{Effort, Luck, Published, Row};
use crate::chance::{Seed, Stream};
use contracts::Account;
use life::{FAULTLESS, Life};
use market::{Event, Market};

/// What is amiss in the books, in msat: debits that no credits match, and what accounts other than the world's are below zero.
fn amiss(market: &Market) -> u128 {
    let (debits, credits) = market.ledger().sums();
    let below = market.ledger().accounts().map(|(account, totals)| match account {
        Account::World => 0,
        _ => u128::from(totals.balance().0.min(0).unsigned_abs()),
    });
    debits.abs_diff(credits) + below.sum::<u128>()
}

/// By how much the world's account differs from what documents say was paid in less what was paid out, in msat.
fn unaccounted(market: &Market, inside: i64) -> u128 {
    let world = market.ledger().balance(Account::World);
    u128::from(world.0.saturating_add(inside).unsigned_abs())
}

/// The row: every life of every run, and the most that was amiss at any event of any.
pub(super) fn rows(seed: Seed, effort: Effort) -> Vec<Row> {
    vec![conserved(seed, effort, FAULTLESS)]
}

fn conserved(seed: Seed, effort: Effort, fault: fn(Vec<Event>) -> Vec<Event>) -> Row {
    let luck = Luck { seed, stream: Stream::Market, row: 900 };
    let (mut events, mut worst) = (0, 0.0f64);
    for run in 0..effort.runs(50) {
        let mut life = Life::new(luck.draws(run), fault);
        let found = match life.live() {
            Ok(()) => to_real(life.worst),
            Err(_) => f64::INFINITY,
        };
        events += life.events;
        worst = worst.max(found);
    }
    let name = "a contract's life: msat amiss at the worst event";
    Row::certain((9, name), Published::exact(0.0), worst, events)
}

/// An amount as a figure; more than is exact is without end.
fn to_real(msat: u128) -> f64 {
    u64::try_from(msat).map_or(f64::INFINITY, crate::statistics::real)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever is paid in twice for one document is noticed.
    fn deposits_twice(events: Vec<Event>) -> Vec<Event> {
        let twice = |event: Event| {
            let again = matches!(event, Event::Deposited { .. }).then(|| event.clone());
            std::iter::once(event).chain(again)
        };
        events.into_iter().flat_map(twice).collect()
    }

    /// A settlement that is forgotten leaves what it should have paid out.
    fn never_settles(events: Vec<Event>) -> Vec<Event> {
        events.into_iter().filter(|event| event.name() != "contract_settled").collect()
    }

    #[test]
    fn a_market_that_makes_or_loses_money_is_noticed() {
        for fault in [deposits_twice, never_settles] {
            let row = conserved(Seed(1), Effort::Quick, fault);
            assert!(!row.holds && row.found > 0.0, "{row:?}");
        }
    }

    #[test]
    fn the_lives_have_everything_in_them_that_moves_money() {
        let luck = Luck { seed: Seed(1), stream: Stream::Market, row: 900 };
        let mut seen = std::collections::BTreeSet::new();
        for run in 0..20 {
            let mut life = Life::new(luck.draws(run), FAULTLESS);
            life.live().unwrap();
            seen.extend(life.names);
        }
        for name in [
            "deposited",
            "contract_agreed",
            "slot_confirmed",
            "revision_accepted",
            "verdict_recorded",
            "slot_faulted",
            "penalised",
            "rebuild_finished",
            "voucher_redeemed",
            "contract_settled",
            "withdrawn",
        ] {
            assert!(seen.contains(name), "{name} is not among {seen:?}");
        }
    }
}
