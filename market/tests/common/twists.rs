//! Commands that nobody may give: a sound one with one thing in it that is wrong.

use super::{did, signed};
use market::Command;
use market::command::Contest;
use types::documents::{
    Acceptance, Ask, Cancellation, Confession, Confirmation, Departure, Deposit, Dispute,
    Extension, Grant, Growth, Maintenance, Measurement, Revision, Revocation, StorageReceipt,
    TopUp, Verdict, Voucher, Withdrawal,
};
use types::{Document, Epoch, Hash, Msat, Verified};

/// A party that nobody knows.
const STRANGER: types::Did = types::Did([99; 32]);
/// A contract that nobody has.
const NOWHERE: types::ContractId = Hash([9; 32]);

fn changed<T: Document + Clone>(
    document: &Verified<T>,
    change: impl FnOnce(&mut T),
) -> Verified<T> {
    let mut document = (**document).clone();
    change(&mut document);
    signed(document)
}

/// The command in a stranger's name, or about what is not there.
pub(crate) fn foreign(command: &Command) -> Command {
    use Command as C;
    match command.clone() {
        C::PublishAsk { ask, network } => {
            C::PublishAsk { ask: changed(&ask, |a: &mut Ask| a.tiers.clear()), network }
        }
        C::Deposit(d) => C::Deposit(changed(&d, |d: &mut Deposit| d.market = STRANGER)),
        C::Withdraw(w) => C::Withdraw(changed(&w, |w: &mut Withdrawal| w.party = STRANGER)),
        C::Accept { acceptance, quote } => {
            let acceptance = changed(&acceptance, |a: &mut Acceptance| a.client = STRANGER);
            C::Accept { acceptance, quote }
        }
        C::Confirm(c) => C::Confirm(changed(&c, |c: &mut Confirmation| c.provider = STRANGER)),
        C::Revise { revision, receipts } => C::Revise {
            revision: changed(&revision, |r: &mut Revision| r.signer = STRANGER),
            receipts,
        },
        C::Extend(e) => C::Extend(changed(&e, |e: &mut Extension| e.client = STRANGER)),
        C::Grow(g) => C::Grow(changed(&g, |g: &mut Growth| g.client = STRANGER)),
        C::Cancel(c) => C::Cancel(changed(&c, |c: &mut Cancellation| c.client = STRANGER)),
        C::Depart(d) => C::Depart(changed(&d, |d: &mut Departure| d.provider = STRANGER)),
        C::TopUp(t) => C::TopUp(changed(&t, |t: &mut TopUp| t.provider = STRANGER)),
        C::OpenEpoch { epoch, headers, .. } => {
            C::OpenEpoch { epoch, beacon: Hash([3; 32]), headers }
        }
        C::RecordVerdict(v) => {
            C::RecordVerdict(changed(&v, |v: &mut Verdict| v.auditor = STRANGER))
        }
        C::Confess(c) => C::Confess(changed(&c, |c: &mut Confession| c.provider = STRANGER)),
        C::Dispute(contest) => {
            let dispute = changed(&contest.dispute, |d: &mut Dispute| d.provider = STRANGER);
            C::Dispute(Box::new(Contest { dispute, ..*contest }))
        }
        C::Announce(n) => C::Announce(changed(&n, |n: &mut Maintenance| n.provider = STRANGER)),
        C::Measure(m) => C::Measure(changed(&m, |m: &mut Measurement| m.auditor = STRANGER)),
        C::FinishRebuild { receipt, revision } => {
            let receipt = changed(&receipt, |r: &mut StorageReceipt| r.provider = STRANGER);
            C::FinishRebuild { receipt, revision }
        }
        C::RedeemVoucher(v) => C::RedeemVoucher(changed(&v, |v: &mut Voucher| v.client = STRANGER)),
        C::Grant(g) => C::Grant(changed(&g, |g: &mut Grant| g.owner = STRANGER)),
        C::Revoke(r) => C::Revoke(changed(&r, |r: &mut Revocation| r.owner = STRANGER)),
        C::Release { slot, .. } => C::Release { contract: NOWHERE, slot },
        C::HoldBack { slot, .. } => C::HoldBack { contract: NOWHERE, slot },
        C::Reassign { slot, .. } => C::Reassign { contract: NOWHERE, slot },
        C::Replace { slot, seed, .. } => C::Replace { contract: NOWHERE, slot, seed },
        C::Expire(_) => C::Expire(NOWHERE),
        C::Renew(_) => C::Renew(NOWHERE),
        C::Complete(_) => C::Complete(NOWHERE),
        C::Settle(_) => C::Settle(NOWHERE),
        C::Conclude { slot, provider, .. } => C::Conclude { contract: NOWHERE, slot, provider },
    }
}

