//! A state in parts is read back, and parts that are none or not all are refused.

use market::parts::{Part, PartError, Restoration};
use market::{Genesis, Market};
use types::{ChainRule, Hash, KnownBlock, SecretKey, Signer, Span, Timestamp};

fn founded() -> Market {
    let key = SecretKey::from_seed(&[1; 32]);
    Market::new(Genesis::standard(key.did(), Span::HOUR, Hash::of(b"anchor")))
}

fn parts(market: &Market) -> Vec<Part> {
    let mut parts = Vec::new();
    let keep = |part| {
        parts.push(part);
        Ok::<(), PartError>(())
    };
    market.write_parts(keep).expect("every part is kept");
    parts
}

fn restored(parts: &[Part]) -> Result<Market, PartError> {
    let mut market = founded();
    let restoration = Restoration::of(&mut market);
    parts.iter().try_for_each(|part| restoration.take(part))?;
    restoration.finish()?;
    Ok(market)
}

#[test]
fn an_empty_state_is_read_back() {
    let market = founded();
    assert_eq!(restored(&parts(&market)), Ok(market));
}

#[test]
fn parts_that_are_missing_or_unreadable_or_of_nothing_are_named() {
    let whole = parts(&founded());
    for missing in 0..whole.len() {
        let mut some = whole.clone();
        let part = some.remove(missing);
        assert_eq!(restored(&some), Err(PartError::Incomplete(part.field)));
    }
    let mut cut = whole.clone();
    cut[0].bytes.pop();
    assert!(matches!(restored(&cut), Err(PartError::Unreadable(0, _))));
    let mut foreign = whole;
    foreign[0].field = 99;
    assert_eq!(restored(&foreign), Err(PartError::UnknownField(99)));
}

/// A genesis is written without a chain as it was before there were any, and so is the state.
#[test]
fn a_state_with_a_chain_has_one_field_more_and_is_read_back() {
    let plain = founded();
    let start = KnownBlock { hash: Hash([4; 32]), time: 5, bits: 6, since: 7 };
    let chain = ChainRule {
        network: Hash([3; 32]),
        founded: Timestamp(1),
        every: Span::HOUR,
        lead: Span::HOUR,
        depth: 6,
        height: 8,
        start,
    };
    let chained = Market::new(Genesis { chain: Some(chain), ..plain.genesis().clone() });
    let last = |market: &Market| parts(market).last().map(|part| part.field);
    assert_eq!((last(&plain), last(&chained)), (Some(22), Some(23)));
    let read = |into: &Market, from: &Market| {
        let mut market = Market::new(into.genesis().clone());
        let restoration = Restoration::of(&mut market);
        parts(from).iter().try_for_each(|part| restoration.take(part))?;
        restoration.finish().map(|()| market)
    };
    assert_eq!(read(&chained, &chained), Ok(chained.clone()));
    assert_eq!(read(&plain, &chained), Err(PartError::Foreign));
    assert!(matches!(read(&chained, &plain), Err(PartError::Unreadable(0, _))));
    let genesis = serde_json::to_string(chained.genesis()).unwrap();
    assert_eq!(serde_json::from_str::<Genesis>(&genesis).unwrap(), *chained.genesis());
    assert!(!serde_json::to_string(plain.genesis()).unwrap().contains("chain"));
}

#[test]
fn a_state_is_not_read_into_a_market_that_was_founded_otherwise() {
    let key = SecretKey::from_seed(&[1; 32]);
    let mut other = Market::new(Genesis::standard(key.did(), Span::DAY, Hash::of(b"anchor")));
    let restoration = Restoration::of(&mut other);
    assert_eq!(restoration.take(&parts(&founded())[0]), Err(PartError::Foreign));
}
