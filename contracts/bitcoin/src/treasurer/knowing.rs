//! What a provider must know before it answers, and signs: whom it asks for that, and for whom it asks nobody.

use super::accepted::{Accepted, Doubt};
use super::hearing::HearError;
use super::judging::still_stands;
use super::record::Talk;
use super::rules::{Rules, fund_by, may_be_funded};
use super::timely::{Asked, asked, attested};
use super::{Market, Oracles, Role, Treasurer, TreasurerError, funders};
use crate::chain::{Chain, ChainError, WITHIN_BLOCKS};
use crate::deal::message::ToProvider;
use crate::escrow::funding::FundingInput;
use crate::oracle::messages::Announcement;
use bitcoin::{FeeRate, Network};
use network::api::{BitcoinInfo, ContractView};
use std::time::Duration;
use tokio::time::timeout;
use types::{ContractId, Did};

/// How many offers are heard for one contract, from its first to its last replacement.
const OFFERS_MAX: usize = 64;
/// How many negotiations one client may have open: for each coins are kept aside.
const TALKS_MAX: usize = 32;

/// About what others are asked before a provider answers. Asking needs no treasurer, so that it can hear others meanwhile.
#[derive(Clone, Debug)]
pub struct Inquiry {
    party: Did,
    client: Did,
    contract: ContractId,
    /// The market's key.
    books: Did,
    network: Network,
    within: Duration,
    about: Sought,
}

/// What is to be known.
#[derive(Clone, Debug)]
enum Sought {
    /// All of an offer, whose client brings these coins.
    Offer(Vec<FundingInput>),
    /// Whether everybody's coins are there.
    Coins(Vec<FundingInput>),
    /// Whether an offer still stands, and that none of this is attested.
    Standing(Vec<Asked>),
}

/// What market, auditors and chain say of a contract that an offer is about.
#[derive(Clone, Debug)]
pub struct Knowledge {
    pub(super) info: BitcoinInfo,
    pub(super) view: ContractView,
    /// What its client has accepted; or why that is not what it must be.
    pub(super) accepted: Result<Accepted, String>,
    /// Of each confirmed slot of the provider's.
    pub(super) announced: Vec<(u16, Vec<Announcement>)>,
    /// What is attested of what must not be.
    pub(super) attested: Option<String>,
    /// Why that is not all, where it is not.
    pub(super) missing: Option<String>,
    /// What the chain says that a funding takes now.
    pub(super) rate: FeeRate,
    /// What is wrong with the client's coins.
    pub(super) coins: Option<String>,
}

impl Inquiry {
    /// Asks market, auditors and chain; nothing is known of what only had to be looked up. What does not answer is an error in words.
    ///
    /// # Errors
    /// Where the coins of an assembly are not there.
    pub async fn ask<M: Market, O: Oracles, C: Chain>(
        self,
        (market, oracles, chain): (&M, &O, &C),
    ) -> Result<Option<Result<Knowledge, String>>, HearError> {
        let within = self.within;
        match &self.about {
            Sought::Offer(coins) => {
                let mut known = self.gather((market, oracles)).await;
                if let Ok(known) = &mut known
                    && known.view.client == self.client
                {
                    let asked = timeout(within, known.look(chain, coins)).await;
                    if let Err(reason) = asked.map_err(|_| slow(within)).flatten() {
                        return Ok(Some(Err(reason)));
                    }
                }
                Ok(Some(known))
            }
            Sought::Coins(coins) => {
                let wrong = timeout(within, funders::wrong(chain, coins)).await;
                let wrong = wrong.map_err(|_| HearError::Later(slow(within)))?;
                match wrong.map_err(TreasurerError::from)? {
                    Some(reason) => Err(HearError::Coin(reason)),
                    None => Ok(None),
                }
            }
            Sought::Standing(_) => Ok(Some(self.gather((market, oracles)).await)),
        }
    }

    async fn gather<M: Market, O: Oracles>(
        &self,
        (market, oracles): (&M, &O),
    ) -> Result<Knowledge, String> {
        let Self { party, client, contract, books, network, within, ref about } = *self;
        let silent = |_| format!("the market does not answer within {within:?}");
        let info = timeout(within, market.bitcoin()).await.map_err(silent)??;
        let view = timeout(within, market.contract(contract)).await.map_err(silent)??;
        let accepted = match Accepted::prove(market, contract, (client, books), within).await {
            Ok(accepted) => Ok(accepted),
            Err(Doubt::Refused(reason)) => Err(reason),
            Err(Doubt::Later(reason)) => return Err(reason),
        };
        let rules = Rules::read(&info, network)?;
        let own = view.slots.iter().filter(|slot| slot.provider == party && may_be_funded(slot));
        let own: Vec<u16> = own.map(|slot| slot.slot).collect();
        let events: Vec<String> =
            own.iter().map(|slot| rules.event(contract, *slot, party)).collect();
        let announced = rules.announced(oracles, &events, within).await;
        let missing = announced.iter().find_map(|answer| answer.clone().err());
        let announced = own.into_iter().zip(announced);
        let announced = announced.filter_map(|(slot, answer)| Some((slot, answer.ok()?))).collect();
        let attested = match about {
            Sought::Standing(signs) => attested(oracles, signs, within).await?,
            Sought::Offer(_) | Sought::Coins(_) => None,
        };
        let (rate, coins) = (FeeRate::BROADCAST_MIN, None);
        Ok(Knowledge { info, view, accepted, announced, attested, missing, rate, coins })
    }
}

