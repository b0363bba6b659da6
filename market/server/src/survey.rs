//! What a start leaves for afterwards: everything that is not needed to go on, and must be right all the same.
//!
//! A start rests on the newest snapshot, whose hash it checks, and on the blocks behind it. The rest of the database
//! is looked through beside the market's work: its structure, every block before the snapshot, and every
//! invariant of the state that the start came to. A market that finds anything wrong takes no work any more.

use crate::error::OpenError;
use crate::journal::Head;
use crate::ready::Ready;
use crate::replay::{read_genesis, sound};
use crate::store::{Place, Store};
use market::Market;
use std::sync::Arc;
use std::time::Duration;

/// How long after a failure the database is asked again.
const AGAIN: Duration = Duration::from_secs(10);

/// What is to be looked through.
pub(crate) struct Survey {
    pub(crate) place: Place,
    /// The block that left the snapshot, and the journal's beginning where none was used.
    pub(crate) base: Head,
    /// The state that the start came to.
    pub(crate) market: Market,
}

impl Survey {
    /// Looks through everything on a thread of its own; `ready` learns what it finds. A database that cannot be asked is
    /// asked again, for as long as there is somebody to tell.
    pub(crate) fn begin(self, ready: &Arc<Ready>) -> std::io::Result<()> {
        let ready = Arc::downgrade(ready);
        let survey = move || {
            let found = loop {
                match self.look() {
                    Err(OpenError::Database(error)) if ready.strong_count() > 0 => {
                        tracing::warn!(%error, "the database could not be looked through, it is tried again");
                        std::thread::sleep(AGAIN);
                    }
                    found => break found,
                }
            };
            let Some(ready) = ready.upgrade() else { return };
            match &found {
                Ok(()) => tracing::info!("the whole database was looked through and is sound"),
                Err(error) => tracing::error!(%error, "the market takes no work any more"),
            }
            ready.surveyed(found.map_err(|error| error.to_string()));
        };
        std::thread::Builder::new().name("market-survey".into()).spawn(survey).map(drop)
    }

    fn look(&self) -> Result<(), OpenError> {
        let store = Store::open_for_reading(&self.place)?;
        store.check_structure()?;
        let base = self.base;
        if base.blocks > 0 {
            let (_, origin) = read_genesis(&store)?;
            store.walk_to(origin, base.blocks, |block| {
                if block.seq != base.blocks || block.hash == base.hash {
                    return Ok(());
                }
                let reason = "the snapshot is of another block".to_owned();
                Err(OpenError::CorruptBlock { block: block.seq, reason })
            })?;
        }
        sound(&self.market)
    }
}
