//! The cashier: books what arrives on the chain, pays on the chain what the books let out, and anchors the journal there. Its round may
//! be repeated and interrupted anywhere: what is booked has one reference, what is paid one document, and each counts once.

mod anchors;
pub mod client;
pub mod serve;

pub use anchors::JournalAnchor;

use crate::anchor::{AnchorProof, Rule};
use crate::chain::{Chain, ChainError, Tip, WITHIN_BLOCKS};
use crate::keys::MasterKey;
use crate::wallet::{Log, LogError, Payout, Wallet, WalletError};
use bitcoin::address::NetworkUnchecked;
use bitcoin::{Address, Amount, FeeRate, Network, OutPoint, Txid};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use types::documents::TreeHead;
use types::{Did, DocId, Msat, Timestamp};

/// Millisatoshis in a satoshi.
const MSAT: i64 = 1_000;
/// Why a round ended early. The next one goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum CashierError {
    /// The wallet, or the chain behind it.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// The chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The cashier's own file.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The market.
    #[error("the market does not book: {0}")]
    Books(String),
}

/// The market's books, as far as a cashier deals with them.
pub trait Books {
    /// What is new in the journal behind the event `after`, or from its beginning; no withdrawals where there are no more by now.
    fn news(
        &mut self,
        after: Option<&str>,
    ) -> impl Future<Output = Result<News, CashierError>> + Send;
    /// The newest head of the journal's tree.
    fn head(&mut self) -> impl Future<Output = Result<TreeHead, CashierError>> + Send;
    /// Books `amount` for `party`; again with the same reference books nothing.
    fn credit(
        &mut self,
        party: Did,
        amount: Msat,
        reference: &str,
    ) -> impl Future<Output = Result<(), CashierError>> + Send;
}

/// What a cashier wants to know of the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// In the journal's order.
    pub withdrawn: Vec<Withdrawn>,
    /// The sum of everything that was posted.
    pub posted: Msat,
}

/// How a cashier works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// The market whose coins it holds.
    pub market: Did,
    /// After how many blocks a deposit is booked, and a payment or an anchor done with.
    pub confirmations: u32,
    /// When the journal is anchored; never, where nothing is said.
    pub anchors: Option<Rule>,
}

/// Money that has left the books, and is owed outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// The event's place in the journal.
    pub event: String,
    /// The document that asked for it.
    pub document: DocId,
    /// Whose it was.
    pub party: Did,
    /// How much.
    pub amount: Msat,
    /// Where it is to be paid.
    pub to: String,
}

/// One line of the cashier's file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Record {
    /// A withdrawal was read.
    Withdrawn(Withdrawn),
    /// One that was there before this cashier began: whoever paid till then has paid it or will.
    Earlier(Withdrawn),
    /// The journal was read to its end for the first time.
    Began,
    /// A withdrawal is in a payment. So it is known even where the wallet's file is lost.
    Paid(DocId),
    /// A deposit was booked.
    Booked(OutPoint),
    /// What a withdrawal had below a satoshi was booked back.
    Returned(DocId),
    /// A journal was committed.
    Anchored(JournalAnchor),
    /// The block that holds the commitment to a journal of so many entries is deep enough.
    Proven { entries: u64, proof: Box<AnchorProof> },
}

/// What a round came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Round {
    /// Deposits booked.
    pub booked: usize,
    /// The transaction that pays withdrawals, where one was made.
    pub paid: Option<Txid>,
    /// The transaction that anchors the journal, where one was made.
    pub anchored: Option<Txid>,
    /// Withdrawals that the operator pays: to elsewhere than an address of this network, or from before this cashier began.
    pub elsewhere: Vec<DocId>,
    /// Why what is owed is not on its way, one text for each cause.
    pub waiting: Vec<String>,
}

/// Whoever holds the market's coins.
#[derive(Debug)]
pub struct Cashier {
    wallet: Wallet,
    keys: MasterKey,
    log: Log,
    manner: Manner,
    read: Option<String>,
    /// Whether what is read now was withdrawn since this cashier began.
    began: bool,
    earlier: BTreeSet<DocId>,
    withdrawn: BTreeMap<DocId, Withdrawn>,
    paid: BTreeSet<DocId>,
    booked: BTreeSet<OutPoint>,
    returned: BTreeSet<DocId>,
    /// By how many entries the journal had, and what was posted since the last of them.
    anchors: BTreeMap<u64, JournalAnchor>,
    posted: Msat,
}

