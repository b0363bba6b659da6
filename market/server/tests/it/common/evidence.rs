//! What must hold of any market's evidence, whatever happened in it.

use super::{House, client};
use market_server::Handle;
use market_server::export::{export_journal, verify_export};
use network::market_api::Period;
use network::statements::{Balance, Invoice, InvoiceLine, Statement};
use std::collections::{BTreeMap, BTreeSet};
use types::documents::TreeHead;
use types::{ContractId, Did, Hash, Msat, SecretKey, Timestamp};

/// Every statement adds up, and all of them together are the books; every invoice adds up to what left its escrow.
pub(crate) async fn adds_up(market: &Handle, operator: &SecretKey) {
    let speaks = client(market, operator);
    let books = market.books();
    let owners: BTreeSet<Did> = books
        .accounts
        .iter()
        .filter_map(|line| line.account.split_once(':')?.1.parse().ok())
        .chain([market.did()])
        .collect();
    let mut held: BTreeMap<String, i64> = BTreeMap::new();
    for owner in owners {
        let whole = speaks.statement(owner, Period::default()).await.unwrap();
        assert_adds_up(&whole);
        assert!(whole.opening.is_empty() || whole.opening.iter().all(|b| b.balance == Msat::ZERO));
        if let Some(line) = whole.lines.get(whole.lines.len() / 2) {
            let (before, behind) = parts(market, operator, owner, line.at).await;
            assert_eq!(before.closing, opening_of(&behind, &before), "{owner}");
            assert_eq!(before.lines.len() + behind.lines.len(), whole.lines.len());
        }
        for one in whole.closing {
            *held.entry(one.account).or_default() += one.balance.0;
        }
    }
    let written: BTreeMap<String, i64> =
        books.accounts.iter().map(|line| (line.account.clone(), line.balance.0)).collect();
    held.retain(|_, balance| *balance != 0);
    let written: BTreeMap<String, i64> = written.into_iter().filter(|(_, b)| *b != 0).collect();
    assert_eq!(held, written, "all statements together are the books");
    let contracts: Vec<(ContractId, Did)> =
        market.view(|view| view.market.contracts().values().map(|c| (c.id, c.client)).collect());
    for (id, party) in contracts {
        let invoice = speaks.invoice(id, Period::default(), Some(party)).await.unwrap();
        let sum: i64 = invoice.lines.iter().map(|line| line.amount.0).sum();
        assert_eq!(invoice.total, Msat(sum));
        let escrow = format!("escrow:{id}");
        let line = books.accounts.iter().find(|line| line.account == escrow).unwrap();
        assert_eq!(invoice.total.0.to_string(), line.debits, "{invoice:?}");
        assert!(invoice.lines.iter().all(|line| line.item != "other"), "{invoice:?}");
        assert_csv(&invoice);
        assert_adds_up(&speaks.contract_statement(id, Period::default()).await.unwrap());
        provider_invoices_add_up(market, operator, id).await;
    }
}

/// What each provider of a contract is told that it earned is what the ledger has moved to it and from it for that contract.
async fn provider_invoices_add_up(market: &Handle, operator: &SecretKey, contract: ContractId) {
    let speaks = client(market, operator);
    let providers: BTreeSet<Did> = market.view(|view| {
        let shares = &view.market.contract(&contract).unwrap().shares;
        let client = view.market.contract(&contract).unwrap().client;
        shares.keys().copied().filter(|party| *party != client).collect()
    });
    for provider in providers {
        let invoice = speaks.invoice(contract, Period::default(), Some(provider)).await.unwrap();
        assert_eq!(invoice.role, "provider");
        let sum: i64 = invoice.lines.iter().map(|line| line.amount.0).sum();
        assert_eq!(invoice.total, Msat(sum));
        assert!(invoice.lines.iter().all(|line| line.item != "other"), "{invoice:?}");
        let statement = speaks.statement(provider, Period::default()).await.unwrap();
        let of_contract = statement.lines.iter().filter(|line| line.contract == Some(contract));
        let moved: i64 = of_contract.map(|line| line.amount.0).sum();
        assert_eq!(invoice.total.0, moved, "{invoice:?}");
        assert_csv(&invoice);
    }
}

