//! The operations of a market's API, as its client calls them: one row each, from which every path is made.
//!
//! A test of the market holds the table against `/openapi.json`, so that the client, and with it every command, calls
//! nothing else than what is described there.

use http::Method;
use std::fmt::Display;

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its `operationId`.
    pub id: &'static str,
    /// Its method.
    pub method: Method,
    /// Its path, with parameters in braces.
    pub path: &'static str,
}

impl Operation {
    const fn new(id: &'static str, method: Method, path: &'static str) -> Self {
        Self { id, method, path }
    }

    /// The path with its parameters in their places.
    pub fn path_to(&self, parameters: &[&(dyn Display + Sync)]) -> String {
        let mut parameters = parameters.iter();
        let fill = |part: &str| {
            if part.starts_with('{') {
                parameters.next().map_or_else(|| part.to_owned(), ToString::to_string)
            } else {
                part.to_owned()
            }
        };
        let parts: Vec<String> = self.path.split('/').map(fill).collect();
        parts.join("/")
    }
}

macro_rules! operations {
    ($($name:ident = $id:literal $method:ident $path:literal;)*) => {
        $(pub(super) const $name: Operation = Operation::new($id, Method::$method, $path);)*
        /// Every operation that [`MarketClient`](super::MarketClient) calls.
        pub const ALL: &[Operation] = &[$($name),*];
    };
}

operations! {
    HEALTH = "health" GET "/health";
    READY = "ready" GET "/ready";
    MARKET = "market" GET "/v1/market";
    BOOKS = "books" GET "/v1/books";
    JOURNAL = "journal" GET "/v1/journal";
    EVENTS = "events" GET "/v1/events";
    PROVIDERS = "providers" GET "/v1/providers";
    PUBLISH_ASK = "publish_ask" POST "/v1/asks";
    REQUEST_QUOTE = "request_quote" POST "/v1/requests";
    COUNTER_QUOTE = "counter_quote" POST "/v1/counters";
    EXCLUSIONS = "list_exclusions" POST "/v1/quotes/exclusions";
    PRICES = "prices" GET "/v1/prices";
    ACCEPT = "accept" POST "/v1/contracts";
    CONTRACTS = "contracts" GET "/v1/contracts";
    CONTRACT = "contract" GET "/v1/contracts/{contract}";
    CONFIRM = "confirm" POST "/v1/contracts/{contract}/confirmations";
    CONFESS = "confess" POST "/v1/contracts/{contract}/confessions";
    REVISE = "revise" POST "/v1/contracts/{contract}/revisions";
    EXTEND = "extend" POST "/v1/contracts/{contract}/extensions";
    GROW = "grow" POST "/v1/contracts/{contract}/growths";
    CANCEL = "cancel" POST "/v1/contracts/{contract}/cancellation";
    DEPART = "depart" POST "/v1/contracts/{contract}/departures";
    TOP_UP = "top_up" POST "/v1/contracts/{contract}/top-ups";
    PUT_LAYOUT = "put_layout" PUT "/v1/contracts/{contract}/layouts/{layout}";
    LAYOUT = "layout" GET "/v1/contracts/{contract}/layouts/{layout}";
    REDEEM_VOUCHER = "redeem_voucher" POST "/v1/vouchers";
    DEPOSIT = "deposit" POST "/v1/deposits";
    WITHDRAW = "withdraw" POST "/v1/withdrawals";
    ACCOUNT = "account" GET "/v1/accounts/{party}";
    HISTORY = "history" GET "/v1/accounts/{party}/history";
    STATEMENT = "statement" GET "/v1/accounts/{party}/statement";
    CONTRACT_STATEMENT = "contract_statement" GET "/v1/contracts/{contract}/statement";
    INVOICE = "invoice" GET "/v1/contracts/{contract}/invoice";
    CONTRACT_HISTORY = "contract_history" GET "/v1/contracts/{contract}/history";
    HEAD = "head" GET "/v1/head";
    CONSISTENCY = "consistency" GET "/v1/consistency";
    RECEIPT = "receipt" GET "/v1/receipts/{document}";
    PUT_BACKUP = "put_backup" PUT "/v1/backups/{party}";
    BACKUP = "backup" GET "/v1/backups/{party}";
    GRANT = "grant" POST "/v1/grants";
    GRANTS = "grants" GET "/v1/grants";
    REVOKE = "revoke" POST "/v1/revocations";
    PUT_SHARED = "put_shared" PUT "/v1/grants/{grant}/contents";
    SHARED = "shared" GET "/v1/grants/{grant}/contents";
    PASSES = "passes" GET "/v1/contracts/{contract}/passes";
    DISPUTE = "dispute" POST "/v1/disputes";
    ANNOUNCE = "announce" POST "/v1/maintenance";
    MEASURE = "measure" POST "/v1/measurements";
    VERDICTS = "verdicts" GET "/v1/verdicts";
    PROBES = "probes" GET "/v1/probes";
    EPOCHS = "epochs" GET "/v1/epochs";
    ESCROWS = "escrows" GET "/v1/escrows";
    ESCROW_ENTRY = "escrow_entry" GET "/v1/escrows/{entry}";
    STREAM = "stream" GET "/v1/stream";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_take_their_places() {
        assert_eq!(MARKET.path_to(&[]), "/v1/market");
        assert_eq!(LAYOUT.path_to(&[&"a", &7]), "/v1/contracts/a/layouts/7");
    }
}