impl Knowledge {
    /// Asks the chain what a funding takes, and whether the client's coins are there.
    async fn look<C: Chain>(&mut self, chain: &C, coins: &[FundingInput]) -> Result<(), String> {
        let failed = |error: ChainError| error.to_string();
        self.rate = chain.fee_rate(WITHIN_BLOCKS).await.map_err(failed)?;
        self.coins = funders::wrong(chain, coins).await.map_err(failed)?;
        Ok(())
    }
}

fn slow(within: Duration) -> String {
    format!("the chain does not answer within {within:?}")
}

impl Treasurer {
    /// What must be asked before `message` is answered; nothing where what is known here is enough. So nobody asks others in vain for
    /// strangers.
    ///
    /// # Errors
    /// [`HearError`], where whoever sent it is not heard at all.
    pub fn asks(
        &self,
        (from, contract): (Did, ContractId),
        message: &ToProvider,
    ) -> Result<Option<Inquiry>, HearError> {
        let numbers = self.with_client(from, contract);
        let mut deals = numbers.iter().filter_map(|number| self.deals.get(number));
        let about = match message {
            ToProvider::Offer(offer) => {
                let id = offer.id();
                if deals.any(|deal| deal.offer() == id) {
                    return Ok(None);
                }
                self.hears((from, contract), numbers.len())?;
                Sought::Offer(offer.client.inputs.clone())
            }
            ToProvider::Assembly(assembly) => {
                if !deals.any(|deal| deal.talking().is_some()) {
                    return Ok(None);
                }
                let sides = assembly.sides.iter();
                Sought::Coins(sides.flat_map(|side| side.inputs.clone()).collect())
            }
            ToProvider::Release(release) => {
                let signs = deals.find(|deal| match deal.talking() {
                    Some(Talk::Provider(talk)) => talk.is_released_by(release),
                    _ => false,
                });
                let Some(deal) = signs else { return Ok(None) };
                Sought::Standing(asked(&deal.about))
            }
            ToProvider::Funded(_) => return Ok(None),
        };
        let (party, books, network) = (self.party, self.manner.market, self.network());
        let (client, within) = (from, self.manner.answer_within);
        Ok(Some(Inquiry { party, client, contract, books, network, within, about }))
    }

    /// Whether a new offer of `client` is looked at: nobody else is asked for that. It has made `before` for this contract.
    fn hears(&self, (client, contract): (Did, ContractId), before: usize) -> Result<(), HearError> {
        match self.consents.client(contract) {
            None => return Err(HearError::NoConsent(contract)),
            Some(known) if known != client => {
                return Err(HearError::Stranger { from: client, contract });
            }
            Some(_) => {}
        }
        if before >= OFFERS_MAX {
            let (what, right) =
                ("made for this contract", "let the contract go, and agree on another");
            return Err(HearError::TooMany { count: before, what, right });
        }
        let open = self.deals.values().filter(|deal| {
            (deal.about.role, deal.about.client) == (Role::Provider, client)
                && deal.talking().is_some()
        });
        let count = open.count();
        if count >= TALKS_MAX {
            let (what, right) = ("open with this client", "go on with them first");
            return Err(HearError::TooMany { count, what, right });
        }
        Ok(())
    }

    /// Whether what an offer was taken for still stands, before its inputs are signed. Where it does not, the deal is given up.
    pub(super) fn may_sign(
        &mut self,
        number: u32,
        known: &Result<Knowledge, String>,
    ) -> Result<(), HearError> {
        let known = known.as_ref().map_err(|reason| HearError::Later(reason.clone()))?;
        if let Some(missing) = &known.missing {
            return Err(HearError::Later(missing.clone()));
        }
        let Some(deal) = self.deals.get(&number) else { return Ok(()) };
        let own = known
            .view
            .slots
            .iter()
            .filter(|slot| deal.about.subjects.iter().any(|subject| subject.slot == slot.slot));
        let late = self.is_late(deal.about.fund_by).or(self.is_late(fund_by(&known.view, own)));
        let stands = late.map_or_else(|| still_stands(&deal.about, known), Err);
        let rules = stands.and_then(|()| Rules::read(&known.info, self.network()));
        let stands = match rules {
            Ok(rules) => self.goes_by(&rules)?,
            Err(reason) => Err(reason),
        };
        let Err(reason) = stands else { return Ok(()) };
        tracing::warn!(number, %reason, "a funding is not signed");
        self.fail(number, reason.clone(), vec![])?;
        Err(HearError::Past(reason))
    }
}
