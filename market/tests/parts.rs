//! A state in parts is read back, and parts that are none or not all are refused.

use market::parts::{Part, PartError, Restoration};
use market::{Genesis, Market};
use types::{Hash, SecretKey, Signer, Span};

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

#[test]
fn a_state_is_not_read_into_a_market_that_was_founded_otherwise() {
    let key = SecretKey::from_seed(&[1; 32]);
    let mut other = Market::new(Genesis::standard(key.did(), Span::DAY, Hash::of(b"anchor")));
    let restoration = Restoration::of(&mut other);
    assert_eq!(restoration.take(&parts(&founded())[0]), Err(PartError::Foreign));
}
