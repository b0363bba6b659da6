//! What an escrow pays by the auditors' word: every payout signed beforehand, each to be completed by the one attestation it is for.
//!
//! In reading order:
//!
//! - [`payouts`]: the split of the collateral for every compliance, in satoshis.
//! - [`prefix`]: ranges of compliance as beginnings of its ten binary digits.
//! - [`oracle`]: auditors, the points their attestations will open, and attestations.
//! - [`setup`]: what each side signs, what the other checks, and what an attestation completes.

pub(crate) mod adaptor;
pub mod oracle;
pub mod payouts;
pub mod prefix;
pub mod setup;
#[cfg(test)]
mod tests;

pub use oracle::{Attestation, Auditor, Quorum};
pub use payouts::{PayoutRange, PayoutTable};
pub use setup::{Half, Setup, Terms};
