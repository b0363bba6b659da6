//! Which asks can stand: every figure within its limits, so that a price can be made of it.

use crate::{PricingError, validate_discounts};
use types::documents::Ask;
use types::{PriceError, Span, Timestamp};

/// The longest text a party may put into an ask.
const TEXT_MAX: usize = 256;
/// The most a provider may offer: 1 EB.
const CAPACITY_MAX: u64 = 1_000_000_000_000_000_000;
/// The most tags an ask may carry.
const TAGS_MAX: usize = 16;
/// The longest tag.
const TAG_MAX: usize = 32;
/// The longest an ask may stand.
const LIFETIME_MAX: Span = Span(366 * Span::DAY.0);

/// Why an ask cannot stand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct AskError {
    /// Which of its fields is wrong.
    pub field: &'static str,
    /// What is wrong with it, and what would be right.
    pub reason: String,
}

/// Whether `ask` is one that can stand at `now`, whoever it is for.
///
/// # Errors
/// [`AskError`] names the field and what would be right.
pub fn validate_ask(now: Timestamp, ask: &Ask) -> Result<(), AskError> {
    let invalid = |field, reason: String| Err(AskError { field, reason });
    for (field, text) in
        [("endpoint", &ask.endpoint), ("region", &ask.region), ("operator", &ask.operator)]
    {
        if text.is_empty() || text.len() > TEXT_MAX {
            return invalid(field, format!("{} characters; give 1 to {TEXT_MAX}", text.len()));
        }
    }
    if !ask.endpoint.starts_with("https://") && !ask.endpoint.starts_with("http://") {
        return invalid("endpoint", "an http:// or https:// address is needed".into());
    }
    if ask.capacity.0 > CAPACITY_MAX {
        return invalid("capacity", format!("{} is above the limit of 1 EB", ask.capacity));
    }
    if ask.minimum_use > ask.capacity && ask.capacity.0 > 0 {
        let reason =
            format!("{} is above the capacity offered ({})", ask.minimum_use, ask.capacity);
        return invalid("minimum_use", reason);
    }
    if ask.tiers.is_empty() || ask.tiers.len() > 4 {
        return invalid("tiers", "name one to four of hot, warm, cold and archive".into());
    }
    if ask.expires <= now {
        return invalid("expires", "the ask has expired already; sign one that lies ahead".into());
    }
    if ask.expires.since(now) > LIFETIME_MAX {
        return invalid("expires", format!("more than {LIFETIME_MAX} ahead; renew it instead"));
    }
    let price = |field| move |error: PriceError| AskError { field, reason: error.to_string() };
    ask.price.validated().map_err(price("price"))?;
    ask.egress.validated().map_err(price("egress"))?;
    ask.ingress.validated().map_err(price("ingress"))?;
    validate_extras(ask)
}

/// Discounts, tags and the share of a bond that earnings make up.
fn validate_extras(ask: &Ask) -> Result<(), AskError> {
    if let Err(PricingError::Discount { field, reason }) = validate_discounts(ask) {
        return Err(AskError { field, reason });
    }
    let is_tag = |tag: &String| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        (1..=TAG_MAX).contains(&tag.len()) && tag.chars().all(plain)
    };
    let right = format!("give at most {TAGS_MAX}, each of 1 to {TAG_MAX} of a-z, 0-9 and -");
    if ask.tags.len() > TAGS_MAX {
        let reason = format!("{} tags; {right}", ask.tags.len());
        return Err(AskError { field: "tags", reason });
    }
    if let Some(tag) = ask.tags.iter().find(|tag| !is_tag(tag)) {
        let shown: String = tag.chars().take(TAG_MAX).collect();
        return Err(AskError { field: "tags", reason: format!("{shown:?}; {right}") });
    }
    if ask.held_bond_permille > 1_000 {
        let reason = format!("{} is more than the whole; give 0 to 1000", ask.held_bond_permille);
        return Err(AskError { field: "held_bond_permille", reason });
    }
    Ok(())
}
