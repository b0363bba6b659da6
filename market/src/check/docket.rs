//! What must hold of everything that can still be disputed.

use super::Breaches;
use crate::state::Market;
use contracts::Account;
use std::collections::{BTreeMap, BTreeSet};
use types::{MoneyError, Msat};

/// What waits for clients is there, to the msat, and rests on verdicts that stand and have not been refuted.
pub(super) fn check(market: &Market, breaches: &mut Breaches) {
    let mut waiting = BTreeMap::new();
    for (id, penalties) in &market.docket.penalties {
        let sum: Result<Msat, MoneyError> =
            Msat::sum(penalties.iter().map(|penalty| penalty.to_client));
        waiting.insert(Account::Contested(id.contract, id.slot), sum.unwrap_or(Msat(i64::MAX)));
        let open = market.contracts.get(&id.contract).is_some_and(|c| c.state.is_open());
        breaches.expect(open, "only open contracts have penalties that can be disputed", || {
            format!("{} slot {}", id.contract, id.slot)
        });
        let grounded = penalties.iter().all(|penalty| {
            let stands = |id| market.docket.verdicts.contains_key(id);
            !penalty.verdicts.is_empty() && penalty.verdicts.iter().all(stands)
        });
        breaches.expect(
            grounded,
            "a penalty that can be disputed rests on verdicts that can",
            || format!("{} slot {}", id.contract, id.slot),
        );
    }
    for ((epoch, provider), readings) in &market.docket.measured {
        let points: BTreeSet<_> = readings.iter().map(|r| (r.auditor, &r.vantage)).collect();
        breaches.expect(points.len() == readings.len(), "a vantage point counts once", || {
            format!("{provider} in epoch {epoch}: {} by {}", readings.len(), points.len())
        });
    }
    for (account, totals) in market.ledger.accounts() {
        if matches!(account, Account::Contested(..)) {
            let due = waiting.get(account).copied().unwrap_or(Msat::ZERO);
            let found = totals.balance();
            breaches.expect(found == due, "what penalties hold for clients is there", || {
                format!("{account} holds {found} of {due}")
            });
        }
    }
}
