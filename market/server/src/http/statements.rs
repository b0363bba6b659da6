//! What parties and contracts hold, moved and owe: statements, invoices, a contract's history.

use super::Party;
use super::contracts::unknown;
use crate::app::App;
use crate::refuse;
use crate::statements::{self, Client, Earned, LINES_MAX, Period};
use crate::store::postings::Subject;
use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use contracts::Contract;
use network::api::{HistoryEntry, Page, Problem};
use network::extract::{Paging, PathOf, QueryOf};
use network::statements::{Invoice, Statement};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use types::{ContractId, Did, Timestamp};
use utoipa::{IntoParams, ToSchema};

/// How an answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Format {
    /// As JSON.
    #[default]
    Json,
    /// As comma-separated values (RFC 4180).
    Csv,
}

/// Which period, and in which form.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// From this instant on; from the beginning where nothing is said.
    from: Option<i64>,
    /// Up to, and without, this instant; now where nothing is said.
    to: Option<i64>,
    /// `json` or `csv`.
    #[serde(default)]
    #[param(inline)]
    format: Format,
    /// For the operator: whose invoice.
    party: Option<Did>,
}

impl Asked {
    fn period(&self, app: &App) -> Result<Period, Problem> {
        // What is happening now belongs to it.
        let to = self.to.map_or_else(|| Timestamp(app.clock.now().0.saturating_add(1)), Timestamp);
        let from = Timestamp(self.from.unwrap_or(0));
        if from <= to {
            return Ok(Period { from, to });
        }
        let detail =
            format!("from {} is behind to {}; name the earlier instant first", from.0, to.0);
        Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "period_malformed", detail))
    }
}

/// A party's statement: every posting on its accounts in a period, between opening and closing balances.
#[utoipa::path(
    get, path = "/v1/accounts/{party}/statement", operation_id = "statement", tag = "money",
    params(("party" = Did, Path, description = "Whose."), Asked),
    security(("session" = [])),
    responses((status = 200, description = "The statement.", content(
        (Statement = "application/json"), (String = "text/csv")))),
    extensions(("x-codes" = json!(["not_yours", "period_malformed", "statement_too_long"]))),
)]
pub(super) async fn of_party(
    party: Party,
    State(app): State<Arc<App>>,
    PathOf(of): PathOf<Did>,
    QueryOf(asked): QueryOf<Asked>,
) -> Result<Response, Problem> {
    party.may_see(of, &app)?;
    let subject = if of == app.did { Subject::House(of) } else { Subject::Party(of) };
    statement(&app, subject, &asked).await
}

/// A contract's statement: every posting on its escrow and bonds in a period.
#[utoipa::path(
    get, path = "/v1/contracts/{contract}/statement", operation_id = "contract_statement",
    tag = "money",
    params(("contract" = ContractId, Path, description = "The contract."), Asked),
    security(("session" = [])),
    responses((status = 200, description = "The statement.", content(
        (Statement = "application/json"), (String = "text/csv")))),
    extensions(("x-codes" = json!(["not_found", "period_malformed", "statement_too_long"]))),
)]
pub(super) async fn of_contract(
    Party { did: party, .. }: Party,
    State(app): State<Arc<App>>,
    PathOf(id): PathOf<ContractId>,
    QueryOf(asked): QueryOf<Asked>,
) -> Result<Response, Problem> {
    seen(&app, party, id, |_| ())?;
    statement(&app, Subject::Contract(id), &asked).await
}

async fn statement(app: &App, subject: Subject, asked: &Asked) -> Result<Response, Problem> {
    let period = asked.period(app)?;
    let made = app.readers.ask(move |store| statements::statement(store, subject, period)).await;
    let made = made.map_err(|error| refuse::unreadable(&error))?.ok_or_else(|| {
        let detail = format!("it would have more than {LINES_MAX} lines; name a shorter period");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "statement_too_long", detail)
    })?;
    Ok(written(asked.format, &made, Statement::to_csv))
}

/// What a contract cost its client, or earned the provider that asks, item by item.
#[utoipa::path(
    get, path = "/v1/contracts/{contract}/invoice", operation_id = "invoice", tag = "money",
    params(("contract" = ContractId, Path, description = "The contract."), Asked),
    security(("session" = [])),
    responses((status = 200, description = "The invoice.", content(
        (Invoice = "application/json"), (String = "text/csv")))),
    extensions(("x-codes" = json!(["not_found", "not_yours", "period_malformed"]))),
)]
pub(super) async fn invoice(
    who: Party,
    State(app): State<Arc<App>>,
    PathOf(id): PathOf<ContractId>,
    QueryOf(asked): QueryOf<Asked>,
) -> Result<Response, Problem> {
    let period = asked.period(&app)?;
    let epoch = app.view().market.epoch();
    let look = |contract: &Contract| (contract.client, Earned::of(contract, epoch));
    let (client, earned) = seen(&app, who.did, id, look)?;
    let own = if who.did == app.did { client } else { who.did };
    let party = asked.party.unwrap_or(own);
    who.may_see(party, &app)?;
    let of = Client { contract: id, client };
    let ask = move |store: &_| statements::invoice(store, (of, party), (period, earned.clone()));
    let made = app.readers.ask(ask).await.map_err(|error| refuse::unreadable(&error))?;
    Ok(written(asked.format, &made, Invoice::to_csv))
}

/// The postings that moved a contract's money.
#[utoipa::path(
    get, path = "/v1/contracts/{contract}/history", operation_id = "contract_history", tag = "money",
    params(("contract" = ContractId, Path, description = "The contract."), Paging),
    security(("session" = [])),
    responses((status = 200, description = "Some of them.", body = Page<HistoryEntry>)),
    extensions(("x-codes" = json!(["not_found"]))),
)]
pub(super) async fn history(
    Party { did: party, .. }: Party,
    State(app): State<Arc<App>>,
    PathOf(id): PathOf<ContractId>,
    QueryOf(paging): QueryOf<Paging>,
) -> Result<Json<Page<HistoryEntry>>, Problem> {
    seen(&app, party, id, |_| ())?;
    let (after, limit) = (paging.after::<u64>()?.unwrap_or_default(), paging.limit()?);
    // Postings are found by what they are about: a party or a contract.
    let entries = app.readers.ask(move |store| store.history(&Did(id.0), after, limit + 1)).await;
    let entries = entries.map_err(|error| refuse::unreadable(&error))?;
    Ok(Json(Page::of(entries, limit as usize, |entry| entry.posting.to_string())))
}

/// Looks at a contract that is the party's, was, or that the operator asks for.
fn seen<T>(
    app: &App,
    party: Did,
    id: ContractId,
    look: impl FnOnce(&Contract) -> T,
) -> Result<T, Problem> {
    let view = app.view();
    let contract = view.market.contract(&id).filter(|contract| {
        party == app.did || contract.concerns(&party) || contract.shares.contains_key(&party)
    });
    contract.map(look).ok_or_else(|| unknown(&id))
}

/// An answer in the form that was asked for.
fn written<T: Serialize>(format: Format, value: &T, csv: impl FnOnce(&T) -> String) -> Response {
    match format {
        Format::Json => Json(value).into_response(),
        Format::Csv => {
            let kind = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
            ([(CONTENT_TYPE, kind)], csv(value)).into_response()
        }
    }
}
