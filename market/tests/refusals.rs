//! Bad input: each refusal has its code, says what would be right, and changes nothing.

#[expect(dead_code, reason = "each story uses its part of the stage")]
mod common;

use common::stage::{self, CLIENT, GB, terms};
use common::{MARKET, World, did, signed, verdict};
use market::Command;
use types::documents::{
    Acceptance, Ask, AuditKind, Confession, Confirmation, Deposit, Quote, Request, Revision,
    SlotVerdict, StorageReceipt, Verdict, Voucher, Withdrawal,
};
use types::{
    Bytes, ContractId, Did, Epoch, GbPrice, Hash, Msat, Price, SecretKey, Signer, Span, Timestamp,
    Verified,
};

const STRANGER: Did = Did([200; 32]);

/// `command` is refused with `code` and a text that contains `right`, and changes nothing.
fn refuse(world: &mut World, command: &Command, code: &str, right: &str) {
    let refusal = world.refused(command);
    assert_eq!(refusal.code(), code, "{}: {refusal}", command.name());
    assert!(refusal.to_string().contains(right), "{}: {refusal}", command.name());
}

#[test]
fn asks() {
    let mut world = World::staged(1);
    let far = world.now.after(Span(367 * Span::DAY.0));
    let past = Timestamp(world.now.0 - 1);
    let cases: Vec<(Box<dyn Fn(&mut Ask)>, &str, &str)> = vec![
        (Box::new(|a| a.endpoint.clear()), "endpoint", "give 1 to 256"),
        (Box::new(|a| a.endpoint = "ftp://host".into()), "endpoint", "http:// or https://"),
        (Box::new(|a| a.region = "r".repeat(257)), "region", "give 1 to 256"),
        (Box::new(|a| a.operator.clear()), "operator", "give 1 to 256"),
        (Box::new(|a| a.capacity = Bytes(u64::MAX)), "capacity", "the limit of 1 EB"),
        (
            Box::new(|a| a.minimum_use = Bytes(101 * GB)),
            "minimum_use",
            "above the capacity offered",
        ),
        (Box::new(|a| a.tiers.clear()), "tiers", "one to four of hot, warm, cold and archive"),
        (Box::new(move |a| a.expires = past), "expires", "one that lies ahead"),
        (Box::new(move |a| a.expires = far), "expires", "more than 366d ahead"),
        (Box::new(|a| a.price = Price((-1).into())), "price", "give one from 0 to 100000000000"),
        (Box::new(|a| a.price = Price((types::price::MAX + 1).into())), "price", "from 0 to"),
        (Box::new(|a| a.egress = GbPrice((-1).into())), "egress", "from 0 to"),
        (Box::new(|a| a.ingress = GbPrice(u64::MAX.into())), "ingress", "from 0 to"),
    ];
    for (change, field, right) in cases {
        let mut ask = world.ask_of(stage::FIRST);
        change(&mut ask);
        let command = Command::PublishAsk { ask: signed(ask), network: "n".into() };
        refuse(&mut world, &command, "invalid_field", &format!("{field}: "));
        refuse(&mut world, &command, "invalid_field", right);
    }
    for sequence in [0, 1] {
        let ask = Ask { sequence, ..world.ask_of(stage::FIRST) };
        let command = Command::PublishAsk { ask: signed(ask), network: "n".into() };
        refuse(
            &mut world,
            &command,
            "superseded",
            "is not above 3, which was taken already; use 4",
        );
    }
}

