//! What has happened. An event states everything it does, its postings included: replaying needs no judgement.

mod about;
mod concern;
mod slot;

pub use slot::SlotId;

use crate::docket::{Charge, Contested, Reading};
use crate::sharing::{GuestReads, StandingGrant};
use contracts::beacon::course::OpeningBlock;
use contracts::payout::Accrual;
use contracts::{Amendment, Contract, Fault, Posting, Slot};
use reputation::{Change, Outcome};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use types::documents::{Ask, AuditKind, Settlement, SlotSize};
use types::{ContractId, Did, DocId, Epoch, Hash, Msat};

/// One change of the market's state.
///
/// It names whom it concerns as things stand when it happens, so that nobody's part in it changes when a slot changes
/// hands later ([`Event::parties`]). A contract's client alone is not named again: that never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A provider's offer stands.
    AskPublished {
        /// The ask's name.
        id: DocId,
        /// The ask.
        ask: Box<Ask>,
        /// Where its endpoint is.
        network: String,
    },
    /// Money came in.
    Deposited {
        /// The operator's document.
        document: DocId,
        /// For whom.
        party: Did,
        /// What was received.
        reference: String,
        /// World → available.
        postings: Vec<Posting>,
    },
    /// Money goes out.
    Withdrawn {
        /// The party's document.
        document: DocId,
        /// Whose.
        party: Did,
        /// Its number.
        nonce: u64,
        /// Where to.
        to: String,
        /// Available → world.
        postings: Vec<Posting>,
    },
    /// A quote was accepted; its escrow is locked.
    ContractAgreed {
        /// The contract as it begins.
        contract: Box<Contract>,
        /// Available → escrow.
        postings: Vec<Posting>,
    },
    /// A provider took a slot; its bond is locked.
    SlotConfirmed {
        /// Which.
        slot: SlotId,
        /// Who took it.
        provider: Did,
        /// Its confirmation.
        document: DocId,
        /// Until when a slot under repair must be rebuilt; as it was where there is nothing to rebuild.
        answer_by: types::Timestamp,
        /// What of the bond is to be held back from its earnings.
        lacking: Msat,
        /// Available → bond.
        postings: Vec<Posting>,
    },
    /// A reserve steps in for a provider that declined or was silent.
    SlotReassigned {
        /// Which.
        slot: SlotId,
        /// Who had it until now.
        provider: Did,
        /// Why.
        reason: String,
        /// The slot as it begins anew.
        with: Box<Slot>,
    },
    /// A contract did not come about; everyone has their money back, but for the escrow fee where it was its client's to store.
    ContractExpired {
        /// Which.
        contract: ContractId,
        /// Who holds its slots.
        holders: BTreeSet<Did>,
        /// Why.
        reason: String,
        /// Escrow and bonds back, and the fee.
        postings: Vec<Posting>,
    },
    /// The slots hold something new.
    RevisionAccepted {
        /// Of which contract.
        contract: ContractId,
        /// Who holds its slots.
        holders: BTreeSet<Did>,
        /// The revision.
        document: DocId,
        /// Who signed it: the client, or a guest that it lets write.
        signer: Did,
        /// Its number.
        number: u64,
        /// Its layout.
        layout: Hash,
        /// The first epoch that is paid for.
        first_epoch: Epoch,
        /// What each slot holds now.
        sizes: Vec<SlotSize>,
        /// What each slot has earned up to now.
        accruals: Vec<Accrual>,
        /// The market's fees, with the first revision.
        postings: Vec<Posting>,
    },
    /// A client made its contract longer, or said whether it renews itself.
    ContractExtended {
        /// Which.
        contract: ContractId,
        /// Who holds its slots.
        holders: BTreeSet<Did>,
        /// The extension.
        document: DocId,
        /// Its number.
        number: u64,
        /// Whether the contract renews itself from now on.
        automatic: bool,
        /// What it is from now on.
        amendment: Box<Amendment>,
        /// Available → escrow, bonds and fees.
        postings: Vec<Posting>,
    },
    /// A contract renewed itself.
    ContractRenewed {
        /// Which.
        contract: ContractId,
        /// Who holds its slots.
        holders: BTreeSet<Did>,
        /// What it is from now on.
        amendment: Box<Amendment>,
        /// Available → escrow, bonds and fees.
        postings: Vec<Posting>,
    },
    /// A contract could not renew itself: it ends, unless its client extends it still.
    RenewalRefused {
        /// Which.
        contract: ContractId,
        /// Who holds its slots.
        holders: BTreeSet<Did>,
        /// Why.
        reason: String,
    },
    /// A client gave its contract more room.
    ContractGrown {
        /// Which.
        contract: ContractId,
        /// Who holds its slots.
        holders: BTreeSet<Did>,
        /// The growth.
        document: DocId,
        /// What it is from now on.
        amendment: Box<Amendment>,
        /// Available → escrow, bonds and fees.
        postings: Vec<Posting>,
    },
    /// A client ended its contract before anything was stored; everyone has their money back, but for the escrow fee where
    /// every provider was ready.
    ContractCancelled {
        /// Which.
        contract: ContractId,
        /// Who holds its slots.
        holders: BTreeSet<Did>,
        /// The cancellation.
        document: DocId,
        /// Escrow and bonds back, and the fee.
        postings: Vec<Posting>,
    },
    /// A client ended its contract early.
    ContractLeft {
        /// Which.
        contract: ContractId,
        /// Who holds its slots.
        holders: BTreeSet<Did>,
        /// The cancellation.
        document: DocId,
        /// Its end: the epoch after the last that is paid for.
        end: Epoch,
        /// What each slot's provider is paid for that.
        fees: Vec<Msat>,
        /// Escrow → available.
        postings: Vec<Posting>,
    },
    /// A provider leaves a slot, and serves it until another takes over.
    SlotDeparting {
        /// Which.
        slot: SlotId,
        /// Who.
        provider: Did,
        /// Its departure.
        document: DocId,
        /// What it pays the client for that.
        fee: Msat,
        /// Bond → available.
        postings: Vec<Posting>,
    },
    /// A provider added to its bond.
    BondToppedUp {
        /// Of which slot.
        slot: SlotId,
        /// Who holds it.
        provider: Did,
        /// Its document.
        document: DocId,
        /// How much it added.
        amount: Msat,
        /// Available → bond.
        postings: Vec<Posting>,
    },
    /// An epoch began.
    EpochOpened {
        /// Which.
        epoch: Epoch,
        /// Its public randomness.
        beacon: Hash,
        /// The block that it was drawn from; nothing in a market without a chain.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        block: Option<Box<OpeningBlock>>,
    },
    /// An audit's outcome was recorded.
    VerdictRecorded {
        /// The verdict.
        document: DocId,
        /// Of whom.
        provider: Did,
        /// For which epoch.
        epoch: Epoch,
        /// In which kind of audit.
        kind: AuditKind,
        /// The slots it covers that had no verdict for the epoch yet.
        slots: Vec<SlotId>,
        /// Slots that earn less than everything for the epoch.
        accruals: Vec<(SlotId, Accrual)>,
        /// Slots whose silence was announced: nothing is held against them but the epoch's pay.
        excused: Vec<SlotId>,
        /// What it holds against slots, and can be disputed.
        charges: Vec<Charge>,
        /// What reputation learns.
        outcomes: Vec<Outcome>,
    },
    /// A provider reported its own loss.
    LossConfessed {
        /// The confession.
        document: DocId,
        /// Whose.
        provider: Did,
        /// Of which slot.
        slot: SlotId,
        /// What reputation learns.
        outcome: Outcome,
    },
    /// A promise is broken.
    SlotFaulted {
        /// Which slot.
        slot: SlotId,
        /// Who holds it.
        provider: Did,
        /// How.
        fault: Fault,
        /// What it had earned until then.
        accrual: Accrual,
    },
    /// A slot answers again.
    SlotRecovered {
        /// Which.
        slot: SlotId,
        /// Who holds it.
        provider: Did,
        /// From when it earns again.
        accrual: Accrual,
    },
    /// A broken promise was paid for.
    Penalised {
        /// Which slot.
        slot: SlotId,
        /// Whose.
        provider: Did,
        /// The fault, with the fraction that was penalised.
        fault: Fault,
        /// What the bond lost.
        slashed: Msat,
        /// To the harmed client.
        to_client: Msat,
        /// To the repair pool.
        to_pool: Msat,
        /// While it can be disputed: on which verdicts it rests and until when, with what waits for the client.
        contested: Option<Contested>,
        /// Bond → pool and client, or pool and contested.
        postings: Vec<Posting>,
    },
    /// A dispute was right: the verdict was wrong about some slots.
    DisputeUpheld {
        /// The dispute.
        document: DocId,
        /// The verdict that falls.
        verdict: DocId,
        /// Whose dispute.
        provider: Did,
        /// The slots about which it was wrong.
        slots: Vec<SlotId>,
        /// What reputation unlearns, with the verdict it was learnt from.
        retracted: Vec<(DocId, Outcome)>,
    },
    /// A dispute was wrong: its answers do not prove what the verdict denies.
    DisputeDismissed {
        /// The dispute.
        document: DocId,
        /// The verdict that stands.
        verdict: DocId,
        /// Whose dispute.
        provider: Did,
        /// The slots that it holds something against.
        slots: Vec<SlotId>,
        /// Why, in words.
        reason: String,
        /// What reputation learns.
        outcome: Outcome,
    },
    /// An epoch's pay that a wrong verdict took is given back to a slot that is still its provider's.
    PayRestored {
        /// Which slot.
        slot: SlotId,
        /// Who holds it.
        provider: Did,
        /// What it has earned.
        accrual: Accrual,
    },
    /// An epoch's pay that a wrong verdict took is made good to a provider that is out of the slot.
    PayCompensated {
        /// Which slot.
        slot: SlotId,
        /// Whose it was.
        provider: Did,
        /// What the market's fees do not cover: the operator owes it.
        owed: Msat,
        /// Fees → available.
        postings: Vec<Posting>,
    },
    /// A penalty is reversed.
    PenaltyReversed {
        /// Of which slot.
        slot: SlotId,
        /// Who paid it.
        provider: Did,
        /// The verdict that fell.
        verdict: DocId,
        /// What the client does not get after all.
        from_client: Msat,
        /// What goes back into the bond.
        to_bond: Msat,
        /// What goes back to the provider, where the bond is whole or released.
        to_provider: Msat,
        /// What neither the contract's part of the pool nor the market's fees cover: the operator owes it.
        owed: Msat,
        /// Contested, pool and fees → bond and available.
        postings: Vec<Posting>,
    },
    /// Penalties can be disputed no more: the client has its part.
    PenaltyReleased {
        /// Of which slot.
        slot: SlotId,
        /// Who paid them.
        providers: BTreeSet<Did>,
        /// Those that were disputable through an epoch before this one.
        before: Epoch,
        /// Contested → available.
        postings: Vec<Posting>,
    },
    /// A provider announced maintenance.
    MaintenanceAnnounced {
        /// The notice.
        document: DocId,
        /// Whose.
        provider: Did,
        /// The first epoch.
        from: Epoch,
        /// How many.
        epochs: u32,
    },
    /// A provider was measured.
    Measured {
        /// Whom.
        provider: Did,
        /// In which epoch.
        epoch: Epoch,
        /// What was found.
        reading: Reading,
    },
    /// A banned provider is to hand a slot over. It serves on until another takes it.
    SlotRelieved {
        /// Which slot.
        slot: SlotId,
        /// Who is in it.
        provider: Did,
    },
    /// Earnings are held back until a bond is whole.
    EarningsHeld {
        /// Which slot.
        slot: SlotId,
        /// Who holds it.
        provider: Did,
        /// What it has earned.
        accrual: Accrual,
        /// What was held back.
        amount: Msat,
        /// Escrow → bond.
        postings: Vec<Posting>,
    },
    /// A provider is out of a slot; it has what it earned and what is left of its bond.
    SlotVacated {
        /// Which slot.
        slot: SlotId,
        /// Who was in it.
        provider: Did,
        /// What it earned, all posted.
        accrual: Accrual,
        /// Escrow and bond → available.
        postings: Vec<Posting>,
    },
    /// A new provider is to rebuild a slot.
    RepairOrdered {
        /// Which slot.
        slot: SlotId,
        /// The slot under its new provider.
        with: Box<Slot>,
        /// Pool → escrow, where the new provider is dearer.
        postings: Vec<Posting>,
    },
    /// No provider can take a vacated slot now.
    RepairDelayed {
        /// Which slot.
        slot: SlotId,
        /// Who serves on in it until another takes over, where it is not vacated.
        provider: Option<Did>,
        /// Since when it has been looked for last.
        epoch: Epoch,
        /// Why nobody fits.
        reason: String,
    },
    /// A slot holds its bytes again.
    RebuildFinished {
        /// Which slot.
        slot: SlotId,
        /// Who holds it again.
        provider: Did,
        /// The rebuilding provider's receipt.
        receipt: DocId,
        /// The market's revision.
        revision: DocId,
        /// Its number.
        number: u64,
        /// From when the slot earns.
        accrual: Accrual,
        /// Pool → the providers whose shards were read.
        postings: Vec<Posting>,
    },
    /// Earnings were posted.
    EarningsPosted {
        /// Which slots, with what they have earned.
        accruals: Vec<(SlotId, Accrual)>,
        /// Escrow → available.
        postings: Vec<Posting>,
    },
    /// Reads were paid for.
    VoucherRedeemed {
        /// Of which slot.
        slot: SlotId,
        /// Who was read from.
        provider: Did,
        /// The voucher.
        document: DocId,
        /// All bytes read so far.
        bytes: u64,
        /// What of it the read allowance paid.
        from_escrow: Msat,
        /// All that was paid for them so far.
        paid: Msat,
        /// Escrow (and available, where the allowance is used up) → available.
        postings: Vec<Posting>,
    },
    /// A client shares what it keeps.
    Granted {
        /// The grant's name.
        id: DocId,
        /// Its number among the owner's.
        nonce: u64,
        /// What it says.
        grant: Box<StandingGrant>,
        /// Earlier grants of this owner that are over.
        over: Vec<DocId>,
    },
    /// A client took a grant back.
    GrantRevoked {
        /// Which.
        grant: DocId,
        /// Whose it was.
        owner: Did,
        /// Whom it was given to.
        grantee: Did,
        /// The one contract that it was for; nothing: any of the owner's.
        contract: Option<ContractId>,
        /// The revocation.
        document: DocId,
    },
    /// A guest paid for what it read.
    GuestPaid {
        /// From which slot.
        slot: SlotId,
        /// Who held it.
        provider: Did,
        /// Who read.
        guest: Did,
        /// Its voucher.
        document: DocId,
        /// All it has read and paid by now.
        reads: GuestReads,
        /// Available → available.
        postings: Vec<Posting>,
    },
    /// A contract's term has ended.
    ContractCompleted {
        /// Which.
        contract: ContractId,
        /// Who holds its slots.
        holders: BTreeSet<Did>,
    },
    /// Fewer than k slots of a contract hold data.
    ContractFailed {
        /// Which.
        contract: ContractId,
        /// Who holds its slots.
        holders: BTreeSet<Did>,
        /// The slots that are lost.
        lost: Vec<u16>,
    },
    /// A contract's money is paid out: escrow and bonds are zero.
    ContractSettled {
        /// Who got what.
        settlement: Settlement,
        /// Who holds its slots.
        holders: BTreeSet<Did>,
        /// What each slot has earned, all posted.
        accruals: Vec<Accrual>,
        /// Escrow and bonds → available.
        postings: Vec<Posting>,
    },
    /// What a provider's part of a contract on Bitcoin came to, for auditors to attest.
    EscrowConcluded {
        /// Of which slot.
        slot: SlotId,
        /// Whose part.
        provider: Did,
        /// What it has earned, with what is left of its bond.
        paid: Msat,
        /// The outcome that pays so much, 0 to 1000.
        outcome: u16,
    },
    /// A provider's standing changed.
    StandingChanged {
        /// Whose.
        provider: Did,
        /// In which epoch.
        epoch: Epoch,
        /// To what, and why.
        change: Change,
    },
    /// Whether a provider that no audit asks was in reach in the open epoch.
    AvailabilityNoted {
        /// Whose.
        provider: Did,
        /// The measurement in the middle.
        document: DocId,
        /// What it tells reputation.
        outcome: Outcome,
    },
}
