//! A client's offers: one deal for all slots of a new contract, and one for those that are new in a contract that runs.

use super::record::{About, Deal, Record, Stage, Subject, Talk};
use super::rules::{Rules, auditors, fund_by, is_new, is_running, may_be_funded};
use super::{Market, Oracles, Role, Round, Treasurer, TreasurerError, WITHIN_BLOCKS, coins_of};
use crate::chain::Chain;
use crate::deal::Client;
use crate::deal::message::{Offer, Side, SlotOffer};
use crate::oracle::messages::Announcement;
use crate::wallet::WalletError;
use bitcoin::{FeeRate, ScriptBuf};
use contracts::outcome::Stake;
use network::api::{ContractLine, ContractView, SlotView};
use std::collections::{BTreeMap, BTreeSet};
use tokio::time::timeout;
use types::terms::RailKind;
use types::{ContractId, Did};

/// Slots that are to have escrows by one funding.
pub(super) struct Want {
    pub(super) view: ContractView,
    pub(super) slots: Vec<SlotView>,
}

/// Why an offer is not made now.
type Waits = String;

impl Treasurer {
    /// Offers escrows for every slot that is to have one. What the market or the auditors do not say waits.
    pub(super) async fn offer<C: Chain, M: Market, O: Oracles>(
        &mut self,
        chain: &C,
        market: &M,
        oracles: &O,
        round: &mut Round,
    ) -> Result<(), TreasurerError> {
        let views = self.contracts(market, round).await?;
        let mut wants = vec![];
        for view in views {
            self.drop_stale(&view)?;
            let wanted = self.wants(&view, round);
            if !wanted.is_empty() && self.is_accepted(market, &view, round).await {
                wants.extend(wanted);
            }
        }
        if wants.is_empty() {
            return Ok(());
        }
        let within = self.manner.answer_within;
        let told = timeout(within, market.bitcoin()).await;
        let told = told.unwrap_or_else(|_| Err(format!("no answer within {within:?}")));
        let rules = match told.and_then(|info| Rules::read(&info, self.network())) {
            Ok(rules) => rules,
            Err(reason) => {
                round.wait(format!("the market: {reason}"));
                return Ok(());
            }
        };
        if let Err(reason) = self.goes_by(&rules)? {
            round.refuse(reason);
            return Ok(());
        }
        let rate = chain.fee_rate(WITHIN_BLOCKS).await?.max(self.manner.rate_min);
        if rate > self.manner.rate_max {
            let most = self.manner.rate_max;
            round.wait(format!("fundings wait until fees of {rate} fall to {most}"));
            return Ok(());
        }
        let slots = wants.iter().flat_map(|want| want.slots.iter().map(move |slot| (want, slot)));
        let events: Vec<String> =
            slots.map(|(want, slot)| rules.event(want.view.id, slot.slot, slot.provider)).collect();
        let mut announced = rules.announced(oracles, &events, within).await.into_iter();
        for want in wants {
            let own: Vec<_> = announced.by_ref().take(want.slots.len()).collect();
            if let Err(reason) = self.may_want(&want) {
                round.refuse(format!("contract {}: {reason}", want.view.id));
                continue;
            }
            let offered = match own.into_iter().collect::<Result<Vec<_>, _>>() {
                Ok(announced) => self.begin(&want, (&rules, rate), &announced)?,
                Err(reason) => Err(format!("its events are not announced: {reason}")),
            };
            match offered {
                Ok(()) => round.offered.push(want.view.id),
                Err(reason) => round.wait(format!("contract {}: {reason}", want.view.id)),
            }
        }
        Ok(())
    }

    /// The party's own contracts on Bitcoin, as far as the market says.
    async fn contracts<M: Market>(
        &mut self,
        market: &M,
        round: &mut Round,
    ) -> Result<Vec<ContractView>, TreasurerError> {
        let within = self.manner.answer_within;
        let silent = || format!("no answer within {within:?}");
        let lines = timeout(within, market.contracts()).await.unwrap_or_else(|_| Err(silent()));
        let lines = match lines {
            Ok(lines) => lines,
            Err(reason) => {
                round.wait(format!("the market: {reason}"));
                return Ok(vec![]);
            }
        };
        self.drop_ended(&lines)?;
        self.recall_ended(&lines)?;
        let running = |line: &&ContractLine| {
            line.client == self.party
                && line.rail == RailKind::Bitcoin
                && matches!(line.state.as_str(), "agreed" | "active")
        };
        let mut views = vec![];
        let lines: Vec<ContractId> = lines.iter().filter(running).map(|line| line.id).collect();
        for id in lines {
            match timeout(within, market.contract(id)).await.unwrap_or_else(|_| Err(silent())) {
                Ok(view) if view.id != id || view.client != self.party => {
                    round.wait(format!("the market answers with another contract than {id}"));
                }
                Ok(view) => views.push(view),
                Err(reason) => {
                    round.wait(format!("the market: {reason}"));
                    break;
                }
            }
        }
        Ok(views)
    }

