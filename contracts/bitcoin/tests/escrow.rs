//! Every way out of an escrow and every wrong one, judged by Bitcoin Core's interpreter.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "each test uses a part of it")]
mod escrow_world;

use bitcoin::secp256k1::{Keypair, Message, schnorr};
use bitcoin::taproot::LeafVersion;
use bitcoin::{Amount, FeeRate, OutPoint, Sequence, Transaction, TxOut, Witness, taproot};
use contracts_bitcoin::escrow::close::{Close, CloseError};
use contracts_bitcoin::escrow::spend::{ANCHOR, Path, SpendError};
use contracts_bitcoin::escrow::timelock::earliest_height;
use contracts_bitcoin::escrow::{
    Escrow, EscrowError, EscrowKeys, Funded, Leaf, Party, spend::Split,
};
use escrow_world::{
    ARBITER, BOND, CLIENT, PRICE, PROVIDER, REFUND_BLOCKS, RESERVE, STRANGER, coin, escrow, judge,
    key, payees, public, refund, sats, spends,
};
use miniscript::psbt::PsbtExt;

const OUTCOME: Path = Path::Script(Leaf::Outcome);

fn agreed(coin: &Funded, path: Path) -> Transaction {
    let split = sats(900_000, 500_000, 0);
    coin.agreed(&split, &payees(), path, FeeRate::from_sat_per_vb_u32(5)).unwrap()
}

/// Both rounds between client and provider.
fn sign_together(coin: &Funded, message: Message) -> schnorr::Signature {
    let begin =
        |secret, seed| Close::begin(coin.escrow(), &key(secret), message, [seed; 32]).unwrap();
    let ((client, of_client), (provider, of_provider)) = (begin(CLIENT, 71), begin(PROVIDER, 72));
    let (client, half_of_client) = client.sign(&key(CLIENT), &of_provider).unwrap();
    let (provider, half_of_provider) = provider.sign(&key(PROVIDER), &of_client).unwrap();
    let signature = client.finish(&half_of_provider).unwrap();
    assert_eq!(provider.finish(&half_of_client).unwrap(), signature);
    signature
}

fn signed(coin: &Funded, leaf: Leaf, signers: [u8; 2]) -> Transaction {
    let transaction = agreed(coin, Path::Script(leaf));
    let signatures =
        signers.map(|signer| coin.sign(&transaction, leaf, &key(signer), &[5; 32]).unwrap());
    coin.finish(transaction, leaf, signatures).unwrap()
}

fn with_witness(mut transaction: Transaction, elements: &[Vec<u8>]) -> Transaction {
    transaction.input[0].witness = Witness::from_slice(elements);
    transaction
}

#[test]
fn both_close_it_with_one_signature() {
    for arbiter in [false, true] {
        let coin = coin(arbiter);
        let transaction = agreed(&coin, Path::Key);
        let signature = sign_together(&coin, coin.message(&transaction, Path::Key).unwrap());
        let closed = coin.finish_agreed(transaction, signature).unwrap();
        assert!(spends(&closed, &coin));
        assert_eq!(closed.vsize(), 154);
        let paid: Amount = closed.output.iter().map(|output| output.value).sum();
        assert_eq!(coin.value() - paid, Amount::from_sat(770));
        assert_eq!(closed.output[0].value, Amount::from_sat(900_000));
        assert_eq!(closed.output[1].value, Amount::from_sat(500_000 + 2_000 - 770));
    }
}

#[test]
fn a_close_with_anything_changed_is_refused() {
    let coin = coin(false);
    let transaction = agreed(&coin, Path::Key);
    let signature = sign_together(&coin, coin.message(&transaction, Path::Key).unwrap());
    let closed = coin.finish_agreed(transaction, signature).unwrap();
    let mut richer = closed.clone();
    richer.output[0].value += Amount::ONE_SAT;
    assert!(!spends(&richer, &coin));
    let refused = coin.finish_agreed(richer.clone(), signature).unwrap_err();
    assert!(matches!(refused, SpendError::BadSignature(_)));
    let mut bytes = *signature.as_ref();
    bytes[63] ^= 1;
    assert!(!spends(&with_witness(closed, &[bytes.to_vec()]), &coin));
}

#[test]
fn nobody_closes_it_alone() {
    let coin = coin(true);
    let transaction = agreed(&coin, Path::Key);
    let message = coin.message(&transaction, Path::Key).unwrap();
    for secret in [CLIENT, PROVIDER, ARBITER, STRANGER] {
        let own = bitcoin::secp256k1::Secp256k1::new().sign_schnorr_with_aux_rand(
            &message,
            &key(secret),
            &[0; 32],
        );
        let alone = with_witness(transaction.clone(), &[own.as_ref().to_vec()]);
        assert!(!spends(&alone, &coin), "{secret}");
    }
    let refused = Close::begin(coin.escrow(), &key(STRANGER), message, [1; 32]).err().unwrap();
    assert_eq!(refused, CloseError::ForeignKey(public(STRANGER)));
}

