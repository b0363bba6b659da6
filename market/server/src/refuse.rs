//! Refusals as problems: each kind has one HTTP status and keeps its stable code.

use crate::error::OpenError;
use crate::writer::Refusal;
use axum::http::StatusCode;
use market::Rejection;
use network::api::Problem;

/// A refusal of the writer.
pub(crate) fn refusal(refusal: &Refusal) -> Problem {
    let (status, code) = match refusal {
        Refusal::Rejected(rejection) => return rejected(rejection),
        Refusal::KeyReused(_) => (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused"),
        Refusal::OldBackup { .. } => (StatusCode::CONFLICT, "backup_superseded"),
        Refusal::DiskFull => (StatusCode::INSUFFICIENT_STORAGE, "disk_full"),
        Refusal::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "journal_unavailable"),
    };
    Problem::new(status, code, refusal.to_string())
}

/// A refusal of the market's rules.
pub(crate) fn rejected(rejection: &Rejection) -> Problem {
    Problem::new(status(rejection), rejection.code(), rejection.to_string())
}

fn status(rejection: &Rejection) -> StatusCode {
    match rejection.code() {
        "foreign_party" => StatusCode::FORBIDDEN,
        "insufficient_funds" | "reads_unpaid" => StatusCode::PAYMENT_REQUIRED,
        "unknown_contract" | "unknown_slot" => StatusCode::NOT_FOUND,
        "quote_expired" => StatusCode::GONE,
        "wrong_state" | "quote_stale" | "superseded" | "already_used" | "epoch_out_of_turn"
        | "too_few_providers" => StatusCode::CONFLICT,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// The database could not be read.
pub(crate) fn unreadable(error: &OpenError) -> Problem {
    tracing::error!(%error, "the database could not be read");
    Problem::internal()
}
