//! How a market's contracts settle on Bitcoin, read once: who attests, what events are called, and where shares and fees go.

use super::oracles::Oracles;
use super::record::Record;
use super::{Treasurer, TreasurerError};
use crate::oracle::messages::Announcement;
use crate::oracle::points::verify_announcement;
use crate::oracle::rule::{EventName, Rule};
use crate::outcome::Auditor;
use bitcoin::address::NetworkUnchecked;
use bitcoin::secp256k1::XOnlyPublicKey;
use bitcoin::{Address, Amount, Network, ScriptBuf, TxOut};
use contracts::outcome::escrow_id;
use futures_util::future::join_all;
use network::api::{BitcoinInfo, ContractView, OracleInfo, SlotView};
use std::time::Duration;
use tokio::time::timeout;
use types::terms::RailKind;
use types::{ContractId, Did, Hash, Timestamp};

/// How many questions are under way at a time.
pub(super) const AT_A_TIME: usize = 16;
/// A market's fees below this many satoshis are not taken: no node carries an output of less.
pub const FEE_SAT_MIN: u64 = 330;

/// A market's settlement on Bitcoin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    /// As the market says them.
    pub(super) info: BitcoinInfo,
    /// Where the market's fees and the pool's shares go.
    pub(super) address: ScriptBuf,
    /// Who must agree.
    pub(super) rule: Rule,
    /// The auditors, in the rule's order.
    pub(super) oracles: Vec<OracleInfo>,
}

impl Rules {
    /// What `info` says, for coins of `network`.
    pub(super) fn read(info: &BitcoinInfo, network: Network) -> Result<Self, String> {
        if info.network.parse() != Ok(network) {
            let found = &info.network;
            return Err(format!("the market settles on {found}, these coins are on {network}"));
        }
        let address: Result<Address<NetworkUnchecked>, _> = info.address.parse();
        let address = address.ok().and_then(|address| address.require_network(network).ok());
        let none = || format!("the market's address {:?} is none of {network}", info.address);
        let keys: Result<Vec<XOnlyPublicKey>, String> = info.oracles.iter().map(key).collect();
        let rule = Rule::new(info.threshold, keys?).map_err(|error| error.to_string())?;
        let mut oracles = info.oracles.clone();
        let place = |oracle: &OracleInfo| {
            rule.auditors().iter().position(|known| key(oracle).is_ok_and(|key| key == *known))
        };
        oracles.sort_by_key(place);
        let address = address.ok_or_else(none)?.script_pubkey();
        Ok(Self { info: info.clone(), address, rule, oracles })
    }

    /// What they are called: whatever in them could cost anybody money is in the name. Where oracles answer is not.
    pub(super) fn name(&self) -> Hash {
        let keys: Vec<[u8; 32]> =
            self.rule.auditors().iter().map(XOnlyPublicKey::serialize).collect();
        let threshold = self.rule.threshold().to_be_bytes();
        let parts =
            [self.info.network.as_bytes(), self.address.as_bytes(), &threshold, &keys.concat()];
        Hash::derive("bondstore settlement rules v1", &parts)
    }

    /// What they say, for people.
    pub(super) fn told(&self) -> String {
        let keys: Vec<String> = self.rule.auditors().iter().map(ToString::to_string).collect();
        let (threshold, address) = (self.rule.threshold(), &self.info.address);
        format!(
            "fees and shares go to {address}, and {threshold} of the auditors {} must agree",
            keys.join(", ")
        )
    }

    /// What the outcome of an escrow is called.
    pub(super) fn event(&self, contract: ContractId, slot: u16, provider: Did) -> String {
        EventName::new(escrow_id(contract, slot, provider), slot, &self.rule).to_string()
    }

    /// The market's fees of a contract, rounded up to whole satoshis; nothing below what nodes carry.
    pub(super) fn market_fee(&self, view: &ContractView) -> Result<Option<TxOut>, String> {
        let fees = view.cost.fees().and_then(types::Msat::non_negative);
        let fees = fees.map_err(|error| format!("the market's fees: {error}"))?;
        let sat = u64::try_from(fees.0).unwrap_or(0).div_ceil(1_000);
        let output = TxOut { value: Amount::from_sat(sat), script_pubkey: self.address.clone() };
        Ok((sat >= FEE_SAT_MIN).then_some(output))
    }

