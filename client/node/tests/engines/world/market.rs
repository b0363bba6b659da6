//! A market that agrees to everything: it keeps contracts, layouts and backups in memory, and no money.

use super::provider::FakeProvider;
use axum::extract::State;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use network::api::{
    AcceptBody, AgreedView, BackupBody, ContractLine, ContractView, GrantLine, MarketInfo, Page,
    Problem, ReviseBody, SlotView,
};
use network::clock;
use network::extract::{JsonBody, PathOf, RawBody, VerifiedBody};
use network::market_api::QuoteBody;
use network::server::{ServeOptions, ServerHandle, bind, serve};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use types::documents::offer::QuotedSlot;
use types::documents::{Acceptance, AuditPlan, Quote, Request, Revision, SlotSize, StorageReceipt};
use types::{
    Bytes, ContractId, CostVector, Did, Epoch, GbPrice, Hash, Msat, Price, SecretKey, Signer,
    SlotCost, Span, Timestamp, Verified,
};

/// A market on loopback.
pub(crate) struct FakeMarket {
    server: ServerHandle,
    pub(crate) books: Arc<Books>,
}

/// What it keeps, and what it counted.
pub(crate) struct Books {
    key: SecretKey,
    providers: Vec<(Did, String)>,
    pub(crate) contracts: Mutex<BTreeMap<ContractId, ContractView>>,
    layouts: Mutex<BTreeMap<Hash, bytes::Bytes>>,
    pub(crate) backups: Mutex<BTreeMap<Did, BackupBody>>,
    /// How many quotes were given.
    pub(crate) quotes: AtomicU64,
}

type Shared = State<Arc<Books>>;

