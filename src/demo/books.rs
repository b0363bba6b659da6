//! The demo's end: who got what, whether the books balance, whether the journal replays.

use super::report::Report;
use super::stage::Stage;
use crate::account::short;
use crate::output::{Output, table};
use anyhow::{Context, Result};
use contracts::Account;
use contracts::rail::rail;
use types::Msat;
use types::terms::RailKind;

/// Closes the books of the demo and judges all of it.
pub(super) async fn close(stage: &Stage, report: &mut Report, output: &Output) -> Result<()> {
    settlement(stage, report, output)?;
    let books = stage.market.books();
    output.say(format!("\n7. The books:\n{}", books_table(stage, &books)));
    report.expect(books.debits == books.credits, "debits and credits differ");
    report.books.debits_msat = books.debits;
    report.books.credits_msat = books.credits;
    let checked = stage.market.view(|view| market::check(&view.market));
    if let Err(breaches) = checked {
        report.wrong.extend(breaches.iter().map(ToString::to_string));
    }
    let dir = stage.dir.join("market");
    let verified =
        tokio::task::spawn_blocking(move || market_server::verify_journal(&dir)).await??;
    report.journal.blocks = verified.blocks;
    report.journal.head = verified.head;
    report.journal.replayed_head = verified.replayed_head;
    report.expect(verified.is_sound(), "the journal replays to something else");
    output.say(format!(
        "8. The journal: {} blocks, {} events, {} signed documents, replayed from the first: the same head {}.",
        verified.blocks,
        verified.events,
        verified.documents,
        verified.replayed_head.short()
    ));
    report.ok = report.wrong.is_empty();
    Ok(())
}

/// What each party got out of the contract: received and returned less locked, bond by bond and escrow.
fn settlement(stage: &Stage, report: &mut Report, output: &Output) -> Result<()> {
    let shares = stage.market.view(|view| {
        view.market
            .contract(&report.contract.id)
            .map(|contract| contract.shares.values().cloned().collect::<Vec<_>>())
    });
    let shares = shares.context("the contract is gone")?;
    let client = Account::Available(stage.client.did());
    // Escrows on Bitcoin pay for no reads: those come from the client's account.
    let reads = match stage.rail() {
        RailKind::Ledger => Msat::ZERO,
        RailKind::Bitcoin => {
            Msat(stage.market.view(|view| view.market.ledger().totals(client).debits))
        }
    };
    for share in &shares {
        let paid =
            if share.party == stage.client.did() { report.quote.total_msat } else { Msat::ZERO };
        let net = share.received.sub(share.slashed)?.sub(paid)?;
        // What a client has back of its escrow counts; a provider's bond was its own before.
        let net = if paid > Msat::ZERO { net.add(share.returned)?.sub(reads)? } else { net };
        report.settlement.insert(stage.name(&share.party), net.0);
    }
    let rows = shares.iter().map(|share| {
        [
            stage.name(&share.party),
            share.received.to_string(),
            share.returned.to_string(),
            share.slashed.to_string(),
        ]
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort();
    let (fees, pool) = (rail(stage.rail()).fees(), rail(stage.rail()).pool());
    let fees = stage.market.view(|view| view.market.ledger().balance(fees));
    let pool = stage.market.view(|view| view.market.ledger().balance(pool));
    report.settlement.insert("market fees".into(), fees.0);
    report.settlement.insert("repair pool".into(), pool.0);
    output.say(table(["party", "received", "returned to it", "slashed"], rows));
    output.say(format!("   The market has its fees of {fees}; {pool} stay in the repair pool."));
    Ok(())
}

fn books_table(stage: &Stage, books: &network::api::BooksView) -> String {
    let rows = books.accounts.iter().map(|line| {
        let mut account = line.account.clone();
        for actor in &stage.providers {
            account =
                account.replace(&actor.did.to_string(), &format!("provider {}", actor.number));
        }
        account = account.replace(&stage.client.did().to_string(), "client");
        [short(&account), apart(&line.debits), apart(&line.credits), line.balance.to_string()]
    });
    let sums = ["sum".to_owned(), apart(&books.debits), apart(&books.credits), String::new()];
    table(["account", "debits", "credits", "balance"], rows.chain([sums]))
}

/// A sum with thousands apart, where it is not longer than 64 bits.
fn apart(sum: &str) -> String {
    sum.parse().map_or_else(|_| sum.to_owned(), types::text::grouped)
}
