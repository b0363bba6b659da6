//! A provider's judgement: what to offer, which slots to take, when reads must be paid, what to confess.
//!
//! Reading order: [`offer`] makes the standing ask, [`pricer`] and [`pin`] its price; [`strategy`] answers counters;
//! [`judge()`] answers a reservation; [`meter`] counts reads
//! against vouchers; [`quota`] bounds what a slot takes and says which lists may go; [`loss`] turns damaged shards into a
//! confession.
//!
//! Pure: no clock, no randomness, no input or output.

pub mod judge;
pub mod loss;
pub mod meter;
pub mod offer;
pub mod pin;
pub mod pricer;
pub mod quota;
pub mod strategy;

pub use judge::{Declined, Least, Room, judge};
pub use loss::{Standing, confession};
pub use meter::Meter;
pub use offer::Offer;
pub use pin::{BitcoinRate, Pin, PinError};
pub use pricer::{AutoPricer, PriceRule};
pub use pricing::{Demand, Use};
pub use quota::{Full, Kept, Limits, ListRefusal};
pub use strategy::{Asked, Strategy, Unmoved};
