//! What leads to a contract beside the quote itself: counters, why providers are left out, what is asked.

use crate::app::App;
use crate::writer::{Refusal, Role};
use crate::{counters, refuse, views};
use axum::Json;
use axum::extract::State;
use network::api::{CounterAnswer, CounterBody, Page, PricesView, Problem};
use network::extract::{JsonBody, Paging, QueryOf, VerifiedBody};
use std::sync::Arc;
use types::documents::{Counter, Exclusion, Quote};
use types::{Did, Jws, Verified};

/// Counters a quote, and answers with the next one.
///
/// The quote's providers that are connected have two seconds to ask less for this counter alone, or to refuse. The next quote
/// rests on what they say and on the standing asks; the quote that was countered stays firm.
#[utoipa::path(
    post, path = "/v1/counters", operation_id = "counter_quote", tag = "offers",
    request_body = CounterBody,
    responses((status = 200, description = "The market's next signed quote, and who refused.", body = CounterAnswer)),
    extensions(("x-codes" = json!(["rules", "document", "counter_open"]))),
)]
pub(super) async fn counter(
    State(app): State<Arc<App>>,
    JsonBody(body): JsonBody<CounterBody>,
) -> Result<Json<CounterAnswer>, Problem> {
    if let Role::Follower { writer } = &*app.role.borrow() {
        // Providers are connected to the writer alone.
        return Err(refuse::refusal(&Refusal::NotTheWriter(writer.clone())));
    }
    let counter: Verified<Counter> = body.counter.verify()?;
    let quote: Verified<Quote> = body.quote.verify()?;
    counters::negotiate(&app, counter, quote).await.map(Json)
}

/// Says of every provider that a quote does not name why, and what would let it in.
///
/// As things stand now; the quote itself lists the cheapest 64 of them, as things stood.
#[utoipa::path(
    post, path = "/v1/quotes/exclusions", operation_id = "list_exclusions", tag = "offers",
    params(Paging),
    request_body(content = Jws<Quote>, content_type = "application/jose"),
    responses((status = 200, description = "A part of the list.", body = Page<Exclusion>)),
    extensions(("x-codes" = json!(["foreign_party"]))),
)]
pub(super) async fn exclusions(
    State(app): State<Arc<App>>,
    QueryOf(paging): QueryOf<Paging>,
    VerifiedBody(quote): VerifiedBody<Quote>,
) -> Result<Json<Page<Exclusion>>, Problem> {
    if quote.market != app.did {
        let (found, expected) = (quote.market, app.did);
        let foreign = market::Rejection::ForeignParty { document: "quote", found, expected };
        return Err(refuse::rejected(&foreign));
    }
    let (after, limit) = (paging.after::<Did>()?, paging.limit()? as usize);
    let (page, online) = (market::Page { after, limit: limit + 1 }, app.streams.online());
    let items = app.view().market.exclusions(app.clock.now(), &quote, &online, page);
    Ok(Json(Page::of(items, limit, |excluded| excluded.provider.to_string())))
}

/// What providers ask, tier by tier and region by region.
#[utoipa::path(
    get, path = "/v1/prices", operation_id = "prices", tag = "offers",
    responses((status = 200, description = "What is asked now.", body = PricesView)),
)]
pub(super) async fn prices(State(app): State<Arc<App>>) -> Json<PricesView> {
    Json(views::prices(&app.view().market, app.clock.now()))
}
