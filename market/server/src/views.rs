//! The state as the API shows it.

use crate::published::View;
use crate::streams::Streams;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use contracts::ledger::Totals;
use contracts::{Account, Contract};
use market::event::SlotId;
use market::{Command, Market};
use network::api::{
    Accepted, AccountView, AgreedView, BookLine, BooksPage, BooksView, ContractLine, ContractView,
    Page, PriceLine, PricesView, ProviderLine, SlotView,
};
use types::terms::RailKind;
use types::{Bytes, ContractId, Did, Msat, Timestamp};

/// What a request that carries `command` is answered, as JSON.
pub(crate) fn answer(market: &Market, streams: &Streams, command: &Command) -> Vec<u8> {
    let contract = match command {
        Command::Accept { acceptance, .. } => market.contract(&acceptance.id()),
        Command::Revise { revision, .. } => market.contract(&revision.contract),
        Command::Extend(extension) => market.contract(&extension.contract),
        Command::Grow(growth) => market.contract(&growth.contract),
        Command::Cancel(cancellation) => market.contract(&cancellation.contract),
        _ => None,
    };
    let json = if let Some(contract) = contract {
        serde_json::to_vec(&contract_view(market, streams, contract))
    } else {
        let document = command.documents().first().map(|(id, _)| *id).unwrap_or_default();
        serde_json::to_vec(&Accepted { document })
    };
    json.expect("views have only text as keys")
}

/// What providers ask.
pub(crate) fn prices(market: &Market, now: Timestamp) -> PricesView {
    let asked = market.asked(now);
    let rows = asked.suggestions.into_iter();
    let items = rows.map(|row| PriceLine {
        tier: row.tier,
        region: row.region,
        asks: row.asks,
        free: row.free,
        low: row.low,
        middle: row.middle,
        high: row.high,
    });
    PricesView {
        mechanism: asked.mechanism.name().into(),
        reference: asked.reference,
        capacity: asked.taken.capacity,
        sold: asked.taken.sold,
        items: items.collect(),
    }
}

/// A contract as its parties see it.
pub(crate) fn contract_view(
    market: &Market,
    streams: &Streams,
    contract: &Contract,
) -> ContractView {
    ContractView {
        id: contract.id,
        state: contract.state.name().to_owned(),
        client: contract.client,
        terms: contract.terms.clone(),
        cost: contract.cost,
        revision: contract.revision,
        layout: contract.layout,
        first_epoch: contract.first_epoch,
        epochs: contract.epochs,
        store_by: contract.store_by,
        ends: contract.end(),
        left: contract.left.is_some(),
        extensions: contract.extension.map_or(0, |(number, _)| number),
        agreed: AgreedView {
            capacity: contract.agreed.capacity,
            epochs: contract.agreed.epochs,
            cost: contract.agreed.cost,
        },
        escrow: market.ledger().balance(Account::Escrow(contract.id)),
        slots: (0u16..)
            .zip(&contract.slots)
            .map(|(slot, _)| slot_view(market, streams, contract, slot))
            .collect(),
    }
}

fn slot_view(market: &Market, streams: &Streams, contract: &Contract, number: u16) -> SlotView {
    let slot = &contract.slots[usize::from(number)];
    let provider = slot.provider();
    let accrual = slot.accrued(contract.payable(market.epoch()));
    SlotView {
        slot: number,
        state: slot.state.name().to_owned(),
        confirmed: slot.confirmed,
        answer_by: slot.answer_by,
        provider,
        endpoint: market.offers().get(&provider).map(|offer| offer.ask.endpoint.clone()),
        online: streams.is_online(&provider),
        quoted: slot.quoted.clone(),
        size: slot.size,
        earned: slot.earned(&accrual).unwrap_or(accrual.posted),
        bond: market.ledger().balance(Account::Bond(contract.id, number)),
        capacity: slot.capacity,
        slashed: slot.slashed,
        leaving: slot.leaving,
    }
}

