//! A provider's side of negotiations and closes: what it hears from clients, and what it answers.

use super::judging::Case;
use super::knowing::Knowledge;
use super::record::{About, Deal, Record, Stage, Talk};
use super::rules::fund_by;
use super::{Market, Oracles, Role, Treasurer, TreasurerError, coins_of, signer};
use crate::chain::Chain;
use crate::deal::message::{Answer, Offer, Side, ToClient, ToProvider, Word};
use crate::deal::watch::{Consent, Proposal};
use crate::deal::{DealError, Provider};
use crate::wallet::WalletError;
use types::{ContractId, Did};

/// Why a message has no answer.
#[derive(Debug, thiserror::Error)]
pub enum HearError {
    /// Whoever sent it is not the contract's client.
    #[error(
        "{from} is not the client of contract {contract}; only its client makes deals about it"
    )]
    Stranger {
        /// Who sent it.
        from: Did,
        /// About which contract.
        contract: ContractId,
    },
    /// This provider has agreed to no slot of the contract.
    #[error("no slot of contract {0} is confirmed here; an offer is for slots that are")]
    NoConsent(ContractId),
    /// It has made too many offers.
    #[error("{count} offers are {what}, and no more are heard: {right}")]
    TooMany {
        /// How many.
        count: usize,
        /// Of what.
        what: &'static str,
        /// What would be right.
        right: &'static str,
    },
    /// There is no such deal.
    #[error("no deal about contract {0} is under way here; make an offer first")]
    NoDeal(ContractId),
    /// What the offer was taken for is not so any more.
    #[error("the funding is not signed: {0}; make another offer where that makes sense")]
    Past(String),
    /// The message does not go with the deal.
    #[error(transparent)]
    Deal(#[from] DealError),
    /// The auditors' word on the slot is not known here.
    #[error("no outcome of slot {0} of the offer is known here yet; ask again later")]
    NotAttested(usize),
    /// Others bring coins that are not there.
    #[error("the funding cannot be: {0}")]
    Coin(String),
    /// Market or auditors do not say what an offer is judged by.
    #[error("the offer cannot be judged now: {0}; ask again later")]
    Later(String),
    /// This treasurer cannot go on.
    #[error(transparent)]
    Treasurer(#[from] TreasurerError),
}

impl Treasurer {
    /// Hears what `from` says about `contract`, after asking others what must be known for it.
    ///
    /// # Errors
    /// [`HearError`].
    pub async fn hear<M: Market, O: Oracles, C: Chain>(
        &mut self,
        world: (&M, &O, &C),
        (from, contract): (Did, ContractId),
        message: ToProvider,
    ) -> Result<Option<ToClient>, HearError> {
        let known = match self.asks((from, contract), &message)? {
            Some(inquiry) => inquiry.ask(world).await?,
            None => None,
        };
        self.hear_knowing(known, (from, contract), message)
    }

    /// The same with what is known of the contract, where [`Self::asks`] wants that. Its answer is durable when it is given.
    ///
    /// # Errors
    /// [`HearError`].
    pub fn hear_knowing(
        &mut self,
        known: Option<Result<Knowledge, String>>,
        (from, contract): (Did, ContractId),
        message: ToProvider,
    ) -> Result<Option<ToClient>, HearError> {
        let known = known.unwrap_or_else(|| Err("nothing is known of it".into()));
        let numbers = self.with_client(from, contract);
        match message {
            ToProvider::Offer(offer) => self.hear_offer(known, (from, contract), *offer).map(Some),
            ToProvider::Funded(funded) => {
                let mut refused = HearError::NoDeal(contract);
                for number in numbers {
                    let Some(watching) = self.watching(number) else { continue };
                    match watching.watch.funded(funded.transaction.clone()) {
                        Ok(()) => {
                            self.save(number)?;
                            return Ok(None);
                        }
                        Err(error) => refused = error.into(),
                    }
                }
                Err(refused)
            }
            message => {
                let mut refused = HearError::NoDeal(contract);
                for number in numbers {
                    match self.hear_next(number, message.clone(), &known) {
                        Err(HearError::Deal(error)) => refused = error.into(),
                        Err(HearError::NoDeal(_)) => {}
                        heard => return heard,
                    }
                }
                Err(refused)
            }
        }
    }

    /// Consents to a close, where it pays what the auditors' word comes to.
    ///
    /// # Errors
    /// [`HearError`].
    pub fn consent(
        &mut self,
        (from, contract): (Did, ContractId),
        proposal: &Proposal,
    ) -> Result<Consent, HearError> {
        let numbers = self.with_client(from, contract);
        let number = numbers.into_iter().find(|number| {
            self.deals.get(number).is_some_and(|deal| deal.offer() == proposal.offer)
        });
        let number = number.ok_or(HearError::NoDeal(contract))?;
        let key = self.key(number)?;
        let watching = self.watching(number).ok_or(HearError::NoDeal(contract))?;
        let due = watching.watch.due(proposal.slot);
        let due = due.ok_or(HearError::NotAttested(proposal.slot))?;
        Ok(watching.watch.consent(proposal, &due, &signer(&key)?)?)
    }

    /// This provider's deals with a client about a contract, the latest first.
    pub(super) fn with_client(&self, client: Did, contract: ContractId) -> Vec<u32> {
        let own = self.deals.iter().rev().filter(|(_, deal)| {
            let about = &deal.about;
            (about.role, about.client, about.contract) == (Role::Provider, client, contract)
        });
        own.map(|(number, _)| *number).collect()
    }

    fn hear_offer(
        &mut self,
        known: Result<Knowledge, String>,
        (from, contract): (Did, ContractId),
        offer: Offer,
    ) -> Result<ToClient, HearError> {
        let id = offer.id();
        let again = self.with_client(from, contract).into_iter();
        let again = again.filter_map(|number| self.deals.get(&number)).find(|d| d.offer() == id);
        if let Some(deal) = again {
            return Ok(repeated(deal).unwrap_or_else(|| {
                let reason = deal.failed().map_or("its funding was signed", |f| f.reason.as_str());
                declines(id, format!("this offer is over: {reason}; make another"))
            }));
        }
        let mut known = known.map_err(HearError::Later)?;
        if known.view.client != from {
            return Err(HearError::Stranger { from, contract });
        }
        if let Some(reason) = known.coins.take() {
            return Ok(declines(id, reason));
        }
        let missing = known.missing.take();
        Ok(match (self.take_offer(&known, (from, contract), offer)?, missing) {
            (Ok(answer), _) => answer,
            (Err(_), Some(missing)) => return Err(HearError::Later(missing)),
            (Err(reason), None) => {
                tracing::info!(%contract, %reason, "an offer is declined");
                declines(id, reason)
            }
        })
    }

    /// Judges an offer, and keeps coins aside where it is taken.
    fn take_offer(
        &mut self,
        known: &Knowledge,
        (client, contract): (Did, ContractId),
        offer: Offer,
    ) -> Result<Result<ToClient, String>, TreasurerError> {
        let (network, party) = (self.network(), self.party);
        let (manner, consents) = (&self.manner, self.consents.as_ref());
        let case = Case { offer: &offer, party, manner, network, consents };
        let (subjects, rules) = match case.judge(known) {
            Ok(judged) => judged,
            Err(reason) => return Ok(Err(reason)),
        };
        if let Err(reason) = self.goes_by(&rules)? {
            return Ok(Err(reason));
        }
        let slots: Vec<u16> = subjects.iter().map(|subject| subject.slot).collect();
        let own = known.view.slots.iter().filter(|slot| slots.contains(&slot.slot));
        let fund_by = fund_by(&known.view, own);
        if let Some(late) = self.is_late(fund_by) {
            return Ok(Err(late));
        }
        if let Err(reason) = self.make_room(contract, &slots)? {
            return Ok(Err(reason));
        }
        let mut provider = match Provider::new(offer, &party, network) {
            Ok(provider) => provider,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let number = self.next_number();
        let (least, rate) =
            (provider.offer().provider_part(provider.number()), provider.offer().rate);
        let least = match least {
            Ok(least) => least,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let funder = match self.wallet.reserve(coins_of(number), least, rate) {
            Err(WalletError::Funds(short)) => {
                return Ok(Err(format!("the bonds are {least}, and {short}; ask again later")));
            }
            reserved => reserved?,
        };
        let (key, _) = self.key(number)?.x_only_public_key();
        let payout = self.wallet.payout_address()?.script_pubkey();
        if let Err(error) = provider.answer(Word::Takes(Side::new(key, payout, funder))) {
            self.wallet.release(coins_of(number))?;
            return Ok(Err(error.to_string()));
        }
        let about = About {
            role: Role::Provider,
            contract,
            client,
            height: self.wallet.tip().height,
            patience: self.patience(),
            talk_until: Some(self.talk_until()),
            fund_by,
            subjects,
            oracles: rules.oracles,
        };
        let answer = provider.outbox();
        self.open_deal(number, about, Talk::Provider(Box::new(provider)))?;
        Ok(answer.ok_or_else(|| "there is nothing to answer".into()))
    }

    /// Gives up negotiations that a new offer for the same slots replaces; refuses one for slots that have an escrow, or may get one.
    fn make_room(
        &mut self,
        contract: ContractId,
        slots: &[u16],
    ) -> Result<Result<(), String>, TreasurerError> {
        let mut replaced = vec![];
        for (number, deal) in &self.deals {
            let slot = slots.iter().find(|slot| deal.covers(contract, **slot, self.party));
            let Some(slot) = slot else { continue };
            match &deal.stage {
                Stage::Talking(_) => replaced.push(*number),
                Stage::Watching(watching) => {
                    let (txid, until) =
                        (watching.watch.funding_txid(), deal.about.patience.funding_until);
                    return Ok(Err(format!(
                        "slot {slot} has an escrow in {txid}; broadcast that, it is waited for till block {until}"
                    )));
                }
                Stage::Over(_) => {
                    return Ok(Err(format!("slot {slot} has had its escrow; there is but one")));
                }
            }
        }
        for number in replaced {
            self.fail(number, "another offer came for its slots".into(), vec![])?;
        }
        Ok(Ok(()))
    }

    /// The second and third round of one deal.
    fn hear_next(
        &mut self,
        number: u32,
        message: ToProvider,
        known: &Result<Knowledge, String>,
    ) -> Result<Option<ToClient>, HearError> {
        let key = self.key(number)?;
        let deal = self.deals.get(&number);
        let talk = deal.and_then(|deal| match &deal.stage {
            Stage::Talking(talk) => Some(talk),
            Stage::Watching(watching) => Some(&watching.talk),
            Stage::Over(_) => None,
        });
        let Some(Talk::Provider(before)) = talk else {
            return Err(HearError::NoDeal(
                deal.map_or_else(Default::default, |d| d.about.contract),
            ));
        };
        let before = before.clone();
        let mut provider = before.clone();
        provider.take(message, &signer(&key)?)?;
        if let Some(psbt) = provider.to_sign()? {
            self.may_sign(number, known)?;
            let signed = self.wallet.sign_reserved(coins_of(number), &psbt, &self.keys);
            provider.signed(&signed.map_err(TreasurerError::from)?, &[])?;
        }
        let answer = provider.outbox();
        if provider != before {
            let talk = Talk::Provider(provider);
            let record = Record::Talked { number, talk: talk.clone() };
            self.log.append(&record).map_err(TreasurerError::from)?;
            self.enter(number, Stage::Talking(talk));
            self.watch(number)?;
        }
        Ok(answer)
    }
}

/// What a provider has said in a deal, again.
fn repeated(deal: &Deal) -> Option<ToClient> {
    let talk = match &deal.stage {
        Stage::Talking(talk) => talk,
        Stage::Watching(watching) => &watching.talk,
        Stage::Over(_) => return None,
    };
    match talk {
        Talk::Provider(provider) => provider.outbox(),
        Talk::Client(_) => None,
    }
}

fn declines(offer: types::Hash, reason: String) -> ToClient {
    ToClient::Answer(Box::new(Answer { offer, word: Word::Declines(reason) }))
}