#[test]
fn money_in_and_out() {
    let mut world = World::staged(1);
    let deposit = |market: Did, amount: i64, reference: &str| {
        let (amount, reference) = (Msat(amount), reference.to_owned());
        Command::Deposit(signed(Deposit { market, party: CLIENT, amount, reference }))
    };
    let long = "r".repeat(257);
    for (command, code, right) in [
        (deposit(STRANGER, 5, "a"), "foreign_party", "only did:key:"),
        (deposit(did(MARKET), 0, "a"), "invalid_field", "give an amount above zero"),
        (deposit(did(MARKET), i64::MIN, "a"), "invalid_field", "give an amount above zero"),
        (deposit(did(MARKET), i64::MAX, "a"), "money_overflow", "overflows"),
        (deposit(did(MARKET), 5, ""), "invalid_field", "give 1 to 256"),
        (deposit(did(MARKET), 5, &long), "invalid_field", "give 1 to 256"),
        (deposit(did(MARKET), 5, "deposit 1"), "already_used", "give each its own"),
    ] {
        refuse(&mut world, &command, code, right);
    }
    let withdrawal = |amount: i64, nonce: u64, to: &str| {
        let (party, amount, to) = (CLIENT, Msat(amount), to.to_owned());
        Command::Withdraw(signed(Withdrawal { party, amount, to, nonce }))
    };
    let first = withdrawal(1, 7, "home");
    world.done(&first);
    assert!(world.done(&first).is_empty(), "the same withdrawal again is the same");
    for (command, code, right) in [
        (withdrawal(stage::DEPOSIT, 8, "home"), "insufficient_funds", "deposit the difference"),
        (withdrawal(i64::MAX, 8, "home"), "insufficient_funds", "99,999,999 msat"),
        (withdrawal(0, 8, "home"), "invalid_field", "give an amount above zero"),
        (withdrawal(-1, 8, "home"), "invalid_field", "give an amount above zero"),
        (withdrawal(1, 8, ""), "invalid_field", "give 1 to 256"),
        (withdrawal(2, 7, "home"), "superseded", "use 8"),
        (withdrawal(2, 0, "home"), "superseded", "use 8"),
    ] {
        refuse(&mut world, &command, code, right);
    }
    let stranger = Withdrawal { party: STRANGER, amount: Msat(1), to: "x".into(), nonce: 1 };
    refuse(&mut world, &Command::Withdraw(signed(stranger)), "insufficient_funds", "0 msat");
}

#[test]
fn acceptances() {
    let mut world = World::staged(8);
    let quote = world.quoted(&terms(), 1).unwrap();
    let by = |client: Did, quote: Quote, named: Option<Hash>| {
        let quote = signed(quote);
        let acceptance = signed(Acceptance { client, quote: named.unwrap_or(quote.id()) });
        Command::Accept { acceptance, quote: Box::new(quote) }
    };
    let foreign = Quote { market: STRANGER, ..quote.clone() };
    let poor = Quote { client: STRANGER, ..quote.clone() };
    for (command, code, right) in [
        (by(CLIENT, foreign, None), "foreign_party", "this quote is"),
        (by(STRANGER, quote.clone(), None), "foreign_party", "this acceptance is"),
        (
            by(CLIENT, quote.clone(), Some(Hash([1; 32]))),
            "invalid_field",
            "the acceptance names quote",
        ),
        (by(STRANGER, poor, None), "insufficient_funds", "5,448,000 msat are needed"),
    ] {
        refuse(&mut world, &command, code, right);
    }
    let late = quote.expires.after(Span(1));
    let now = std::mem::replace(&mut world.now, late);
    let accept = by(CLIENT, quote.clone(), None);
    refuse(&mut world, &accept, "quote_expired", "ask for a new one");
    world.now = now;
    let mut stale = world.quoted(&terms(), 2).unwrap();
    stale.reserves.clear();
    let withdrawn = Ask { capacity: Bytes(0), ..world.ask_of(stale.slots[0].provider.0[0]) };
    world.publish(withdrawn);
    refuse(&mut world, &by(CLIENT, stale, None), "quote_stale", "ask for a new one");
    let accept = by(CLIENT, world.quoted(&terms(), 3).unwrap(), None);
    world.done(&accept);
    assert!(world.done(&accept).is_empty(), "the same acceptance again is the same");
}

#[test]
fn a_quote_is_accepted_once_however_often_it_is_signed() {
    let mut world = World::staged(8);
    let key = SecretKey::from_seed(&[1; 32]);
    let client = key.did();
    world.fund(client, stage::DEPOSIT);
    let request = signed(Request { client, terms: terms(), nonce: 1 });
    let quote = world.market.quote(world.now, &request, [1; 32], &world.online()).unwrap();
    let quote = Box::new(signed(quote));
    let acceptance = Acceptance { client, quote: quote.id() };
    let one = signed(acceptance.clone());
    let other = Verified::sign(acceptance, &key).unwrap();
    assert_ne!(one.id(), other.id(), "two signatures make two documents");
    world.done(&Command::Accept { acceptance: one, quote: quote.clone() });
    let again = Command::Accept { acceptance: other, quote };
    refuse(&mut world, &again, "already_used", "give each its own");
}