/// The contracts that `party` buys or holds slots of, behind `after`.
pub(crate) fn contract_lines(
    market: &Market,
    party: &Did,
    after: Option<ContractId>,
) -> impl Iterator<Item = ContractLine> {
    market.contracts_concerning(party, after).map(|contract| contract_line(market, contract))
}

fn contract_line(market: &Market, contract: &Contract) -> ContractLine {
    let kept = contract.slots.iter().fold(0u64, |sum, slot| sum.saturating_add(slot.size.bytes));
    ContractLine {
        id: contract.id,
        state: contract.state.name().to_owned(),
        client: contract.client,
        capacity: contract.terms.capacity,
        kept: Bytes(kept),
        redundancy: contract.terms.redundancy,
        escrow: market.ledger().balance(Account::Escrow(contract.id)),
        ends: contract.end(),
        rail: contract.terms.rail,
    }
}

/// A party's money.
pub(crate) fn account_view(market: &Market, party: Did) -> AccountView {
    let books = market.ledger();
    // What lies in escrows on Bitcoin is not in this account.
    let here = |contract: &&Contract| contract.terms.rail == RailKind::Ledger;
    let bought = market.contracts_of(&party).filter(here);
    let escrows = bought.map(|c| books.balance(Account::Escrow(c.id)));
    let is_here = |id: &SlotId| market.contract(&id.contract).as_ref().is_some_and(here);
    let slots: Vec<SlotId> = market.holdings(&party).filter(is_here).collect();
    let bonds = slots.iter().map(|id| books.balance(Account::Bond(id.contract, id.slot)));
    AccountView {
        party,
        available: market.available(party),
        escrow: sum(escrows),
        bonds: sum(bonds),
        held: books.balance(Account::Held(party)),
        accrued: sum(slots.iter().map(|id| market.unposted(*id))),
    }
}

/// A sum of balances that the books hold, so that it fits but for a state that `check` would refuse.
fn sum(amounts: impl Iterator<Item = Msat>) -> Msat {
    Msat::sum(amounts).unwrap_or(Msat(i64::MAX))
}

/// The whole ledger.
pub(crate) fn books_view(market: &Market) -> BooksView {
    let (debits, credits) = market.ledger().sums();
    BooksView {
        debits: debits.to_string(),
        credits: credits.to_string(),
        accounts: market.ledger().accounts().map(book_line).collect(),
    }
}

/// Up to `limit` accounts behind `after`, with the sums over all.
pub(crate) fn books_page(view: &View, after: Option<Account>, limit: usize) -> BooksPage {
    let books = view.market.ledger();
    let (debits, credits) = books.sums();
    let accounts: Vec<_> = books.accounts_behind(after).take(limit + 1).collect();
    let cursor = |line: &(&Account, &Totals)| Cursor(*line.0).to_string();
    let Page { items, next } = Page::of(accounts, limit, cursor);
    BooksPage {
        block: view.head.blocks,
        debits: debits.to_string(),
        credits: credits.to_string(),
        items: items.into_iter().map(book_line).collect(),
        next,
    }
}

fn book_line((account, totals): (&Account, &Totals)) -> BookLine {
    BookLine {
        account: account.to_string(),
        debits: totals.debits.to_string(),
        credits: totals.credits.to_string(),
        balance: totals.balance(),
    }
}

/// An account as a cursor: its encoding in base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor(pub(crate) Account);

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = postcard::to_stdvec(&self.0).map_err(|_| std::fmt::Error)?;
        f.write_str(&BASE64.encode(bytes))
    }
}

impl std::str::FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = BASE64.decode(text).map_err(|_| "it is not base64url")?;
        postcard::from_bytes(&bytes).map(Self).map_err(|_| "it names no account")
    }
}

/// The providers behind `after`, each with its ask and score.
pub(crate) fn provider_lines(
    market: &Market,
    streams: &Streams,
    after: Option<Did>,
) -> impl Iterator<Item = ProviderLine> {
    market.offers_behind(after).map(|(provider, offer)| ProviderLine {
        provider: *provider,
        ask: offer.ask.clone(),
        committed: market.committed(provider),
        score: market.score(provider),
        online: streams.is_online(provider),
    })
}
