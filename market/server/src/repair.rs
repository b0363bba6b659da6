//! Reservations and rebuilds: what the market sends for them, and what it makes of a rebuild's receipt.

use crate::app::App;
use crate::error::OpenError;
use crate::outbox::Nudge;
use crate::refuse;
use contracts::{ContractState, SlotState};
use market::event::SlotId;
use market::{Command, Rejection, schedule};
use network::api::{Problem, RebuildOrder, RebuildSource};
use types::documents::{Access, AccessToken, Reservation, Revision, StorageReceipt};
use types::{Did, Signed, Span, Timestamp, Verified};

/// How long a token for a rebuild's reads is good.
const TOKEN_SPAN: Span = Span(12 * Span::HOUR.0);

/// The question to a provider whether it takes a slot, if that is still open.
pub(crate) fn reservation(app: &App, id: SlotId, provider: Did) -> Option<Signed> {
    let reservation = {
        let view = app.view();
        let (contract, slot) = view.market.slot(id)?;
        Reservation {
            market: app.did,
            provider,
            client: contract.client,
            contract: id.contract,
            slot: id.slot,
            capacity: slot.capacity,
            redundancy: contract.terms.redundancy,
            shard_bytes: contract.terms.shard_bytes,
            quoted: slot.quoted.clone(),
            rebuild: (slot.state == SlotState::Repairing).then_some(slot.size),
            rail: contract.terms.rail,
            answer_by: slot.answer_by,
        }
    };
    Some(app.sign(reservation).signed().clone())
}

/// The order to rebuild a slot, if it can be given now.
pub(crate) async fn order(
    app: &App,
    id: SlotId,
    provider: Did,
) -> Result<Option<RebuildOrder>, OpenError> {
    let Some((mut order, layout)) = planned(app, id, provider) else { return Ok(None) };
    let contract = id.contract;
    let Some(bytes) = app.readers.ask(move |store| store.layout(&contract, &layout)).await? else {
        tracing::warn!(%contract, %layout, "the layout that a rebuild needs is not kept");
        return Ok(None);
    };
    order.layout = bytes;
    Ok(Some(order))
}

fn planned(app: &App, id: SlotId, provider: Did) -> Option<(RebuildOrder, types::Hash)> {
    let view = app.view();
    let market = &view.market;
    let (contract, slot) = market.slot(id)?;
    let expires = network::clock::now().after(TOKEN_SPAN);
    let source = |(number, holder): (u16, Did)| {
        let endpoint = market.offers().get(&holder)?.ask.endpoint.clone();
        let token = token(app, (id, number), provider, holder, expires);
        Some(RebuildSource { slot: number, provider: holder, endpoint, token })
    };
    let mut sources: Vec<RebuildSource> =
        schedule::sources(market, id).into_iter().filter_map(source).collect();
    // Who is connected answers sooner than who may be gone.
    sources.sort_by_key(|source| !app.streams.is_online(&source.provider));
    let order = RebuildOrder {
        contract: id.contract,
        slot: id.slot,
        revision: contract.revision + 1,
        size: slot.size,
        layout: Vec::new(),
        sources,
    };
    Some((order, contract.layout?))
}

fn token(
    app: &App,
    (id, number): (SlotId, u16),
    holder: Did,
    provider: Did,
    expires: Timestamp,
) -> Signed {
    let token = AccessToken {
        issuer: app.did,
        holder,
        provider,
        contract: id.contract,
        slot: number,
        access: vec![Access::Read],
        holder_pays: false,
        expires,
    };
    app.sign(token).signed().clone()
}

/// A provider says that it has rebuilt a slot: the market signs the slot's next revision.
pub(crate) async fn finish(app: &App, receipt: Verified<StorageReceipt>) -> Result<(), Problem> {
    let id = SlotId { contract: receipt.contract, slot: receipt.slot };
    let Some(revision) = next_revision(app, &receipt)? else {
        // Another revision came in between: the order is given again for the one after it.
        let _ = app.outbox.send(Nudge::Again(id));
        return Ok(());
    };
    let (revision, number) = (app.sign(revision), receipt.revision);
    let finished = app.writer.submit(Command::FinishRebuild { receipt, revision }).await;
    finished.map(|_| ()).map_err(|refusal| {
        let moved_on =
            app.view().market.contract(&id.contract).is_some_and(|c| c.revision >= number);
        if moved_on {
            let _ = app.outbox.send(Nudge::Again(id));
        }
        refuse::refusal(&refusal)
    })
}

/// The revision that says what the slots held before, with this receipt behind it; nothing where the
/// receipt is for one that has passed.
fn next_revision(app: &App, receipt: &StorageReceipt) -> Result<Option<Revision>, Problem> {
    let view = app.view();
    let contract = view.market.contract(&receipt.contract);
    let unknown = || refuse::rejected(&Rejection::UnknownContract(receipt.contract));
    let contract = contract.ok_or_else(unknown)?;
    let number = contract.revision + 1;
    let layout = contract.layout.filter(|_| contract.state == ContractState::Active);
    let Some(layout) = layout.filter(|_| receipt.revision >= number) else { return Ok(None) };
    Ok(Some(Revision {
        signer: app.did,
        contract: contract.id,
        number,
        slots: contract.slots.iter().map(|slot| slot.size).collect(),
        layout,
    }))
}
