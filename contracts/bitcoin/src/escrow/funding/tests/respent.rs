//! Fundings that take old escrows: what they weigh, and that whatever old and new escrows hold sums to the satoshi.

use super::*;
use crate::escrow::footprint::Footprint;
use bitcoin::transaction::InputWeightPrediction;

/// What an old escrow holds: price, bond and reserve.
type Parts = [u64; 3];

/// The old escrow of slot `number`, with keys of its own.
fn old(number: u8, [price, bond, reserve]: Parts) -> Brought {
    let keys = EscrowKeys { client: public(70), provider: public(71 + number), arbiter: None };
    let outpoint = OutPoint::new(Txid::hash(b"old"), number.into());
    let coin = Escrow::new(keys).unwrap().funded(outpoint, sats(price + bond + reserve));
    Brought { coin, client: sats(price + reserve), provider: sats(bond) }
}

/// A plan of so many slots, each of another provider, in which old escrows go on; who has to bring a coin brings one.
fn respending(slots: &[(Parts, Parts)], rate: FeeRate) -> FundingPlan {
    let mut plan = plan();
    let numbered = || (0u8..).zip(slots);
    plan.rate = rate;
    plan.slots = numbered()
        .map(|(number, (before, [price, bond, reserve]))| SlotFunding {
            price: sats(*price),
            bond: sats(*bond),
            fee_reserve: sats(*reserve),
            spends: Some(old(number, *before)),
            ..slot(number, number.into())
        })
        .collect();
    plan.providers = numbered()
        .map(|(number, ([_, before, _], [_, after, _]))| {
            let more = after.checked_sub(*before).filter(|more| *more > 0);
            let coin = |more| input(100 + u32::from(number), more + 1_000_000, p2tr(2));
            Funder { inputs: more.map(coin).into_iter().collect(), change: p2tr(52) }
        })
        .collect();
    plan.client.inputs = vec![input(0, 900_000_000, p2tr(1))];
    plan
}

/// What a funding weighs once all have signed, where every coin is P2TR.
fn signed(plan: &FundingPlan, funding: &Funding) -> Weight {
    let mut transaction = funding.psbt().unsigned_tx.clone();
    let coins = transaction.input.len() - plan.slots.len();
    for (index, input) in transaction.input.iter_mut().enumerate() {
        input.witness = match index.checked_sub(coins) {
            None => bitcoin::Witness::from_slice(&[[0; 64]]),
            Some(old) => plan.slots[old].spends.as_ref().unwrap().coin.unsigned_witness(),
        };
    }
    transaction.weight()
}

fn vbytes(slots: usize, more_bond: u64) -> u64 {
    let (before, after) = ([500_000, 200_000, 2_000], [600_000, 200_000 + more_bond, 2_000]);
    let plan = respending(&vec![(before, after); slots], FeeRate::from_sat_per_vb_u32(1));
    signed(&plan, &plan.build().unwrap()).to_vbytes_ceil()
}

/// For `docs/BENCHMARKS.md`: slots, each of another provider; everyone whose part grows brings one P2TR coin and has change; the market
/// has its fee. A respend where all bonds grow and where none does, beside a close of every slot and a funding anew.
#[test]
fn a_respend_is_smaller_than_closing_and_funding_anew() {
    let row = |slots: u16| {
        let Footprint { funding_vbytes, closing_vbytes } = Footprint::of(slots);
        let slots = usize::from(slots);
        (vbytes(slots, 50_000), vbytes(slots, 0), closing_vbytes + funding_vbytes)
    };
    assert_eq!(row(1), (397, 297, 452));
    assert_eq!(row(3), (883, 582, 1_047));
    assert_eq!(row(6), (1_612, 1_009, 1_939));
    let by_leaf = old(0, [500_000, 200_000, 2_000]).weight();
    let key = InputWeightPrediction::P2TR_KEY_DEFAULT_SIGHASH.weight() + Weight::from_wu(160);
    assert_eq!((by_leaf.to_wu(), key.to_wu()), (398, 230), "42 vB more a slot than by the key");
}

