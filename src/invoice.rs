//! `bondstore invoice`: what a contract cost or earned, item by item.

use crate::output::{Output, table};
use crate::party::PartyArgs;
use crate::statement::PeriodArgs;
use anyhow::Result;
use clap::Args;
use network::statements::{Invoice, InvoiceLine};
use types::ContractId;

/// Show what a contract cost its client, or earned a provider, in a period: storage, premium, bonus, reads, fees and refunds.
#[derive(Args)]
pub(crate) struct InvoiceCommand {
    /// Which contract.
    contract: ContractId,
    #[command(flatten)]
    period: PeriodArgs,
    #[command(flatten)]
    party: PartyArgs,
}

impl InvoiceCommand {
    pub(crate) async fn run(self, output: &Output) -> Result<()> {
        let (market, period) = (self.party.market().await?, self.period.period());
        let invoice = market.invoice(self.contract, period, None).await?;
        self.period.show(output, &invoice, Invoice::to_csv, text)
    }
}

fn text(invoice: &Invoice) -> String {
    let row = |line: &InvoiceLine| {
        let provider = line.provider.map(|provider| provider.short()).unwrap_or_default();
        [line.item.clone(), provider, line.amount.to_string()]
    };
    let total = ["total".to_owned(), String::new(), invoice.total.to_string()];
    let lines = invoice.lines.iter().map(row).chain([total]);
    let columns = ["item", "provider", "amount"];
    let aside = table(columns, invoice.aside.iter().map(row));
    format!("{}\nbeside that\n{aside}", table(columns, lines))
}
