//! Coins that wallets keep aside for a contract, and what contracts pay in whole satoshis.

use super::world::{CONTRACT, MEANS, RESERVE, World, rate, stake};
use crate::escrow_world::{coin, payees};
use bitcoin::{Amount, ScriptBuf};
use contracts_bitcoin::deal::stakes;
use contracts_bitcoin::wallet::{Payout, Wallet, WalletError};
use types::{Hash, Msat};

#[test]
fn a_wallet_signs_what_it_kept_aside_and_nothing_else() {
    let mut world = World::new(1);
    let (mut client, mut providers) = world.willing();
    for _ in 0..3 {
        world.talk(&mut client, &mut providers);
    }
    let psbt = providers[0].to_sign().unwrap().unwrap();
    let person = &mut world.providers[0];
    let unknown = Hash([50; 32]);
    let refused = person.wallet.sign_reserved(unknown, &psbt, &person.keys).unwrap_err();
    assert!(matches!(refused, WalletError::UnknownPayment(_)), "{refused}");
    let least = Amount::from_sat(MEANS / 10);
    let refused = person.wallet.reserve(unknown, least, rate(3)).unwrap_err();
    assert!(matches!(refused, WalletError::Funds(_)), "its one coin is kept aside: {refused}");
    let foreign = &world.client.keys;
    let refused = person.wallet.sign_reserved(CONTRACT, &psbt, foreign).unwrap_err();
    assert!(matches!(refused, WalletError::Unsigned(_)), "{refused}");
    person.wallet.release(CONTRACT).unwrap();
    person.wallet.release(CONTRACT).unwrap();
    person.wallet.reserve(unknown, least, rate(3)).unwrap();
    person.wallet.sign_reserved(unknown, &psbt, &person.keys).unwrap();
}

#[test]
fn coins_stay_aside_when_a_wallet_is_opened_again() {
    let mut world = World::new(1);
    let least = Amount::from_sat(MEANS / 10);
    let mut person = world.providers.remove(0);
    let funder = person.wallet.reserve(CONTRACT, least, rate(3)).unwrap();
    let path = world.folder.path().join(person.did.0[0].to_string());
    drop(person.wallet);
    let mut wallet = Wallet::open(&path, &person.keys, None).unwrap();
    let (id, to) = (Hash([50; 32]), person.payout.clone());
    let payout = Payout { id, to, amount: least };
    let refused = wallet.pay(std::slice::from_ref(&payout), rate(3), &person.keys).unwrap_err();
    assert!(matches!(refused, WalletError::Funds(_)), "{refused}");
    assert_eq!(wallet.reserve(CONTRACT, least, rate(3)).unwrap(), funder);
    wallet.release(CONTRACT).unwrap();
    drop(wallet);
    let mut wallet = Wallet::open(&path, &person.keys, None).unwrap();
    wallet.pay(&[payout], rate(3), &person.keys).unwrap().unwrap();
}

/// A payout's transaction pays what the ledger would, at every outcome, to the satoshi; before it is rounded to steps.
#[test]
fn every_payout_pays_what_the_ledger_would() {
    let stake = stake();
    let table = stakes::payouts(&stake).unwrap();
    let coin = coin(false);
    let coin = coin.escrow().clone().funded(coin.outpoint(), table.collateral() + RESERVE);
    let payees = payees();
    for outcome in (0..=1000).step_by(7).chain([1000]) {
        let sequence = bitcoin::Sequence::ENABLE_RBF_NO_LOCKTIME;
        let paying = coin.settlement(&table.at(outcome), &payees, sequence).unwrap();
        let to = |script: &ScriptBuf| -> Amount {
            let own = paying.output.iter().filter(|output| output.script_pubkey == *script);
            own.map(|output| output.value).sum()
        };
        let ledger = stake.split(outcome).unwrap();
        let whole = |msat: Msat| u64::try_from(msat.0).unwrap() / 1_000;
        assert_eq!(to(&payees.provider).to_sat(), whole(ledger.provider), "{outcome}");
        let pool = whole(ledger.pool);
        assert_eq!(to(&payees.pool).to_sat(), if pool < 330 { 0 } else { pool }, "{outcome}");
        let client = table.collateral().to_sat() - whole(ledger.provider) - pool;
        assert!(client.abs_diff(whole(ledger.client)) <= 3);
        assert_eq!(to(&payees.client).to_sat(), if client < 330 { 0 } else { client });
    }
}
