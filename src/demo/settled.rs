//! How the demo's contract was settled on Bitcoin: every transaction of its escrows, read from the chain's blocks, and counted to the
//! satoshi.

use super::report::Report;
use super::stage::{PATIENCE, Stage};
use crate::output::{Output, table};
use anyhow::{Context, Result, bail};
use bitcoin::{Amount, Transaction, Txid};
use contracts_bitcoin::chain::devchain::Devchain;
use contracts_bitcoin::treasurer::{EndedBy, EscrowLine, EscrowState};
use market::event::SlotId;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An amount below this is in no output: no node would carry it.
const DUST_SAT: u64 = 330;

/// What the chain has of the contract.
#[derive(Debug, Serialize)]
pub(super) struct OnChain {
    network: String,
    /// How many blocks there are.
    height: u32,
    /// Fundings and what ended escrows, in the order of their blocks.
    transactions: Vec<Moved>,
    /// Who got what of each escrow.
    payouts: Vec<Payout>,
    /// The market's fees, in the funding.
    market_fee_sat: u64,
    inputs_sat: u64,
    outputs_sat: u64,
    fees_sat: u64,
}

/// A transaction in a block.
#[derive(Debug, Serialize)]
struct Moved {
    txid: Txid,
    height: u32,
    kind: &'static str,
    inputs_sat: u64,
    outputs_sat: u64,
    fee_sat: u64,
}

/// How an escrow ended.
#[derive(Debug, Serialize)]
struct Payout {
    slot: u16,
    provider: String,
    /// What the auditor attested, 0 to 1000.
    outcome: Option<u16>,
    /// What the provider had locked.
    bond_sat: u64,
    provider_sat: u64,
    client_sat: u64,
    pool_sat: u64,
    ended: &'static str,
    txid: Txid,
}

/// Waits until every escrow of the contract has ended for good, and tells what the chain has.
pub(super) async fn settled(stage: &Stage, report: &mut Report, output: &Output) -> Result<()> {
    let Some(bitcoin) = &stage.bitcoin else { return Ok(()) };
    output.say("\n   The auditor attests what each provider's part came to; client and providers close their escrows by it.");
    let lines = all_ended(stage, report).await?;
    let chain = bitcoin.chain.clone();
    let funded: BTreeSet<Txid> =
        lines.iter().filter_map(|line| line.funding.map(|coin| coin.txid)).collect();
    let closed: BTreeMap<Txid, &EscrowLine> =
        lines.iter().filter_map(|line| Some((line.closing?, line))).collect();
    let mut transactions = Vec::new();
    for (txid, kind) in funded
        .iter()
        .map(|txid| (*txid, "funding"))
        .chain(closed.iter().map(|(txid, line)| (*txid, ended(line))))
    {
        transactions.push(moved(&chain, txid, kind)?);
    }
    transactions.sort_by_key(|moved| (moved.height, moved.txid));
    let sum = |part: fn(&Moved) -> u64| transactions.iter().map(part).sum::<u64>();
    let (inputs, outputs, fees) =
        (sum(|moved| moved.inputs_sat), sum(|moved| moved.outputs_sat), sum(|moved| moved.fee_sat));
    report.expect(inputs == outputs + fees, "outputs and fees are not what went in");
    let mut payouts = Vec::new();
    for line in &lines {
        payouts.push(payout(stage, &chain, line, report)?);
    }
    payouts.sort_by_key(|payout| payout.slot);
    let whole = payouts.iter().map(|payout| payout.bond_sat > payout.provider_sat);
    let slashed = whole.filter(|slashed| *slashed).count();
    report.expect(slashed == 1, "one bond is slashed, the killed provider's");
    let to = bitcoin.info.address.clone();
    let market_fee_sat = fee_of(&chain, &funded, &to)?;
    report.expect(market_fee_sat > 0, "the market has no fee");
    tell(output, &transactions, &payouts);
    let height = chain.top().height;
    let network = bitcoin.info.network.clone();
    report.bitcoin = Some(OnChain {
        network,
        height,
        transactions,
        payouts,
        market_fee_sat,
        inputs_sat: inputs,
        outputs_sat: outputs,
        fees_sat: fees,
    });
    Ok(())
}