    /// Gives up offers for contracts that are over.
    fn drop_ended(&mut self, lines: &[ContractLine]) -> Result<(), TreasurerError> {
        let states: BTreeMap<ContractId, &str> =
            lines.iter().map(|line| (line.id, line.state.as_str())).collect();
        for (number, contract) in self.own_talks() {
            let state = states.get(&contract).copied().unwrap_or("not known to the market");
            if !matches!(state, "agreed" | "active") {
                self.fail(number, format!("the contract is {state}"), vec![])?;
            }
        }
        Ok(())
    }

    /// Gives up offers for slots that somebody else has now, or whose time is over.
    fn drop_stale(&mut self, view: &ContractView) -> Result<(), TreasurerError> {
        for (number, contract) in self.own_talks() {
            let Some(deal) = self.deals.get(&number).filter(|_| contract == view.id) else {
                continue;
            };
            let subjects = &deal.about.subjects;
            let moved = subjects.iter().find(|subject| {
                let now = view.slots.iter().find(|slot| slot.slot == subject.slot);
                !now.is_some_and(|now| may_be_funded(now) && now.provider == subject.provider)
            });
            let moved = moved
                .map(|subject| format!("slot {} is not its provider's any more", subject.slot));
            let own = view.slots.iter();
            let own = own.filter(|slot| subjects.iter().any(|subject| subject.slot == slot.slot));
            let late = self.is_late(fund_by(view, own));
            if let Some(reason) = moved.or(late) {
                self.fail(number, reason, vec![])?;
            }
        }
        Ok(())
    }

    /// This client's negotiations, with their contracts.
    fn own_talks(&self) -> Vec<(u32, ContractId)> {
        let own = self
            .deals
            .iter()
            .filter(|(_, deal)| deal.about.role == Role::Client && deal.talking().is_some());
        own.map(|(number, deal)| (*number, deal.about.contract)).collect()
    }

    /// What of a contract is to be offered now.
    fn wants(&self, view: &ContractView, round: &mut Round) -> Vec<Want> {
        if !is_running(view) {
            return vec![];
        }
        let lacking = view.slots.iter().filter(|slot| {
            !self.deals.values().any(|deal| deal.covers(view.id, slot.slot, slot.provider))
        });
        let lacking: Vec<&SlotView> = lacking.collect();
        if lacking.is_empty() {
            return vec![];
        }
        if !is_new(view) && !self.has_funded(view.id) {
            round.wait(format!(
                "contract {} runs, and nothing is known here of its escrows: restore treasurer.jsonl",
                view.id
            ));
            return vec![];
        }
        let unready = view.slots.iter().find(|slot| !may_be_funded(slot));
        if let Some(slot) = unready.filter(|_| is_new(view)) {
            let (id, slot) = (view.id, slot.slot);
            round.wait(format!("contract {id}: slot {slot} is not confirmed yet"));
            return vec![];
        }
        let (faulty, resting) = self.faulty(view.id);
        let confirmed = lacking.into_iter().filter(|slot| may_be_funded(slot)).cloned();
        let mut groups: BTreeMap<Option<Did>, Vec<SlotView>> = BTreeMap::new();
        for slot in confirmed {
            // Who has failed before holds up nobody but itself, once the contract runs.
            let apart = faulty.contains(&slot.provider) && !is_new(view);
            groups.entry(apart.then_some(slot.provider)).or_default().push(slot);
        }
        groups.retain(|_, slots| {
            let rests = slots.iter().find_map(|slot| resting.get(&slot.provider));
            if let Some((until, reason)) = rests {
                round.wait(format!(
                    "contract {}: {reason}; it is offered again after block {until}",
                    view.id
                ));
            }
            rests.is_none()
        });
        groups.into_values().map(|slots| Want { view: view.clone(), slots }).collect()
    }

    /// Who has failed in deals of a contract, and who of them is not asked now, with the reason.
    fn faulty(&self, contract: ContractId) -> (BTreeSet<Did>, BTreeMap<Did, (u32, String)>) {
        let tip = self.wallet.tip().height;
        let (mut faulty, mut resting) = (BTreeSet::new(), BTreeMap::new());
        let deals = self.deals.values().filter(|deal| deal.about.contract == contract);
        for failed in deals.filter_map(Deal::failed) {
            for provider in &failed.faulty {
                faulty.insert(*provider);
                if failed.until >= tip {
                    resting.insert(*provider, (failed.until, failed.reason.clone()));
                }
            }
        }
        (faulty, resting)
    }

