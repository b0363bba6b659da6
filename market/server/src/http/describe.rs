//! What `/openapi.json` says beside the operations themselves: every problem with its codes, who may ask, which
//! headers count.
//!
//! An operation lists the codes that are its own, or groups of them, as `x-codes`. What follows from its shape is added
//! here: a path with parameters can be malformed, a body too large, a session expired.

use crate::codes::{self, Code};
use network::api::{EventView, Problem};
use network::problem::PROBLEM_JSON;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use utoipa::openapi::header::Header;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, Info, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder,
};
use utoipa::{PartialSchema, ToSchema};

/// The security scheme of a party's session.
const SESSION: &str = "session";
/// Under what an operation lists its own codes, and a described problem all of its codes.
const CODES: &str = "x-codes";

/// Completes the description of the routes.
pub(super) fn complete(mut api: OpenApi) -> OpenApi {
    api.info = Info::new("Bondstore market", env!("CARGO_PKG_VERSION"));
    api.info.description = Some(ABOUT.to_owned());
    api.servers = None;
    let components = api.components.get_or_insert_with(Components::new);
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWS");
    let bearer = bearer.description(Some("A `bondstore.session` signed by the party, for this market, of at most five minutes: `bondstore session` prints one."));
    components.add_security_scheme(SESSION, SecurityScheme::Http(bearer.build()));
    // What no operation names: refusals, and what events hold as text.
    let mut unnamed = vec![
        (Problem::name().into_owned(), Problem::schema()),
        (EventView::name().into_owned(), EventView::schema()),
    ];
    EventView::schemas(&mut unnamed);
    components.schemas.extend(unnamed);
    for (path, item) in &mut api.paths.paths {
        for operation in operations(item) {
            complete_operation(path, operation);
        }
    }
    api
}

const ABOUT: &str = "A storage marketplace in which every promise is bonded. Documents are signed by the party they \
speak for (`application/jose`); refusals are `application/problem+json` with a stable `code`. Paths that are not \
listed answer 404 `no_such_path`, other methods 405 `no_such_method`. See docs/api.md.";

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete].into_iter().flatten()
}

fn complete_operation(path: &str, operation: &mut Operation) {
    let mut names: Vec<String> = own_codes(operation);
    names.push("every".into());
    if path.contains('{') {
        names.push("path".into());
    }
    let in_query =
        |p: &RefOr<Parameter>| matches!(p, RefOr::T(p) if p.parameter_in == ParameterIn::Query);
    if operation.parameters.iter().flatten().any(in_query) {
        names.push("query".into());
    }
    if operation.security.is_some() {
        names.push("session".into());
    }
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        body.required = Some(Required::True);
        names.extend(["body".into(), "write".into()]);
        for kind in body.content.keys() {
            match kind.as_str() {
                "application/json" => names.push("json".into()),
                "application/jose" => names.push("document".into()),
                _ => {}
            }
        }
    }
    if names.iter().any(|name| name == "key") {
        operation.parameters.get_or_insert_default().push(RefOr::T(key_parameter()));
    }
    for (status, codes) in by_status(&names) {
        let responses = &mut operation.responses.responses;
        responses.entry(status.to_string()).or_insert_with(|| RefOr::T(problem(status, &codes)));
    }
}

/// Takes the codes that the operation lists.
fn own_codes(operation: &mut Operation) -> Vec<String> {
    let Some(extensions) = &mut operation.extensions else { return Vec::new() };
    let listed = extensions.remove(CODES).unwrap_or(Value::Null);
    serde_json::from_value(listed).unwrap_or_default()
}

fn by_status(names: &[String]) -> BTreeMap<u16, Vec<&'static Code>> {
    let mut statuses: BTreeMap<u16, Vec<&'static Code>> = BTreeMap::new();
    for name in names {
        let named = codes::named(name);
        debug_assert!(!named.is_empty(), "no code and no group is called {name}");
        for code in named {
            let codes = statuses.entry(code.status).or_default();
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
    }
    statuses
}

fn problem(status: u16, codes: &[&Code]) -> Response {
    let lines: Vec<String> =
        codes.iter().map(|code| format!("- `{}`: {}", code.name, code.meaning)).collect();
    let names: Vec<&str> = codes.iter().map(|code| code.name).collect();
    let extensions = utoipa::openapi::extensions::Extensions::builder().add(CODES, json!(names));
    let schema = Ref::from_schema_name(&*Problem::name());
    let mut response = ResponseBuilder::new()
        .description(lines.join("\n"))
        .content(PROBLEM_JSON, ContentBuilder::new().schema(Some(schema)).build())
        .extensions(Some(extensions.build()))
        .build();
    if matches!(status, 429 | 503) {
        let mut seconds = Header::new(integer());
        seconds.description = Some("In how many seconds trying again is right.".into());
        response.headers.insert("Retry-After".into(), seconds.into());
    }
    response
}

fn integer() -> Object {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).build()
}

fn key_parameter() -> Parameter {
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(128))
        .pattern(Some("^[!-~]+$"));
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "The same key with the same body is answered as the first time, and takes effect once.",
        ))
        .schema(Some(schema))
        .build()
}
