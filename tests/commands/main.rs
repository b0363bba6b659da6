//! Every operation that the API describes is called by the command that is named for it here, or it is said why by none.

mod clients;
mod front;
mod providers;
#[path = "../support/processes.rs"]
#[expect(dead_code, reason = "this town has its market in the test's own process")]
mod support;
mod town;

use front::Calls;
use network::market_api::operations;
use std::collections::BTreeSet;
use town::Town;

/// An operation, and a command that calls it: its words, in any order among others.
type Row = (&'static str, &'static str);

/// What clients call.
const BY_CLIENTS: &[Row] = &[
    ("market", "client init"),
    ("prices", "prices"),
    ("request_quote", "quote"),
    ("counter_quote", "quote --counter"),
    ("list_exclusions", "quote --all-exclusions"),
    ("accept", "put"),
    ("put_layout", "put"),
    ("revise", "put"),
    ("put_backup", "put"),
    ("layout", "rm"),
    ("contracts", "contract list"),
    ("contract", "contract show"),
    ("extend", "contract renew"),
    ("grow", "contract grow"),
    ("cancel", "contract end"),
    ("account", "account show"),
    ("history", "account history"),
    ("deposit", "account deposit"),
    ("withdraw", "account withdraw"),
    ("statement", "statement"),
    ("contract_statement", "statement --contract"),
    ("invoice", "invoice"),
    ("receipt", "receipt"),
    ("consistency", "receipt --consistency"),
    ("backup", "client recover"),
    ("grant", "share"),
    ("put_shared", "share"),
    ("grants", "shares"),
    ("shared", "shares --from"),
    ("passes", "get --from"),
    ("revoke", "unshare"),
];

/// What providers and auditors call.
const BY_PROVIDERS: &[Row] = &[
    ("providers", "provider show"),
    ("verdicts", "provider verdicts"),
    ("dispute", "provider dispute"),
    ("announce", "provider maintenance"),
    ("top_up", "provider top-up"),
    ("depart", "provider leave"),
    ("probes", "auditor run"),
    ("measure", "auditor run"),
    ("escrows", "auditor oracle run"),
];

/// Operations that no command is needed for, and why.
const BY_NONE: &[Row] = &[
    ("escrow_entry", "`auditor oracle run` asks for it before it attests what an escrow came to"),
    (
        "epochs",
        "`provider run` reads it by itself where a market has a chain; `journal verify` shows every epoch again",
    ),
    ("stream", "`provider run` holds it open, and says over it what the next four are for"),
    ("publish_ask", "a node says it over its stream; programs without one call it"),
    ("confirm", "a node says it over its stream"),
    ("confess", "a node says it over its stream, when it finds a loss"),
    ("redeem_voucher", "a node says it over its stream, when a reader has paid"),
    ("events", "for programs that follow what happens; commands show how things are"),
    ("books", "for programs of the operator; `journal verify` counts every account again"),
    ("journal", "for programs that watch a market; `journal verify` says how far it goes"),
    ("head", "every receipt holds one"),
    ("contract_history", "`statement --contract` shows the same postings, with balances"),
    ("health", "for what starts and watches processes"),
    ("health_of_v1", "as health"),
    ("ready", "for what starts and watches processes"),
];

/// Every `operationId` of the description.
fn described() -> BTreeSet<String> {
    let api = market_server::openapi();
    let paths = api["paths"].as_object().expect("paths").values();
    let operations = paths.flat_map(|item| item.as_object().expect("operations").values());
    operations.map(|operation| support::text(&operation["operationId"])).collect()
}

#[test]
fn every_operation_has_a_command_or_a_reason_why_it_has_none() {
    let rows = BY_CLIENTS.iter().chain(BY_PROVIDERS).chain(BY_NONE);
    let named: Vec<String> = rows.map(|(operation, _)| (*operation).to_owned()).collect();
    let once: BTreeSet<String> = named.iter().cloned().collect();
    assert_eq!(once.len(), named.len(), "each is named once");
    assert_eq!(once, described());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_of_clients_do_what_they_say_and_call_what_they_are_for() {
    let mut town = Town::founded(&["client", "guest"]).await;
    clients::play(&mut town).await;
    all_called(&town, BY_CLIENTS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_of_providers_do_what_they_say_and_call_what_they_are_for() {
    let mut town = Town::founded(&["client"]).await;
    providers::play(&mut town).await;
    all_called(&town, BY_PROVIDERS);
    assert!(is_called(&town.nodes.calls(), "stream"), "nodes hold their streams open");
}

/// Each of `rows` was called by its command.
fn all_called(town: &Town, rows: &[Row]) {
    for (operation, command) in rows {
        let is_run =
            |args: &[String]| command.split(' ').all(|word| args.iter().any(|a| a == word));
        let found =
            town.ran().iter().any(|(args, calls)| is_run(args) && is_called(calls, operation));
        assert!(found, "`bondstore {command}` does not call {operation}");
    }
}

/// Whether an operation is among `calls`.
fn is_called(calls: &Calls, id: &str) -> bool {
    let operation = operations::ALL.iter().find(|operation| operation.id == id);
    let operation = operation.unwrap_or_else(|| panic!("{id} is an operation"));
    calls
        .iter()
        .any(|(method, path)| *method == operation.method.as_str() && fits(path, operation.path))
}

/// Whether a path is one of `template`, whose parts in braces may be anything.
fn fits(path: &str, template: &str) -> bool {
    let (parts, wanted) = (path.split('/'), template.split('/'));
    parts.clone().count() == wanted.clone().count()
        && parts.zip(wanted).all(|(part, wanted)| wanted.starts_with('{') || part == wanted)
}