#[test]
fn garbage_of_the_other_side_is_named() {
    let coin = coin(false);
    let message = coin.message(&agreed(&coin, Path::Key), Path::Key).unwrap();
    let begin =
        |secret, seed| Close::begin(coin.escrow(), &key(secret), message, [seed; 32]).unwrap();
    let (client, _) = begin(CLIENT, 1);
    assert_eq!(client.sign(&key(CLIENT), &[7; 66]).err(), Some(CloseError::Nonce(Party::Provider)));
    for other in [PROVIDER, STRANGER] {
        let (client, _) = begin(CLIENT, 4);
        let refused = client.sign(&key(other), &begin(PROVIDER, 5).1).err().unwrap();
        assert_eq!(refused, CloseError::OtherKey(public(other)));
    }
    let ((client, of_client), (provider, of_provider)) = (begin(CLIENT, 2), begin(PROVIDER, 3));
    let (client, _) = client.sign(&key(CLIENT), &of_provider).unwrap();
    let (provider, half) = provider.sign(&key(PROVIDER), &of_client).unwrap();
    let mut wrong = half;
    wrong[31] ^= 1;
    assert_eq!(client.finish(&wrong).err(), Some(CloseError::Partial(Party::Provider)));
    assert_eq!(provider.finish(&[0xff; 32]).err(), Some(CloseError::Partial(Party::Client)));
}

#[test]
fn a_renewal_takes_two_escrows_into_a_third_at_once() {
    let first = coin(false);
    let second = escrow(true).funded(OutPoint::new(first.outpoint().txid, 1), first.value());
    let coins = [&first, &second];
    let spent = coins.map(Funded::output);
    let mut transaction = agreed(&first, Path::Key);
    let mut more = transaction.input[0].clone();
    more.previous_output = second.outpoint();
    transaction.input.push(more);
    transaction.output[0] =
        TxOut { value: first.value(), script_pubkey: escrow(true).script_pubkey().clone() };
    for (index, coin) in coins.into_iter().enumerate() {
        let alone = coin.message(&transaction, Path::Key);
        assert!(matches!(alone, Err(SpendError::ForeignInput(_))));
        let message = coin.message_at(&transaction, index, &spent, Path::Key).unwrap();
        let other = coin.message_at(&transaction, 1 - index, &spent, Path::Key);
        assert_eq!(other, Err(SpendError::ForeignInput(1 - index)));
        let signature = sign_together(coin, message);
        let witness = coin.agreed_witness(&message, &signature).unwrap();
        transaction.input[index].witness = witness;
    }
    assert_eq!(judge(&transaction, &spent), Ok(()));
    let [first, second] = spent;
    assert!(judge(&transaction, &[second, first]).is_err());
}

#[test]
fn a_seed_gives_other_nonces_for_another_transaction() {
    let coin = coin(false);
    let nonce = |path| {
        let message = coin.message(&agreed(&coin, Path::Key), path).unwrap();
        Close::begin(coin.escrow(), &key(CLIENT), message, [1; 32]).unwrap().1
    };
    assert_ne!(nonce(Path::Key), nonce(OUTCOME));
}

#[test]
fn each_leaf_takes_the_two_it_names() {
    let coin = coin(true);
    for (leaf, signers) in [
        (Leaf::Outcome, [CLIENT, PROVIDER]),
        (Leaf::ClientArbiter, [CLIENT, ARBITER]),
        (Leaf::ProviderArbiter, [PROVIDER, ARBITER]),
    ] {
        assert!(spends(&signed(&coin, leaf, signers), &coin), "{leaf:?}");
        let transaction = agreed(&coin, Path::Script(leaf));
        for wrong in [CLIENT, PROVIDER, ARBITER, STRANGER] {
            for place in [0, 1] {
                let mut others = signers;
                others[place] = wrong;
                let sign = |signer| coin.sign(&transaction, leaf, &key(signer), &[5; 32]).unwrap();
                let finished = coin.finish(transaction.clone(), leaf, others.map(sign));
                let refused = SpendError::BadSignature(public(signers[place]));
                let expected = if others == signers { None } else { Some(refused) };
                assert_eq!(finished.err(), expected, "{leaf:?} by {others:?}");
                let valid = signed(&coin, leaf, signers);
                let mut witness = valid.input[0].witness.to_vec();
                witness[1 - place] = sign(wrong).as_ref().to_vec();
                let judged = spends(&with_witness(transaction.clone(), &witness), &coin);
                assert_eq!(judged, others == signers, "{leaf:?} by {others:?}");
            }
        }
    }
}

