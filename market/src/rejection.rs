//! Why the market refuses a command: each with a stable code and a text that says what would be right.

use crate::event::SlotId;
use contracts::LedgerError;
use contracts::terms::TermsError;
use types::{ContractId, Did, Epoch, MoneyError, Msat};

/// A refusal. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A document names another market, client, provider or auditor than it must.
    #[error("this {document} is {found}'s, and only {expected} may give it here")]
    ForeignParty {
        /// The kind of document.
        document: &'static str,
        /// Whose it is.
        found: Did,
        /// Whose it would have to be.
        expected: Did,
    },
    /// Neither the contract's client nor a party that it lets write there.
    #[error(
        "this {document} is {found}'s, and only {client}, or a party that it lets write to this contract by a grant \
         that stands, may give it here"
    )]
    NoLeave {
        /// The kind of document.
        document: &'static str,
        /// Whose it is.
        found: Did,
        /// The contract's client.
        client: Did,
    },
    /// A field is out of range.
    #[error("{field}: {reason}")]
    Invalid {
        /// Which field.
        field: &'static str,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// The terms are not sensible.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// Money is missing or does not add up.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// An amount overflows.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// A price cannot be computed.
    #[error("no price can be made: {0}")]
    Pricing(String),
    /// There is no such contract.
    #[error("there is no contract {0}; list yours to see their names")]
    UnknownContract(ContractId),
    /// There is no such slot.
    #[error("contract {} has no slot {}", .0.contract, .0.slot)]
    UnknownSlot(SlotId),
    /// There is no such grant, or it was revoked.
    #[error("no grant {0} stands; list your grants to see those that do")]
    UnknownGrant(types::DocId),
    /// The contract or slot is in a state that does not allow this.
    #[error("{what} is {state}; {allowed}")]
    WrongState {
        /// Contract or slot.
        what: String,
        /// Its state.
        state: &'static str,
        /// What would be right.
        allowed: &'static str,
    },
    /// The quote is no longer firm.
    #[error("the quote expired {ago} ago; ask for a new one")]
    QuoteExpired {
        /// How long ago.
        ago: types::Span,
    },
    /// A counter that is not the next one, or one too many.
    #[error("this is counter {found}; {right}")]
    CounterOutOfTurn {
        /// Its round.
        found: u8,
        /// What would be right.
        right: String,
    },
    /// The quote cannot be met any more.
    #[error("the quote is stale: {0}; ask for a new one")]
    QuoteStale(String),
    /// An older document than one that was taken.
    #[error("{what} {found} is not above {latest}, which was taken already; use {}", .latest.saturating_add(1))]
    Superseded {
        /// What is numbered.
        what: &'static str,
        /// The number given.
        found: u64,
        /// The latest taken.
        latest: u64,
    },
    /// A number is used for something else already.
    #[error("{what} {reference:?} was used for another document; give each its own")]
    AlreadyUsed {
        /// What kind of number.
        what: &'static str,
        /// The number.
        reference: String,
    },
    /// A receipt is missing or says something else than the revision.
    #[error("slot {slot}: {reason}")]
    Receipt {
        /// Which slot.
        slot: u16,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// An epoch out of turn, or a beacon that does not continue the chain.
    #[error("epoch {found} cannot open: {reason}")]
    Epoch {
        /// Which.
        found: Epoch,
        /// What is wrong.
        reason: String,
    },
    /// A dispute that comes too late.
    #[error(
        "verdict {verdict} could be disputed through epoch {until}, and epoch {now} is open; penalties are final after that"
    )]
    DisputeLate {
        /// Which verdict.
        verdict: types::DocId,
        /// Until when it could be disputed.
        until: Epoch,
        /// The open epoch.
        now: Epoch,
    },
    /// A verdict that there is nothing to dispute about.
    #[error("verdict {verdict} cannot be disputed: {reason}")]
    NotDisputable {
        /// Which verdict.
        verdict: types::DocId,
        /// Why, and what would be right.
        reason: String,
    },
    /// Evidence that does not belong to what it is given for.
    #[error("the evidence shows nothing here: {0}")]
    ForeignEvidence(String),
    /// A provider that is banned.
    #[error(
        "{0} is banned: its offers are not taken; a ban ends only where a dispute reverses what it rests on"
    )]
    Banned(Did),
    /// A client with too many contracts on Bitcoin for which nothing is stored.
    #[error(
        "{found} contracts of {client} on Bitcoin have nothing stored, and one client may have {most}; fund and store \
         one, cancel one, or settle on the ledger"
    )]
    Unfunded {
        /// The client.
        client: Did,
        /// How many it has.
        found: usize,
        /// How many it may have.
        most: u16,
    },
    /// Too few providers fit.
    #[error("{found} of {needed} slots can be placed; {reason}")]
    TooFewProviders {
        /// How many slots could be placed.
        found: usize,
        /// How many there are.
        needed: usize,
        /// What would help.
        reason: String,
    },
    /// A provider's standing ask does not cover what a contract is to become.
    #[error("slot {slot}: {provider} does not consent: {reason}")]
    NoConsent {
        /// Which slot.
        slot: u16,
        /// Who is in it.
        provider: Did,
        /// What its ask says instead.
        reason: String,
    },
    /// A read allowance is used up and the client has nothing left.
    #[error(
        "{owed} are owed for reads and {left} are there; the client must deposit the difference"
    )]
    ReadsUnpaid {
        /// What is owed.
        owed: Msat,
        /// What there is.
        left: Msat,
    },
}

impl Rejection {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ForeignParty { .. } | Self::NoLeave { .. } => "foreign_party",
            Self::Invalid { .. } => "invalid_field",
            Self::Terms(_) => "invalid_terms",
            Self::Ledger(LedgerError::Insufficient { .. }) => "insufficient_funds",
            Self::Ledger(_) | Self::Money(_) => "money_overflow",
            Self::Pricing(_) => "no_price",
            Self::UnknownContract(_) => "unknown_contract",
            Self::UnknownSlot(_) => "unknown_slot",
            Self::UnknownGrant(_) => "unknown_grant",
            Self::WrongState { .. } => "wrong_state",
            Self::QuoteExpired { .. } => "quote_expired",
            Self::CounterOutOfTurn { .. } => "counter_out_of_turn",
            Self::QuoteStale(_) => "quote_stale",
            Self::Superseded { .. } => "superseded",
            Self::AlreadyUsed { .. } => "already_used",
            Self::Receipt { .. } => "receipt_mismatch",
            Self::Epoch { .. } => "epoch_out_of_turn",
            Self::TooFewProviders { .. } => "too_few_providers",
            Self::NoConsent { .. } => "no_consent",
            Self::ReadsUnpaid { .. } => "reads_unpaid",
            Self::DisputeLate { .. } => "dispute_too_late",
            Self::NotDisputable { .. } => "not_disputable",
            Self::ForeignEvidence(_) => "foreign_evidence",
            Self::Banned(_) => "banned",
            Self::Unfunded { .. } => "too_many_unfunded",
        }
    }
}
