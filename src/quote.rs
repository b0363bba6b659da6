//! `bondstore quote`: a price before anything is committed; and the wishes that `put` shares.

use crate::arguments;
use crate::client::ClientArgs;
use crate::output::{Output, table};
use ::client::{CounterPrices, StorageWish};
use anyhow::Result;
use clap::Args;
use client_node::Offer;
use serde_json::json;
use types::documents::{CounterRefusal, Quote as QuoteDocument};
use types::{Bytes, Did, GbPrice, Price, Redundancy, Span, Tier};

/// What is wished for, beside the size.
#[derive(Args)]
pub(crate) struct WishArgs {
    /// How long: `30d`, `12h`, `1y`.
    #[arg(long = "for", default_value = "30d", value_name = "DURATION", value_parser = arguments::span)]
    duration: Span,
    /// k: any so many slots bring the data back.
    #[arg(long, default_value_t = 4, value_name = "K")]
    data_shards: u16,
    /// m: so many slots may be lost.
    #[arg(long, default_value_t = 2, value_name = "M")]
    parity_shards: u16,
    /// How often it will be read: hot, warm, cold or archive.
    #[arg(long, default_value = "hot")]
    tier: Tier,
    /// Percentage of audits that must be answered.
    #[arg(long, default_value = "99.5", value_name = "PERCENT", value_parser = arguments::permille)]
    availability: u16,
    /// Acceptable regions; none means all.
    #[arg(long, value_name = "REGION")]
    region: Vec<String>,
    /// Let one operator keep several slots.
    #[arg(long)]
    same_operator: bool,
    /// Let one network keep several slots.
    #[arg(long)]
    same_network: bool,
    /// Bytes of reads paid for in advance; the whole object once where nothing is said.
    #[arg(long, value_name = "SIZE")]
    egress: Option<Bytes>,
    /// Bargain: what you would pay for keeping at most, in msat per GB and day on the tier, where a new contract is made.
    #[arg(long, value_name = "MSAT")]
    counter: Option<Price>,
    /// With --counter: what you would pay for reads at most, in msat per GB; what is asked where nothing is said.
    #[arg(long, value_name = "MSAT", requires = "counter")]
    counter_egress: Option<GbPrice>,
}

impl WishArgs {
    pub(crate) fn wish(&self, size: Bytes) -> StorageWish {
        let mut wish = StorageWish::new(size, self.duration);
        wish.redundancy = Redundancy { data: self.data_shards, parity: self.parity_shards };
        wish.tier = self.tier;
        wish.availability_permille = self.availability;
        wish.placement.regions.clone_from(&self.region);
        wish.placement.distinct_operators = !self.same_operator;
        wish.placement.distinct_networks = !self.same_network;
        wish.egress = self.egress;
        wish.counter =
            self.counter.map(|price| CounterPrices { price, egress: self.counter_egress });
        wish
    }
}

#[derive(Args)]
pub(crate) struct Quote {
    /// How much: `10GB`, `512MiB`.
    #[arg(value_parser = arguments::size)]
    size: Bytes,
    #[command(flatten)]
    wish: WishArgs,
    #[command(flatten)]
    client: ClientArgs,
}

impl Quote {
    pub(crate) async fn run(self, output: &Output) -> Result<()> {
        let client = self.client.open().await?;
        let offer = client.quote(&self.wish.wish(self.size)).await?;
        let mut value = serde_json::to_value(offer.quote())?;
        if self.wish.counter.is_some() {
            let refused =
                |r: &CounterRefusal| json!({ "provider": r.provider, "reason": r.reason });
            value["refusals"] = offer.refusals().map(refused).collect();
        }
        output.result(&value, || told(&offer));
        Ok(())
    }
}

/// A quote as people read it, and who refused to ask less.
fn told(offer: &Offer) -> String {
    let quote = text(offer.quote(), Did::short);
    let refused = |r: &CounterRefusal| format!("\n  {}: {}", r.provider.short(), r.reason);
    let refused = offer.refusals().map(refused).collect::<Vec<_>>().concat();
    match offer.quote().round {
        0 => quote,
        round if refused.is_empty() => format!("{quote}\nafter {round} rounds of counters"),
        round => format!("{quote}\nafter {round} rounds of counters, refused by{refused}"),
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
    if quote.excluded_count > 0 {
        text = format!("{text}\nnot chosen: {} providers", quote.excluded_count);
    }
    for excluded in &quote.excluded {
        text = format!(
            "{text}\n  {}: {}; {}",
            name(&excluded.provider),
            excluded.reason,
            excluded.remedy
        );
    }
    text
}

/// Parts per million as a percentage.
fn percent(ppm: u32) -> String {
    let text = format!("{}.{:04}", ppm / 10_000, ppm % 10_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::permille;

    #[test]
    fn percentages_are_read_and_shown() {
        for (text, value) in [("99.5", 995), ("100", 1000), ("0.1%", 1), ("0", 0)] {
            assert_eq!(permille(text), Ok(value), "{text}");
        }
        for text in ["100.1", "-1", "99.55", "", "many", "7000"] {
            assert!(permille(text).is_err(), "{text}");
        }
        assert_eq!((percent(10_000), percent(987_600)), ("1".into(), "98.76".into()));
    }
}
