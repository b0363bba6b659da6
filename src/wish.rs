//! What is wished for, as `quote` and `put` are told: flags, over a file of terms, over the standard promise.

use crate::arguments;
use crate::terms::TermsFile;
use ::client::{CounterPrices, StorageWish};
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use types::terms::{Detection, RailKind, Renewal};
use types::{Bytes, GbPrice, Price, Span, Standing, Tier};

/// How long, where nothing is said.
const USUAL: Span = Span(30 * Span::DAY.0);

/// What is wished for, beside the size.
#[derive(Args)]
pub(crate) struct WishArgs {
    /// How long: `30d`, `12h`, `1y`; 30d where nothing is said.
    #[arg(long = "for", value_name = "DURATION", value_parser = arguments::span)]
    duration: Option<Span>,
    /// k: any so many slots bring the data back; 4 where nothing is said.
    #[arg(long, value_name = "K")]
    data_shards: Option<u16>,
    /// m: so many slots may be lost; 2 where nothing is said.
    #[arg(long, value_name = "M")]
    parity_shards: Option<u16>,
    /// How often it will be read: hot, warm, cold or archive; hot where nothing is said.
    #[arg(long)]
    tier: Option<Tier>,
    /// Percentage of audits that must be answered; 99.5 where nothing is said.
    #[arg(long, value_name = "PERCENT", value_parser = arguments::permille)]
    availability: Option<u16>,
    #[command(flatten)]
    placed: PlacedArgs,
    #[command(flatten)]
    promised: PromisedArgs,
    /// Where the money sits: ledger, with the market, or bitcoin, in escrows that you and each provider fund; ledger where nothing is said.
    #[arg(long, value_parser = arguments::rail)]
    rail: Option<RailKind>,
    /// Bytes of reads paid for in advance; the whole object once where nothing is said, and none on bitcoin.
    #[arg(long, value_name = "SIZE")]
    egress: Option<Bytes>,
    /// A file that says any of the terms, in JSON (`.json`) or TOML, called as in a quote's `terms`. Flags count over it.
    #[arg(long, value_name = "FILE")]
    terms: Option<PathBuf>,
    /// Bargain: what you would pay for keeping at most, in msat per GB and day on the tier, where a new contract is made.
    #[arg(long, value_name = "MSAT")]
    counter: Option<Price>,
    /// With --counter: what you would pay for reads at most, in msat per GB; what is asked where nothing is said.
    #[arg(long, value_name = "MSAT", requires = "counter")]
    counter_egress: Option<GbPrice>,
}

/// Who may keep it.
#[derive(Args)]
struct PlacedArgs {
    /// Acceptable regions; none means all. Repeatable.
    #[arg(long, value_name = "REGION")]
    region: Vec<String>,
    /// A tag that a provider must carry, such as ssd. Repeatable: it must carry every one.
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// The least standing of a provider: low, new, standard or high; low where nothing is said.
    #[arg(long, value_parser = arguments::standing)]
    standing: Option<Standing>,
    /// Let one operator keep several slots.
    #[arg(long)]
    same_operator: bool,
    /// Let one network keep several slots.
    #[arg(long)]
    same_network: bool,
}

/// What is promised of each slot, and what a broken promise costs.
#[derive(Args)]
struct PromisedArgs {
    /// How soon an answer begins: `500ms`; by the tier where nothing is said: 2s, 3s, 5s, 8s.
    #[arg(long, value_name = "DURATION", value_parser = arguments::span)]
    first_byte: Option<Span>,
    /// How much a read delivers in a second: `10MB`; none is promised where nothing is said.
    #[arg(long, value_name = "SIZE")]
    throughput: Option<Bytes>,
    /// How long a slot may stay away before it is replaced; 2d where nothing is said.
    #[arg(long, value_name = "DURATION", value_parser = arguments::span)]
    repair_time: Option<Span>,
    /// Which loss is found how surely and how soon; 1%/99%/7d where nothing is said.
    #[arg(long, value_name = "LOSS/CONFIDENCE/TIME", value_parser = arguments::detection)]
    detection: Option<Detection>,
    /// The least bond, as a multiple of the slot's price; 2 where nothing is said.
    #[arg(long, value_name = "TIMES", value_parser = arguments::times)]
    bond_ratio: Option<u32>,
    /// How much announced maintenance costs nothing in 30 days; 8h where nothing is said, and 0h allows none.
    #[arg(long, value_name = "DURATION")]
    maintenance: Option<Span>,
    /// What leaving early costs, of what is left to earn or of the bond; 10 where nothing is said.
    #[arg(long, value_name = "PERCENT", value_parser = arguments::permille)]
    exit_fee: Option<u16>,
    /// What happens at the end: manual or automatic; manual where nothing is said.
    #[arg(long, value_parser = arguments::renewal)]
    renewal: Option<Renewal>,
}

