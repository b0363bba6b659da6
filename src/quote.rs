//! `bondstore quote`: a price before anything is committed.

use crate::arguments;
use crate::client::ClientArgs;
use crate::output::{Output, table};
use crate::wish::WishArgs;
use anyhow::Result;
use bitcoin::{Amount, FeeRate};
use clap::Args;
use client_node::Offer;
use contracts_bitcoin::escrow::footprint::Footprint;
use serde_json::json;
use types::documents::{CounterRefusal, Quote as QuoteDocument};
use types::terms::RailKind;
use types::{Bytes, Did};

#[derive(Args)]
pub(crate) struct Quote {
    /// How much: `10GB`, `512MiB`.
    #[arg(value_parser = arguments::size)]
    size: Bytes,
    /// List every provider that is left out, as things stand now, not the cheapest 64 alone.
    #[arg(long)]
    all_exclusions: bool,
    #[command(flatten)]
    wish: WishArgs,
    #[command(flatten)]
    client: ClientArgs,
}

impl Quote {
    pub(crate) async fn run(self, output: &Output) -> Result<()> {
        let wish = self.wish.wish(self.size)?;
        let client = self.client.open().await?;
        let offer = client.quote(&wish).await?;
        let mut quote = offer.quote().clone();
        if self.all_exclusions {
            quote.excluded = client.exclusions(&offer).await?;
            quote.excluded_count = quote.excluded.len().try_into()?;
        }
        let mut value = serde_json::to_value(&quote)?;
        if wish.counter.is_some() {
            let refused =
                |r: &CounterRefusal| json!({ "provider": r.provider, "reason": r.reason });
            value["refusals"] = offer.refusals().map(refused).collect();
        }
        if quote.terms.rail == RailKind::Bitcoin {
            value["on_chain"] = on_chain(&quote);
        }
        output.result(&value, || told(&quote, &offer));
        Ok(())
    }
}

/// A quote as people read it, and who refused to ask less.
fn told(quote: &QuoteDocument, offer: &Offer) -> String {
    let text = text(quote, Did::short);
    let refused = |r: &CounterRefusal| format!("\n  {}: {}", r.provider.short(), r.reason);
    let refused = offer.refusals().map(refused).collect::<Vec<_>>().concat();
    match quote.round {
        0 => text,
        round if refused.is_empty() => format!("{text}\nafter {round} rounds of counters"),
        round => format!("{text}\nafter {round} rounds of counters, refused by{refused}"),
    }
}

/// A quote as people read it: line by line, who was chosen, who was not and why. `name` says what a provider is called.
pub(crate) fn text(quote: &QuoteDocument, name: impl Fn(&Did) -> String) -> String {
    let lines = quote.cost.lines().map(|(name, amount)| [name.to_owned(), amount.to_string()]);
    let total = quote.cost.escrow().map_or_else(|error| error.to_string(), |sum| sum.to_string());
    let (bond, paid): (Vec<_>, Vec<_>) = lines.into_iter().partition(|[name, _]| name == "bond");
    let total = ["total, locked in escrow".to_owned(), total];
    let bond = bond
        .into_iter()
        .map(|[_, amount]| ["(locked by the providers as bonds)".to_owned(), amount]);
    let price = table(["line", "amount"], paid.into_iter().chain([total]).chain(bond));
    let slots = (0..).zip(&quote.slots).map(|(number, slot): (u16, _)| {
        let price = format!("{} msat/GB·day", slot.price.0.normalize());
        let earns = slot.cost.total().map_or_else(|error| error.to_string(), |sum| sum.to_string());
        [number.to_string(), name(&slot.provider), price, earns, slot.bond.to_string()]
    });
    let slots = table(["slot", "provider", "price", "earns at most", "bond"], slots);
    let audit = format!(
        "audits: {} challenges per slot within {}; a loss of {} % is found with {} %{}",
        quote.audit.challenges,
        quote.audit.within,
        percent(quote.terms.detection.fraction_ppm),
        percent(quote.audit.confidence_ppm),
        if quote.audit.capped {
            " (the slots are small, so audits are rarer and the bonds higher)"
        } else {
            ""
        },
    );
    let mut text = [price, slots, audit].join("\n");
    if !quote.reserves.is_empty() {
        let reserves: Vec<String> =
            quote.reserves.iter().map(|slot| name(&slot.provider)).collect();
        text = format!("{text}\nin reserve, should one decline: {}", reserves.join(", "));
    }
    if quote.terms.rail == RailKind::Bitcoin {
        text = format!("{text}\n{}", fees(quote));
    }
    text + &left_out(quote, name)
}

/// Fee rates that the chain has seen in quiet and in busy times, in satoshis per virtual byte.
const RATES: [u32; 3] = [1, 10, 50];
/// Fees of so many permille of a contract's value are worth having no custodian for it.
const WORTH_PERMILLE: u64 = 10;

/// What a contract on Bitcoin takes of the chain.
fn on_chain(quote: &QuoteDocument) -> serde_json::Value {
    let footprint = Footprint::of(quote.terms.redundancy.slots());
    let at = |rate: u32| {
        let fee_rate = FeeRate::from_sat_per_vb_u32(rate);
        let sat = |amount: Option<Amount>| amount.map(Amount::to_sat);
        json!({
            "sat_per_vb": rate,
            "fee_sat": sat(footprint.fee(fee_rate)),
            "worth_from_sat": sat(footprint.worth_from(fee_rate, WORTH_PERMILLE)),
        })
    };
    json!({
        "funding_vbytes": footprint.funding_vbytes,
        "closing_vbytes": footprint.closing_vbytes,
        "fees": RATES.map(at),
    })
}

/// As people read it.
fn fees(quote: &QuoteDocument) -> String {
    let footprint = Footprint::of(quote.terms.redundancy.slots());
    let head = format!(
        "on Bitcoin: about {} vB to fund it and {} vB to close it, beside the price; worth it where that is at most 1 % of what is locked",
        footprint.funding_vbytes, footprint.closing_vbytes
    );
    let at = |rate: u32| {
        let fee_rate = FeeRate::from_sat_per_vb_u32(rate);
        let amount = |amount: Option<Amount>| {
            amount.map_or_else(|| "more than there is".to_owned(), |sat| sat.to_string())
        };
        format!(
            "\n  at {rate} sat/vB: {} of fees, worth it from {} on",
            amount(footprint.fee(fee_rate)),
            amount(footprint.worth_from(fee_rate, WORTH_PERMILLE))
        )
    };
    head + &RATES.map(at).concat()
}

/// Who is left out, and why.
fn left_out(quote: &QuoteDocument, name: impl Fn(&Did) -> String) -> String {
    let mut text = String::new();
    if quote.excluded_count > 0 {
        text = format!("\nnot chosen: {} providers", quote.excluded_count);
    }
    for excluded in &quote.excluded {
        let name = name(&excluded.provider);
        text = format!("{text}\n  {name}: {}; {}", excluded.reason, excluded.remedy);
    }
    let listed = u64::try_from(quote.excluded.len()).unwrap_or(u64::MAX);
    match quote.excluded_count.saturating_sub(listed) {
        0 => text,
        more => {
            format!("{text}\n  and {more} more; bondstore quote --all-exclusions lists every one")
        }
    }
}

/// Parts per million as a percentage.
fn percent(ppm: u32) -> String {
    let text = format!("{}.{:04}", ppm / 10_000, ppm % 10_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_shown() {
        assert_eq!((percent(10_000), percent(987_600)), ("1".into(), "98.76".into()));
    }
}
