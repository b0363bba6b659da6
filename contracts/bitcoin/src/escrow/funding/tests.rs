mod respent;

use super::*;
use crate::escrow::EscrowKeys;
use bitcoin::hashes::Hash;
use bitcoin::secp256k1::{Keypair, XOnlyPublicKey};
use bitcoin::{PubkeyHash, WPubkeyHash};
use proptest::prelude::*;

fn sats(sats: u64) -> Amount {
    Amount::from_sat(sats)
}

fn public(byte: u8) -> XOnlyPublicKey {
    let key = Keypair::from_seckey_slice(&crate::escrow::curve::SECP, &[byte; 32]).unwrap();
    key.x_only_public_key().0
}

fn p2tr(byte: u8) -> ScriptBuf {
    ScriptBuf::new_p2tr(&crate::escrow::curve::SECP, public(byte), None)
}

fn p2wpkh(byte: u8) -> ScriptBuf {
    ScriptBuf::new_p2wpkh(&WPubkeyHash::hash(&[byte]))
}

fn input(number: u32, value: u64, script_pubkey: ScriptBuf) -> FundingInput {
    let outpoint = OutPoint::new(Txid::hash(b"wallets"), number);
    FundingInput { outpoint, output: TxOut { value: sats(value), script_pubkey } }
}

fn slot(number: u8, provider: usize) -> SlotFunding {
    let keys = EscrowKeys { client: public(1), provider: public(10 + number), arbiter: None };
    let escrow = Escrow::new(keys).unwrap();
    let (price, bond, fee_reserve) = (sats(500_000), sats(200_000), sats(2_000));
    SlotFunding { escrow, provider, price, bond, fee_reserve, spends: None }
}

/// A client with two inputs, and two providers for two slots.
fn plan() -> FundingPlan {
    let client = vec![input(0, 900_000, p2tr(1)), input(1, 200_000, p2wpkh(1))];
    let first = vec![input(2, 300_000, p2tr(2))];
    let second = vec![input(3, 201_000, p2wpkh(3))];
    FundingPlan {
        client: Funder { inputs: client, change: p2tr(51) },
        providers: vec![
            Funder { inputs: first, change: p2tr(52) },
            Funder { inputs: second, change: p2wpkh(53) },
        ],
        slots: vec![slot(0, 0), slot(1, 1)],
        market_fee: Some(TxOut { value: sats(5_000), script_pubkey: p2tr(60) }),
        rate: FeeRate::from_sat_per_vb_u32(4),
    }
}

fn refused(change: impl FnOnce(&mut FundingPlan)) -> FundingError {
    let mut plan = plan();
    change(&mut plan);
    plan.build().unwrap_err()
}

fn outputs(funding: &Funding) -> Vec<u64> {
    let outputs = &funding.psbt().unsigned_tx.output;
    outputs.iter().map(|output| output.value.to_sat()).collect()
}

fn sums(plan: &FundingPlan, funding: &Funding) -> bool {
    let funders = std::iter::once(&plan.client).chain(&plan.providers);
    let brought: u64 =
        funders.flat_map(|funder| &funder.inputs).map(|input| input.output.value.to_sat()).sum();
    brought == outputs(funding).iter().sum::<u64>() + funding.fee().to_sat()
}

#[test]
fn one_transaction_funds_every_slot() {
    let (plan, funding) = (plan(), plan().build().unwrap());
    assert!(sums(&plan, &funding));
    let transaction = &funding.psbt().unsigned_tx;
    assert_eq!(outputs(&funding)[..3], [702_000, 702_000, 5_000]);
    assert_eq!(transaction.input.len(), 4);
    assert!(transaction.is_explicitly_rbf());
    for number in 0..2 {
        let coin = funding.slot(number).unwrap();
        assert_eq!(coin.output(), transaction.output[number]);
        assert_eq!(coin.outpoint(), OutPoint::new(funding.txid(), u32::try_from(number).unwrap()));
    }
    assert!(funding.slot(2).is_none());
    assert_eq!(plan.build().unwrap().txid(), funding.txid());
}

#[test]
fn everybody_pays_for_its_own_and_the_client_for_the_rest() {
    let change = |rate: u32| {
        let mut plan = plan();
        plan.rate = FeeRate::from_sat_per_vb_u32(rate);
        outputs(&plan.build().unwrap())[3..].to_vec()
    };
    // The first provider: an input of 230 weight units by key, change of 172; at 1 sat/vB 58 and 43.
    assert_eq!(change(1)[1], 100_000 - 58 - 43);
    // The second: an input of 272 weight units, change of 124.
    assert_eq!(change(1)[2], 1_000 - 68 - 31);
    // The client: overhead 42, three outputs of 172, inputs of 230 and 272, change of 172.
    assert_eq!(change(1)[0], 1_100_000 - 1_009_000 - 265 - 43);
}

#[test]
fn change_that_would_be_dust_goes_to_the_miner() {
    let mut plan = plan();
    plan.providers[1].inputs[0].output.value = sats(200_000 + 272 + 124 + 293);
    let funding = plan.build().unwrap();
    assert_eq!(outputs(&funding).len(), 5);
    assert!(sums(&plan, &funding));
    plan.providers[1].inputs[0].output.value += Amount::ONE_SAT;
    let funding = plan.build().unwrap();
    assert_eq!(outputs(&funding)[5], 294);
    assert!(sums(&plan, &funding));
}

