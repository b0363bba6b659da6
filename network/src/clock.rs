//! The wall clock, read in one place.

use std::time::{SystemTime, UNIX_EPOCH};
use types::Timestamp;

/// Now, by this machine's clock. A clock set before 1970 counts as 1970.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
