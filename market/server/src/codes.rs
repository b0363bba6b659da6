//! Every stable code that the API refuses with: its HTTP status and what it means.
//!
//! The table decides the status of a rejection by the market's rules, and `/openapi.json` is made from it. A new code
//! needs a row here.

/// One code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code {
    /// Stable, for programs.
    pub(crate) name: &'static str,
    /// The HTTP status it comes with.
    pub(crate) status: u16,
    /// What it means.
    pub(crate) meaning: &'static str,
}

const fn code(name: &'static str, status: u16, meaning: &'static str) -> Code {
    Code { name, status, meaning }
}

/// Codes that belong together, by the name under which an operation lists them.
pub(crate) const GROUPS: &[(&str, &[Code])] = &[
    ("every", EVERY),
    ("nowhere", NOWHERE),
    ("path", PATH),
    ("query", QUERY),
    ("session", SESSION),
    ("body", BODY),
    ("json", JSON),
    ("document", DOCUMENT),
    ("key", KEY),
    ("write", WRITE),
    ("rules", RULES),
    ("own", OWN),
];

/// Any request may meet these.
const EVERY: &[Code] = &[
    code("rate_limited", 429, "too many requests at once; Retry-After says when to send the next"),
    code("internal", 500, "the server failed; its log says why"),
    code("database_unavailable", 503, "the database does not answer now; try again in a moment"),
];

/// Paths and methods that are not in the description.
const NOWHERE: &[Code] = &[
    code("no_such_path", 404, "there is nothing under this path"),
    code("no_such_method", 405, "the path takes other methods; Allow lists them"),
];

/// Where the path has parameters.
const PATH: &[Code] = &[code("path_malformed", 400, "a parameter in the path cannot be read")];

/// Where there is a query.
const QUERY: &[Code] = &[
    code("query_malformed", 400, "a parameter in the query cannot be read"),
    code("cursor_malformed", 400, "after is no cursor of this list"),
];

/// Where a session is needed.
const SESSION: &[Code] = &[
    code("authorisation_missing", 401, "no Authorization: Bearer <session>"),
    code("session_invalid", 401, "the session is not a signed session"),
    code("session_audience", 401, "the session is for another market"),
    code("session_expired", 401, "the session has run out; sign a new one"),
    code("session_too_long", 401, "the session would live longer than five minutes"),
];

/// Where there is a body.
const BODY: &[Code] = &[
    code("body_broken", 400, "the body broke off"),
    code("body_timeout", 408, "nothing of the body came for too long"),
    code("body_too_large", 413, "the body is longer than is taken here"),
    code("media_type_unsupported", 415, "the body has another media type than is taken here"),
];

/// Where the body is JSON.
const JSON: &[Code] = &[code("json_malformed", 400, "the body is not the JSON that is needed")];

/// Where there are signed documents.
const DOCUMENT: &[Code] = &[
    code("document_malformed", 400, "not a compact JWS"),
    code("document_header", 400, "the JWS header is not that of this kind of document"),
    code("document_payload", 400, "the payload is not this kind of document"),
    code("signature_invalid", 403, "the signature does not verify"),
    code("foreign_signer", 403, "signed by another party than the document speaks for"),
];

/// Where an idempotency key may be sent.
const KEY: &[Code] = &[
    code("idempotency_key_malformed", 400, "not between 1 and 128 visible ASCII characters"),
    code("idempotency_key_reused", 422, "the key was used with another body"),
];

/// Where something is written.
const WRITE: &[Code] = &[
    code("journal_unavailable", 503, "the journal cannot be written now; try again"),
    code("not_the_writer", 503, "another process writes for the market; send it there"),
    code("disk_full", 507, "the market's disk is full; reads go on"),
];

