//! Payments that wait, paid again.

use super::*;

#[test]
fn a_payment_that_no_block_takes_is_paid_again_when_fees_have_risen_and_once() {
    let mut scene = Scene::new();
    scene.deposit(80, ALICE, 500_000);
    scene.mine(1);
    let to = scene.miner.payout_address().unwrap().script_pubkey();
    let payout = Payout { id: id(1), to: to.clone(), amount: Amount::from_sat(100_000) };
    let paid = scene.wallet.pay(&[payout], rate(2), &keys(1)).unwrap().unwrap();
    now(scene.chain.broadcast(&paid.transaction)).unwrap();
    let hasten = |wallet: &mut Wallet, sat_per_vb| wallet.hasten((rate(sat_per_vb), 3), &keys(1));
    assert_eq!(hasten(&mut scene.wallet, 20).unwrap(), [""; 0]);
    assert_eq!(scene.wallet.unfinished(1)[0].txid(), paid.txid(), "it has its time");
    for _ in 0..3 {
        let mining = scene.mining();
        let block = scene.chain.assemble(scene.chain.top().hash, vec![], &mining).unwrap();
        scene.chain.submit(block, u32::MAX).unwrap();
    }
    scene.follow();
    hasten(&mut scene.wallet, 2).unwrap();
    assert_eq!(scene.wallet.unfinished(1)[0].txid(), paid.txid(), "it pays what is asked");
    hasten(&mut scene.wallet, 20).unwrap();
    let again = scene.wallet.unfinished(1)[0].clone();
    assert_ne!(again.txid(), paid.txid());
    now(scene.chain.broadcast(&again.transaction)).unwrap();
    assert_eq!(scene.chain.waiting(), [again.txid()], "it takes the place of the first");
    hasten(&mut scene.wallet, 20).unwrap();
    assert_eq!(scene.wallet.unfinished(1)[0].txid(), again.txid());
    let dear = hasten(&mut scene.wallet, 40).unwrap();
    assert_eq!((dear, scene.wallet.unfinished(1)[0].txid()), (vec![], again.txid()), "a new wait");
    scene.mine(1);
    assert!(scene.wallet.unfinished(1).is_empty());
    let got = scene.paid_to(&to);
    assert!(got.contains(&(Amount::from_sat(100_000) - again.fee())), "{got:?}");
}

#[test]
fn a_payment_that_is_not_worth_a_higher_fee_waits_and_says_so() {
    let mut scene = Scene::new();
    scene.deposit(80, ALICE, 500_000);
    scene.mine(1);
    let to = scene.miner.payout_address().unwrap().script_pubkey();
    let payout = Payout { id: id(1), to, amount: Amount::from_sat(2_000) };
    scene.wallet.pay(&[payout], rate(1), &keys(1)).unwrap().unwrap();
    let waiting = scene.wallet.hasten((rate(100), 0), &keys(1)).unwrap();
    assert_eq!(waiting.len(), 1);
    assert!(waiting[0].contains("withdraw at least"), "{waiting:?}");
    assert_eq!(scene.wallet.unfinished(1).len(), 1);
}
