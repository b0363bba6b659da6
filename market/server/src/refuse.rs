//! Refusals as problems: each kind has one HTTP status and keeps its stable code.

use crate::codes;
use crate::error::OpenError;
use crate::store::StoreError;
use crate::writer::Refusal;
use axum::http::StatusCode;
use market::Rejection;
use network::api::Problem;

/// A refusal of the writer.
pub(crate) fn refusal(refusal: &Refusal) -> Problem {
    let code = match refusal {
        Refusal::Rejected(rejection) => return rejected(rejection),
        Refusal::KeyReused(_) => "idempotency_key_reused",
        Refusal::OldBackup { .. } => "backup_superseded",
        Refusal::DiskFull => "disk_full",
        Refusal::NotTheWriter(_) => "not_the_writer",
        Refusal::Unavailable(_) => "journal_unavailable",
    };
    Problem::new(status(code), code, refusal.to_string())
}

/// A refusal of the market's rules.
pub(crate) fn rejected(rejection: &Rejection) -> Problem {
    Problem::new(status(rejection.code()), rejection.code(), rejection.to_string())
}

fn status(code: &str) -> StatusCode {
    let row = codes::find(code);
    debug_assert!(row.is_some(), "{code} needs a row in codes.rs");
    row.and_then(|row| StatusCode::from_u16(row.status).ok())
        .unwrap_or(StatusCode::UNPROCESSABLE_ENTITY)
}

/// The database could not be read.
pub(crate) fn unreadable(error: &OpenError) -> Problem {
    if let OpenError::Database(StoreError::Unavailable(_) | StoreError::Busy(_)) = error {
        tracing::warn!(%error, "the database does not answer");
        let detail = "the database does not answer now; try again in a moment";
        return Problem::unavailable("database_unavailable", detail);
    }
    tracing::error!(%error, "the database could not be read");
    Problem::internal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_does_not_answer_is_no_fault_and_its_address_is_not_told() {
        let unavailable = StoreError::Unavailable("no answer from db.example".into());
        let problem = unreadable(&unavailable.into());
        assert_eq!((problem.status, problem.code.as_str()), (503, "database_unavailable"));
        assert!(!problem.detail.contains("db.example"), "{}", problem.detail);
        let damaged = unreadable(&StoreError::Malformed("no column".into()).into());
        assert_eq!((damaged.status, damaged.code.as_str()), (500, "internal"));
    }
}
