//! How a call is refused: bitcoind's codes (`src/rpc/protocol.h` of Bitcoin Core), and what each is over HTTP.

use crate::chain::devchain::{BlockError, DevchainError, TransactionError};
use axum::http::StatusCode;
use serde::Serialize;

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Fault {
    code: i32,
    message: String,
}

impl Fault {
    fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// Not a call.
    pub(super) fn unparsable(error: &serde_json::Error) -> Self {
        Self::new(-32700, format!("Parse error: {error}"))
    }

    /// Nothing here is called so.
    pub(super) fn no_method(method: &str) -> Self {
        let shown: String = method.chars().take(60).collect();
        Self::new(-32601, format!("Method not found: a development chain has no {shown:?}"))
    }

    /// Parameters of the wrong kind.
    pub(super) fn kind(message: impl Into<String>) -> Self {
        Self::new(-3, message)
    }

    /// Parameters out of range.
    pub(super) fn range(message: impl Into<String>) -> Self {
        Self::new(-8, message)
    }

    /// No such block, transaction or address.
    pub(super) fn missing(message: impl Into<String>) -> Self {
        Self::new(-5, message)
    }

    /// Not what its hexadecimal should be.
    pub(super) fn undecodable(message: impl Into<String>) -> Self {
        Self::new(-22, message)
    }

    pub(super) fn status(&self) -> StatusCode {
        match self.code {
            -32601 => StatusCode::NOT_FOUND,
            -32600 => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn code(&self) -> i32 {
        self.code
    }
}

impl From<TransactionError> for Fault {
    fn from(error: TransactionError) -> Self {
        let code = match error {
            TransactionError::Missing(_) => -25,
            TransactionError::Confirmed(_) => -27,
            _ => -26,
        };
        Self::new(code, error.to_string())
    }
}

impl From<BlockError> for Fault {
    fn from(error: BlockError) -> Self {
        Self::new(-25, error.to_string())
    }
}

impl From<DevchainError> for Fault {
    fn from(error: DevchainError) -> Self {
        let code = if matches!(error, DevchainError::UnknownBlock(_)) { -5 } else { -1 };
        Self::new(code, error.to_string())
    }
}
