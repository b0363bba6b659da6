//! What travels between market, providers and clients: paths, bodies and stream messages.

mod beacon;
mod bitcoin;
pub mod control;
pub mod node;
pub mod prices;
pub mod sharing;

pub use beacon::{BeaconInfo, EpochView};
pub use bitcoin::{BitcoinInfo, EntryProof, EscrowPage, EscrowView, OracleInfo};
pub use control::{RebuildOrder, RebuildSource, ToMarket, ToProvider};
pub use node::{NodeInfo, ReceiptBody, SlotContent};
pub use prices::{CounterAnswer, CounterBody, PriceLine, PricesView};
pub use sharing::{GrantLine, SlotPass};

use serde::{Deserialize, Serialize};
use types::documents::{
    Acceptance, AccessToken, Challenge, Dispute, Proof, Quote, QuotedSlot, Revision, SlotSize,
    StorageReceipt, Verdict,
};
use types::terms::RailKind;
use types::{
    Bytes, ContractId, CostVector, Did, DocId, Epoch, Hash, Jws, Msat, Redundancy, Score, Signed,
    Span, Terms, TierRates, Timestamp,
};
use utoipa::ToSchema;

/// `GET /v1/market`: who the market is and how it counts time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MarketInfo {
    /// The market's key.
    pub market: Did,
    /// What one epoch stands for in prices and terms.
    pub epoch: Span,
    /// How often an epoch opens; nothing where the operator opens them by hand.
    pub epoch_every: Option<Span>,
    /// The epoch that is open now.
    pub current_epoch: Epoch,
    /// The market's time.
    pub now: Timestamp,
    /// What it multiplies a price by on each tier.
    #[serde(default)]
    pub tiers: TierRates,
    /// How contracts settle on Bitcoin here; nothing where they cannot.
    #[serde(default)]
    pub bitcoin: Option<BitcoinInfo>,
    /// What its beacons follow from.
    #[serde(default)]
    pub beacon: Option<BeaconInfo>,
}

/// A piece of a list, and where the next piece begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// What is in it, in the list's order.
    pub items: Vec<T>,
    /// What to ask for with `after` to read on; nothing at the list's end.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The first `limit` of `items`, which may be one more than that; `cursor` names an item.
    pub fn of(mut items: Vec<T>, limit: usize, cursor: impl Fn(&T) -> String) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(cursor);
        Self { items, next }
    }
}

/// `POST /v1/contracts`: a client takes a quote.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptBody {
    /// The client's acceptance.
    #[schema(value_type = Jws<Acceptance>)]
    pub acceptance: Signed,
    /// The quote it accepts, as the market signed it.
    #[schema(value_type = Jws<Quote>)]
    pub quote: Signed,
}

/// `POST /v1/contracts/{id}/revisions`: what the slots hold now, with the holders' receipts.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviseBody {
    /// The client's revision.
    #[schema(value_type = Jws<Revision>)]
    pub revision: Signed,
    /// One storage receipt per slot that the revision changes.
    #[schema(value_type = Vec<Jws<StorageReceipt>>)]
    pub receipts: Vec<Signed>,
}

/// A contract as its parties see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContractView {
    /// Its name.
    pub id: ContractId,
    /// Agreed, active, completed, settled, expired, cancelled or failed.
    pub state: String,
    /// Whose.
    pub client: Did,
    /// What it promises, as it is now.
    pub terms: Terms,
    /// What was escrowed in all.
    pub cost: CostVector,
    /// Its latest revision; 0 before the first.
    pub revision: u64,
    /// The latest revision's layout.
    pub layout: Option<Hash>,
    /// The first epoch it is paid for.
    pub first_epoch: Option<Epoch>,
    /// How many epochs it runs, as it is now.
    pub epochs: u64,
    /// Until when its first revision must be there.
    pub store_by: Timestamp,
    /// The epoch after its last, once it is active.
    pub ends: Option<Epoch>,
    /// Whether its client left it early.
    pub left: bool,
    /// The number of its latest extension; 0 before the first.
    pub extensions: u64,
    /// What it began as.
    pub agreed: AgreedView,
    /// What its escrow holds now.
    pub escrow: Msat,
    /// Slot by slot.
    pub slots: Vec<SlotView>,
}