    /// What every auditor announced of these events; for each why not, where one has not. Each answer has `within`.
    pub(super) async fn announced<O: Oracles>(
        &self,
        oracles: &O,
        events: &[String],
        within: Duration,
    ) -> Vec<Result<Vec<Announcement>, String>> {
        let each = self.oracles.len();
        let asked: Vec<(&OracleInfo, &String)> =
            events.iter().flat_map(|e| self.oracles.iter().map(move |o| (o, e))).collect();
        let mut answers = Vec::with_capacity(asked.len());
        for some in asked.chunks(AT_A_TIME) {
            let some = some.iter().map(|(oracle, event)| announced(oracles, oracle, event, within));
            answers.extend(join_all(some).await);
        }
        let mut answers = answers.into_iter();
        events.iter().map(|_| answers.by_ref().take(each).collect()).collect()
    }
}

impl Treasurer {
    /// Whether `rules` are those that this folder goes by: the first that it sees, or others that its operator names.
    pub(super) fn goes_by(&mut self, rules: &Rules) -> Result<Result<(), String>, TreasurerError> {
        let (name, told) = (rules.name(), rules.told());
        let known = self.rules.as_ref();
        match (self.manner.rules, known) {
            (Some(wanted), _) if wanted != name => {
                return Ok(Err(format!(
                    "the market settles by rules called {name}, where {told}; --settlement-rules names {wanted}: give the one that is right"
                )));
            }
            (None, Some(known)) if known.name() != name => {
                let before = known.told();
                return Ok(Err(format!(
                    "the market settles by other rules than this folder knows: {told}; known are: {before}. If its operator says so elsewhere \
                     than here, start once with --settlement-rules {name}"
                )));
            }
            (_, Some(known)) if known.name() == name => return Ok(Ok(())),
            _ => {}
        }
        tracing::info!(rules = %name, "{told}");
        self.log.append(&Record::Settles { info: rules.info.clone() })?;
        self.rules = Some(rules.clone());
        Ok(Ok(()))
    }
}

/// Whether an escrow may be made for a slot as the market shows it now.
pub(super) fn may_be_funded(slot: &SlotView) -> bool {
    slot.confirmed && matches!(slot.state.as_str(), "reserved" | "repairing" | "filled")
}

/// Whether escrows are made for a contract as the market shows it now: on Bitcoin, and not over.
pub(super) fn is_running(view: &ContractView) -> bool {
    view.terms.rail == RailKind::Bitcoin && matches!(view.state.as_str(), "agreed" | "active")
}

/// By when escrows of these slots must count as the market shows their contract now; nothing where they may at any time.
pub(super) fn fund_by<'a>(
    view: &ContractView,
    slots: impl Iterator<Item = &'a SlotView>,
) -> Option<Timestamp> {
    if is_new(view) {
        return Some(view.store_by);
    }
    slots.filter(|slot| slot.state == "repairing").map(|slot| slot.answer_by).min()
}

/// Whether no escrow of a contract can have been made yet but all at once: nothing is stored in it.
pub(super) fn is_new(view: &ContractView) -> bool {
    view.state == "agreed"
}

/// The auditors that made these announcements, as a deal names them.
pub(super) fn auditors(announcements: &[Announcement]) -> Result<Vec<Auditor>, String> {
    let auditors = announcements.iter().map(Auditor::announced);
    auditors.collect::<Result<_, _>>().map_err(|error| error.to_string())
}

async fn announced<O: Oracles>(
    oracles: &O,
    oracle: &OracleInfo,
    event: &str,
    within: Duration,
) -> Result<Announcement, String> {
    let answer = timeout(within, oracles.announcement(oracle, event)).await;
    let silent = || format!("the oracle {} does not answer within {within:?}", oracle.key);
    let announcement = answer.unwrap_or_else(|_| Err(silent()))?;
    verify_announcement(&announcement).map_err(|error| error.to_string())?;
    if announcement.event.id() != event || key(oracle)? != announcement.oracle {
        return Err(format!("the oracle {} answers with another announcement", oracle.key));
    }
    Ok(announcement)
}

fn key(oracle: &OracleInfo) -> Result<XOnlyPublicKey, String> {
    let key = oracle.key.parse();
    key.map_err(|_| format!("{:?} is no oracle's key; 64 hexadecimal digits are", oracle.key))
}
