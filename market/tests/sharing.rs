//! Grants: given, used, over, taken back; and what guests pay.

#[expect(dead_code, reason = "sharing uses its part of the stage")]
mod common;

use common::stage::{CLIENT, DEPOSIT, GB, revise, terms};
use common::{World, did, signed};
use contracts::Account;
use market::{Command, Event};
use types::documents::{Access, Grant, Revision, Revocation, Voucher};
use types::{ContractId, Did, DocId, Hash, Msat, Span, Verified};

const GUEST: Did = Did([2; 32]);
const STRANGER: Did = Did([99; 32]);
const BOTH: [Access; 2] = [Access::Read, Access::Write];

fn grant(contract: Option<ContractId>, nonce: u64) -> Grant {
    Grant {
        owner: CLIENT,
        grantee: GUEST,
        contract,
        access: vec![Access::Read],
        expires: None,
        nonce,
        sealed: "key".into(),
        memo: "name".into(),
    }
}

fn given(world: &mut World, grant: Grant) -> DocId {
    let grant: Verified<Grant> = signed(grant);
    world.done(&Command::Grant(grant.clone()));
    grant.id()
}

fn revocation(owner: Did, grant: DocId) -> Command {
    Command::Revoke(signed(Revocation { owner, grant }))
}

/// Whether the guest may read the contract now.
fn may_read(world: &World, contract: ContractId) -> bool {
    let sharing = world.market.sharing();
    sharing.allows((&CLIENT, &contract), &GUEST, Access::Read, world.now)
}

#[test]
fn a_grant_stands_until_it_is_revoked() {
    let mut world = World::staged(8);
    let contract = world.store();
    assert!(!may_read(&world, contract));
    let id = given(&mut world, grant(Some(contract), 1));
    assert!(may_read(&world, contract));
    let sharing = world.market.sharing();
    assert!(!sharing.allows((&CLIENT, &contract), &STRANGER, Access::Read, world.now));
    assert!(!sharing.allows((&GUEST, &contract), &CLIENT, Access::Read, world.now));
    assert!(!sharing.allows((&CLIENT, &Hash([7; 32])), &GUEST, Access::Read, world.now));
    assert!(!sharing.allows((&CLIENT, &contract), &GUEST, Access::Write, world.now));
    assert_eq!(world.market.sharing().of(&GUEST).count(), 1);

    world.refuse(&revocation(GUEST, id), "foreign_party", "only did:key:");
    world.done(&revocation(CLIENT, id));
    assert!(!may_read(&world, contract));
    assert_eq!(world.market.sharing().of(&GUEST).count(), 0);
    world.refuse(&revocation(CLIENT, id), "unknown_grant", "list your grants");
    // What was revoked does not stand again because somebody sends it again.
    world.refuse(&Command::Grant(signed(grant(Some(contract), 1))), "superseded", "use 2");
}

#[test]
fn a_grant_without_contract_covers_those_to_come() {
    let mut world = World::staged(8);
    world.refuse(&Command::Grant(signed(grant(None, 1))), "invalid_field", "store something");
    let first = world.store();
    given(&mut world, grant(None, 1));
    let second = world.store();
    assert!(may_read(&world, first) && may_read(&world, second));
}

#[test]
fn a_grant_that_is_over_opens_nothing_and_makes_room() {
    let mut world = World::staged(8);
    let contract = world.store();
    let expires = Some(world.now.after(Span::HOUR));
    let over = given(&mut world, Grant { expires, ..grant(Some(contract), 1) });
    assert!(may_read(&world, contract));
    world.now = world.now.after(Span::HOUR);
    assert!(!may_read(&world, contract));
    given(&mut world, grant(Some(contract), 2));
    assert!(world.market.sharing().grant(&over).is_none(), "it is cleared away with the next");
}

#[test]
fn grants_that_make_no_sense_are_refused_by_field() {
    let mut world = World::staged(8);
    let contract = world.store();
    let sound = grant(Some(contract), 5);
    let long = "x".repeat(4097);
    for (grant, code, right) in [
        (Grant { grantee: CLIENT, ..sound.clone() }, "invalid_field", "grantee"),
        (Grant { access: vec![Access::Write], ..sound.clone() }, "invalid_field", "access"),
        (
            Grant { access: vec![Access::Write, Access::Read], ..sound.clone() },
            "invalid_field",
            "access: give",
        ),
        (
            Grant { access: BOTH.to_vec(), contract: None, ..sound.clone() },
            "invalid_field",
            "contract: whoever writes",
        ),
        (Grant { access: vec![], ..sound.clone() }, "invalid_field", "access"),
        (Grant { expires: Some(world.now), ..sound.clone() }, "invalid_field", "expires"),
        (Grant { sealed: String::new(), ..sound.clone() }, "invalid_field", "sealed"),
        (Grant { memo: long, ..sound.clone() }, "invalid_field", "memo"),
        (Grant { contract: Some(Hash([7; 32])), ..sound.clone() }, "unknown_contract", "list"),
        (Grant { owner: STRANGER, grantee: GUEST, ..sound.clone() }, "foreign_party", "only"),
    ] {
        world.refuse(&Command::Grant(signed(grant)), code, right);
    }
    let id = given(&mut world, sound.clone());
    assert!(world.done(&Command::Grant(signed(sound.clone()))).is_empty(), "again is the same");
    let older = Grant { memo: "other".into(), ..sound };
    world.refuse(&Command::Grant(signed(older)), "superseded", "use 6");
    assert!(world.market.sharing().grant(&id).is_some());
}

