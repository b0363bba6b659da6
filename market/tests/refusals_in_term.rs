//! Bad input to a contract that has begun: each refusal has its code, says what would be right, and changes nothing.

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::stage::{self, CLIENT, GB, terms};
use common::{MARKET, World, did, signed, verdict};
use market::Command;
use types::documents::{
    AuditKind, Confession, Revision, SlotVerdict, StorageReceipt, Verdict, Voucher,
};
use types::{Did, Epoch, Hash};

/// A revision's or rebuild's mistake, the refusal's code and what would be right.
type Wrong<A, B> = (fn(&mut A, &mut B), &'static str, &'static str);

const STRANGER: Did = Did([200; 32]);

#[test]
fn revisions() {
    let mut world = World::staged(8);
    let contract = world.agree(&terms());
    let unconfirmed = world.revision(contract, &[GB; 4]);
    world.refuse(&unconfirmed, "receipt_mismatch", "wait for the confirmation");
    for slot in 0..4 {
        let confirm = world.confirmation(contract, slot, None);
        world.done(&confirm);
    }
    let cases: &[Wrong<Revision, Vec<StorageReceipt>>] = &[
        (|r, _| r.signer = STRANGER, "foreign_party", "this revision is"),
        (|r, _| r.signer = did(MARKET), "foreign_party", "only did:key:"),
        (|r, _| r.contract = Hash([9; 32]), "unknown_contract", "list yours"),
        (|r, _| r.number = 0, "superseded", "use 1"),
        (|r, _| r.number = 2, "invalid_field", "revision 1 of 4 slots is expected"),
        (|r, _| r.number = u64::MAX, "invalid_field", "revision 1 of 4 slots is expected"),
        (|r, _| r.slots.clear(), "invalid_field", "revision 1 of 4 slots is expected"),
        (|r, _| r.slots.push(r.slots[0]), "invalid_field", "revision 1 of 4 slots is expected"),
        (|_, all| all.clear(), "receipt_mismatch", "a storage receipt of did:key:"),
        (
            |_, all| all.retain(|receipt| receipt.slot != 2),
            "receipt_mismatch",
            "slot 2: a storage receipt of",
        ),
        (|_, all| all[1].provider = STRANGER, "foreign_party", "this storage receipt is"),
        (
            |_, all| all[1].revision = 2,
            "receipt_mismatch",
            "slot 1: its receipt is for other bytes",
        ),
        (|_, all| all[1].size.bytes -= 1, "receipt_mismatch", "slot 1: its receipt is for other"),
        (|_, all| all[1].contract = Hash([9; 32]), "receipt_mismatch", "slot 1: a storage receipt"),
        (|r, _| r.slots[3].bytes = GB + 1, "receipt_mismatch", "its capacity of 1000000000 bytes"),
        (|r, _| r.slots[3].bytes = u64::MAX, "receipt_mismatch", "slot 3: 18446744073709551615"),
        (|r, _| r.slots[3].shards = u64::MAX, "receipt_mismatch", "shards of 1 to 1000000 bytes"),
        (|r, _| r.slots[3].shards = 999, "receipt_mismatch", "shards of 1 to 1000000 bytes"),
        (|r, _| r.slots[3].shards = 0, "receipt_mismatch", "do not fit"),
        (|r, _| r.slots[3].bytes = 0, "receipt_mismatch", "do not fit"),
    ];
    for (change, code, right) in cases {
        let (mut revision, mut receipts) = world.revision_parts(contract, &[GB; 4]);
        change(&mut revision, &mut receipts);
        world.refuse(&stage::revise((revision, receipts)), code, right);
    }
    let first = world.revision(contract, &[GB; 4]);
    world.done(&first);
    assert!(world.done(&first).is_empty(), "the same revision again is the same");
    let (mut other, receipts) = world.revision_parts(contract, &[GB - 1; 4]);
    other.number = 1;
    world.refuse(&stage::revise((other, receipts)), "superseded", "use 2");
}