/// After how many blocks a payment that none took is paid again, where the chain asks for more.
const HASTEN_AFTER: u32 = 3;

impl Cashier {
    /// Opens, or makes, the cashier whose files are in `folder`. A new one looks for coins from `birthday` on.
    pub fn open(
        folder: &Path,
        keys: MasterKey,
        manner: Manner,
        birthday: Option<Tip>,
    ) -> Result<Self, CashierError> {
        let wallet = Wallet::open(&folder.join("wallet.jsonl"), &keys, birthday)?;
        let (log, records) = Log::open::<Record>(&folder.join("cashier.jsonl"))?;
        let mut cashier = Self {
            wallet,
            keys,
            log,
            manner,
            read: None,
            began: false,
            earlier: BTreeSet::new(),
            withdrawn: BTreeMap::new(),
            paid: BTreeSet::new(),
            booked: BTreeSet::new(),
            returned: BTreeSet::new(),
            anchors: BTreeMap::new(),
            posted: Msat::ZERO,
        };
        for record in records {
            cashier.remember(record);
        }
        Ok(cashier)
    }

    /// Where `party` sends its deposits. What arrives at the market's own address is booked for nobody: the operator's coins, which
    /// pay for anchors.
    pub fn deposit_address(&mut self, party: Did) -> Result<Address, CashierError> {
        Ok(self.wallet.deposit_address(party)?)
    }

    /// The network whose coins it holds.
    pub fn network(&self) -> Network {
        self.wallet.network()
    }

    /// All its coins.
    pub fn balance(&self) -> Amount {
        self.wallet.balance()
    }

    /// Reads the chain and the books, books what is deep enough, pays what is owed, and anchors the journal where that is due `now`.
    pub async fn round<C: Chain, B: Books>(
        &mut self,
        chain: &C,
        books: &mut B,
        now: Timestamp,
    ) -> Result<Round, CashierError> {
        self.wallet.follow(chain).await?;
        let booked = self.book(books).await?;
        self.read(books).await?;
        self.give_back(books).await?;
        let (due, elsewhere) = self.due();
        let rate = chain.fee_rate(WITHIN_BLOCKS).await?;
        let mut waiting = Vec::new();
        let documents: Vec<DocId> = due.iter().map(|payout| payout.id).collect();
        let paid = self.pay(due, rate, &mut waiting)?;
        for document in documents {
            if self.wallet.has_paid(&document) {
                self.note(Record::Paid(document))?;
            }
        }
        let anchored = match self.anchor(books, rate, now).await {
            Err(CashierError::Wallet(WalletError::Funds(reason))) => {
                let own = self.deposit_address(self.manner.market)?;
                waiting.push(format!(
                    "the journal is to be anchored, and the operator's coins do not pay for it ({reason}): send some to {own}"
                ));
                None
            }
            anchored => anchored?,
        };
        self.prove(chain).await?;
        waiting.extend(self.wallet.hasten((rate, HASTEN_AFTER), &self.keys)?);
        for payment in self.wallet.unfinished(self.manner.confirmations) {
            match chain.broadcast(&payment.transaction).await {
                Err(refused @ ChainError::Refused { .. }) => waiting.push(refused.to_string()),
                carried => drop(carried?),
            }
        }
        Ok(Round { booked, paid, anchored, elsewhere, waiting })
    }