#[test]
fn an_old_escrow_named_twice_is_refused() {
    let parts = [500_000, 200_000, 2_000];
    let plan = respending(&[(parts, parts); 2], FeeRate::from_sat_per_vb_u32(1));
    let twice = |change: &dyn Fn(&mut FundingPlan)| {
        let mut plan = plan.clone();
        change(&mut plan);
        plan.build().unwrap_err()
    };
    let outpoint = OutPoint::new(Txid::hash(b"old"), 0);
    let duplicate = FundingError::DuplicateInput(outpoint);
    assert_eq!(twice(&|plan| plan.slots[1].spends = plan.slots[0].spends.clone()), duplicate);
    let coin = input(0, 900_000, p2tr(9));
    let own = FundingInput { outpoint, ..coin };
    assert_eq!(twice(&|plan| plan.client.inputs.push(own.clone())), duplicate);
    assert_eq!(twice(&|plan| plan.providers[1].inputs.push(own.clone())), duplicate);
}

#[test]
fn old_escrows_count_towards_what_nodes_carry() {
    let parts = [500_000, 200_000, 2_000];
    let mut plan = respending(&[(parts, parts); 20], FeeRate::from_sat_per_vb_u32(1));
    // What is left of 400000 after 20 escrows in and out, the market's fee, the client's change and the rest.
    let coins = (400_000 - 20 * (398 + 172) - 2 * 172 - 56) / 230;
    plan.client.inputs = (100..100 + coins).map(|n| input(n, 20_000, p2tr(1))).collect();
    assert!(plan.build().is_ok());
    plan.client.inputs.push(input(99, 20_000, p2tr(1)));
    let refused = plan.build().unwrap_err();
    assert!(matches!(refused, FundingError::TooHeavy(_)), "{refused}");
}

fn parts() -> impl Strategy<Value = Parts> {
    [1_000..5_000_000u64, 1_000..5_000_000u64, 400..9_000u64]
}

proptest! {
    #![proptest_config(unrecorded(64))]

    #[test]
    fn whatever_old_and_new_escrows_hold_sums_to_the_satoshi(
        slots in prop::collection::vec((parts(), parts()), 1..6), rate in 250..20_000_u64,
    ) {
        let plan = respending(&slots, FeeRate::from_sat_per_kwu(rate));
        let funding = plan.build().unwrap();
        let before: u64 = slots.iter().map(|(before, _)| before.iter().sum::<u64>()).sum();
        let coins = std::iter::once(&plan.client).chain(&plan.providers);
        let coins = coins.flat_map(|funder| &funder.inputs).map(|input| input.output.value.to_sat());
        let paid: u64 = outputs(&funding).iter().sum();
        prop_assert_eq!(coins.sum::<u64>() + before, paid + funding.fee().to_sat());
        for (output, (_, after)) in outputs(&funding).iter().zip(&slots) {
            prop_assert_eq!(*output, after.iter().sum::<u64>());
        }
        let weight = signed(&plan, &funding);
        let least = plan.rate.fee_wu(weight).unwrap();
        // Rounding of each side, and change that is dust or costs more than it holds.
        let change = plan.rate.fee_wu(Weight::from_wu(172)).unwrap() + sats(331);
        let most = least + change * (1 + slots.len() as u64);
        prop_assert!((least..=most).contains(&funding.fee()), "{} of {least}", funding.fee());
    }

    #[test]
    fn nobody_pays_for_another_and_a_smaller_bond_comes_back(
        before in parts(), after in parts(), rate in 250..20_000_u64,
    ) {
        let rate = FeeRate::from_sat_per_kwu(rate);
        let plan = respending(&[(before, after)], rate);
        let funding = plan.build().unwrap();
        let fee = |weight| rate.fee_wu(Weight::from_wu(weight)).unwrap().to_sat();
        let brings = plan.providers[0].inputs.first().map(|input| input.output.value.to_sat());
        let left = brings.unwrap_or(0) + before[1] - after[1] - brings.map_or(0, |_| fee(230));
        let change = left.checked_sub(fee(172)).filter(|change| *change >= 330);
        prop_assert_eq!(outputs(&funding).get(3).copied(), change);
    }
}
