//! One party's coins and all its escrows on Bitcoin: makes deals for what its market has agreed, watches them, and ends them.
//!
//! In reading order:
//!
//! - [`Treasurer`]: opens a folder, and works in rounds.
//! - [`market`], [`oracles`], [`client`]: what it asks of others, each a trait that a test or another door may stand in for.
//! - `record`, `numbers`, `compact`: what it must not forget. `rules`: how the market settles. `accepted`: what a client has agreed to.
//!   [`consents`]: what a provider has.
//! - `offering`, `replaced`, `talking`, `closing`: a client's steps. `knowing`, `judging`, `hearing`: a provider's. `tending`, `timely`,
//!   `funders`, `lifting`: what both do.
//! - [`serve`]: a provider's treasurer over HTTP. [`escrows`]: what is to be seen of it all.
//!
//! Any call may be interrupted and repeated. Nothing is sent or broadcast before what it rests on is durable, and no secret is in
//! any file but the keys', which are elsewhere.

mod accepted;
pub mod client;
mod closing;
mod compact;
pub mod consents;
pub mod escrows;
mod funders;
mod hearing;
mod judging;
mod knowing;
mod lifting;
mod manner;
pub mod market;
mod numbers;
mod offering;
pub mod oracles;
mod record;
mod replaced;
mod rules;
pub mod serve;
mod talking;
mod tending;
mod timely;
mod views;

pub use client::{Peer, Peers};
pub use consents::Consents;
pub use escrows::{EndedBy, EscrowLine, EscrowState, Funding, Fundings, Role};
pub use hearing::HearError;
pub use knowing::{Inquiry, Knowledge};
pub use manner::{Manner, TreasurerError};
pub use market::Market;
pub use oracles::Oracles;
pub use rules::FEE_SAT_MIN;
pub use tending::{Answers, Questions};

use crate::chain::follow::Follower;
use crate::chain::{Chain, Tip, WITHIN_BLOCKS};
use crate::deal::Signer;
use crate::deal::watch::Patience;
use crate::keys::{Key, MasterKey};
use crate::wallet::{Log, Payout, Wallet, WalletError};
use accepted::Accepted;
use bitcoin::secp256k1::Keypair;
use bitcoin::{Address, Amount, FeeRate, Network, Txid};
use numbers::Numbers;
use record::{Deal, Record, Stage, Watching};
use rules::Rules;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use types::{ContractId, Did, Hash, Timestamp};

/// What a round came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Round {
    /// Contracts whose escrows were offered.
    pub offered: Vec<ContractId>,
    /// Fundings that all have signed.
    pub funded: Vec<Txid>,
    /// Escrows whose end both have signed.
    pub agreed: Vec<Hash>,
    /// Why what is to be done is not done yet, one text for each cause.
    pub waiting: Vec<String>,
    /// What is not done since others say what they must not, one text for each cause.
    pub refused: Vec<String>,
}

impl Round {
    fn wait(&mut self, reason: impl Into<String>) {
        let reason = reason.into();
        if !self.waiting.contains(&reason) {
            self.waiting.push(reason);
        }
    }

    fn refuse(&mut self, reason: String) {
        if !self.refused.contains(&reason) {
            self.refused.push(reason);
        }
    }
}

/// Keeps one party's coins and its escrows.
#[derive(Debug)]
pub struct Treasurer {
    wallet: Wallet,
    keys: MasterKey,
    log: Log,
    numbers: Numbers,
    consents: Arc<Consents>,
    party: Did,
    manner: Manner,
    /// What all watches look at.
    follower: Follower,
    /// By the number of their key.
    deals: BTreeMap<u32, Deal>,
    /// Who was told of which funding, by the deal's number and the offer's.
    told: BTreeSet<(u32, usize)>,
    /// How many questions oracles were asked, so that all have their turn.
    asked: usize,
    /// What is in no block yet.
    carried: lifting::Carried,
    fundings: Fundings,
    /// What a client has accepted, once it is proven.
    accepted: BTreeMap<ContractId, Accepted>,
    /// By which rules the market settles, as this folder knows them.
    rules: Option<Rules>,
    /// What the time is.
    clock: fn() -> Timestamp,
}

