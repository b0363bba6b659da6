//! What providers did becomes what they are trusted with, each step with its reasons.
//!
//! Reading order: [`policy`] holds the parameters; [`record`] keeps what is known of one provider, as a
//! [`tally`] (a Beta estimate with forgetting) and a
//! [`suspicion`] (a slow sequential test) per dimension;
//! [`review`] turns it into points and a standing, and its [`Change`] names the evidence; [`history`] keeps the latest of them and
//! [`reversal`] takes back what a dispute has reversed; [`gate`] says who
//! may have a slot at all and what would let the others in; [`weight()`] says how likely each is drawn.
//!
//! Being new is worth less than any reputation short of a ban, so nobody gains by coming back under another name.
//!
//! Pure: no clock, no randomness, no input or output, no floating point.

pub mod change;
pub mod gate;
pub mod history;
pub mod policy;
mod recent;
pub mod record;
pub mod reversal;
pub mod review;
mod side;
pub mod suspicion;
pub mod tally;
pub mod weight;

pub use change::{Change, Finding, Occasion, Reason};
pub use gate::{Candidate, Explanation, Figures, Need, Refusal, TierSet, admit, admit_figures};
pub use history::Past;
pub use policy::{PolicyError, ReputationPolicy};
pub use record::{Evidence, Outcome, Record};
pub use reversal::Reversal;
pub use review::Attention;
pub use weight::{favour, merit, weight};
