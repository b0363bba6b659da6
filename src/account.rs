//! `bondstore account`: a client's money.

use crate::arguments;
use crate::client::ClientArgs;
use crate::output::{Output, table};
use anyhow::{Context, Result, bail};
use clap::Subcommand;
use contracts_bitcoin::cashier::client::CashierClient;
use contracts_bitcoin::cashier::serve::DepositAddress;
use std::path::PathBuf;
use types::{Msat, Signed};

#[derive(Subcommand)]
pub(crate) enum Account {
    /// What there is: free, locked, earned.
    Show {
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Present a deposit that the market's operator signed (`bondstore market credit` makes one).
    Deposit {
        /// The file with the signed document.
        document: PathBuf,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Where to send coins: they are booked by the market's cashier once they are deep enough in the chain.
    Address {
        /// Where the cashier answers; the market's operator says.
        #[arg(long, env = "BONDSTORE_CASHIER", value_name = "URL")]
        cashier: String,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Take money out.
    Withdraw {
        /// How many msat.
        #[arg(allow_negative_numbers = true, value_parser = arguments::amount)]
        amount: i64,
        /// Where it should be paid: a Bitcoin address, or whatever else the operator deals with.
        #[arg(long, value_name = "WHERE")]
        to: String,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Every posting, newest last.
    History {
        /// Only those after this posting.
        #[arg(long, default_value_t = 0)]
        after: u64,
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: u32,
        #[command(flatten)]
        client: ClientArgs,
    },
}

impl Account {
    pub(crate) async fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::Show { client } => {
                let account = client.open().await?.account().await?;
                output.result(&account, || {
                    let lines = [
                        ("available", account.available),
                        ("in escrow", account.escrow),
                        ("in bonds", account.bonds),
                        ("held back", account.held),
                        ("earned, not yet posted", account.accrued),
                    ];
                    table(
                        ["account", "amount"],
                        lines.map(|(name, amount)| [name.to_owned(), amount.to_string()]),
                    )
                });
            }
            Self::Deposit { document, client } => {
                let text = std::fs::read_to_string(&document)
                    .with_context(|| format!("{} cannot be read", document.display()))?;
                let accepted =
                    client.open().await?.deposit(&Signed(text.trim().to_owned())).await?;
                output.result(&accepted, || format!("deposit {} is booked", accepted.document));
            }
            Self::Address { cashier, client } => {
                let address = address(&cashier, &client).await?;
                output.result(&address, || {
                    format!(
                        "{} on {}; booked after {} blocks",
                        address.address, address.network, address.confirmations
                    )
                });
            }
            Self::Withdraw { amount, to, client } => {
                let accepted = client.open().await?.withdraw(Msat(amount), &to).await?;
                output.result(&accepted, || format!("withdrawal {} is booked", accepted.document));
            }
            Self::History { after, limit, client } => {
                let entries = client.open().await?.history(after, limit).await?;
                output.result(&entries, || {
                    let rows = entries.iter().map(|entry| {
                        [
                            entry.posting.to_string(),
                            entry.reason.clone(),
                            short(&entry.debit),
                            short(&entry.credit),
                            entry.amount.to_string(),
                        ]
                    });
                    table(["posting", "why", "from", "to", "amount"], rows)
                });
            }
        }
        Ok(())
    }
}

/// The party's address at its market's cashier.
async fn address(cashier: &str, client: &ClientArgs) -> Result<DepositAddress> {
    let opened = client.open().await?;
    let market = opened.market();
    let asked = CashierClient::new(cashier, market.market(), client.plain())?;
    let told = asked.address(market.sessions()).await?;
    if told.party != market.party() {
        bail!("{cashier} answers with the address of {}, not of {}", told.party, market.party());
    }
    Ok(told)
}

/// An account's name with its long parts shortened.
pub(crate) fn short(account: &str) -> String {
    let part = |part: &str| {
        if part.len() > 20 { format!("…{}", &part[part.len() - 8..]) } else { part.to_owned() }
    };
    account
        .split(':')
        .filter(|p| *p != "did" && *p != "key")
        .map(part)
        .collect::<Vec<_>>()
        .join(":")
}
