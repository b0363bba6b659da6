//! The gate, condition by condition.

use super::*;
use types::{Did, GbPrice, Price};

const GB: u64 = 1_000_000_000;

fn ask() -> Ask {
    Ask {
        provider: Did([7; 32]),
        sequence: 1,
        endpoint: "http://127.0.0.1:1".into(),
        region: "eu-west".into(),
        operator: "one".into(),
        capacity: Bytes(5_000 * GB),
        price: Price::whole(100),
        egress: GbPrice::whole(0),
        ingress: GbPrice::whole(0),
        tiers: vec![Tier::Hot, Tier::Cold],
        minimum_use: Bytes(0),
        duration_max: Span(60 * Span::DAY.0),
        volume_discounts: Vec::new(),
        duration_discounts: Vec::new(),
        tags: Vec::new(),
        counter: None,
        held_bond_permille: 0,
        expires: Timestamp(1_000),
    }
}

fn terms() -> Terms {
    Terms::standard(Bytes(40 * GB), Span(30 * Span::DAY.0))
}

fn candidate(ask: &Ask) -> Candidate<'_> {
    Candidate {
        ask,
        score: Score::default(),
        committed: Bytes(0),
        available: Msat(500),
        bond: Msat(500),
    }
}

/// What the gate says when `change` has been made to a candidate that it would admit.
fn refused(
    change: impl Fn(&mut Terms, &mut Ask, &mut Score, &mut Candidate<'_>),
) -> (&'static str, Explanation) {
    let (mut terms, mut ask) = (terms(), ask());
    let nobody = self::ask();
    let mut figures = candidate(&nobody);
    let mut score = figures.score;
    change(&mut terms, &mut ask, &mut score, &mut figures);
    let candidate = Candidate { ask: &ask, score, ..figures };
    let capacity = terms.slot_capacity();
    let need = Need { terms: &terms, capacity, span: terms.duration, now: Timestamp(500) };
    let refusal = admit(&ReputationPolicy::default(), &need, &candidate).unwrap_err();
    (refusal.code(), refusal.explain())
}

#[test]
fn a_provider_that_meets_every_condition_is_admitted() {
    let (terms, ask) = (terms(), ask());
    let capacity = terms.slot_capacity();
    let need = Need { terms: &terms, capacity, span: terms.duration, now: Timestamp(500) };
    assert_eq!(admit(&ReputationPolicy::default(), &need, &candidate(&ask)), Ok(()));
}

#[test]
fn a_set_of_tiers_holds_those_and_no_others() {
    let none = TierSet::of(&[]);
    let set = TierSet::of(&[Tier::Archive, Tier::Hot, Tier::Hot]);
    for tier in Tier::ALL {
        assert!(!none.contains(tier));
        assert_eq!(set.contains(tier), matches!(tier, Tier::Archive | Tier::Hot), "{tier:?}");
    }
}

#[test]
fn the_figures_alone_decide_all_but_region_and_bond() {
    let (mut terms, ask) = (terms(), ask());
    terms.placement.regions = vec!["us-east".into()];
    let capacity = terms.slot_capacity();
    let need = Need { terms: &terms, capacity, span: terms.duration, now: Timestamp(500) };
    let policy = ReputationPolicy::default();
    let mut figures = Figures::of(&ask, Score::default(), Bytes(0));
    assert_eq!(admit_figures(&policy, &need, &figures), Ok(()));
    figures.committed = ask.capacity;
    figures.score = Score { standing: Standing::High, bounds: [990; 4], ..figures.score };
    let refusal = admit_figures(&policy, &need, &figures).unwrap_err();
    assert_eq!(refusal, Refusal::Capacity { left: Bytes(0), wanted: capacity });
}

#[test]
fn the_standing_decides_first() {
    let (code, why) = refused(|_, _, score, _| score.standing = Standing::Banned);
    assert_eq!((code, why.reason.as_str()), ("banned", "it is banned"));
    let (code, why) = refused(|terms, _, _, _| terms.placement.standing_min = Standing::Standard);
    assert_eq!(code, "standing_too_low");
    assert_eq!(why.reason, "its standing is new, the terms want at least standard");
}

#[test]
fn a_new_provider_gets_little_and_spread_out_work_and_a_vetted_one_more() {
    let large = |terms: &mut Terms| terms.capacity = Bytes(1_200 * GB);
    let (code, why) = refused(|terms, _, _, _| large(terms));
    assert_eq!(code, "newcomer_slot_too_large");
    assert!(
        why.reason.ends_with("is more than the 250.00 GB a new provider may take"),
        "{}",
        why.reason
    );
    let (code, why) = refused(|_, _, _, figures| figures.committed = Bytes(995 * GB));
    assert_eq!(code, "newcomer_total_too_large");
    assert!(why.remedy.starts_with("finish its vetting"), "{}", why.remedy);
    let (code, _) = refused(|terms, _, score, figures| {
        large(terms);
        *score = Score { standing: Standing::Standard, bounds: [800; 4], ..*score };
        figures.bond = Msat(501);
    });
    assert_eq!(code, "bond_too_small", "only the bond is left to ask for");
    let (code, _) = refused(|terms, _, score, _| {
        large(terms);
        *score = Score { standing: Standing::Standard, bounds: [799, 990, 990, 500], ..*score };
    });
    assert_eq!(code, "newcomer_slot_too_large", "time alone proves nothing");
}

#[test]
fn what_the_ask_does_not_offer_is_named_with_what_would_do() {
    let (code, why) = refused(|_, ask, _, _| ask.capacity = Bytes(0));
    assert_eq!((code, why.remedy.as_str()), ("ask_withdrawn", "publish an ask with capacity"));
    let (code, why) = refused(|_, ask, _, _| ask.expires = Timestamp(500));
    assert_eq!((code, why.remedy.as_str()), ("ask_expired", "publish a new ask"));
    let (code, why) = refused(|terms, _, _, _| terms.tier = Tier::Warm);
    assert_eq!((code, why.reason.as_str()), ("tier_not_served", "it serves hot, cold, not warm"));
    let (code, why) = refused(|terms, _, _, _| terms.duration = Span(90 * Span::DAY.0));
    assert_eq!(
        (code, why.reason.as_str()),
        ("duration_too_long", "it signs for 60d at most, 90d is wanted")
    );
    let (code, why) = refused(|terms, _, _, _| {
        terms.placement.regions = vec!["us-east".into(), "us-west".into()];
    });
    assert_eq!(code, "region_not_accepted");
    assert_eq!(why.reason, "it is in eu-west, the terms accept us-east, us-west");
}

#[test]
fn missing_room_and_missing_money_come_with_the_difference() {
    let (code, why) = refused(|terms, ask, _, figures| {
        terms.shard_bytes = 1_000_000;
        ask.capacity = Bytes(100 * GB);
        figures.committed = Bytes(93 * GB);
    });
    assert_eq!((code, why.remedy.as_str()), ("no_room", "offer at least 3.00 GB more"));
    let (code, _) = refused(|_, ask, _, figures| {
        ask.capacity = Bytes(100 * GB);
        figures.committed = Bytes(u64::MAX >> 1);
    });
    assert_eq!(code, "newcomer_total_too_large");
    let (code, why) = refused(|_, _, _, figures| figures.available = Msat(100));
    assert_eq!((code, why.remedy.as_str()), ("bond_too_small", "deposit 400 msat more"));
    assert_eq!(why.reason, "it must lock a bond of 500 msat and has 100 msat");
}

#[test]
fn placement_has_its_refusals_too() {
    let operator = Refusal::SameOperator { operator: "one" };
    let network = Refusal::SameNetwork { network: "10.0.0.0/24" };
    for (refusal, code, named) in [
        (operator, "same_operator", "one"),
        (network, "same_network", "10.0.0.0/24"),
        (Refusal::NotDrawn, "not_drawn", "others were drawn"),
    ] {
        assert_eq!(refusal.code(), code);
        let exclusion = refusal.exclusion(Did([7; 32]));
        assert_eq!(exclusion.provider, Did([7; 32]));
        assert!(exclusion.reason.contains(named) && !exclusion.remedy.is_empty());
    }
}