/// The contract's escrows, once all of them have ended as deep as they must.
async fn all_ended(stage: &Stage, report: &Report) -> Result<Vec<EscrowLine>> {
    let Some(bitcoin) = &stage.bitcoin else { return Ok(Vec::new()) };
    let began = Instant::now();
    loop {
        let lines = bitcoin.escrows().await;
        let own = lines.into_iter().filter(|line| line.contract == report.contract.id);
        let own: Vec<EscrowLine> =
            own.filter(|line| !matches!(line.state, EscrowState::GivenUp { .. })).collect();
        let over = |line: &EscrowLine| matches!(line.state, EscrowState::Ended(_)) && line.is_final;
        if own.len() > report.contract.slots.len() && own.iter().all(over) {
            return Ok(own);
        }
        if began.elapsed() > PATIENCE {
            bail!("not every escrow has ended after {PATIENCE:?}: {own:?}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Who got what of an escrow; and whether the block has it so.
fn payout(
    stage: &Stage,
    chain: &Devchain,
    line: &EscrowLine,
    report: &mut Report,
) -> Result<Payout> {
    let id = SlotId { contract: line.contract, slot: line.slot };
    let outcome = stage.market.view(|view| {
        view.market.escrows().get(id, line.provider).and_then(|escrow| escrow.outcome)
    });
    report.expect(outcome.is_some(), "an escrow has no outcome");
    let split = line.payout.context("an escrow has ended without a payout")?;
    let txid = line.closing.context("an escrow has ended by nothing")?;
    let (transaction, _) = mined(chain, txid)?;
    let mut paid: Vec<u64> = transaction.output.iter().map(|out| out.value.to_sat()).collect();
    for part in [split.provider, split.client, split.pool].map(Amount::to_sat) {
        let place = paid.iter().position(|sat| *sat == part);
        report.expect(part < DUST_SAT || place.is_some(), "a block does not pay what was agreed");
        place.map(|place| paid.remove(place));
    }
    Ok(Payout {
        slot: line.slot,
        provider: stage.name(&line.provider),
        outcome,
        bond_sat: line.provider_sat,
        provider_sat: split.provider.to_sat(),
        client_sat: split.client.to_sat(),
        pool_sat: split.pool.to_sat(),
        ended: ended(line),
        txid,
    })
}

const fn ended(line: &EscrowLine) -> &'static str {
    match line.state {
        EscrowState::Ended(EndedBy::Agreed) => "agreed close",
        EscrowState::Ended(EndedBy::Outcome) => "payout by attestation",
        EscrowState::Ended(EndedBy::Refund) => "refund",
        EscrowState::Ended(EndedBy::Respent) => "later escrow",
        EscrowState::Ended(EndedBy::Arbiter) => "arbiter's word",
        _ => "open",
    }
}

/// A transaction, and the height of its block.
fn mined(chain: &Devchain, txid: Txid) -> Result<(Arc<Transaction>, u32)> {
    let found = chain.find_transaction(txid).with_context(|| format!("no block has {txid}"))?;
    let (transaction, height) = found;
    Ok((transaction, height.with_context(|| format!("{txid} is in no block"))?))
}

/// What a transaction moves, with its inputs' amounts from the blocks that made them.
fn moved(chain: &Devchain, txid: Txid, kind: &'static str) -> Result<Moved> {
    let (transaction, height) = mined(chain, txid)?;
    let mut inputs = 0u64;
    for input in &transaction.input {
        let coin = input.previous_output;
        let (made, _) = mined(chain, coin.txid)?;
        let output = made.output.get(coin.vout as usize).context("an input spends nothing")?;
        inputs += output.value.to_sat();
    }
    let outputs: u64 = transaction.output.iter().map(|output| output.value.to_sat()).sum();
    let fee_sat = inputs.checked_sub(outputs).context("a transaction pays more than it has")?;
    Ok(Moved { txid, height, kind, inputs_sat: inputs, outputs_sat: outputs, fee_sat })
}

/// What fundings pay to the market.
fn fee_of(chain: &Devchain, fundings: &BTreeSet<Txid>, address: &str) -> Result<u64> {
    let address: bitcoin::Address<bitcoin::address::NetworkUnchecked> = address.parse()?;
    let script = address.assume_checked().script_pubkey();
    let mut sum = 0;
    for txid in fundings {
        let (transaction, _) = mined(chain, *txid)?;
        let own = transaction.output.iter().filter(|output| output.script_pubkey == script);
        sum += own.map(|output| output.value.to_sat()).sum::<u64>();
    }
    Ok(sum)
}

fn tell(output: &Output, transactions: &[Moved], payouts: &[Payout]) {
    let rows = transactions.iter().map(|moved| {
        [
            moved.height.to_string(),
            moved.kind.to_owned(),
            short(&moved.txid),
            grouped(moved.inputs_sat),
            grouped(moved.outputs_sat),
            moved.fee_sat.to_string(),
        ]
    });
    output.say(table(["block", "", "transaction", "sat in", "sat out", "fee"], rows));
    let rows = payouts.iter().map(|payout| {
        [
            payout.slot.to_string(),
            payout.provider.clone(),
            payout.outcome.map_or_else(|| "none".into(), |outcome| outcome.to_string()),
            grouped(payout.bond_sat),
            grouped(payout.provider_sat),
            grouped(payout.client_sat),
            grouped(payout.pool_sat),
        ]
    });
    let titles =
        ["slot", "provider", "outcome", "sat bonded", "to it", "to the client", "to the pool"];
    output.say(table(titles, rows));
}

fn short(txid: &Txid) -> String {
    txid.to_string().chars().take(12).collect()
}

fn grouped(sat: u64) -> String {
    types::text::grouped(i64::try_from(sat).unwrap_or(i64::MAX))
}