/// What the market's rules refuse.
const RULES: &[Code] = &[
    code("insufficient_funds", 402, "an account holds less than is needed"),
    code("reads_unpaid", 402, "the client cannot pay for the reads"),
    code("banned", 403, "the provider is banned; its offers are not taken"),
    code("foreign_party", 403, "only another party may give this document here"),
    code("unknown_contract", 404, "there is no such contract"),
    code("unknown_slot", 404, "the contract has no such slot"),
    code("unknown_grant", 404, "no such grant stands"),
    code("already_used", 409, "the number was used for another document"),
    code("counter_out_of_turn", 409, "the counter is not the quote's next round, or one too many"),
    code("epoch_out_of_turn", 409, "epochs open one after the other"),
    code(
        "no_consent",
        409,
        "a provider's standing ask does not cover what the contract is to become",
    ),
    code("not_disputable", 409, "there is nothing about the verdict that a dispute would reverse"),
    code("quote_stale", 409, "the quote cannot be met any more"),
    code("superseded", 409, "a newer document was taken already"),
    code("too_few_providers", 409, "fewer providers fit than there are slots"),
    code(
        "too_many_unfunded",
        409,
        "too many of the client's contracts on Bitcoin have nothing stored",
    ),
    code("wrong_state", 409, "contract or slot is in a state that does not allow this"),
    code("dispute_too_late", 410, "the verdict and its penalties are final"),
    code("quote_expired", 410, "the quote is no longer firm"),
    code("foreign_evidence", 422, "the documents or bytes do not belong together"),
    code("invalid_field", 422, "a field is out of range"),
    code("invalid_terms", 422, "the terms are not sensible"),
    code("money_overflow", 422, "an amount cannot be expressed"),
    code("no_price", 422, "no price can be made"),
    code("receipt_mismatch", 422, "a receipt is missing or says something else"),
];

/// What single operations refuse with.
const OWN: &[Code] = &[
    code("not_ready", 503, "the market takes no work now; the detail says why"),
    code("too_many_streams", 429, "the party follows the events too often at once"),
    code("upgrade_required", 426, "the request does not ask for the stream's protocol"),
    code("not_found", 404, "there is no such thing, or not for who asks"),
    code("not_yours", 403, "this is another party's"),
    code("counter_open", 409, "this counter is being put to the providers; ask again in a moment"),
    code("counter_over", 409, "nobody waits for an answer to this counter any more"),
    code("no_account", 403, "the party has no account yet"),
    code("no_such_rail", 422, "contracts do not settle there in this market"),
    code("not_an_auditor", 403, "the party is no auditor of this market"),
    code("answers_malformed", 422, "the answers are not base64url"),
    code("backup_superseded", 409, "a newer backup is kept"),
    code("backup_malformed", 422, "the sealed bytes are not base64url"),
    code("contract_mismatch", 422, "the document is about another contract than the path"),
    code("hash_mismatch", 422, "the bytes have another hash than the path"),
    code("period_malformed", 422, "the period ends before it begins"),
    code("statement_too_long", 422, "the statement would have too many lines"),
    code("layout_missing", 422, "the layout must be put first"),
];

/// Every code.
pub(crate) fn all() -> impl Iterator<Item = &'static Code> {
    GROUPS.iter().flat_map(|(_, codes)| codes.iter())
}

/// The code called `name`.
pub(crate) fn find(name: &str) -> Option<&'static Code> {
    all().find(|code| code.name == name)
}

/// The codes that `name` stands for: those of a group, or the one.
pub(crate) fn named(name: &str) -> Vec<&'static Code> {
    match GROUPS.iter().find(|(group, _)| *group == name) {
        Some((_, codes)) => codes.iter().collect(),
        None => find(name).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The codes that stand in a source file, as `"code"` after `before`.
    fn written(source: &str, before: &str) -> BTreeSet<String> {
        let ends = source.split(before).skip(1);
        let quoted = ends.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
        quoted.map(str::to_owned).collect()
    }

    #[test]
    fn every_rejection_has_its_row() {
        let source = include_str!("../../src/rejection.rs");
        let found = written(source, "=>");
        assert!(found.len() > 10, "the codes are not found any more: {found:?}");
        for name in found {
            let listed = named("rules").iter().any(|code| code.name == name);
            assert!(listed, "{name} needs a row in RULES of codes.rs");
        }
    }

    #[test]
    fn the_table_for_programmers_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api.md");
        let (from, to) = ("<!-- codes -->\n", "<!-- end of codes -->");
        let text = std::fs::read_to_string(path).unwrap();
        let (before, rest) = text.split_once(from).unwrap();
        let (_, after) = rest.split_once(to).unwrap();
        let row =
            |code: &Code| format!("| `{}` | {} | {} |\n", code.name, code.status, code.meaning);
        let rows: String = all().map(row).collect();
        let expected =
            format!("{before}{from}| code | status | meaning |\n|---|---|---|\n{rows}{to}{after}");
        if std::env::var_os("BONDSTORE_BLESS").is_some() {
            std::fs::write(path, &expected).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap();
        assert!(written == expected, "docs/api.md: BONDSTORE_BLESS=1 writes its table anew");
    }

    #[test]
    fn a_code_is_listed_once() {
        let names: BTreeSet<&str> = all().map(|code| code.name).collect();
        assert_eq!(names.len(), all().count());
        assert!(GROUPS.iter().all(|(group, _)| find(group).is_none()));
    }
}