#[test]
fn confirmations() {
    let mut world = World::staged(8);
    let contract = world.agree(&terms());
    let provider = world.provider(contract, 0);
    let by = |provider: Did, contract: ContractId, slot: u16| {
        Command::Confirm(signed(Confirmation { provider, contract, slot, declined: None }))
    };
    let all = world.withdraw(provider, stage::DEPOSIT);
    world.done(&all);
    for (command, code, right) in [
        (by(provider, Hash([9; 32]), 0), "unknown_contract", "list yours"),
        (by(provider, contract, 4), "unknown_slot", "has no slot 4"),
        (by(provider, contract, u16::MAX), "unknown_slot", "has no slot 65535"),
        (by(STRANGER, contract, 0), "foreign_party", "this confirmation is"),
        (by(world.provider(contract, 1), contract, 0), "foreign_party", "only did:key:"),
        (by(provider, contract, 0), "insufficient_funds", "2,500,000 msat are needed"),
    ] {
        refuse(&mut world, &command, code, right);
    }
}

#[test]
fn revisions() {
    let mut world = World::staged(8);
    let contract = world.agree(&terms());
    let unconfirmed = world.revision(contract, &[GB; 4]);
    refuse(&mut world, &unconfirmed, "receipt_mismatch", "wait for the confirmation");
    for slot in 0..4 {
        let confirm = world.confirmation(contract, slot, None);
        world.done(&confirm);
    }
    type Change = fn(&mut Revision, &mut Vec<StorageReceipt>);
    let cases: &[(Change, &str, &str)] = &[
        (|r, _| r.signer = STRANGER, "foreign_party", "this revision is"),
        (|r, _| r.signer = did(MARKET), "foreign_party", "only did:key:"),
        (|r, _| r.contract = Hash([9; 32]), "unknown_contract", "list yours"),
        (|r, _| r.number = 0, "superseded", "use 1"),
        (|r, _| r.number = 2, "invalid_field", "revision 1 of 4 slots is expected"),
        (|r, _| r.number = u64::MAX, "invalid_field", "revision 1 of 4 slots is expected"),
        (|r, _| r.slots.clear(), "invalid_field", "revision 1 of 4 slots is expected"),
        (|r, _| r.slots.push(r.slots[0]), "invalid_field", "revision 1 of 4 slots is expected"),
        (|_, all| all.clear(), "receipt_mismatch", "a storage receipt of did:key:"),
        (|_, all| drop(all.remove(2)), "receipt_mismatch", "slot 2: a storage receipt of"),
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
        refuse(&mut world, &stage::revise((revision, receipts)), code, right);
    }
    let first = world.revision(contract, &[GB; 4]);
    world.done(&first);
    assert!(world.done(&first).is_empty(), "the same revision again is the same");
    let (mut other, receipts) = world.revision_parts(contract, &[GB - 1; 4]);
    other.number = 1;
    refuse(&mut world, &stage::revise((other, receipts)), "superseded", "use 2");
}

#[test]
fn epochs() {
    let mut world = World::staged(1);
    let Some(Command::OpenEpoch { beacon, .. }) = world.open_epoch() else { panic!("an epoch") };
    let open = |epoch: u64, beacon: Hash| Command::OpenEpoch { epoch: Epoch(epoch), beacon };
    let anchor = world.market.beacon();
    for (command, right) in [
        (open(2, beacon), "epochs open one by one"),
        (open(u64::MAX, beacon), "epochs open one by one"),
        (open(0, beacon), "epochs open one by one"),
        (open(1, anchor), "not the preimage of the last one"),
        (open(1, Hash([0; 32])), "not the preimage of the last one"),
    ] {
        refuse(&mut world, &command, "epoch_out_of_turn", right);
    }
    let first = open(1, beacon);
    world.done(&first);
    assert!(world.done(&first).is_empty(), "an epoch opens once");
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
        refuse(&mut world, &command, code, right);
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
        refuse(&mut world, &command, code, right);
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
    refuse(&mut world, &early, "wrong_state", "only a confirmed slot under repair can be finished");
    let confirm = world.confirmation(contract, 0, None);
    world.done(&confirm);
    let Command::FinishRebuild { receipt, revision } = world.rebuilt(contract, 0) else {
        unreachable!("a rebuild")
    };
    type Change = fn(&mut StorageReceipt, &mut Revision);
    let cases: &[(Change, &str, &str)] = &[
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
        refuse(&mut world, &Command::FinishRebuild { receipt, revision }, code, right);
    }
    let revise = world.revision(contract, &[GB; 4]);
    refuse(&mut world, &revise, "wrong_state", "wait until its repair is finished, then revise");
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
        refuse(&mut world, &command, code, right);
    }
}