#[test]
fn whoever_brings_too_little_is_named() {
    let short = refused(|plan| plan.providers[0].inputs.clear());
    let owed = sats(200_000);
    let who = Payer::Provider(0);
    assert_eq!(short, FundingError::Short { who, brought: Amount::ZERO, owed });
    let exactly = 200_000 + 230;
    let mut plan = plan();
    plan.providers[0].inputs[0].output.value = sats(exactly);
    assert!(plan.build().is_ok());
    plan.providers[0].inputs[0].output.value = sats(exactly - 1);
    let refused = plan.build().unwrap_err();
    let (brought, owed) = (sats(exactly - 1), sats(exactly));
    assert_eq!(refused, FundingError::Short { who, brought, owed });
    plan.client.inputs.pop();
    assert!(matches!(plan.build(), Err(FundingError::Short { who: Payer::Client, .. })));
}

#[test]
fn inputs_that_are_twice_or_of_another_kind_are_refused() {
    let twice = refused(|plan| {
        let copy = plan.client.inputs[0].clone();
        plan.providers[1].inputs.push(copy);
    });
    let outpoint = |number| OutPoint::new(Txid::hash(b"wallets"), number);
    assert_eq!(twice, FundingError::DuplicateInput(outpoint(0)));
    let legacy = ScriptBuf::new_p2pkh(&PubkeyHash::hash(&[1]));
    let wrapped = p2wpkh(1).to_p2sh();
    for kind in [legacy, wrapped, p2wpkh(1).to_p2wsh(), ScriptBuf::new(), ScriptBuf::new_p2a()] {
        let foreign = refused(|plan| plan.providers[0].inputs[0].output.script_pubkey = kind);
        assert_eq!(foreign, FundingError::InputKind(outpoint(2)));
    }
}

#[test]
fn a_plan_that_makes_no_sense_is_refused() {
    assert_eq!(refused(|plan| plan.slots.clear()), FundingError::NoSlots);
    let nobody = FundingError::NoProvider { slot: 1, provider: 7, providers: 2 };
    assert_eq!(refused(|plan| plan.slots[1].provider = 7), nobody);
    for rate in [0, 249, 250_000_000] {
        let refused = refused(|plan| plan.rate = FeeRate::from_sat_per_kwu(rate));
        assert_eq!(refused, FundingError::Rate(rate));
    }
    let dust = refused(|plan| plan.market_fee.as_mut().unwrap().value = sats(329));
    assert_eq!(dust, FundingError::Dust { value: sats(329), least: sats(330) });
    let huge = [Amount::MAX, Amount::MAX_MONEY];
    for value in huge {
        assert_eq!(refused(|plan| plan.slots[0].price = value), FundingError::Overflow);
        let brought = refused(|plan| plan.client.inputs[0].output.value = value);
        assert_eq!(brought, FundingError::Overflow);
    }
    let many = refused(|plan| {
        plan.client.inputs = (10..2_010).map(|number| input(number, 20_000, p2tr(1))).collect();
    });
    assert!(matches!(many, FundingError::TooHeavy(_)));
}

#[test]
fn another_transaction_is_told_by_its_first_foreign_part() {
    let funding = plan().build().unwrap();
    let checked = |change: &dyn Fn(&mut Psbt)| {
        let mut psbt = funding.psbt().clone();
        change(&mut psbt);
        funding.check(&psbt)
    };
    assert_eq!(checked(&|_| ()), Ok(()));
    let foreign = |psbt: &mut Psbt| psbt.unsigned_tx.output[1].script_pubkey = p2tr(99);
    assert_eq!(checked(&foreign), Err(FundingError::ForeignOutput(1)));
    let richer = |psbt: &mut Psbt| psbt.unsigned_tx.output[3].value += Amount::ONE_SAT;
    assert_eq!(checked(&richer), Err(FundingError::ForeignOutput(3)));
    let more = |psbt: &mut Psbt| {
        psbt.unsigned_tx.output.push(TxOut { value: sats(1_000), script_pubkey: p2tr(9) });
    };
    assert_eq!(checked(&more), Err(FundingError::ForeignOutput(6)));
    let input = |psbt: &mut Psbt| psbt.unsigned_tx.input[2].previous_output.vout = 9;
    assert_eq!(checked(&input), Err(FundingError::ForeignInput(2)));
    let lock = |psbt: &mut Psbt| {
        psbt.unsigned_tx.lock_time = bitcoin::absolute::LockTime::from_height(9).unwrap();
    };
    assert_eq!(checked(&lock), Err(FundingError::ForeignForm));
}

#[test]
fn what_contradicts_the_plan_is_not_joined() {
    let mut funding = plan().build().unwrap();
    let mut lying = funding.psbt().clone();
    lying.inputs[1].witness_utxo.as_mut().unwrap().value = sats(1);
    assert_eq!(funding.join(lying), Err(FundingError::ForeignInput(1)));
    assert!(matches!(funding.transaction(), Err(FundingError::Psbt(_))));
}

fn unrecorded(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(unrecorded(64))]

    #[test]
    fn whatever_is_brought_sums_to_the_satoshi_and_pays_its_rate(
        extra in prop::collection::vec(0..5_000_u64, 3), rate in 250..50_000_u64,
    ) {
        let mut plan = plan();
        plan.rate = FeeRate::from_sat_per_kwu(rate);
        let funders = std::iter::once(&mut plan.client).chain(&mut plan.providers);
        for (funder, extra) in funders.zip(extra) {
            funder.inputs[0].output.value += sats(100_000 + extra);
        }
        let funding = plan.build().unwrap();
        prop_assert!(sums(&plan, &funding));
        let unsigned = funding.psbt().unsigned_tx.weight().to_wu();
        let signed = unsigned + 2 + 2 * (66 + 108);
        let fee = |weight| FeeRate::from_sat_per_kwu(rate).fee_wu(Weight::from_wu(weight)).unwrap();
        prop_assert!(funding.fee() >= fee(signed));
        prop_assert!(funding.fee() <= fee(signed + 3 * 172 + 64) + sats(3 * 330));
    }
}
