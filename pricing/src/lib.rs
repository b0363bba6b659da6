//! From asks and demand to prices.
//!
//! Reading order: [`policy`] holds the market's rates; [`mechanism`] says how the asks of a quote become
//! the prices of its slots; [`cost`] turns a slot's price into what it costs, and the slots into the quote's
//! cost vector; [`rate`] is an ask in whole numbers, for comparing a hundred thousand of them;
//! [`curve`] is how a price follows demand, for a provider that prices itself and for the reference price.
//!
//! A charge rounds up, by less than one msat a line. What does not fit is an error, never a wrong amount.
//!
//! Pure: no clock, no randomness, no input or output.

pub mod cost;
pub mod curve;
mod error;
pub mod mechanism;
pub mod policy;
pub mod rate;

pub use cost::{Keeping, cost_vector, egress_cost, quoted_cost, slot_cost};
pub use curve::{Posted, PriceCurve, Use};
pub use error::PricingError;
pub use mechanism::{Mechanism, PostedAsk};
pub use policy::{PricingPolicy, TierRates};
pub use rate::{Rate, SlotWork};
