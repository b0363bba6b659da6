//! Children that pay for their parents.

use super::*;
use crate::wallet::{Lift, Parent};

const FEE_MAX: Amount = Amount::from_sat(100_000);

/// What the miner pays to `to` at 1 sat/vB, and carried.
fn parent(scene: &mut Scene, to: ScriptBuf, sat: u64) -> Payment {
    let payout = Payout { id: id(90), to, amount: Amount::from_sat(sat) };
    let payment = scene.miner.pay(&[payout], rate(1), &keys(7)).unwrap().unwrap();
    now(scene.chain.broadcast(&payment.transaction)).unwrap();
    payment
}

fn lift(
    wallet: &mut Wallet,
    payment: &Payment,
    sat_per_vb: u64,
) -> Result<Option<Lift>, WalletError> {
    let parent = Parent { transaction: &payment.transaction, fee: payment.fee() };
    wallet.lift((id(91), parent), (rate(sat_per_vb), FEE_MAX), &keys(1))
}

/// What `child`, which has these coins, pays together with `payment`, in satoshis for a virtual byte.
fn rate_of_both(payment: &Payment, child: &Lift, held: Amount) -> u64 {
    let paid: Amount = child.transaction.output.iter().map(|output| output.value).sum();
    assert_eq!(child.fee, held - paid);
    let weight = payment.transaction.weight() + child.transaction.weight();
    (payment.fee() + child.fee).to_sat() * 4 / weight.to_wu()
}

#[test]
fn a_child_of_an_own_output_lifts_its_parent_and_is_replaced_by_a_dearer_one() {
    let mut scene = Scene::new();
    let to = scene.wallet.payout_address().unwrap().script_pubkey();
    let payment = parent(&mut scene, to, 50_000);
    let held = Amount::from_sat(50_000) - payment.fee();
    assert_eq!(lift(&mut scene.wallet, &payment, 1).unwrap(), None, "it pays that by itself");
    for sat_per_vb in [20, 40] {
        let child = lift(&mut scene.wallet, &payment, sat_per_vb).unwrap().unwrap();
        assert_eq!(child.transaction.input.len(), 1);
        let both = rate_of_both(&payment, &child, held);
        assert!((sat_per_vb..=sat_per_vb + 1).contains(&both), "{both}");
        let again = lift(&mut scene.wallet, &payment, sat_per_vb).unwrap().unwrap();
        assert_eq!(again.transaction.compute_txid(), child.transaction.compute_txid());
        now(scene.chain.broadcast(&child.transaction)).unwrap();
        assert_eq!(scene.chain.waiting(), [payment.txid(), child.transaction.compute_txid()]);
    }
    scene.mine(1);
    now(scene.wallet.follow(&scene.chain)).unwrap();
    let left = scene.wallet.balance();
    assert!(left > Amount::from_sat(30_000) && left < held, "{left}");
}

#[test]
fn an_anchor_is_lifted_with_coins_that_are_kept_aside_until_they_are_released() {
    let mut scene = Scene::new();
    let to = scene.wallet.payout_address().unwrap().script_pubkey();
    for number in [80, 81] {
        let payout = Payout { id: id(number), to: to.clone(), amount: Amount::from_sat(9_000) };
        let paid = scene.miner.pay(&[payout], rate(1), &keys(7)).unwrap().unwrap();
        now(scene.chain.broadcast(&paid.transaction)).unwrap();
        scene.mine(1);
    }
    now(scene.wallet.follow(&scene.chain)).unwrap();
    let payment = parent(&mut scene, ScriptBuf::new_p2a(), 1_000);
    let child = lift(&mut scene.wallet, &payment, 20).unwrap().unwrap();
    assert_eq!(child.transaction.input.len(), 2);
    now(scene.chain.broadcast(&child.transaction)).unwrap();
    // What was kept aside does not suffice for this rate; both coins do.
    let dearer = lift(&mut scene.wallet, &payment, 40).unwrap().unwrap();
    assert_eq!(dearer.transaction.input.len(), 3);
    now(scene.chain.broadcast(&dearer.transaction)).unwrap();
    assert_eq!(scene.chain.waiting(), [payment.txid(), dearer.transaction.compute_txid()]);
    let short = scene.wallet.reserve(id(92), Amount::from_sat(1_000), rate(1)).unwrap_err();
    assert!(short.to_string().contains("are free"), "{short}");
    let refused = lift(&mut scene.wallet, &payment, 90).unwrap_err();
    assert!(matches!(refused, WalletError::Funds(_)), "{refused}");
    let short = scene.wallet.reserve(id(92), Amount::from_sat(1_000), rate(1)).unwrap_err();
    assert!(short.to_string().contains("are free"), "the child that waits has them: {short}");
    scene.wallet.release(id(91)).unwrap();
    scene.wallet.reserve(id(92), Amount::from_sat(1_000), rate(1)).unwrap();
}

#[test]
fn what_costs_more_than_it_may_or_is_nobody_s_here_is_not_lifted() {
    let mut scene = Scene::new();
    let to = scene.wallet.payout_address().unwrap().script_pubkey();
    let payment = parent(&mut scene, to, 500_000);
    let refused = lift(&mut scene.wallet, &payment, 1_000).unwrap_err();
    assert!(matches!(refused, WalletError::Dear { .. }), "{refused}");
    assert!(matches!(lift(&mut scene.wallet, &payment, 2_001), Err(WalletError::FeeRate(_))));
    let foreign = scene.miner.payout_address().unwrap().script_pubkey();
    let payment = parent_of(&mut scene, foreign);
    let refused = lift(&mut scene.wallet, &payment, 20).unwrap_err();
    assert!(refused.to_string().contains("nothing of"), "{refused}");
}

fn parent_of(scene: &mut Scene, to: ScriptBuf) -> Payment {
    let payout = Payout { id: id(93), to, amount: Amount::from_sat(50_000) };
    scene.miner.pay(&[payout], rate(1), &keys(7)).unwrap().unwrap()
}