#[test]
fn verdicts_and_confessions() {
    let mut world = World::staged(8);
    let contract = world.store();
    world.pass_epoch();
    let provider = world.provider(contract, 0);
    let found = SlotVerdict {
        contract,
        slot: 0,
        challenges: 65,
        passed: 65,
        answered: true,
        latency_ms: 1,
    };
    let on = |epoch: u64, found: SlotVerdict| {
        verdict(provider, Epoch(epoch), AuditKind::Routine, vec![found])
    };
    let Command::RecordVerdict(own) = on(1, found) else { unreachable!("a verdict") };
    let foreign = Verdict { auditor: STRANGER, ..own.into_inner() };
    for (command, code, right) in [
        (Command::RecordVerdict(signed(foreign)), "foreign_party", "this verdict is"),
        (on(2, found), "invalid_field", "epoch 2 is not open yet; it is 1"),
        (on(u64::MAX, found), "invalid_field", "is not open yet; it is 1"),
        (on(1, SlotVerdict { slot: 4, ..found }), "unknown_slot", "has no slot 4"),
        (on(1, SlotVerdict { contract: Hash([9; 32]), ..found }), "unknown_contract", "list yours"),
    ] {
        world.refuse(&command, code, right);
    }
    let confess = |provider: Did, slot: u16, revision: u64, lost_bytes: u64| {
        Command::Confess(signed(Confession { provider, contract, slot, revision, lost_bytes }))
    };
    for (command, code, right) in [
        (confess(STRANGER, 0, 1, 1), "foreign_party", "this confession is"),
        (confess(provider, 9, 1, 1), "unknown_slot", "has no slot 9"),
        (confess(provider, 0, 1, 0), "invalid_field", "of 1000000000 bytes; give 1 to all"),
        (confess(provider, 0, 1, GB + 1), "invalid_field", "give 1 to all"),
        (confess(provider, 0, 1, u64::MAX), "invalid_field", "give 1 to all"),
        (confess(provider, 0, 0, 1), "invalid_field", "about revision 0, the contract is at 1"),
        (confess(provider, 0, u64::MAX, 1), "invalid_field", "the contract is at 1"),
    ] {
        world.refuse(&command, code, right);
    }
}

#[test]
fn rebuilds() {
    let mut world = World::staged(5);
    let contract = world.store();
    world.pass_epoch();
    let confession = world.confession(contract, 0, GB);
    world.done(&confession);
    world.settle_down(1).unwrap();
    let early = world.rebuilt(contract, 0);
    world.refuse(&early, "wrong_state", "only a confirmed slot under repair can be finished");
    let confirm = world.confirmation(contract, 0, None);
    world.done(&confirm);
    let Command::FinishRebuild { receipt, revision } = world.rebuilt(contract, 0) else {
        unreachable!("a rebuild")
    };
    let cases: &[Wrong<StorageReceipt, Revision>] = &[
        (|r, _| r.provider = STRANGER, "foreign_party", "this storage receipt is"),
        (|r, _| r.slot = 7, "unknown_slot", "has no slot 7"),
        (|r, _| r.size.bytes -= 1, "receipt_mismatch", "other bytes than the slot must hold"),
        (|r, _| r.revision = 1, "receipt_mismatch", "must both be for revision 2"),
        (|_, r| r.signer = CLIENT, "foreign_party", "this revision is"),
        (|_, r| r.number = 3, "receipt_mismatch", "must both be for revision 2"),
        (|_, r| r.contract = Hash([9; 32]), "receipt_mismatch", "must both be for revision 2"),
        (|_, r| r.slots[1].bytes = 1, "receipt_mismatch", "changes nothing but its number"),
        (|_, r| r.slots.clear(), "receipt_mismatch", "changes nothing but its number"),
        (|_, r| r.layout = Hash([9; 32]), "receipt_mismatch", "changes nothing but its number"),
    ];
    for (change, code, right) in cases {
        let (mut receipt, mut revision) = ((*receipt).clone(), (*revision).clone());
        change(&mut receipt, &mut revision);
        let (receipt, revision) = (signed(receipt), signed(revision));
        world.refuse(&Command::FinishRebuild { receipt, revision }, code, right);
    }
    let revise = world.revision(contract, &[GB; 4]);
    world.refuse(&revise, "wrong_state", "wait until its repair is finished, then revise");
}

#[test]
fn vouchers() {
    let mut world = World::staged(8);
    let contract = world.store();
    let provider = world.provider(contract, 0);
    let by = |client: Did, provider: Did, slot: u16, bytes: u64| {
        Command::RedeemVoucher(signed(Voucher { client, provider, contract, slot, bytes }))
    };
    for (command, code, right) in [
        (by(STRANGER, provider, 0, 1), "foreign_party", "this voucher is"),
        (by(CLIENT, STRANGER, 0, 1), "foreign_party", "only did:key:"),
        (by(CLIENT, provider, 1, 1), "foreign_party", "only did:key:"),
        (by(CLIENT, provider, 4, 1), "unknown_slot", "has no slot 4"),
        (by(CLIENT, provider, 0, 2_000 * GB), "reads_unpaid", "must deposit the difference"),
        (by(CLIENT, provider, 0, u64::MAX), "reads_unpaid", "must deposit the difference"),
    ] {
        world.refuse(&command, code, right);
    }
}