impl FakeMarket {
    pub(crate) async fn start(providers: &[FakeProvider]) -> Self {
        let books = Arc::new(Books {
            key: SecretKey::from_seed(&[200; 32]),
            providers: providers.iter().map(|p| (p.did(), p.url())).collect(),
            contracts: Mutex::default(),
            layouts: Mutex::default(),
            backups: Mutex::default(),
            quotes: AtomicU64::new(0),
        });
        let router = Router::new()
            .route("/v1/market", get(info))
            .route("/v1/requests", post(quote))
            .route("/v1/contracts", post(accept).get(list))
            .route("/v1/contracts/{id}", get(contract))
            .route("/v1/contracts/{id}/layouts/{hash}", put(put_layout).get(layout))
            .route("/v1/contracts/{id}/revisions", post(revise))
            .route("/v1/backups/{did}", put(put_backup).get(get_backup))
            .route("/v1/grants", get(grants))
            .with_state(Arc::clone(&books));
        let listener = bind("127.0.0.1:0").await.expect("loopback has a free port");
        Self {
            server: serve(listener, router, ServeOptions::default())
                .expect("the listener has an address"),
            books,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// The market is gone.
    pub(crate) fn kill(&self) {
        self.server.kill();
    }
}

/// Nobody shares anything here.
async fn grants() -> Json<Vec<GrantLine>> {
    Json(Vec::new())
}

async fn info(State(books): Shared) -> Json<MarketInfo> {
    Json(MarketInfo {
        market: books.key.did(),
        epoch: Span::HOUR,
        epoch_every: None,
        current_epoch: Epoch(0),
        now: clock::now(),
        tiers: types::TierRates::default(),
        bitcoin: None,
        beacon: None,
    })
}

async fn quote(
    State(books): Shared,
    VerifiedBody(request): VerifiedBody<Request>,
) -> Json<QuoteBody> {
    books.quotes.fetch_add(1, Ordering::Relaxed);
    let slot = |(provider, _): &(Did, String)| QuotedSlot {
        provider: *provider,
        ask: Hash::default(),
        price: Price::whole(100),
        egress: GbPrice::whole(1),
        ingress: GbPrice::whole(1),
        minimum_use: Bytes(0),
        cost: SlotCost::default(),
        bond: Msat(0),
        held_bond_max: Msat::ZERO,
    };
    let quote = Quote {
        market: books.key.did(),
        client: request.client,
        request: request.id(),
        counter: None,
        round: 0,
        terms: request.terms.clone(),
        epoch: Span::HOUR,
        epochs: 24,
        slots: books.providers.iter().map(slot).collect(),
        reserves: Vec::new(),
        cost: CostVector::default(),
        audit: AuditPlan { challenges: 1, within: Span::DAY, confidence_ppm: 0, capped: false },
        excluded: Vec::new(),
        excluded_count: 0,
        issued: clock::now(),
        expires: clock::now().after(Span::HOUR),
    };
    let quote = Verified::sign(quote, &books.key).expect("it names its signer");
    Json(QuoteBody { quote: quote.signed().clone() })
}

async fn accept(
    State(books): Shared,
    JsonBody(body): JsonBody<AcceptBody>,
) -> Result<Json<ContractView>, Problem> {
    let acceptance: Verified<Acceptance> = body.acceptance.verify()?;
    let quote: Verified<Quote> = body.quote.verify()?;
    let slots = (0..).zip(&books.providers).zip(&quote.slots);
    let slots = slots.map(|((slot, (provider, url)), quoted)| SlotView {
        slot,
        state: "reserved".into(),
        confirmed: slot % 2 == 0,
        answer_by: Timestamp(i64::MAX),
        provider: *provider,
        endpoint: Some(url.clone()),
        online: true,
        quoted: quoted.clone(),
        size: SlotSize::default(),
        earned: Msat(0),
        bond: Msat(0),
        capacity: Bytes(0),
        slashed: Msat(0),
        leaving: None,
    });
    let view = ContractView {
        id: acceptance.id(),
        state: "agreed".into(),
        client: acceptance.client,
        terms: quote.terms.clone(),
        cost: quote.cost,
        revision: 0,
        layout: None,
        first_epoch: None,
        epochs: quote.epochs,
        store_by: Timestamp(i64::MAX),
        ends: None,
        left: false,
        extensions: 0,
        agreed: AgreedView::default(),
        escrow: Msat(0),
        slots: slots.collect(),
    };
    let mut contracts = books.contracts.lock().expect("no test panics with the lock");
    Ok(Json(contracts.entry(view.id).or_insert(view).clone()))
}

/// Each look finds one more slot confirmed.
async fn contract(
    State(books): Shared,
    PathOf(id): PathOf<ContractId>,
) -> Result<Json<ContractView>, Problem> {
    let mut contracts = books.contracts.lock().expect("no test panics with the lock");
    let view = contracts.get_mut(&id).ok_or_else(|| Problem::not_found("no such contract"))?;
    if let Some(slot) = view.slots.iter_mut().find(|slot| !slot.confirmed) {
        slot.confirmed = true;
    }
    Ok(Json(view.clone()))
}

async fn list(State(books): Shared) -> Json<Page<ContractLine>> {
    let contracts = books.contracts.lock().expect("no test panics with the lock");
    let line = |view: &ContractView| ContractLine {
        id: view.id,
        state: view.state.clone(),
        client: view.client,
        capacity: view.terms.capacity,
        kept: Bytes(view.slots.iter().map(|slot| slot.size.bytes).sum()),
        redundancy: view.terms.redundancy,
        escrow: view.escrow,
        ends: None,
        rail: view.terms.rail,
    };
    Json(Page { items: contracts.values().map(line).collect(), next: None })
}

async fn layout(
    State(books): Shared,
    PathOf((_, hash)): PathOf<(ContractId, Hash)>,
) -> Result<Vec<u8>, Problem> {
    let layouts = books.layouts.lock().expect("no test panics with the lock");
    layouts.get(&hash).map(|layout| layout.to_vec()).ok_or_else(|| Problem::not_found("no layout"))
}

async fn put_layout(
    State(books): Shared,
    PathOf((_, hash)): PathOf<(ContractId, Hash)>,
    RawBody(layout): RawBody<{ 64 << 20 }>,
) {
    assert_eq!(Hash::of(&layout), hash);
    books.layouts.lock().expect("no test panics with the lock").insert(hash, layout);
}

async fn revise(
    State(books): Shared,
    PathOf(id): PathOf<ContractId>,
    JsonBody(body): JsonBody<ReviseBody>,
) -> Result<Json<ContractView>, Problem> {
    let revision: Verified<Revision> = body.revision.verify()?;
    let mut contracts = books.contracts.lock().expect("no test panics with the lock");
    let view = contracts.get_mut(&id).ok_or_else(|| Problem::not_found("no such contract"))?;
    assert_eq!(revision.signer, view.client);
    if revision.number <= view.revision {
        let status = axum::http::StatusCode::CONFLICT;
        return Err(Problem::new(status, "superseded", "another revision came first"));
    }
    assert_eq!(revision.number, view.revision + 1);
    assert!(
        books.layouts.lock().expect("no test panics with the lock").contains_key(&revision.layout)
    );
    for (slot, (size, receipt)) in
        view.slots.iter_mut().zip(revision.slots.iter().zip(&body.receipts))
    {
        let receipt: Verified<StorageReceipt> = receipt.verify()?;
        assert_eq!((receipt.provider, receipt.slot), (slot.provider, slot.slot));
        assert_eq!(
            (receipt.contract, receipt.revision, receipt.size),
            (id, revision.number, *size)
        );
        assert!(size.bytes <= view.terms.slot_capacity().0, "it fits the slot");
        slot.size = *size;
        slot.state = "filled".into();
    }
    assert_eq!(revision.slots.len(), body.receipts.len());
    (view.revision, view.layout) = (revision.number, Some(revision.layout));
    view.state = "active".into();
    Ok(Json(view.clone()))
}

async fn put_backup(
    State(books): Shared,
    PathOf(party): PathOf<Did>,
    JsonBody(body): JsonBody<BackupBody, { 64 << 20 }>,
) -> Result<(), Problem> {
    let mut backups = books.backups.lock().expect("no test panics with the lock");
    match backups.get(&party) {
        Some(there) if there.generation >= body.generation && *there != body => {
            let status = axum::http::StatusCode::CONFLICT;
            Err(Problem::new(status, "backup_superseded", "there is a newer one"))
        }
        _ => {
            backups.insert(party, body);
            Ok(())
        }
    }
}

async fn get_backup(
    State(books): Shared,
    PathOf(party): PathOf<Did>,
) -> Result<Json<BackupBody>, Problem> {
    let backups = books.backups.lock().expect("no test panics with the lock");
    backups.get(&party).cloned().map(Json).ok_or_else(|| Problem::not_found("no backup"))
}