#[test]
fn guests_pay_for_their_own_reads_out_of_their_own_money() {
    let mut world = World::staged(8);
    let contract = world.store();
    let provider = world.market.contract(&contract).unwrap().slots[0].provider();
    let voucher = |client: Did, bytes: u64| {
        let voucher = Voucher { client, provider, contract, slot: 0, bytes };
        Command::RedeemVoucher(signed(voucher))
    };
    world.refuse(&voucher(GUEST, GB), "foreign_party", "only did:key:");
    let id = given(&mut world, grant(Some(contract), 1));
    world.refuse(&voucher(GUEST, GB), "reads_unpaid", "deposit the difference");
    world.fund(GUEST, DEPOSIT);
    let money = |world: &World| {
        let available = |party| world.market.available(party);
        (
            available(CLIENT),
            world.market.ledger().balance(Account::Escrow(contract)),
            available(GUEST),
        )
    };
    let before = money(&world);
    let events = world.done(&voucher(GUEST, GB));
    assert!(matches!(events[..], [Event::GuestPaid { .. }]));
    let after = money(&world);
    assert_eq!((after.0, after.1), (before.0, before.1), "the owner pays nothing");
    assert_eq!(before.2.sub(after.2), Ok(Msat(50_000)));
    assert!(world.done(&voucher(GUEST, GB)).is_empty(), "a voucher is paid once");

    // What was read before the grant was taken back is still paid for.
    world.done(&revocation(CLIENT, id));
    world.done(&voucher(GUEST, 2 * GB));
    assert_eq!(before.2.sub(money(&world).2), Ok(Msat(100_000)));
    world.refuse(&voucher(STRANGER, 3 * GB), "foreign_party", "only did:key:");
    let other = did(19);
    let foreign = Voucher { client: GUEST, provider: other, contract, slot: 0, bytes: 3 * GB };
    world.refuse(&Command::RedeemVoucher(signed(foreign)), "foreign_party", "only did:key:");
}

/// The next revision of a contract, signed by `signer`.
fn revision(world: &World, contract: ContractId, signer: Did) -> Command {
    let (revision, receipts) = world.revision_parts(contract, &[GB; 4]);
    revise((Revision { signer, ..revision }, receipts))
}

#[test]
fn a_guest_that_may_write_revises_one_contract_while_its_grant_stands() {
    let mut world = World::staged(8);
    let (room, other) = (world.store(), world.store());
    let refused = |world: &mut World, contract, signer| {
        let command = revision(world, contract, signer);
        world.refuse(&command, "foreign_party", "by a grant that stands");
    };
    refused(&mut world, room, GUEST);
    let reading = given(&mut world, grant(Some(room), 1));
    refused(&mut world, room, GUEST);
    world.done(&revocation(CLIENT, reading));

    let expires = Some(world.now.after(Span::HOUR));
    let writing = Grant { access: BOTH.to_vec(), expires, ..grant(Some(room), 2) };
    let over = given(&mut world, writing.clone());
    assert!(may_read(&world, room));
    let before = world.money(CLIENT);
    let next = revision(&world, room, GUEST);
    let events = world.done(&next);
    assert!(matches!(events[..], [Event::RevisionAccepted { .. }]));
    assert_eq!(world.money(CLIENT), before, "the contract is paid for already");
    refused(&mut world, other, GUEST);
    refused(&mut world, room, STRANGER);
    let next = revision(&world, room, CLIENT);
    world.done(&next);
    let next = revision(&world, room, GUEST);
    world.done(&next);

    world.now = world.now.after(Span::HOUR);
    refused(&mut world, room, GUEST);
    let again = given(&mut world, Grant { expires: None, nonce: 3, ..writing });
    assert!(world.market.sharing().grant(&over).is_none());
    let next = revision(&world, room, GUEST);
    world.done(&next);
    world.done(&revocation(CLIENT, again));
    refused(&mut world, room, GUEST);
    let next = revision(&world, room, CLIENT);
    world.done(&next);
}

#[test]
fn a_guest_may_fill_a_contract_that_is_agreed_and_empty() {
    let mut world = World::staged(8);
    let contract = world.agree(&terms());
    for slot in 0..4 {
        let confirm = world.confirmation(contract, slot, None);
        world.done(&confirm);
    }
    given(&mut world, Grant { access: BOTH.to_vec(), ..grant(Some(contract), 1) });
    let next = revision(&world, contract, GUEST);
    world.done(&next);
    world.live_out(contract);
}
