//! Why a call failed.

use crate::api::Problem;
use crate::tls::WrongKey;
use std::time::Duration;

/// Why a call failed, and what would be right.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection.
    #[error("nobody answers at {endpoint} ({reason}); is it running, and is the address right?")]
    Connect {
        /// Where.
        endpoint: String,
        /// What the system says.
        reason: String,
    },
    /// Somebody else answers there.
    #[error("{endpoint}: {wrong}; if its key really changed, set it up again with the new one")]
    WrongPeer {
        /// Where.
        endpoint: String,
        /// Who was expected, and who answered.
        wrong: WrongKey,
    },
    /// Plain HTTP would leave this machine.
    #[error(
        "{endpoint} leads to {address}, which is another machine: plain HTTP is not sent there; \
         use https://, or allow it with --insecure-http"
    )]
    PlainRemote {
        /// Where.
        endpoint: String,
        /// What its name resolves to.
        address: std::net::IpAddr,
    },
    /// It took too long.
    #[error("{endpoint} took more than {after:?} for {what}; it hangs or is overloaded")]
    TimedOut {
        /// Where.
        endpoint: String,
        /// Which part.
        what: &'static str,
        /// How long was waited.
        after: Duration,
    },
    /// It kept failing, so it is not asked for a while. The text is the same until then, so that whoever tries on tells it once.
    #[error("{endpoint} kept failing and is left alone for a while, after which it is asked again")]
    LeftAlone {
        /// Where.
        endpoint: String,
        /// When the next call may be made.
        again_in: Duration,
    },
    /// The connection broke.
    #[error("the connection to {endpoint} broke: {reason}")]
    Broken {
        /// Where.
        endpoint: String,
        /// What happened.
        reason: String,
    },
    /// The peer refuses, and says why.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// The peer refuses, in words that no peer of ours would choose.
    #[error("{endpoint} answers with HTTP status {status}, which a node of ours would not")]
    Foreign {
        /// Where.
        endpoint: String,
        /// What.
        status: u16,
    },
    /// The answer is longer than it may be.
    #[error("the answer of {endpoint} is longer than {max} bytes, the most it may be")]
    TooLarge {
        /// Whose.
        endpoint: String,
        /// The limit.
        max: usize,
    },
    /// The answer is not what was asked for.
    #[error("the answer of {endpoint} is wrong: {reason}")]
    WrongAnswer {
        /// Whose.
        endpoint: String,
        /// How.
        reason: String,
    },
    /// The call cannot be made at all.
    #[error("this call cannot be made: {0}")]
    Impossible(String),
}

impl ClientError {
    /// What the peer refused with, where it said so.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused(problem) => Some(problem),
            _ => None,
        }
    }

    /// The problem's stable code, where the peer gave one.
    pub fn code(&self) -> Option<&str> {
        self.problem().map(|problem| problem.code.as_str())
    }

    /// Whether nobody answered at all, or the connection did not last: what a circuit breaker counts. A refusal
    /// is an answer.
    pub(super) fn is_silence(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::TimedOut { .. } | Self::Broken { .. })
            || matches!(self, Self::Foreign { status: 502 | 504, .. })
    }

    /// Whether the same call may well succeed a moment later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect { .. }
            | Self::TimedOut { .. }
            | Self::Broken { .. }
            | Self::LeftAlone { .. } => true,
            Self::Refused(problem) => transient_status(problem.status),
            Self::Foreign { status, .. } => transient_status(*status),
            _ => false,
        }
    }
}

/// Too many requests, bad gateway, unavailable, gateway timeout.
fn transient_status(status: u16) -> bool {
    matches!(status, 429 | 502 | 503 | 504)
}
