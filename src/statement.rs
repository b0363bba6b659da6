//! `bondstore statement`: every posting of a period, between what there was before and after it.

use crate::account::short;
use crate::output::{Output, table};
use crate::party::PartyArgs;
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use network::market_api::Period;
use network::statements::{Balance, Statement};
use std::path::{Path, PathBuf};
use types::{ContractId, Timestamp, utc};

/// Which period, and where to.
#[derive(Args)]
pub(crate) struct PeriodArgs {
    /// From this instant on: a date, a date and time in UTC, or microseconds since 1970.
    #[arg(long, value_name = "WHEN", value_parser = utc::parse)]
    from: Option<Timestamp>,
    /// Up to, and without, this instant.
    #[arg(long, value_name = "WHEN", value_parser = utc::parse)]
    to: Option<Timestamp>,
    /// Write it to a file instead.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// What is written: text for people, or CSV (RFC 4180) or JSON for programs.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Csv,
    Json,
}

/// Show what moved on your accounts, or on a contract's, and that it adds up.
#[derive(Args)]
pub(crate) struct StatementCommand {
    /// Of this contract instead of all your accounts.
    #[arg(long, value_name = "ID")]
    contract: Option<ContractId>,
    #[command(flatten)]
    period: PeriodArgs,
    #[command(flatten)]
    party: PartyArgs,
}

impl StatementCommand {
    pub(crate) async fn run(self, output: &Output) -> Result<()> {
        let (market, period) = (self.party.market().await?, self.period.period());
        let statement = match self.contract {
            Some(contract) => market.contract_statement(contract, period).await?,
            None => market.statement(market.party(), period).await?,
        };
        self.period.show(output, &statement, Statement::to_csv, text)
    }
}

impl PeriodArgs {
    pub(crate) fn period(&self) -> Period {
        Period { from: self.from, to: self.to }
    }

    /// Writes `value` in the form and to the place that were asked for.
    pub(crate) fn show<T: serde::Serialize>(
        &self,
        output: &Output,
        value: &T,
        csv: impl FnOnce(&T) -> String,
        text: impl FnOnce(&T) -> String,
    ) -> Result<()> {
        let written = match self.format {
            Format::Csv => csv(value),
            Format::Json => serde_json::to_string_pretty(value)? + "\n",
            Format::Text => text(value) + "\n",
        };
        match &self.out {
            Some(file) => {
                write(file, &written)?;
                let place = serde_json::json!({ "file": file });
                output.result(&place, || format!("written to {}", file.display()));
            }
            None => output.result(value, || written.trim_end().to_owned()),
        }
        Ok(())
    }
}

fn write(file: &Path, text: &str) -> Result<()> {
    std::fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
}

fn text(statement: &Statement) -> String {
    let lines = statement.lines.iter().map(|line| {
        [
            utc::format(line.at),
            line.reason.clone(),
            short(&line.account),
            short(&line.counterpart),
            line.amount.to_string(),
            line.balance.to_string(),
        ]
    });
    let columns = ["when", "why", "account", "with", "amount", "balance"];
    format!(
        "before\n{}\n{}\nafter\n{}",
        balances(&statement.opening),
        table(columns, lines),
        balances(&statement.closing)
    )
}

fn balances(balances: &[Balance]) -> String {
    let rows = balances.iter().map(|one| [short(&one.account), one.balance.to_string()]);
    table(["account", "balance"], rows)
}
