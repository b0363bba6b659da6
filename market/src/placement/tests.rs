//! The dense rows that a search reads say what the gate says of the asks they stand for.

use crate::roster::Roster;
use proptest::prelude::*;
use reputation::gate::{self, Candidate, Need, Refusal};
use reputation::{ReputationPolicy, policy::NewcomerPolicy};
use types::documents::Ask;
use types::{Bytes, Did, GbPrice, Msat, Price, Score, Span, Standing, Terms, Tier, Timestamp};

/// Small numbers, so that both sides of every condition come up often.
fn ask() -> impl Strategy<Value = Ask> {
    let tiers = prop::sample::subsequence(Tier::ALL.to_vec(), 1..=4);
    (0u64..24, 0u64..10, tiers, 2i64..12, 0usize..3).prop_map(
        |(gigabytes, days, tiers, expires, region)| Ask {
            provider: Did([9; 32]),
            sequence: 1,
            endpoint: "http://127.0.0.1:1".into(),
            region: ["eu", "us", "asia"][region].into(),
            operator: "one".into(),
            capacity: Bytes(gigabytes << 20),
            price: Price::whole(1),
            egress: GbPrice::whole(1),
            ingress: GbPrice::whole(1),
            tiers,
            minimum_use: Bytes(0),
            duration_max: Span(days * Span::DAY.0),
            volume_discounts: Vec::new(),
            duration_discounts: Vec::new(),
            tags: Vec::new(),
            counter: None,
            held_bond_permille: 0,
            expires: Timestamp(expires),
        },
    )
}

fn standing() -> impl Strategy<Value = Standing> {
    prop::sample::select(vec![
        Standing::Banned,
        Standing::Low,
        Standing::New,
        Standing::Standard,
        Standing::High,
    ])
}

fn terms() -> impl Strategy<Value = Terms> {
    let tier = prop::sample::select(Tier::ALL.to_vec());
    (1u64..8, 1u64..6, tier, standing(), any::<bool>()).prop_map(
        |(shards, days, tier, standing_min, choosy)| {
            let mut terms = Terms::standard(Bytes(4 * (shards << 20)), Span(days * Span::DAY.0));
            terms.tier = tier;
            terms.placement.standing_min = standing_min;
            terms.placement.tags = if choosy { vec!["ssd".into()] } else { Vec::new() };
            terms.placement.regions = if choosy { vec!["eu".into()] } else { Vec::new() };
            terms
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 20_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]
    #[test]
    fn a_row_fits_where_the_gate_admits_all_but_region_and_bond(
        ask in ask(),
        terms in terms(),
        standing in standing(),
        committed in 0u64..8,
        rich in any::<bool>(),
    ) {
        let newcomers = NewcomerPolicy { slot_max: Bytes(4 << 20), total_max: Bytes(6 << 20), proven_from: 0 };
        let policy = ReputationPolicy { newcomers, ..ReputationPolicy::default() };
        let score = Score { standing, ..Score::default() };
        let committed = Bytes(committed << 20);
        let mut roster = Roster::default();
        // A row that was published before and has changed since.
        let old = Ask { capacity: Bytes(1), ..ask.clone() };
        roster.publish(&old, "old", Bytes(0), Score::default());
        roster.publish(&ask, "new", Bytes(0), Score::default());
        roster.commit(&ask.provider, committed);
        roster.rate(&ask.provider, score);
        let (capacity, span) = (terms.slot_capacity(), terms.duration);
        let need = Need { terms: &terms, capacity, span, now: Timestamp(3) };
        let fits = gate::admit_figures(&policy, &need, &roster.rows()[0].figures).is_ok();
        let available = if rich { Msat(5) } else { Msat(4) };
        let candidate = Candidate { ask: &ask, score, committed, available, bond: Msat(5) };
        let admitted = gate::admit(&policy, &need, &candidate);
        let but = matches!(admitted, Ok(()) | Err(Refusal::Region { .. } | Refusal::Tags { .. } | Refusal::Bond { .. }));
        prop_assert_eq!(fits, but, "{:?}", admitted);
        prop_assert_eq!(roster.rows().len(), 1);
    }
}