/// What a contract was agreed as, before it was extended or grown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgreedView {
    /// Sealed bytes it had room for.
    pub capacity: Bytes,
    /// How many epochs it was to run.
    pub epochs: u64,
    /// What was escrowed.
    pub cost: CostVector,
}

/// One slot of a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SlotView {
    /// Its number.
    pub slot: u16,
    /// Reserved, filled, `at_fault`, repairing, vacated or closed.
    pub state: String,
    /// Whether its provider has confirmed it.
    pub confirmed: bool,
    /// Until when its provider must confirm it or, where it has, have rebuilt it.
    pub answer_by: Timestamp,
    /// Who holds it (or is to rebuild it).
    pub provider: Did,
    /// Where that provider's data plane answers, from its ask.
    pub endpoint: Option<String>,
    /// Whether that provider is connected to the market now.
    pub online: bool,
    /// Its price and what it locks.
    pub quoted: QuotedSlot,
    /// What it holds.
    pub size: SlotSize,
    /// What it has earned so far.
    pub earned: Msat,
    /// What is locked in its bond now.
    pub bond: Msat,
    /// What it has room for.
    pub capacity: Bytes,
    /// What its bond has lost.
    pub slashed: Msat,
    /// In which epoch its provider said that it leaves.
    pub leaving: Option<Epoch>,
}

/// A line of `GET /v1/contracts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContractLine {
    /// Its name.
    pub id: ContractId,
    /// As in [`ContractView`].
    pub state: String,
    /// Whose.
    pub client: Did,
    /// Its room.
    pub capacity: Bytes,
    /// Shard bytes kept in all its slots.
    pub kept: Bytes,
    /// k and m.
    pub redundancy: Redundancy,
    /// What its escrow holds now.
    pub escrow: Msat,
    /// The epoch after its last, once it is active.
    pub ends: Option<Epoch>,
    /// Where its money sits.
    #[serde(default)]
    pub rail: RailKind,
}

/// `GET /v1/accounts/{did}`: a party's money on the market's ledger. What its contracts hold on Bitcoin is not in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountView {
    /// Whose.
    pub party: Did,
    /// Free to use or withdraw.
    pub available: Msat,
    /// Locked in escrows of its contracts.
    pub escrow: Msat,
    /// Locked in bonds of its slots.
    pub bonds: Msat,
    /// Held back earnings.
    pub held: Msat,
    /// Earned by its slots, not yet posted.
    pub accrued: Msat,
}

/// A line of `GET /v1/accounts/{did}/history`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistoryEntry {
    /// The posting's number in the journal; the cursor for the next page.
    pub posting: u64,
    /// When.
    pub at: Timestamp,
    /// Why, for example `contract_agreed`.
    pub reason: String,
    /// The account debited.
    pub debit: String,
    /// The account credited.
    pub credit: String,
    /// How much.
    pub amount: Msat,
}

/// A page of `GET /v1/books`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BooksPage {
    /// After which block of the journal. Pages of different blocks do not belong together.
    pub block: u64,
    /// Σ debits over all accounts.
    pub debits: String,
    /// Σ credits over all accounts; the same.
    pub credits: String,
    /// Some accounts with their balances.
    pub items: Vec<BookLine>,
    /// What to ask for with `after` to read on; nothing at the end.
    pub next: Option<String>,
}

/// One event of `GET /v1/events` as it is sent (server-sent events of the HTML standard).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventFrame {
    /// The event's position in the journal.
    pub id: String,
    /// What happened, for example `slot_confirmed`.
    pub event: String,
    /// The [`EventView`], as JSON.
    #[schema(content_media_type = "application/json")]
    pub data: String,
}

