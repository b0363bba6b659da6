//! What contracts and slots say of themselves.

use super::*;
use types::{GbPrice, Price, SlotCost};

fn slot(provider: u8, bytes: u64, minimum_use: u64) -> Slot {
    let cost = SlotCost { base: Msat(1_000), ..SlotCost::default() };
    let quoted = QuotedSlot {
        provider: Did([provider; 32]),
        ask: Hash::default(),
        price: Price::whole(1),
        egress: GbPrice::whole(1),
        ingress: GbPrice::whole(0),
        minimum_use: Bytes(minimum_use),
        cost,
        bond: Msat(2_000),
        held_bond_max: Msat::ZERO,
    };
    let mut slot = Slot::reserved(quoted, Bytes(100), 10, Timestamp(0));
    slot.size = SlotSize { root: Hash::default(), bytes, shards: u64::from(bytes > 0) };
    slot
}

fn contract(first_epoch: Option<Epoch>) -> Contract {
    let terms = Terms::standard(Bytes(400), Span(10 * Span::DAY.0));
    Contract {
        id: Hash([9; 32]),
        client: Did([1; 32]),
        quote: Hash::default(),
        audit: crate::audit_plan::plan(&terms),
        agreed: Agreed { capacity: terms.capacity, epochs: 10, cost: CostVector::default() },
        terms,
        epoch: Span::DAY,
        epochs: 10,
        cost: CostVector::default(),
        state: ContractState::Active,
        revision: 0,
        layout: None,
        first_epoch,
        extension: None,
        left: None,
        store_by: Timestamp(0),
        reserves: Vec::new(),
        egress_spent: Msat::ZERO,
        into_bonds: Msat::ZERO,
        shares: BTreeMap::new(),
        slots: vec![slot(2, 50, 0), slot(3, 50, 0), slot(4, 0, 0)],
    }
}

#[test]
fn a_slot_earns_for_its_minimum_use_once_it_holds_anything() {
    for (bytes, minimum, earning, paid) in
        [(0, 70, 0, 100), (50, 70, 70, 100), (80, 70, 80, 100), (80, 120, 120, 120)]
    {
        let slot = slot(2, bytes, minimum);
        assert_eq!((slot.earning_bytes(), slot.paid_capacity().0), (earning, paid));
    }
}

#[test]
fn only_a_filled_slot_earns_as_epochs_pass() {
    let mut slot = slot(2, 50, 0);
    for state in SlotState::ALL {
        slot.state = state;
        let expected = if state == SlotState::Filled { Msat(200) } else { Msat::ZERO };
        assert_eq!(slot.earned(&slot.accrued(Epoch(4))), Ok(expected), "{state:?}");
    }
    assert_eq!(slot.accrual, Accrual::default(), "looking changes nothing");
}

#[test]
fn accruals_stop_at_the_end() {
    let contract = contract(Some(Epoch(5)));
    assert_eq!(contract.end(), Some(Epoch(15)));
    assert_eq!([14, 15, 16].map(|n| contract.payable(Epoch(n)).0), [14, 15, 15]);
    let left = Contract { left: Some(Epoch(7)), ..contract };
    assert_eq!((left.end(), left.payable(Epoch(9))), (Some(Epoch(7)), Epoch(7)));
    let waiting = self::contract(None);
    assert_eq!((waiting.end(), waiting.payable(Epoch(99))), (None, Epoch(99)));
}

#[test]
fn audits_ask_once_after_the_end_and_then_only_who_is_at_fault() {
    let mut contract = contract(Some(Epoch(5)));
    let asked = |contract: &Contract, state| {
        let slot = Slot { state, ..contract.slots[0].clone() };
        [14, 15, 16, 99].map(|epoch| contract.is_audited_in(Epoch(epoch), &slot))
    };
    for state in [SlotState::Filled, SlotState::AtFault] {
        assert_eq!(asked(&contract, state), [true, false, false, false], "not completed yet");
    }
    contract.state = ContractState::Completed;
    assert_eq!(asked(&contract, SlotState::Filled), [true, true, false, false]);
    assert_eq!(asked(&contract, SlotState::AtFault), [true; 4]);
    contract.state = ContractState::Settled;
    assert_eq!(asked(&contract, SlotState::AtFault), [true, false, false, false]);
}

#[test]
fn who_was_silent_at_the_end_has_earned_nothing_since_it_was_asked() {
    let mut contract = contract(Some(Epoch(5)));
    // Asked in every fourth epoch, so last in the eighth, which is epoch 12.
    contract.audit.challenges = 1;
    contract.audit.within = Span(4 * Span::DAY.0);
    let earned = |contract: &Contract, since: u64, slot: &Slot| {
        let mut slot = slot.clone();
        slot.accrual.through = Epoch(5);
        slot.accrual.catch_up(Epoch(since), slot.earning_bytes());
        slot.earned(&contract.shown_before(Epoch(since), &slot)).unwrap().0
    };
    let whole = contract.slots[0].clone();
    // 50 an epoch: half of 1,000 for ten.
    let expected = [(7, 0), (8, 0), (9, 150), (11, 150), (12, 150), (13, 350), (15, 350)];
    for (since, left) in expected {
        assert_eq!(earned(&contract, since, &whole), left, "{since}");
    }
    // Taken over for the last four epochs, of which the first two were asked about.
    let late = Slot { byte_epochs: 400, ..whole.clone() };
    let mut accrual = Accrual { through: Epoch(11), ..Accrual::default() };
    accrual.catch_up(Epoch(15), 50);
    let late = Slot { accrual, ..late };
    let kept = contract.shown_before(Epoch(15), &late).keeping;
    assert_eq!(kept, 50 * 1_000, "one of four: three have passed since");
}

#[test]
fn storing_nothing_costs_the_escrow_fee_once_everybody_is_ready() {
    let mut contract = contract(None);
    contract.cost.escrow_fee = Msat(88);
    assert_eq!(contract.fee_unstored(), Msat::ZERO);
    contract.slots.iter_mut().for_each(|slot| slot.confirmed = true);
    assert_eq!(contract.fee_unstored(), Msat(88));
    contract.revision = 1;
    assert_eq!(contract.fee_unstored(), Msat::ZERO, "taken with the others then");
}

#[test]
fn what_holds_and_whom_it_concerns() {
    let mut contract = contract(None);
    assert_eq!(contract.holding(), 0);
    contract.slots[0].state = SlotState::Filled;
    contract.slots[1].state = SlotState::AtFault;
    contract.slots[2].state = SlotState::Repairing;
    assert_eq!(contract.holding(), 2);
    assert_eq!([1, 2, 4, 5].map(|n| contract.concerns(&Did([n; 32]))), [true, true, true, false]);
    contract.slots[1].state = SlotState::Vacated;
    assert_eq!(contract.holders(), [2, 4].map(|n| Did([n; 32])).into());
}

#[test]
fn causes_have_names() {
    let names = [Cause::Unreachable, Cause::Lost, Cause::Confessed].map(Cause::name);
    assert_eq!(names, ["unreachable", "lost", "confessed"]);
}