    /// Makes an offer, and keeps coins aside for it.
    fn begin(
        &mut self,
        want: &Want,
        (rules, rate): (&Rules, FeeRate),
        announced: &[Vec<Announcement>],
    ) -> Result<Result<(), Waits>, TreasurerError> {
        let fund_by = fund_by(&want.view, want.slots.iter());
        if let Some(late) = self.is_late(fund_by) {
            return Ok(Err(late));
        }
        let number = self.next_number();
        let offer = match self.draft(number, want, (rules, rate), announced)? {
            Ok(offer) => offer,
            Err(reason) => return Ok(Err(reason)),
        };
        let least = match offer.client_part() {
            Ok(least) => least,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let most = self.manner.deal_max;
        if least > most {
            return Ok(Err(format!(
                "its escrows take {least}, and one deal may take {most}; raise that where the contract is worth it"
            )));
        }
        let funder = match self.wallet.reserve(coins_of(number), least, rate) {
            Err(WalletError::Funds(short)) => {
                let to = self.address()?;
                return Ok(Err(format!(
                    "its escrows take {least}, and {short}: send coins to {to}"
                )));
            }
            reserved => reserved?,
        };
        let payout = self.wallet.payout_address()?.script_pubkey();
        let client = Side::new(offer.client.key, payout, funder);
        let client = match Client::new(Offer { client, ..offer }, self.network()) {
            Ok(client) => client,
            Err(error) => {
                self.wallet.release(coins_of(number))?;
                return Ok(Err(error.to_string()));
            }
        };
        let about = About {
            role: Role::Client,
            contract: want.view.id,
            client: self.party,
            height: self.wallet.tip().height,
            patience: self.patience(),
            talk_until: Some(self.talk_until()),
            fund_by,
            subjects: subjects(&want.slots, announced),
            oracles: rules.oracles.clone(),
        };
        self.open_deal(number, about, Talk::Client(Box::new(client)))?;
        Ok(Ok(()))
    }

    /// A deal begins: durable before anybody hears of it.
    pub(super) fn open_deal(
        &mut self,
        number: u32,
        about: About,
        talk: Talk,
    ) -> Result<(), TreasurerError> {
        self.numbers.take(number)?;
        let record = Record::Begun { number, about: about.clone(), talk: talk.clone() };
        self.log.append(&record)?;
        self.deals.insert(number, Deal { about, stage: Stage::Talking(talk) });
        Ok(())
    }

    /// The offer, before there are coins for it.
    fn draft(
        &self,
        number: u32,
        want: &Want,
        (rules, rate): (&Rules, FeeRate),
        announced: &[Vec<Announcement>],
    ) -> Result<Result<Offer, Waits>, TreasurerError> {
        let (key, _) = self.key(number)?.x_only_public_key();
        let refund_blocks = match self.manner.refund_most(want.view.terms.duration) {
            Ok(blocks) => blocks,
            Err(reason) => return Ok(Err(reason)),
        };
        let empty = ScriptBuf::new();
        let mut offer = Offer {
            contract: want.view.id,
            network: self.network(),
            providers: vec![],
            slots: vec![],
            steps: self.manner.steps,
            fee_reserve: self.manner.fee_reserve,
            refund_blocks,
            rate,
            pool: rules.address.clone(),
            market_fee: None,
            client: Side { key, payout: empty.clone(), inputs: vec![], change: empty },
        };
        let filled = fill(&mut offer, want, rules, announced);
        Ok(filled.map(|()| offer))
    }
}

/// Writes what is offered of each slot into `offer`.
fn fill(
    offer: &mut Offer,
    Want { view, slots }: &Want,
    rules: &Rules,
    announced: &[Vec<Announcement>],
) -> Result<(), Waits> {
    if is_new(view) {
        offer.market_fee = rules.market_fee(view)?;
    }
    for (slot, announced) in slots.iter().zip(announced) {
        let place = offer.number(&slot.provider).unwrap_or(offer.providers.len());
        if place == offer.providers.len() {
            offer.providers.push(slot.provider);
        }
        let stake = Stake::of(&view.terms, &slot.quoted);
        offer.slots.push(SlotOffer {
            stake: stake.map_err(|error| format!("slot {}: {error}", slot.slot))?,
            provider: place,
            arbiter: None,
            auditors: auditors(announced)?,
            threshold: rules.rule.threshold(),
            spends: None,
        });
    }
    Ok(())
}

fn subjects(slots: &[SlotView], announced: &[Vec<Announcement>]) -> Vec<Subject> {
    let slots = slots.iter().zip(announced).enumerate();
    let subject = |(index, (slot, announced)): (usize, (&SlotView, &Vec<Announcement>))| Subject {
        index,
        slot: slot.slot,
        provider: slot.provider,
        endpoint: slot.endpoint.clone(),
        announcements: hexes(announced),
    };
    slots.map(subject).collect()
}

/// Announcements as they are kept.
pub(super) fn hexes(announced: &[Announcement]) -> Vec<String> {
    announced.iter().map(|announcement| hex::encode(announcement.encode())).collect()
}
