//! How a market's contracts settle on Bitcoin, as `market run` is told: where fees go, and whose attestations count.

use anyhow::{Context, Result, bail};
use bitcoin::address::NetworkUnchecked;
use bitcoin::secp256k1::XOnlyPublicKey;
use bitcoin::{Address, Network};
use clap::Args;
use contracts_bitcoin::oracle::rule::Rule;
use network::api::{BitcoinInfo, OracleInfo};
use network::endpoint::{Endpoint, PlainHttp};
use std::str::FromStr;

#[derive(Args)]
pub(crate) struct SettlementArgs {
    /// Let contracts settle on Bitcoin: where the fees and the repair pool's shares of their escrows go.
    #[arg(long, value_name = "ADDRESS")]
    bitcoin_address: Option<Address<NetworkUnchecked>>,
    /// On which network: bitcoin, testnet, testnet4, signet or regtest.
    #[arg(long, default_value = "regtest", value_name = "NETWORK")]
    bitcoin_network: Network,
    /// An auditor that attests what escrows come to: its oracle's key, and where it answers, as `KEY=URL` or `KEY=URL,URL`. Repeatable.
    #[arg(long, value_name = "KEY=URL")]
    oracle: Vec<NamedOracle>,
    /// How many of these auditors must agree; more than half, and all where nothing is said.
    #[arg(long, value_name = "N")]
    oracle_threshold: Option<u16>,
}

/// An oracle, by key and addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NamedOracle {
    key: XOnlyPublicKey,
    urls: Vec<String>,
}

impl FromStr for NamedOracle {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let right = "write KEY=URL, as `bondstore auditor oracle run` shows both, such as 3f…=https://auditor.example:7780";
        let (key, urls) = text.split_once('=').ok_or_else(|| format!("{text:?}: {right}"))?;
        let key =
            key.parse().map_err(|_| format!("{key:?} is no oracle's key, 64 digits; {right}"))?;
        let urls: Vec<String> = urls.split(',').map(str::to_owned).collect();
        for url in &urls {
            Endpoint::parse(url, PlainHttp::Anywhere)
                .map_err(|error| format!("{error}; {right}"))?;
        }
        Ok(Self { key, urls })
    }
}

impl SettlementArgs {
    /// What the market tells of it; nothing where contracts do not settle on Bitcoin.
    ///
    /// # Errors
    /// Names what is missing or does not go together.
    pub(crate) fn info(self) -> Result<Option<BitcoinInfo>> {
        let network = self.bitcoin_network;
        let Some(address) = self.bitcoin_address else {
            if !self.oracle.is_empty() || self.oracle_threshold.is_some() {
                bail!(
                    "oracles attest contracts on Bitcoin, whose fees must go somewhere: give --bitcoin-address ADDRESS, of {network}"
                );
            }
            return Ok(None);
        };
        let address = address.require_network(network).with_context(|| {
            format!("the market's address must be of {network}: give one that is, or another --bitcoin-network")
        })?;
        if self.oracle.is_empty() {
            bail!(
                "nobody attests what contracts on Bitcoin come to: give --oracle KEY=URL for each auditor, as `bondstore auditor oracle run` \
                 shows them"
            );
        }
        let all = u16::try_from(self.oracle.len()).context("too many oracles")?;
        let threshold = self.oracle_threshold.unwrap_or(all);
        Rule::new(threshold, self.oracle.iter().map(|oracle| oracle.key).collect())
            .context("--oracle and --oracle-threshold")?;
        let told =
            |oracle: NamedOracle| OracleInfo { key: oracle.key.to_string(), urls: oracle.urls };
        Ok(Some(BitcoinInfo {
            network: network.to_string(),
            address: address.to_string(),
            oracles: self.oracle.into_iter().map(told).collect(),
            threshold,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    /// BIP-341's first test key, and BIP-340's.
    const KEYS: [&str; 2] = [
        "d6889cb081036e0faefa3a35157ad71086b123b2b144b649798b494c300a961d",
        "dff1d77f2a671c5f36183726db2341be58feae1da2deced843240f7b502ba659",
    ];
    const ADDRESS: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        settlement: SettlementArgs,
    }

    fn told(line: &str) -> Result<Option<BitcoinInfo>, String> {
        let words = std::iter::once("run").chain(line.split_whitespace());
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        line.settlement.info().map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_market_says_where_fees_go_and_whose_word_counts() {
        let [one, two] = KEYS;
        let line = format!(
            "--bitcoin-address {ADDRESS} --oracle {one}=http://127.0.0.1:1,https://a.example --oracle {two}=http://127.0.0.1:2"
        );
        let info = told(&line).unwrap().expect("it settles");
        assert_eq!((info.network.as_str(), info.address.as_str()), ("regtest", ADDRESS));
        let urls = vec!["http://127.0.0.1:1".to_owned(), "https://a.example".to_owned()];
        assert_eq!(info.oracles[0], OracleInfo { key: one.to_owned(), urls });
        assert_eq!((info.oracles.len(), info.threshold), (2, 2));
        assert_eq!(told("").unwrap(), None);
    }

    #[test]
    fn what_does_not_go_together_is_refused_with_what_would() {
        let [one, _] = KEYS;
        let oracle = format!("--oracle {one}=http://127.0.0.1:1");
        let address = format!("--bitcoin-address {ADDRESS}");
        for (line, part) in [
            (oracle.clone(), "give --bitcoin-address"),
            (address.clone(), "give --oracle KEY=URL"),
            (format!("{address} {oracle} --bitcoin-network bitcoin"), "of bitcoin: give one"),
            (format!("{address} {oracle} {oracle}"), "each once"),
            (format!("{address} {oracle} --oracle-threshold 2"), "no quorum"),
            (format!("{address} --oracle {one}"), "write KEY=URL"),
            (format!("{address} --oracle 12=http://127.0.0.1:1"), "64 digits"),
            (format!("{address} --oracle {one}=elsewhere"), "write KEY=URL"),
            ("--bitcoin-address nowhere".to_owned(), "--bitcoin-address"),
        ] {
            let refused = told(&line).unwrap_err();
            assert!(refused.contains(part), "{line}: {refused}");
        }
    }
}
