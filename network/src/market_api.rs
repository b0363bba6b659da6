//! A market's HTTP API, typed: what clients, providers and commands call.

mod events;
mod evidence;
pub mod operations;

pub use events::Events;
pub use evidence::{HeadBody, Period};

use self::operations as op;
use crate::api::{
    AcceptBody, Accepted, AccountView, BackupBody, BooksPage, BooksView, ContractLine,
    ContractView, CounterAnswer, CounterBody, DisputeBody, EntryProof, EpochView, EscrowPage,
    GrantLine, HistoryEntry, JournalView, MarketInfo, Page, PricesView, ProbeLine, ProviderLine,
    ReviseBody, SlotPass, ToMarket, ToProvider, VerdictLine,
};
use crate::auth::Sessions;
use crate::client::{Call, ClientError, HttpClient};
use crate::extract::PAGE_MAX;
use crate::stream::{self, Duplex, StreamError};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use types::documents::{Access, Exclusion};
use types::{ContractId, Did, DocId, Epoch, Hash, Signed, Signer};

/// The longest JSON that is read from a market.
const JSON_BYTES_MAX: usize = 64 << 20;
/// How often the books are read again where they change meanwhile.
const BOOKS_TRIES: u32 = 20;
/// The longest layout.
pub const LAYOUT_BYTES_MAX: usize = 64 << 20;

/// `POST /v1/requests`: the market's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct QuoteBody {
    /// The signed [`Quote`](types::documents::Quote).
    #[schema(value_type = types::Jws<types::documents::Quote>)]
    pub quote: Signed,
}

/// Speaks to one market in one party's name. Clones share connections and session.
#[derive(Clone)]
pub struct MarketClient {
    http: HttpClient,
    sessions: Arc<Sessions>,
}

/// Asks a market who it is. Over TLS, the key that it shows must be the one that it names.
pub async fn discover(http: &HttpClient) -> Result<MarketInfo, ClientError> {
    let info: MarketInfo = http.get(op::MARKET.path).read_json(JSON_BYTES_MAX).await?;
    match http.peer() {
        Some(peer) if peer != info.market => Err(http.wrong_answer(format!(
            "it says that it is {}, but {peer} is expected or shown there",
            info.market
        ))),
        _ => Ok(info),
    }
}

/// What the providers of the market at `http` ask. Anyone may know.
///
/// # Errors
/// [`ClientError`] where it does not answer.
pub async fn prices(http: &HttpClient) -> Result<PricesView, ClientError> {
    http.get(op::PRICES.path).read_json(JSON_BYTES_MAX).await
}

impl MarketClient {
    /// Speaks over `http` to the market `market` as the party that `signer` signs for.
    pub fn new(http: HttpClient, market: Did, signer: Arc<dyn Signer>) -> Self {
        Self { http, sessions: Arc::new(Sessions::new(signer, market)) }
    }

    /// Asks who the market is, and takes its word for key and time: the way of `init`.
    pub async fn discover(
        http: HttpClient,
        signer: Arc<dyn Signer>,
    ) -> Result<(Self, MarketInfo), ClientError> {
        let info = discover(&http).await?;
        let client = Self::new(http, info.market, signer);
        client.sessions.set_clock(info.now);
        Ok((client, info))
    }

    /// The market.
    pub fn market(&self) -> Did {
        self.sessions.audience()
    }

    /// In whose name it speaks.
    pub fn party(&self) -> Did {
        self.sessions.party()
    }

    /// The connection pool.
    pub fn http(&self) -> &HttpClient {
        &self.http
    }

    /// The sessions, for what else needs one.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Succeeds when the market answers.
    pub async fn health(&self) -> Result<(), ClientError> {
        self.http.get(op::HEALTH.path).done().await
    }

    /// Who the market is and how it counts time.
    pub async fn info(&self) -> Result<MarketInfo, ClientError> {
        discover(&self.http).await
    }

    /// Puts up an [`Ask`](types::documents::Ask).
    pub async fn ask(&self, ask: &Signed) -> Result<Accepted, ClientError> {
        self.post(op::PUBLISH_ASK.path, ask).await
    }

    /// Answers a [`Request`](types::documents::Request) with a signed [`Quote`](types::documents::Quote).
    pub async fn quote(&self, request: &Signed) -> Result<Signed, ClientError> {
        Ok(self.post::<QuoteBody>(op::REQUEST_QUOTE.path, request).await?.quote)
    }

    /// Counters a quote; the market answers with the next one.
    pub async fn counter(&self, body: &CounterBody) -> Result<CounterAnswer, ClientError> {
        self.http.post(op::COUNTER_QUOTE.path).json(body).read_json(JSON_BYTES_MAX).await
    }