#[test]
fn without_an_arbiter_there_are_no_arbiters_leaves() {
    let coin = coin(false);
    let transaction = agreed(&coin, OUTCOME);
    for leaf in [Leaf::ClientArbiter, Leaf::ProviderArbiter] {
        let refused = coin.sign(&transaction, leaf, &key(ARBITER), &[0; 32]).unwrap_err();
        assert_eq!(refused, SpendError::NoArbiter);
    }
    let with = self::coin(true);
    let foreign = signed(&with, Leaf::ClientArbiter, [CLIENT, ARBITER]);
    let witness = foreign.input[0].witness.to_vec();
    assert!(!spends(&with_witness(transaction, &witness), &coin));
}

#[test]
fn a_witness_with_anything_missing_or_changed_is_refused() {
    let coin = coin(true);
    let valid = signed(&coin, Leaf::Outcome, [CLIENT, PROVIDER]);
    let witness = valid.input[0].witness.to_vec();
    assert_eq!(witness.len(), 4);
    for (place, element) in witness.iter().enumerate() {
        let mut fewer = witness.clone();
        fewer.remove(place);
        assert!(!spends(&with_witness(valid.clone(), &fewer), &coin), "without {place}");
        let mut empty = witness.clone();
        empty[place].clear();
        assert!(!spends(&with_witness(valid.clone(), &empty), &coin), "empty {place}");
        for byte in 0..element.len() {
            let mut changed = witness.clone();
            changed[place][byte] ^= 1;
            let changed = with_witness(valid.clone(), &changed);
            assert!(!spends(&changed, &coin), "{place}, byte {byte}");
        }
    }
    let mut swapped = witness;
    swapped.swap(0, 1);
    assert!(!spends(&with_witness(valid, &swapped), &coin));
}

#[test]
fn an_output_a_value_or_a_script_that_is_changed_is_refused() {
    let coin = coin(false);
    let valid = signed(&coin, Leaf::Outcome, [CLIENT, PROVIDER]);
    assert!(spends(&valid, &coin));
    let mut cases = vec![valid.clone(); 5];
    cases[0].output[1].value -= Amount::ONE_SAT;
    cases[1].output[0].script_pubkey = payees().pool;
    cases[2].output.swap(0, 1);
    cases[3].output.pop();
    cases[4].input[0].previous_output.vout = 1;
    for (number, case) in cases.iter().enumerate() {
        assert!(!spends(case, &coin), "case {number}");
    }
    let mut other = coin.output();
    other.value -= Amount::ONE_SAT;
    assert!(judge(&valid, &[other]).is_err());
}

#[test]
fn a_refund_gives_both_their_own_and_not_before_its_time() {
    let coin = coin(false);
    let held = Sequence::from_height(REFUND_BLOCKS);
    let transaction = coin.settlement(&refund(), &payees(), held).unwrap();
    let paid: Vec<_> = transaction.output.iter().map(|output| output.value).collect();
    assert_eq!(paid, [BOND, PRICE, ANCHOR]);
    let sign = |signer| coin.sign(&transaction, Leaf::Outcome, &key(signer), &[5; 32]).unwrap();
    let signatures = [CLIENT, PROVIDER].map(sign);
    let refunded = coin.finish(transaction.clone(), Leaf::Outcome, signatures).unwrap();
    assert!(spends(&refunded, &coin));
    assert_eq!(earliest_height(&refunded, &[800_000]), Ok(801_008));
    for sequence in [Sequence::ZERO, Sequence::MAX, Sequence::from_height(REFUND_BLOCKS - 1)] {
        let mut early = refunded.clone();
        early.input[0].sequence = sequence;
        assert!(earliest_height(&early, &[800_000]).unwrap() < 801_008);
        assert!(!spends(&early, &coin), "{sequence}");
    }
    let mut old = refunded;
    old.version = bitcoin::transaction::Version::ONE;
    assert_eq!(earliest_height(&old, &[800_000]), Ok(800_000));
    assert!(!spends(&old, &coin), "a version without relative locks is another transaction");
}

