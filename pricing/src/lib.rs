//! From asks and demand to prices.
//!
//! Reading order: [`ask`] says which asks can stand; [`policy`] holds the market's rates; [`discount`] makes an ask's price for a slot; [`mechanism`]
//! says how the asks of a quote become its slots and their prices, by [`auction`] where the cheapest win; [`cost`]
//! turns a slot's price into what it costs, and the slots into the quote's cost vector; [`rate`] is an ask in whole
//! numbers, for comparing a hundred thousand of them; [`curve`] is how a price follows demand, for a provider that
//! prices itself and for the reference price; [`mod@suggest`] says what others ask.
//!
//! A charge rounds up, by less than one msat a line. What does not fit is an error, never a wrong amount.
//!
//! Pure: no clock, no randomness, no input or output.

pub mod ask;
pub mod auction;
pub mod cost;
pub mod curve;
pub mod discount;
mod error;
pub mod mechanism;
pub mod policy;
pub mod rate;
pub mod suggest;

pub use ask::{AskError, validate_ask};
pub use cost::{Keeping, cost_vector, egress_cost, quoted_cost, slot_cost};
pub use curve::{BaseFee, BaseFeeRules, Demand, Posted, PriceCurve, Use, Utilisation};
pub use discount::{Discounts, slot_price, validate_discounts};
pub use error::PricingError;
pub use mechanism::{ClearingPrice, Mechanism, MechanismKind, PayAsBid, Paying, PostedAsk, Winner};
pub use policy::{PricingPolicy, TierRates};
pub use rate::{Rate, SlotWork};
pub use suggest::{Listed, Suggestion, suggest};