/// The command with a figure in it that is out of range, out of turn or about another thing.
pub(crate) fn wrong(command: &Command) -> Command {
    use Command as C;
    match command.clone() {
        C::PublishAsk { ask, network } => {
            C::PublishAsk { ask: changed(&ask, |a: &mut Ask| a.sequence = 0), network }
        }
        C::Deposit(d) => C::Deposit(changed(&d, |d: &mut Deposit| d.amount = Msat(0))),
        C::Withdraw(w) => C::Withdraw(changed(&w, |w: &mut Withdrawal| w.amount = Msat(1 << 60))),
        C::Accept { acceptance, quote } => {
            let acceptance = changed(&acceptance, |a: &mut Acceptance| a.quote = NOWHERE);
            C::Accept { acceptance, quote }
        }
        C::Confirm(c) => C::Confirm(changed(&c, |c: &mut Confirmation| c.slot = 77)),
        C::Revise { revision, receipts } => {
            C::Revise { revision: changed(&revision, |r: &mut Revision| r.number += 5), receipts }
        }
        C::Extend(e) => C::Extend(changed(&e, |e: &mut Extension| e.epochs = 0)),
        C::Grow(g) => C::Grow(changed(&g, |g: &mut Growth| g.capacity = types::Bytes(1))),
        C::Cancel(c) => C::Cancel(changed(&c, |c: &mut Cancellation| c.contract = NOWHERE)),
        C::Depart(d) => C::Depart(changed(&d, |d: &mut Departure| d.slot = 77)),
        C::TopUp(t) => C::TopUp(changed(&t, |t: &mut TopUp| t.bond = Msat(1 << 60))),
        C::OpenEpoch { epoch, beacon, headers } => {
            C::OpenEpoch { epoch: epoch.plus(1), beacon, headers }
        }
        C::RecordVerdict(v) => {
            C::RecordVerdict(changed(&v, |v: &mut Verdict| v.epoch = v.epoch.plus(9)))
        }
        C::Confess(c) => C::Confess(changed(&c, |c: &mut Confession| c.slot = 77)),
        C::Dispute(contest) => {
            let answers = vec![1; 9].into();
            C::Dispute(Box::new(Contest { answers, ..*contest }))
        }
        C::Announce(n) => C::Announce(changed(&n, |n: &mut Maintenance| n.from = Epoch(0))),
        C::Measure(m) => C::Measure(changed(&m, |m: &mut Measurement| m.answered = m.probes + 1)),
        C::FinishRebuild { receipt, revision } => {
            let revision = changed(&revision, |r: &mut Revision| r.signer = did(0));
            C::FinishRebuild { receipt, revision }
        }
        C::RedeemVoucher(v) => {
            C::RedeemVoucher(changed(&v, |v: &mut Voucher| v.provider = STRANGER))
        }
        C::Grant(g) => C::Grant(changed(&g, |g: &mut Grant| g.grantee = g.owner)),
        C::Revoke(r) => C::Revoke(changed(&r, |r: &mut Revocation| r.grant = NOWHERE)),
        C::Release { contract, .. } => C::Release { contract, slot: 77 },
        C::HoldBack { contract, .. } => C::HoldBack { contract, slot: 77 },
        C::Reassign { contract, .. } => C::Reassign { contract, slot: 77 },
        C::Replace { contract, seed, .. } => C::Replace { contract, slot: 77, seed },
        C::Conclude { contract, provider, .. } => C::Conclude { contract, slot: 77, provider },
        nowhere @ (C::Expire(_) | C::Renew(_) | C::Complete(_) | C::Settle(_)) => foreign(&nowhere),
    }
}