#[test]
fn a_finaliser_that_knows_nothing_of_us_makes_the_same_witness() {
    let coin = coin(true);
    let leaf = Leaf::ClientArbiter;
    let transaction = agreed(&coin, Path::Script(leaf));
    let mut psbt = coin.psbt(transaction.clone()).unwrap();
    let hashes: Vec<_> =
        psbt.inputs[0].tap_scripts.values().map(|(script, _)| script.clone()).collect();
    for signer in [CLIENT, ARBITER] {
        let signature = coin.sign(&transaction, leaf, &key(signer), &[5; 32]).unwrap();
        let sighash_type = bitcoin::TapSighashType::Default;
        let signature = taproot::Signature { signature, sighash_type };
        for script in &hashes {
            let named = script
                .as_bytes()
                .windows(32)
                .any(|part| part == public(CLIENT).serialize())
                && script.as_bytes().windows(32).any(|part| part == public(ARBITER).serialize());
            if named {
                let hash = bitcoin::TapLeafHash::from_script(script, LeafVersion::TapScript);
                psbt.inputs[0].tap_script_sigs.insert((public(signer), hash), signature);
            }
        }
    }
    let again = bitcoin::Psbt::deserialize(&psbt.serialize()).unwrap();
    let secp = bitcoin::secp256k1::Secp256k1::new();
    let done = again.finalize(&secp).unwrap().extract(&secp).unwrap();
    assert!(spends(&done, &coin));
    let pair: [Keypair; 2] = [CLIENT, ARBITER].map(key);
    let ours = pair.map(|key| coin.sign(&transaction, leaf, &key, &[5; 32]).unwrap());
    assert_eq!(done, coin.finish(transaction, leaf, ours).unwrap());
}

#[test]
fn an_escrow_of_fewer_than_its_parties_is_refused() {
    let keys = |client, provider, arbiter: Option<u8>| EscrowKeys {
        client: public(client),
        provider: public(provider),
        arbiter: arbiter.map(public),
    };
    for (keys, same) in [(keys(1, 1, None), 1), (keys(1, 2, Some(1)), 1), (keys(1, 2, Some(2)), 2)]
    {
        assert_eq!(Escrow::new(keys).err(), Some(EscrowError::SameKey(public(same))));
    }
    assert_ne!(escrow(true).script_pubkey(), escrow(false).script_pubkey());
    assert!(escrow(false).descriptor().starts_with("tr("));
}

#[test]
fn shares_leave_a_fee_reserve_that_pays_the_fee() {
    let coin = coin(false);
    let whole = (PRICE + BOND + RESERVE).to_sat();
    let settle = |split: &Split| coin.settlement(split, &payees(), Sequence::MAX);
    let fee = settle(&refund()).unwrap().output.iter().map(|output| output.value).sum::<Amount>();
    assert_eq!(coin.value() - fee, RESERVE - ANCHOR);
    assert_eq!(
        settle(&sats(whole, 1, 0)),
        Err(SpendError::AboveEscrow { shares: Amount::from_sat(whole + 1), value: coin.value() })
    );
    let refused = settle(&sats(whole - 300, 0, 0)).unwrap_err();
    assert!(
        matches!(refused, SpendError::ReserveShort { fee_reserve, .. } if fee_reserve.to_sat() == 300)
    );
    assert_eq!(settle(&sats(u64::MAX, 1, 0)), Err(SpendError::Overflow));
    assert_eq!(settle(&sats(2_100_000_000_000_001, 0, 0)), Err(SpendError::Overflow));
    let agree =
        |rate| coin.agreed(&refund(), &payees(), Path::Key, FeeRate::from_sat_per_kwu(rate));
    assert!(matches!(agree(5_000), Err(SpendError::FeeAboveReserve { .. })));
    for rate in [0, 249, 2_500_001, u64::MAX] {
        assert_eq!(agree(rate), Err(SpendError::Rate(rate)));
    }
    let fee_reserve =
        coin.escrow().fee_reserve(&payees(), FeeRate::from_sat_per_vb_u32(10)).unwrap();
    assert_eq!(fee_reserve, Amount::from_sat(2_520 + 240));
}

#[test]
fn dust_is_paid_to_nobody_in_the_contract() {
    let coin = coin(false);
    let paid = |split: Split| {
        let transaction = coin.settlement(&split, &payees(), Sequence::MAX).unwrap();
        let to = transaction.output.iter().map(|output| output.value.to_sat());
        to.collect::<Vec<_>>()
    };
    let whole = (PRICE + BOND).to_sat();
    assert_eq!(paid(sats(329, whole - 329, 0)), [whole - 329, 240]);
    assert_eq!(paid(sats(330, whole - 330, 0)), [330, whole - 330, 240]);
    assert_eq!(paid(sats(whole - 2_329, 2_000, 329)), [whole - 2_329, 2_000, 240]);
}