    /// Why providers after `after` are not in a quote of ours: at most `limit` of them.
    pub async fn exclusions(
        &self,
        quote: &Signed,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<Exclusion>, ClientError> {
        let after = after.map(|after| format!("&after={after}")).unwrap_or_default();
        self.post(&format!("{}?limit={limit}{after}", op::EXCLUSIONS.path), quote).await
    }

    /// What providers ask, tier by tier.
    pub async fn prices(&self) -> Result<PricesView, ClientError> {
        prices(&self.http).await
    }

    /// Takes a quote.
    pub async fn accept(&self, body: &AcceptBody) -> Result<ContractView, ClientError> {
        self.http.post(op::ACCEPT.path).json(body).read_json(JSON_BYTES_MAX).await
    }

    /// The party's contracts, page by page.
    pub async fn contracts(&self) -> Result<Vec<ContractLine>, ClientError> {
        self.read_all(op::CONTRACTS.path).await
    }

    /// One contract of the party's.
    pub async fn contract(&self, id: ContractId) -> Result<ContractView, ClientError> {
        self.read(&op::CONTRACT.path_to(&[&id])).await
    }

    /// A provider confirms or declines a reservation.
    pub async fn confirm(&self, id: ContractId, doc: &Signed) -> Result<Accepted, ClientError> {
        self.post(&op::CONFIRM.path_to(&[&id]), doc).await
    }

    /// A provider reports a loss.
    pub async fn confess(&self, id: ContractId, doc: &Signed) -> Result<Accepted, ClientError> {
        self.post(&op::CONFESS.path_to(&[&id]), doc).await
    }

    /// Makes a contract longer, or says whether it renews itself.
    pub async fn extend(&self, id: ContractId, doc: &Signed) -> Result<ContractView, ClientError> {
        self.post(&op::EXTEND.path_to(&[&id]), doc).await
    }

    /// Gives a contract more room.
    pub async fn grow(&self, id: ContractId, doc: &Signed) -> Result<ContractView, ClientError> {
        self.post(&op::GROW.path_to(&[&id]), doc).await
    }

    /// Ends a contract early.
    pub async fn cancel(&self, id: ContractId, doc: &Signed) -> Result<ContractView, ClientError> {
        self.post(&op::CANCEL.path_to(&[&id]), doc).await
    }

    /// A provider leaves a slot.
    pub async fn depart(&self, id: ContractId, doc: &Signed) -> Result<Accepted, ClientError> {
        self.post(&op::DEPART.path_to(&[&id]), doc).await
    }

    /// A provider adds to a bond.
    pub async fn top_up(&self, id: ContractId, doc: &Signed) -> Result<Accepted, ClientError> {
        self.post(&op::TOP_UP.path_to(&[&id]), doc).await
    }

    /// Stores a contract's layout under its BLAKE3 hash, which is given back.
    pub async fn put_layout(&self, id: ContractId, layout: Bytes) -> Result<Hash, ClientError> {
        let hash = Hash::of(&layout);
        let path = op::PUT_LAYOUT.path_to(&[&id, &hash]);
        let call = || self.as_party(self.http.put(&*path)).bytes(layout.clone()).done();
        self.spoken(call).await?;
        Ok(hash)
    }

    /// A layout by its hash, which is checked.
    pub async fn layout(&self, id: ContractId, hash: Hash) -> Result<Bytes, ClientError> {
        let path = op::LAYOUT.path_to(&[&id, &hash]);
        let call = || self.as_party(self.http.get(&*path)).read_bytes(LAYOUT_BYTES_MAX);
        let layout = self.spoken(call).await?;
        if Hash::of(&layout) == hash {
            return Ok(layout);
        }
        Err(self.http.wrong_answer(format!("its bytes are not those of layout {hash}")))
    }

    /// Advances a contract to what its slots hold now.
    pub async fn revise(
        &self,
        id: ContractId,
        body: &ReviseBody,
    ) -> Result<ContractView, ClientError> {
        let path = op::REVISE.path_to(&[&id]);
        self.http.post(path).json(body).read_json(JSON_BYTES_MAX).await
    }

    /// Shares by a [`Grant`](types::documents::Grant).
    pub async fn grant(&self, grant: &Signed) -> Result<Accepted, ClientError> {
        self.post(op::GRANT.path, grant).await
    }

    /// Takes a grant back by a [`Revocation`](types::documents::Revocation).
    pub async fn revoke(&self, revocation: &Signed) -> Result<Accepted, ClientError> {
        self.post(op::REVOKE.path, revocation).await
    }

    /// The grants that the party gave or was given and that are not revoked.
    pub async fn grants(&self) -> Result<Vec<GrantLine>, ClientError> {
        self.read(op::GRANTS.path).await
    }

    /// Keeps what is shared under a grant of the party's, or under one that lets it write, sealed.
    pub async fn put_shared(&self, grant: DocId, body: &BackupBody) -> Result<(), ClientError> {
        let path = op::PUT_SHARED.path_to(&[&grant]);
        let call = || self.as_party(self.http.put(&*path)).json(body).done();
        self.spoken(call).await
    }

    /// What is shared under a grant that the party gave or was given, sealed.
    pub async fn shared(&self, grant: DocId) -> Result<BackupBody, ClientError> {
        self.read(&op::SHARED.path_to(&[&grant])).await
    }

    /// Leave to read the slots of another's contract, or to write to them, by its grant.
    pub async fn passes(
        &self,
        contract: ContractId,
        access: Access,
    ) -> Result<Vec<SlotPass>, ClientError> {
        let path = op::PASSES.path_to(&[&contract]);
        let access = if access == Access::Write { "write" } else { "read" };
        self.read(&format!("{path}?access={access}")).await
    }

    /// Redeems a [`Voucher`](types::documents::Voucher).
    pub async fn redeem(&self, voucher: &Signed) -> Result<Accepted, ClientError> {
        self.post(op::REDEEM_VOUCHER.path, voucher).await
    }

    /// Books a [`Deposit`](types::documents::Deposit), signed by the market's operator.
    pub async fn deposit(&self, deposit: &Signed) -> Result<Accepted, ClientError> {
        self.post(op::DEPOSIT.path, deposit).await
    }

    /// Takes money out by a [`Withdrawal`](types::documents::Withdrawal).
    pub async fn withdraw(&self, withdrawal: &Signed) -> Result<Accepted, ClientError> {
        self.post(op::WITHDRAW.path, withdrawal).await
    }

    /// A party's money: one's own, or anybody's for the operator.
    pub async fn account(&self, party: Did) -> Result<AccountView, ClientError> {
        self.read(&op::ACCOUNT.path_to(&[&party])).await
    }

    /// At most `limit` postings of a party after the posting `after`.
    pub async fn history(
        &self,
        party: Did,
        after: u64,
        limit: u32,
    ) -> Result<Vec<HistoryEntry>, ClientError> {
        let path = op::HISTORY.path_to(&[&party]);
        let path = format!("{path}?after={after}&limit={limit}");
        Ok(self.read::<Page<HistoryEntry>>(&path).await?.items)
    }

    /// Keeps the party's sealed catalogue.
    pub async fn put_backup(&self, body: &BackupBody) -> Result<(), ClientError> {
        let path = op::PUT_BACKUP.path_to(&[&self.party()]);
        let call = || self.as_party(self.http.put(&*path)).json(body).done();
        self.spoken(call).await
    }

    /// The party's sealed catalogue, where there is one.
    pub async fn backup(&self) -> Result<Option<BackupBody>, ClientError> {
        match self.read(&op::BACKUP.path_to(&[&self.party()])).await {
            Err(error) if error.problem().is_some_and(|p| p.status == 404) => Ok(None),
            other => other.map(Some),
        }
    }

    /// A provider contests a verdict.
    pub async fn dispute(&self, body: &DisputeBody) -> Result<Accepted, ClientError> {
        self.http.post(op::DISPUTE.path).json(body).read_json(JSON_BYTES_MAX).await
    }

    /// A provider announces [`Maintenance`](types::documents::Maintenance).
    pub async fn announce(&self, notice: &Signed) -> Result<Accepted, ClientError> {
        self.post(op::ANNOUNCE.path, notice).await
    }

    /// An auditor gives a [`Measurement`](types::documents::Measurement).
    pub async fn measured(&self, measurement: &Signed) -> Result<Accepted, ClientError> {
        self.post(op::MEASURE.path, measurement).await
    }

    /// The verdicts against `provider` that can be disputed still, all pages of them.
    pub async fn verdicts(&self, provider: Did) -> Result<Vec<VerdictLine>, ClientError> {
        let mut lines = Vec::new();
        let mut after = String::new();
        loop {
            let path = format!("{}?provider={provider}{after}", op::VERDICTS.path);
            let page: Page<VerdictLine> = self.read(&path).await?;
            lines.extend(page.items);
            match page.next {
                Some(next) => after = format!("&after={next}"),
                None => return Ok(lines),
            }
        }
    }

    /// Where this auditor may measure whom, now.
    pub async fn probes(&self) -> Result<Vec<ProbeLine>, ClientError> {
        self.read(op::PROBES.path).await
    }

    /// What opened the epochs behind `after`; the first of them, where there are many.
    pub async fn epochs(&self, after: Epoch) -> Result<Page<EpochView>, ClientError> {
        self.read(&format!("{}?after={after}", op::EPOCHS.path)).await
    }

    /// What became of escrows of contracts on Bitcoin behind the cursor `since`; everything, page by page, from an empty one on.
    pub async fn escrows(&self, since: &str) -> Result<EscrowPage, ClientError> {
        let since = if since.is_empty() { String::new() } else { format!("?since={since}") };
        self.read(&format!("{}{since}", op::ESCROWS.path)).await
    }

    /// The journal's entry in which something became of an escrow, with the proof that it is there.
    pub async fn escrow_entry(&self, entry: u64) -> Result<EntryProof, ClientError> {
        self.read(&op::ESCROW_ENTRY.path_to(&[&entry])).await
    }

    /// The whole ledger, as it was after one block: for the operator.
    pub async fn books(&self) -> Result<BooksView, ClientError> {
        for _ in 0..BOOKS_TRIES {
            if let Some(books) = self.books_of_one_block().await? {
                return Ok(books);
            }
        }
        Err(self.http.wrong_answer("its books change faster than they can be read: ask again"))
    }

    /// Nothing where a block came between two pages.
    async fn books_of_one_block(&self) -> Result<Option<BooksView>, ClientError> {
        let path = format!("{}?limit={PAGE_MAX}", op::BOOKS.path);
        let first: BooksPage = self.read(&path).await?;
        let (mut accounts, mut next) = (first.items, first.next);
        while let Some(after) = next {
            let page: BooksPage = self.read(&format!("{path}&after={after}")).await?;
            if page.block != first.block {
                return Ok(None);
            }
            accounts.extend(page.items);
            next = page.next;
        }
        Ok(Some(BooksView { debits: first.debits, credits: first.credits, accounts }))
    }

    /// How far the journal has come.
    pub async fn journal(&self) -> Result<JournalView, ClientError> {
        self.read(op::JOURNAL.path).await
    }

    /// Every provider with its ask and score.
    pub async fn providers(&self) -> Result<Vec<ProviderLine>, ClientError> {
        self.read_all(op::PROVIDERS.path).await
    }

    /// Whether the market takes work; else 503 `not_ready` says why.
    pub async fn ready(&self) -> Result<(), ClientError> {
        self.http.get(op::READY.path).once().done().await
    }

    /// Follows what happens to the party's contracts and money, from behind the event with the id `after` on; from now
    /// on where there is none.
    pub async fn events(&self, after: Option<&str>) -> Result<Events, ClientError> {
        let query = after.map_or_else(String::new, |after| format!("?after={after}"));
        let path = format!("{}{query}", op::EVENTS.path);
        let call = || self.as_party(self.http.get(&*path)).send();
        Ok(Events::new(self.http.clone(), self.spoken(call).await?))
    }

    /// As [`MarketClient::events`] from behind `after` on, ending with what has happened by now.
    pub async fn events_so_far(&self, after: &str) -> Result<Events, ClientError> {
        let path = format!("{}?after={after}&follow=false", op::EVENTS.path);
        let call = || self.as_party(self.http.get(&*path)).send();
        Ok(Events::new(self.http.clone(), self.spoken(call).await?))
    }

    /// Opens the stream over which the market asks and the provider answers, and says Hello.
    pub async fn stream(
        &self,
        holdings: Vec<(ContractId, u16)>,
    ) -> Result<Duplex<ToMarket, ToProvider>, StreamError> {
        let call = || stream::connect(self.as_party(self.http.get(op::STREAM.path)));
        let duplex = self.spoken(call).await?;
        let session = self.sessions.document();
        duplex.sender().send(ToMarket::Hello { session, holdings }).await?;
        Ok(duplex)
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, doc: &Signed) -> Result<T, ClientError> {
        self.http.post(path).document(doc).read_json(JSON_BYTES_MAX).await
    }

    async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let call = || self.as_party(self.http.get(path)).read_json(JSON_BYTES_MAX);
        self.spoken(call).await
    }

    /// A list from its first page to its last.
    async fn read_all<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, ClientError> {
        let path = format!("{path}?limit={PAGE_MAX}");
        let Page { mut items, mut next } = self.read::<Page<T>>(&path).await?;
        while let Some(after) = next {
            let page: Page<T> = self.read(&format!("{path}&after={after}")).await?;
            items.extend(page.items);
            next = page.next;
        }
        Ok(items)
    }

    fn as_party(&self, call: Call) -> Call {
        call.authorised(self.sessions.header())
    }

    /// Makes a call that shows a session. Where the market finds the session out of time, our clock is
    /// set by the market's, and the call is made once more.
    async fn spoken<T, Called>(&self, call: impl Fn() -> Called) -> Result<T, ClientError>
    where
        Called: Future<Output = Result<T, ClientError>>,
    {
        match call().await {
            Err(error) if matches!(error.code(), Some("session_expired" | "session_too_long")) => {
                self.sessions.set_clock(self.info().await?.now);
                call().await
            }
            other => other,
        }
    }
}
