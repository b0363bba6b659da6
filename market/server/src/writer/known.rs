//! What the writer knows of what happened before: what is on its way to the disk, what no index finds yet, the database.

use super::batch::Batch;
use crate::store::Store;
use crate::store::index::Lot;

/// Where what happened before is looked up.
pub(super) struct Known<'a> {
    pub(super) store: &'a Store,
    /// What is being written.
    pub(super) in_flight: Option<&'a Batch>,
    /// What is durable, and not sure to be found by an index yet.
    pub(super) lots: [Option<&'a Lot>; 2],
}