impl Treasurer {
    /// Opens, or makes, the treasurer of `party` whose files are in `folder`: `wallet.jsonl`, `treasurer.jsonl`,
    /// `numbers.jsonl` and `consents.jsonl`. A new one looks for coins from `birthday` on, or from the chain's beginning.
    ///
    /// # Errors
    /// Where the files cannot be used, are in use, or are another party's, market's or wallet's.
    pub fn open(
        folder: &Path,
        keys: MasterKey,
        party: Did,
        manner: Manner,
        birthday: Option<Tip>,
    ) -> Result<Self, TreasurerError> {
        let wallet = Wallet::open(&folder.join("wallet.jsonl"), &keys, birthday)?;
        let (mut log, records) = Log::open::<Record>(&folder.join("treasurer.jsonl"))?;
        let opened = records.first().map(|record| match record {
            Record::Opened { party, market } => (*party, *market),
            _ => (Did([0; 32]), Did([0; 32])),
        });
        match opened {
            None => log.append(&Record::Opened { party, market: manner.market })?,
            Some(known) if known == (party, manner.market) => {}
            Some((party, market)) => return Err(TreasurerError::OtherFolder { party, market }),
        }
        let mut treasurer = Self {
            follower: Follower::new(0, manner.confirmations),
            wallet,
            keys,
            log,
            numbers: Numbers::open(&folder.join("numbers.jsonl"))?,
            consents: Arc::new(Consents::open(&folder.join("consents.jsonl"), manner.market)?),
            party,
            manner,
            deals: BTreeMap::new(),
            told: BTreeSet::new(),
            asked: 0,
            carried: lifting::Carried::default(),
            fundings: Fundings::default(),
            accepted: BTreeMap::new(),
            rules: None,
            clock: network::clock::now,
        };
        treasurer.resume(records)?;
        Ok(treasurer)
    }

    /// The same by another clock than the system's.
    #[must_use]
    pub fn by_clock(self, clock: fn() -> Timestamp) -> Self {
        Self { clock, ..self }
    }

    /// Whose coins these are.
    pub fn party(&self) -> Did {
        self.party
    }

    /// How it works.
    pub fn manner(&self) -> &Manner {
        &self.manner
    }

    /// The network whose coins it keeps.
    pub fn network(&self) -> Network {
        self.wallet.network()
    }

    /// The name of the rules by which its market settles, once it has seen them.
    pub fn rules(&self) -> Option<Hash> {
        self.rules.as_ref().map(Rules::name)
    }

    /// The last block that it has seen.
    pub fn tip(&self) -> Tip {
        self.wallet.tip()
    }

