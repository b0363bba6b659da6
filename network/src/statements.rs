//! What a party or a contract is owed, was paid and holds: statements and invoices, in JSON and in CSV (RFC 4180).

use serde::{Deserialize, Serialize};
use types::{ContractId, Did, DocId, Msat, Timestamp, utc};
use utoipa::ToSchema;

/// What one account holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Balance {
    /// Which account.
    pub account: String,
    /// What it holds.
    pub balance: Msat,
}

/// One side of a posting, on an account that the statement is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatementLine {
    /// The posting's number.
    pub posting: u64,
    /// When.
    pub at: Timestamp,
    /// Why, for example `contract_agreed`.
    pub reason: String,
    /// The contract whose money it is.
    pub contract: Option<ContractId>,
    /// The document that caused it.
    pub document: Option<DocId>,
    /// The account.
    pub account: String,
    /// The account on the posting's other side.
    pub counterpart: String,
    /// What came in; below zero, what went out.
    pub amount: Msat,
    /// What the account holds afterwards.
    pub balance: Msat,
}

/// Every posting of a period, between what the accounts held before and after it.
///
/// Account by account, opening balance and amounts add up to the closing balance, to the msat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Statement {
    /// The party or the contract.
    pub of: String,
    /// From this instant on.
    pub from: Timestamp,
    /// Up to, and without, this one.
    pub to: Timestamp,
    /// What each account held before.
    pub opening: Vec<Balance>,
    /// What was posted, in order.
    pub lines: Vec<StatementLine>,
    /// What each account held afterwards.
    pub closing: Vec<Balance>,
}

/// A line of an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InvoiceLine {
    /// For what: storage, premium, bonus, ingress, egress, fees, refund and so on.
    pub item: String,
    /// Which provider, where it is about one.
    pub provider: Option<Did>,
    /// How much.
    pub amount: Msat,
}

/// What a contract cost its client, or earned a provider, in a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Invoice {
    /// Which contract.
    pub contract: ContractId,
    /// For whom.
    pub party: Did,
    /// `client` or `provider`.
    pub role: String,
    /// From this instant on.
    pub from: Timestamp,
    /// Up to, and without, this one.
    pub to: Timestamp,
    /// Item by item.
    pub lines: Vec<InvoiceLine>,
    /// The sum of the lines: for a client everything that left the escrow, for a provider all that it received less
    /// what it lost.
    pub total: Msat,
    /// Beside the lines: what was locked, returned or paid as compensation.
    pub aside: Vec<InvoiceLine>,
}

impl Statement {
    /// The statement as CSV: a row per opening balance, posting side and closing balance.
    pub fn to_csv(&self) -> String {
        let mut csv = String::new();
        row(&mut csv, &STATEMENT_COLUMNS.map(str::to_owned));
        let balance = |kind: &str, at: Timestamp, balance: &Balance| {
            let mut fields = [const { String::new() }; STATEMENT_COLUMNS.len()];
            (fields[0], fields[2]) = (kind.to_owned(), utc::format(at));
            (fields[6], fields[9]) = (balance.account.clone(), balance.balance.0.to_string());
            fields
        };
        for one in &self.opening {
            row(&mut csv, &balance("opening", self.from, one));
        }
        for line in &self.lines {
            row(&mut csv, &line.fields());
        }
        for one in &self.closing {
            row(&mut csv, &balance("closing", self.to, one));
        }
        csv
    }
}

const STATEMENT_COLUMNS: [&str; 10] = [
    "kind",
    "posting",
    "at",
    "reason",
    "contract",
    "document",
    "account",
    "counterpart",
    "amount_msat",
    "balance_msat",
];

impl StatementLine {
    fn fields(&self) -> [String; STATEMENT_COLUMNS.len()] {
        let text =
            |hash: Option<types::Hash>| hash.map(|hash| hash.to_string()).unwrap_or_default();
        [
            "posting".into(),
            self.posting.to_string(),
            utc::format(self.at),
            self.reason.clone(),
            text(self.contract),
            text(self.document),
            self.account.clone(),
            self.counterpart.clone(),
            self.amount.0.to_string(),
            self.balance.0.to_string(),
        ]
    }
}

impl Invoice {
    /// The invoice as CSV: a row per line, the total, and what stands beside.
    pub fn to_csv(&self) -> String {
        let mut csv = String::new();
        row(&mut csv, &["kind", "item", "provider", "amount_msat"].map(str::to_owned));
        let fields = |kind: &str, line: &InvoiceLine| {
            let provider = line.provider.map(|provider| provider.to_string());
            let amount = line.amount.0.to_string();
            [kind.to_owned(), line.item.clone(), provider.unwrap_or_default(), amount]
        };
        self.lines.iter().for_each(|line| row(&mut csv, &fields("line", line)));
        let total = InvoiceLine { item: "total".into(), provider: None, amount: self.total };
        row(&mut csv, &fields("total", &total));
        self.aside.iter().for_each(|line| row(&mut csv, &fields("aside", line)));
        csv
    }
}

/// Adds a row: fields between commas, in quotes where they need them, and CR LF at the end.
fn row<const N: usize>(csv: &mut String, fields: &[String; N]) {
    for (place, field) in fields.iter().enumerate() {
        if place > 0 {
            csv.push(',');
        }
        if field.contains([',', '"', '\r', '\n']) {
            csv.push('"');
            csv.push_str(&field.replace('"', "\"\""));
            csv.push('"');
        } else {
            csv.push_str(field);
        }
    }
    csv.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_is_quoted_as_the_rfc_says() {
        let mut csv = String::new();
        row(&mut csv, &["plain", "a,b", "say \"so\"", "two\r\nlines", ""].map(str::to_owned));
        assert_eq!(csv, "plain,\"a,b\",\"say \"\"so\"\"\",\"two\r\nlines\",\r\n");
    }

    #[test]
    fn a_statement_in_csv_has_its_balances_and_its_postings() {
        let balance = |msat| vec![Balance { account: "available:x".into(), balance: Msat(msat) }];
        let line = StatementLine {
            posting: 7,
            at: Timestamp(1),
            reason: "deposited".into(),
            contract: None,
            document: None,
            account: "available:x".into(),
            counterpart: "world".into(),
            amount: Msat(5),
            balance: Msat(5),
        };
        let statement = Statement {
            of: "x".into(),
            from: Timestamp(0),
            to: Timestamp(2),
            opening: balance(0),
            lines: vec![line],
            closing: balance(5),
        };
        let csv = statement.to_csv();
        let rows: Vec<&str> = csv.split_terminator("\r\n").collect();
        assert_eq!(rows.len(), 4);
        assert_eq!(rows[1], "opening,,1970-01-01T00:00:00.000000Z,,,,available:x,,,0");
        assert_eq!(
            rows[2],
            "posting,7,1970-01-01T00:00:00.000001Z,deposited,,,available:x,world,5,5"
        );
        assert!(rows[3].starts_with("closing,"));
    }
}