impl WishArgs {
    /// What is wished for `size` bytes.
    ///
    /// # Errors
    /// The file of terms cannot be read, or says what no terms are.
    pub(crate) fn wish(&self, size: Bytes) -> Result<StorageWish> {
        let mut wish = StorageWish::new(size, USUAL);
        if let Some(file) = &self.terms {
            TermsFile::read(file)?.apply(&mut wish);
        }
        set(&mut wish.duration, self.duration);
        set(&mut wish.redundancy.data, self.data_shards);
        set(&mut wish.redundancy.parity, self.parity_shards);
        set(&mut wish.tier, self.tier);
        set(&mut wish.availability_permille, self.availability);
        self.placed.apply(&mut wish);
        self.promised.apply(&mut wish);
        set(&mut wish.rail, self.rail);
        wish.egress = self.egress.or(wish.egress);
        wish.counter =
            self.counter.map(|price| CounterPrices { price, egress: self.counter_egress });
        Ok(wish)
    }
}

impl PlacedArgs {
    fn apply(&self, wish: &mut StorageWish) {
        let placement = &mut wish.placement;
        for (said, list) in
            [(&self.region, &mut placement.regions), (&self.tag, &mut placement.tags)]
        {
            if !said.is_empty() {
                list.clone_from(said);
            }
        }
        set(&mut placement.standing_min, self.standing);
        placement.distinct_operators &= !self.same_operator;
        placement.distinct_networks &= !self.same_network;
    }
}

impl PromisedArgs {
    fn apply(&self, wish: &mut StorageWish) {
        wish.first_byte = self.first_byte.or(wish.first_byte);
        set(&mut wish.throughput, self.throughput.map(|bytes| bytes.0));
        wish.repair_time = self.repair_time.or(wish.repair_time);
        wish.detection = self.detection.or(wish.detection);
        set(&mut wish.bond_ratio_permille, self.bond_ratio);
        set(&mut wish.maintenance, self.maintenance);
        set(&mut wish.early_exit_permille, self.exit_fee);
        set(&mut wish.renewal, self.renewal);
    }
}

/// What was said counts.
fn set<T>(place: &mut T, said: Option<T>) {
    if let Some(said) = said {
        *place = said;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use types::Terms;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        wish: WishArgs,
    }

    fn terms(line: &str) -> Terms {
        let words = std::iter::once("put").chain(line.split_whitespace());
        let wish = Line::try_parse_from(words).unwrap().wish.wish(Bytes(1_000_000)).unwrap();
        wish.terms().unwrap()
    }

    #[test]
    fn what_is_not_said_is_as_in_the_standard_terms() {
        let found = terms("");
        let usual = Terms::standard(found.capacity, USUAL);
        assert_eq!(found, Terms { shard_bytes: found.shard_bytes, ..usual });
    }

    #[test]
    fn every_flag_says_one_of_the_terms() {
        let usual = terms("");
        let found = terms(
            "--for 90d --data-shards 3 --parity-shards 1 --tier cold --availability 99 --region eu \
             --tag ssd --tag ecc --standing standard --same-operator --same-network --first-byte 500ms \
             --throughput 10MB --repair-time 1d --detection 2%/95%/14d --bond-ratio 2.5 --maintenance 0h \
             --exit-fee 20 --renewal automatic --egress 5MB",
        );
        let of = |terms: &Terms| serde_json::to_value(terms).unwrap();
        let (found, usual) = (of(&found), of(&usual));
        let same: Vec<&String> = usual
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, value)| found[*name] == **value)
            .map(|(name, _)| name)
            .collect();
        // Curve and penalties are lists, for which a file has room; on another rail not all of these go together; the rest follows
        // from the size.
        assert_eq!(same, ["capacity", "payout", "penalties", "rail", "shard_bytes"]);
        assert_eq!(found["placement"]["tags"], serde_json::json!(["ssd", "ecc"]));
        assert_eq!(found["bond_ratio_permille"], 2500);
    }

    #[test]
    fn on_bitcoin_providers_that_settle_there_are_asked() {
        let found = terms("--rail bitcoin --tag ssd");
        assert_eq!((found.rail, found.egress), (RailKind::Bitcoin, Bytes(0)));
        assert_eq!(found.placement.tags, ["ssd", "bitcoin"]);
        assert_eq!(terms("--rail ledger"), terms(""));
        let mut file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        std::io::Write::write_all(&mut file, b"rail = \"bitcoin\"\n").unwrap();
        let of_file = format!("--terms {}", file.path().display());
        assert_eq!(terms(&of_file), terms("--rail bitcoin"));
        assert_eq!(terms(&format!("{of_file} --rail ledger")), terms(""));
    }

    #[test]
    fn flags_count_over_the_file_and_the_file_over_what_is_usual() {
        let mut file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        let text = "duration = \"60d\"\nfirst_byte = \"1s\"\n[placement]\ntags = [\"ssd\"]\n";
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        let found = terms(&format!("--terms {} --first-byte 3s", file.path().display()));
        assert_eq!((found.duration, found.first_byte), (Span(60 * Span::DAY.0), Span(3_000_000)));
        assert_eq!(found.placement.tags, ["ssd"]);
        assert_eq!(found.repair_time, Span(2 * Span::DAY.0), "what nobody says is usual");
    }
}