/// An invoice in CSV says what it says in JSON: its lines, whose amounts are the total, and what stands beside.
fn assert_csv(invoice: &Invoice) {
    let csv = invoice.to_csv();
    let mut rows = csv.split_terminator("\r\n").map(|row| row.split(',').collect::<Vec<_>>());
    assert_eq!(rows.next().unwrap(), ["kind", "item", "provider", "amount_msat"]);
    let said = |kind: &'static str, lines: &[InvoiceLine]| -> Vec<[String; 4]> {
        let provider =
            |line: &InvoiceLine| line.provider.map(|p| p.to_string()).unwrap_or_default();
        let row = |line: &InvoiceLine| {
            [kind.to_owned(), line.item.clone(), provider(line), line.amount.0.to_string()]
        };
        lines.iter().map(row).collect()
    };
    let total = InvoiceLine { item: "total".into(), provider: None, amount: invoice.total };
    let expected =
        [said("line", &invoice.lines), said("total", &[total]), said("aside", &invoice.aside)];
    assert_eq!(rows.collect::<Vec<_>>(), expected.concat());
}

/// Account by account: opening balance and lines give the closing balance, line by line.
fn assert_adds_up(statement: &Statement) {
    let balances = |of: &[Balance]| -> BTreeMap<String, i64> {
        of.iter().map(|one| (one.account.clone(), one.balance.0)).collect()
    };
    let mut running = balances(&statement.opening);
    for line in &statement.lines {
        let balance = running.entry(line.account.clone()).or_default();
        *balance += line.amount.0;
        assert_eq!(Msat(*balance), line.balance, "{line:?}");
    }
    assert_eq!(running, balances(&statement.closing));
}

/// A party's statement up to an instant, and from it on.
async fn parts(
    market: &Handle,
    operator: &SecretKey,
    owner: Did,
    at: Timestamp,
) -> (Statement, Statement) {
    let speaks = client(market, operator);
    let before = speaks.statement(owner, Period { from: None, to: Some(at) }).await.unwrap();
    let behind = speaks.statement(owner, Period { from: Some(at), to: None }).await.unwrap();
    (before, behind)
}

/// The opening balances, of those accounts alone that the statement before knows.
fn opening_of(behind: &Statement, before: &Statement) -> Vec<Balance> {
    let known = |one: &&Balance| before.closing.iter().any(|b| b.account == one.account);
    behind.opening.iter().filter(known).cloned().collect()
}

/// Every document about a contract has a receipt that proves it, and the heads are one journal's.
pub(crate) async fn receipted(market: &Handle, party: &SecretKey, contract: ContractId) -> usize {
    let speaks = client(market, party);
    let mut heads: Vec<TreeHead> = Vec::new();
    let documents = market.documents(contract).await.unwrap();
    for (id, document) in &documents {
        let receipt = speaks.receipt(*id).await.unwrap();
        assert_eq!(receipt.document, *document);
        heads.push(receipt.verify(Some(market.did())).unwrap().head);
    }
    for pair in heads.windows(2) {
        let proof = speaks.consistency(pair[0].size, pair[1].size).await.unwrap();
        proof.verify(&pair[0].tip(), &pair[1].tip()).unwrap();
    }
    documents.len()
}

/// A stopped or running market's journal, written out, is verified; the root of its state.
pub(crate) fn exported(house: &House, market: Did) -> Hash {
    let mut file = Vec::new();
    export_journal(house.place(), &mut file).unwrap();
    let report = verify_export(file.as_slice(), Some(market)).unwrap();
    report.state_root
}