    /// Where to send coins for it: always the same address.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn address(&mut self) -> Result<Address, TreasurerError> {
        Ok(self.wallet.deposit_address(self.party)?)
    }

    /// All its coins outside escrows, as of the last round.
    pub fn balance(&self) -> Amount {
        self.wallet.balance()
    }

    /// Pays `amount` of its free coins to `to`, the fee at `rate` included; broadcast now and in every round until it is deep enough.
    ///
    /// # Errors
    /// Where free coins are too few, or the amount is not worth its fee; or the chain does not answer: then it is broadcast later.
    pub async fn send<C: Chain>(
        &mut self,
        chain: &C,
        to: &Address,
        (amount, rate): (Amount, FeeRate),
    ) -> Result<Txid, TreasurerError> {
        self.follow(chain).await?;
        let payout = Payout { id: Hash(fresh()?), to: to.script_pubkey(), amount };
        let payment = self.wallet.pay(&[payout], rate, &self.keys)?;
        let none = || WalletError::Unbuildable("nothing is to be paid".into());
        let payment = payment.ok_or_else(none)?;
        chain.broadcast(&payment.transaction).await?;
        Ok(payment.txid())
    }

    /// What the last round has seen of the escrow of `provider` for slot `slot` of `contract`.
    pub fn funded(&self, contract: ContractId, slot: u16, provider: Did) -> Funding {
        self.fundings.funded(contract, slot, provider)
    }

    /// What a provider has agreed to: its node tells it there.
    pub fn consents(&self) -> Arc<Consents> {
        Arc::clone(&self.consents)
    }

    /// The same for others to ask while this treasurer is at work.
    pub fn fundings(&self) -> Fundings {
        self.fundings.clone()
    }

    /// A client's round: follows the chain, makes deals for slots that have none, goes on with those under way, ends those that auditors
    /// have judged. What cannot be done yet is in [`Round::waiting`], and holds up nothing else.
    ///
    /// # Errors
    /// Where chain or disk do not serve.
    pub async fn round<C: Chain, M: Market, P: Peers, O: Oracles>(
        &mut self,
        chain: &C,
        market: &M,
        peers: &P,
        oracles: &O,
    ) -> Result<Round, TreasurerError> {
        let mut round = self.tend(chain, oracles).await?;
        self.offer(chain, market, oracles, &mut round).await?;
        self.drop_attested(oracles, &mut round).await?;
        self.talk(chain, peers, &mut round).await?;
        self.agree(chain, peers, &mut round).await?;
        self.act(chain, &mut round).await?;
        self.tell(peers, &mut round).await;
        self.publish();
        Ok(round)
    }

    /// What a provider does in each round, and a client first: follows the chain, hears the auditors, does what its deals ask for.
    ///
    /// # Errors
    /// Where chain or disk do not serve.
    pub async fn tend<C: Chain, O: Oracles>(
        &mut self,
        chain: &C,
        oracles: &O,
    ) -> Result<Round, TreasurerError> {
        let answers = self.questions().ask(oracles).await;
        self.settle(chain, answers).await
    }

    /// Takes up what the file holds.
    fn resume(&mut self, records: Vec<Record>) -> Result<(), TreasurerError> {
        let mut learnt = BTreeMap::new();
        for record in records {
            match record {
                Record::Opened { .. } => {}
                Record::Settles { info } => {
                    let read = Rules::read(&info, self.network());
                    self.rules = Some(read.map_err(TreasurerError::Rules)?);
                }
                Record::Begun { number, about, talk } => {
                    self.deals.insert(number, Deal { about, stage: Stage::Talking(talk) });
                }
                Record::Recalled { number } => {
                    if let Some(deal) = self.deals.get_mut(&number) {
                        deal.about.patience.funding_until = 0;
                    }
                }
                Record::Talked { number, talk } => self.enter(number, Stage::Talking(talk)),
                Record::Progress { number, progress } => drop(learnt.insert(number, progress)),
                Record::Over { number, over } => self.enter(number, Stage::Over(over)),
                Record::Ended { number, about, over } => {
                    self.deals.insert(number, Deal { about, stage: Stage::Over(over) });
                }
            }
        }
        if let Some((last, _)) = self.deals.last_key_value() {
            self.numbers.pass(*last);
        }
        let live = self.deals.values().filter(|deal| !matches!(deal.stage, Stage::Over(_)));
        let oldest = live.map(|deal| deal.about.height).min().unwrap_or(u32::MAX);
        let start = oldest.min(self.wallet.tip().height);
        let margin = self.manner.confirmations.get();
        self.follower = Follower::new(start.saturating_sub(margin), self.manner.confirmations);
        let numbers: Vec<u32> = self.deals.keys().copied().collect();
        for number in numbers {
            self.watch(number)?;
            if let (Some(watching), Some(progress)) =
                (self.watching(number), learnt.remove(&number))
            {
                watching.watch.advance(progress.clone());
                watching.noted = progress;
            }
            if self.deals.get(&number).is_some_and(|deal| matches!(deal.stage, Stage::Over(_))) {
                self.release_all(number)?;
            }
        }
        // Coins that were kept aside for offers that nobody has seen.
        let known = self.deals.last_key_value().map_or(0, |(last, _)| last.saturating_add(1));
        (known..=self.next_number())
            .try_for_each(|unseen| self.wallet.release(coins_of(unseen)))?;
        self.compact()
    }

    /// Goes over from talking to watching, where this party has signed.
    fn watch(&mut self, number: u32) -> Result<(), TreasurerError> {
        let Some(deal) = self.deals.get_mut(&number) else { return Ok(()) };
        let Stage::Talking(talk) = &deal.stage else { return Ok(()) };
        let Some(watch) = talk.watch(deal.about.patience)? else { return Ok(()) };
        watch.register(&mut self.follower);
        let (talk, noted) = (talk.clone(), watch.progress());
        deal.stage = Stage::Watching(Box::new(Watching { talk, watch, noted, look: None }));
        Ok(())
    }

    fn enter(&mut self, number: u32, stage: Stage) {
        if let Some(deal) = self.deals.get_mut(&number) {
            deal.stage = stage;
        }
    }

    fn watching(&mut self, number: u32) -> Option<&mut Watching> {
        self.deals.get_mut(&number)?.watching_mut()
    }

    /// The key of the next deal; each number is used once.
    fn next_number(&self) -> u32 {
        self.numbers.next()
    }

    /// How long others are waited for in a deal that begins now.
    fn patience(&self) -> Patience {
        let funding_until = self.wallet.tip().height.saturating_add(self.manner.funding_blocks);
        Patience { funding_until, close_blocks: self.manner.close_blocks }
    }

    /// The block after which a negotiation that begins now is given up.
    fn talk_until(&self) -> u32 {
        self.wallet.tip().height.saturating_add(self.manner.talk_blocks)
    }

    fn key(&self, number: u32) -> Result<Key, TreasurerError> {
        Ok(self.keys.escrow(number)?)
    }

    /// The numbers of deals that are signed and not over.
    fn live(&self) -> Vec<u32> {
        let live = self.deals.iter().filter(|(_, deal)| deal.watching().is_some());
        live.map(|(number, _)| *number).collect()
    }
}

/// What the wallet calls the coins of a deal.
fn coins_of(number: u32) -> Hash {
    Hash::derive("bondstore treasurer coins v1", &[&number.to_be_bytes()])
}

/// What signs with `key`, once.
fn signer(key: &Keypair) -> Result<Signer<'_>, TreasurerError> {
    Ok(Signer { key, seed: fresh()? })
}

fn fresh() -> Result<[u8; 32], TreasurerError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| TreasurerError::Randomness(error.to_string()))?;
    Ok(seed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::devchain::Devchain;
    use network::market_api::MarketClient;

    /// Whether rounds may run in tasks of their own is for the compiler to say.
    #[test]
    fn rounds_may_move_between_threads() {
        fn is_send<T: Send>(_: impl FnOnce(&'static mut Treasurer, &'static Sides) -> T) {}
        type Sides = (Devchain, MarketClient, client::HttpPeers, oracles::HttpOracles);
        is_send(|treasurer, (chain, market, peers, oracles)| {
            treasurer.round(chain, market, peers, oracles)
        });
        is_send(|treasurer, (chain, _, _, oracles)| treasurer.tend(chain, oracles));
    }
}