/// One event of `GET /v1/events`, as far as the party may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    /// Its position in the journal: the block's number, a dot, its number in the block; where it is about several of the
    /// party's contracts and comes in parts, another dot and the part's number.
    pub id: String,
    /// When it became durable.
    pub at: Timestamp,
    /// What happened, for example `slot_confirmed`.
    pub kind: String,
    /// To which contract.
    pub contract: Option<ContractId>,
    /// To which of its slots.
    pub slots: Vec<u16>,
    /// The one party that it is about, where there is one.
    pub party: Option<Did>,
    /// The money that it moved on the party's accounts, as they were the party's then.
    pub postings: Vec<PostingView>,
    /// The event as the journal holds it, for the operator alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<serde_json::Value>,
}

/// Money that moved from one account to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PostingView {
    /// The account debited.
    pub debit: String,
    /// The account credited.
    pub credit: String,
    /// How much.
    pub amount: Msat,
}

/// The whole ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BooksView {
    /// Σ debits.
    pub debits: String,
    /// Σ credits; the same.
    pub credits: String,
    /// Every account with its balance.
    pub accounts: Vec<BookLine>,
}

/// One account of the books.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BookLine {
    /// Its name, for example `escrow:<contract>`.
    pub account: String,
    /// Total debits.
    pub debits: String,
    /// Total credits.
    pub credits: String,
    /// Credits less debits.
    pub balance: Msat,
}

/// `GET /v1/journal`: how far the journal has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JournalView {
    /// How many blocks.
    pub blocks: u64,
    /// The newest block's hash.
    pub head: Hash,
    /// The hash of the whole state after it.
    pub state_root: Hash,
}

/// A line of `GET /v1/providers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProviderLine {
    /// Who.
    pub provider: Did,
    /// Its standing ask.
    pub ask: types::documents::Ask,
    /// What is sold of it.
    pub committed: Bytes,
    /// What reputation says.
    pub score: Score,
    /// Whether it is connected now.
    pub online: bool,
}

/// `PUT`/`GET /v1/backups/{did}`: a client's catalogue, sealed by the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupBody {
    /// Rises with every backup; a lower one is refused.
    pub generation: u64,
    /// The sealed bytes, in base64url.
    pub sealed: String,
}

/// An accepted document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Accepted {
    /// Its name.
    pub document: DocId,
}

/// `POST /v1/disputes`: a provider contests a verdict.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DisputeBody {
    /// The signed [`Dispute`].
    #[schema(value_type = Jws<Dispute>)]
    pub dispute: Signed,
    /// The provider's signed [`Proof`] for the verdict's challenge.
    #[schema(value_type = Jws<Proof>)]
    pub proof: Signed,
    /// The bytes that the proof speaks for, in base64url.
    pub answers: String,
}

/// A line of `GET /v1/verdicts`: a verdict that found something wrong, while it can be disputed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VerdictLine {
    /// Its name.
    pub id: DocId,
    /// The signed [`Verdict`].
    #[schema(value_type = Jws<Verdict>)]
    pub verdict: Signed,
    /// The signed [`Challenge`] that it judges the answer to, where the market has it.
    #[schema(value_type = Option<Jws<Challenge>>)]
    pub challenge: Option<Signed>,
    /// The epoch in which it was recorded.
    pub recorded: Epoch,
    /// The last epoch in which it can be disputed.
    pub until: Epoch,
    /// Whether a penalty that a dispute would reverse rests on it.
    pub penalised: bool,
    /// The dispute that was judged already.
    pub disputed: Option<DocId>,
}

/// A line of `GET /v1/probes`: where an auditor may measure one provider now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProbeLine {
    /// Whom.
    pub provider: Did,
    /// Where its data plane answers.
    pub endpoint: String,
    /// For which epoch.
    pub epoch: Epoch,
    /// What to read there; nothing of a provider that no audit asks, which is only to show that it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<ProbeRead>,
}

/// What an auditor reads of a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProbeRead {
    /// A shard that its last audit has shown to be there.
    pub shard: Hash,
    /// An [`AccessToken`] from the market, for the auditor.
    #[schema(value_type = Jws<AccessToken>)]
    pub token: Signed,
}

/// RFC 9457 problem details, with a stable `code`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `https://bondstore.invalid/problems/<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The code in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// Stable, for programs.
    pub code: String,
    /// What is wrong and what would be right.
    pub detail: String,
}
