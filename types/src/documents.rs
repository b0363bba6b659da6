//! The sentences the parties exchange, each signed by the one who says it.
//!
//! In the order of a contract's life: [`offer`] (ask, request, quote, acceptance), [`holding`] (reservation,
//! confirmation, storage receipt, revision), [`audit`] (challenge, proof, verdict, confession), [`payment`]
//! (deposit, withdrawal, voucher, settlement), [`amendment`] (extension, growth, leaving, top-up), [`sharing`]
//! (grant, revocation), [`access`] (capability tokens and sessions), [`evidence`] (tree heads and receipts, for outsiders) and
//! [`anchor`] (what a receipt carries of Bitcoin).

pub mod access;
pub mod amendment;
pub mod anchor;
pub mod audit;
pub mod evidence;
pub mod holding;
pub mod offer;
pub mod payment;
pub mod sharing;

pub use access::{Access, AccessToken, Presentation, Session};
pub use amendment::{Cancellation, Departure, Extension, Growth, TopUp};
pub use anchor::{Anchor, BlockProof};
pub use audit::{
    AuditKind, Challenge, Confession, Dispute, Maintenance, Measurement, Presence, Proof,
    SlotChallenge, SlotVerdict, Verdict,
};
pub use evidence::{Receipt, TreeHead};
pub use holding::{Confirmation, Reservation, Revision, SlotSize, StorageReceipt};
pub use offer::{
    Acceptance, Ask, AuditPlan, Counter, CounterRefusal, Discount, Exclusion, Quote, QuotedSlot,
    Request,
};
pub use payment::{Deposit, Settlement, Share, Voucher, Withdrawal};
pub use sharing::{Grant, Revocation};

macro_rules! document {
    ($name:ident, $typ:literal, $signer:ident) => {
        impl crate::Document for $name {
            const TYP: &'static str = $typ;
            fn signer(&self) -> crate::Did {
                self.$signer
            }
        }
    };
}
use document;