    /// Pays what can be paid; of the rest, why it waits. One that is not worth its fee holds up no other.
    fn pay(
        &mut self,
        mut due: Vec<Payout>,
        rate: FeeRate,
        waiting: &mut Vec<String>,
    ) -> Result<Option<Txid>, CashierError> {
        loop {
            match self.wallet.pay(&due, rate, &self.keys) {
                Ok(payment) => return Ok(payment.map(|payment| payment.txid())),
                Err(error @ WalletError::TooSmall { id, .. }) => {
                    due.retain(|payout| payout.id != id);
                    waiting.push(error.to_string());
                }
                Err(error @ WalletError::Funds(_)) => {
                    waiting.push(error.to_string());
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Books every deposit that is deep enough and was not booked.
    async fn book<B: Books>(&mut self, books: &mut B) -> Result<usize, CashierError> {
        let mut count = 0;
        for coins in self.wallet.received(self.manner.confirmations) {
            if coins.party == self.manner.market || self.booked.contains(&coins.outpoint) {
                continue;
            }
            let amount = msat(coins.amount)?;
            books.credit(coins.party, amount, &coins.reference()).await?;
            self.note(Record::Booked(coins.outpoint))?;
            count += 1;
        }
        Ok(count)
    }

    /// Takes in every withdrawal that the journal has by now.
    async fn read<B: Books>(&mut self, books: &mut B) -> Result<(), CashierError> {
        loop {
            let News { withdrawn, posted } = books.news(self.read.as_deref()).await?;
            // Read twice, it may count twice: an anchor comes earlier then.
            self.posted = self.posted.add(posted).unwrap_or(Msat(i64::MAX));
            if withdrawn.is_empty() {
                return if self.began { Ok(()) } else { self.note(Record::Began) };
            }
            let as_read = if self.began { Record::Withdrawn } else { Record::Earlier };
            for withdrawn in withdrawn {
                self.note(as_read(withdrawn))?;
            }
        }
    }

    /// Coins are whole satoshis: what a withdrawal has beyond them goes back to its party's account.
    async fn give_back<B: Books>(&mut self, books: &mut B) -> Result<(), CashierError> {
        let network = self.network();
        let odd = |withdrawn: &&Withdrawn| {
            withdrawn.amount.0 % MSAT != 0 && address(&withdrawn.to, network).is_some()
        };
        let open = self.withdrawn.values().filter(odd);
        let open = open.filter(|withdrawn| !self.returned.contains(&withdrawn.document));
        for withdrawn in open.cloned().collect::<Vec<_>>() {
            let reference = format!("bitcoin:rest:{}", withdrawn.document);
            books.credit(withdrawn.party, Msat(withdrawn.amount.0 % MSAT), &reference).await?;
            self.note(Record::Returned(withdrawn.document))?;
        }
        Ok(())
    }

    /// Every withdrawal to an address here, and the documents of those to elsewhere. Less than a satoshi is nothing.
    fn due(&self) -> (Vec<Payout>, Vec<DocId>) {
        let mut due = Vec::new();
        let mut elsewhere: Vec<DocId> = self.earlier.iter().copied().collect();
        let unpaid = self.withdrawn.values();
        for withdrawn in unpaid.filter(|withdrawn| !self.paid.contains(&withdrawn.document)) {
            let satoshis = u64::try_from(withdrawn.amount.0 / MSAT).unwrap_or(0);
            match address(&withdrawn.to, self.network()) {
                Some(to) if satoshis > 0 => due.push(Payout {
                    id: withdrawn.document,
                    to: to.script_pubkey(),
                    amount: Amount::from_sat(satoshis),
                }),
                Some(_) => {}
                None => elsewhere.push(withdrawn.document),
            }
        }
        (due, elsewhere)
    }

    fn note(&mut self, record: Record) -> Result<(), CashierError> {
        self.log.append(&record)?;
        self.remember(record);
        Ok(())
    }

    fn remember(&mut self, record: Record) {
        match record {
            Record::Withdrawn(withdrawn) => {
                self.read = Some(withdrawn.event.clone());
                self.withdrawn.insert(withdrawn.document, withdrawn);
            }
            Record::Earlier(withdrawn) => {
                self.read = Some(withdrawn.event);
                self.earlier.insert(withdrawn.document);
            }
            Record::Began => self.began = true,
            Record::Paid(document) => {
                self.paid.insert(document);
            }
            Record::Booked(outpoint) => {
                self.booked.insert(outpoint);
            }
            Record::Returned(document) => {
                self.returned.insert(document);
            }
            Record::Anchored(anchor) => {
                self.posted = Msat::ZERO;
                self.anchors.insert(anchor.entries, anchor);
            }
            Record::Proven { entries, proof } => {
                if let Some(anchor) = self.anchors.get_mut(&entries) {
                    anchor.proof = Some(*proof);
                }
            }
        }
    }
}

fn address(text: &str, network: Network) -> Option<Address> {
    let text = text.strip_prefix("bitcoin:").unwrap_or(text);
    let parsed: Address<NetworkUnchecked> = text.parse().ok()?;
    parsed.require_network(network).ok()
}

fn msat(amount: Amount) -> Result<Msat, CashierError> {
    let msat = i64::try_from(amount.to_sat()).ok().and_then(|sat| sat.checked_mul(MSAT));
    msat.map(Msat)
        .ok_or_else(|| CashierError::Books(format!("{amount} are beyond what a ledger counts")))
}

#[cfg(test)]
mod tests;
