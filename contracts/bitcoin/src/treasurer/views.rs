//! What is to be seen of a treasurer's escrows.

use super::Treasurer;
use super::escrows::{EndedBy, EscrowLine, EscrowState};
use super::record::{Deal, Stage, Subject, Watching};
use crate::deal::stakes;
use crate::deal::watch::{Ending, SlotState};
use crate::escrow::spend::Split;
use crate::outcome::Terms;
use bitcoin::{Amount, ScriptBuf, Transaction};
use contracts::outcome::escrow_id;
use std::collections::BTreeMap;

impl Treasurer {
    /// Every escrow as the last round has seen it, in the order of contracts and slots; of one that was offered several times the last.
    pub fn escrows(&self) -> Vec<EscrowLine> {
        let lines = self.deals.values().flat_map(|deal| self.lines(deal));
        let last: BTreeMap<_, _> =
            lines.map(|line| ((line.contract, line.slot, line.provider), line)).collect();
        last.into_values().collect()
    }

    /// The escrows of one deal.
    pub(super) fn lines(&self, deal: &Deal) -> Vec<EscrowLine> {
        let subjects = deal.about.subjects.iter();
        match &deal.stage {
            Stage::Over(over) => over.lines.clone(),
            Stage::Talking(talk) => subjects
                .map(|subject| {
                    let offered = talk.offer().slots.get(subject.index);
                    let parts = offered.and_then(|slot| stakes::parts(&slot.stake).ok());
                    line(deal, subject, parts.unwrap_or_default())
                })
                .collect(),
            Stage::Watching(watching) => {
                subjects.filter_map(|subject| self.seen(deal, watching, subject)).collect()
            }
        }
    }

    fn seen(&self, deal: &Deal, watching: &Watching, subject: &Subject) -> Option<EscrowLine> {
        let (_, terms) = watching.watch.slots().find(|(index, _)| *index == subject.index)?;
        let outpoint = terms.coin.outpoint();
        let mut line = line(deal, subject, terms.refund);
        line.funding = Some(outpoint);
        line.payout = watching.watch.due(subject.index);
        let state = watching.look.as_ref().and_then(|look| look.slots.get(&subject.index));
        line.state = match state {
            None | Some(SlotState::Unfunded) => EscrowState::Unfunded,
            Some(SlotState::Open) => {
                EscrowState::Open { confirmations: self.follower.confirmations(&outpoint) }
            }
            Some(SlotState::Ended { by, txid, is_final }) => {
                line.closing = Some(*txid);
                line.is_final = *is_final;
                let watched = self.follower.watched(&outpoint);
                let spend = watched.and_then(|watched| watched.spend.as_ref());
                let paid = || spend.and_then(|spend| paid(terms, &spend.transaction));
                line.payout = match by {
                    Ending::Outcome { first, .. } => Some(terms.payouts.at(*first)),
                    Ending::Refund => Some(terms.refund),
                    Ending::Agreed | Ending::Arbiter => paid(),
                    Ending::Respent => None,
                };
                EscrowState::Ended(EndedBy::from(*by))
            }
        };
        Some(line)
    }
}

impl From<Ending> for EndedBy {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Agreed => Self::Agreed,
            Ending::Outcome { .. } => Self::Outcome,
            Ending::Refund => Self::Refund,
            Ending::Respent => Self::Respent,
            Ending::Arbiter => Self::Arbiter,
        }
    }
}

/// An escrow that nobody has signed yet.
fn line(deal: &Deal, subject: &Subject, parts: Split) -> EscrowLine {
    let (contract, slot, provider) = (deal.about.contract, subject.slot, subject.provider);
    EscrowLine {
        contract,
        slot,
        provider,
        escrow: escrow_id(contract, slot, provider),
        party: deal.about.role,
        state: EscrowState::Negotiating,
        client_sat: parts.client.to_sat(),
        provider_sat: parts.provider.to_sat(),
        payout: None,
        funding: None,
        closing: None,
        is_final: false,
    }
}

/// What a transaction paid of the collateral: provider and pool what they got, the client the rest. What it got of the fee reserve is
/// its own.
fn paid(terms: &Terms, transaction: &Transaction) -> Option<Split> {
    let to = |script: &ScriptBuf| -> Amount {
        let own = transaction.output.iter().filter(|output| output.script_pubkey == *script);
        own.map(|output| output.value).sum()
    };
    let (provider, pool) = (to(&terms.payees.provider), to(&terms.payees.pool));
    let client = terms.payouts.collateral().checked_sub(provider)?.checked_sub(pool)?;
    Some(Split { provider, client, pool })
}
