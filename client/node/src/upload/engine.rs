//! Cuts the source on a thread of its own while every slot takes its shards at its own speed.

use super::cut::{CutObject, Outlet, Recipe, cut};
use super::journal::Journal;
use super::send::send_all;
use super::source::Opened;
use crate::error::Error;
use crate::holding::Holding;
use crate::progress::Progress;
use shards::{Root, Shape};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinError, JoinSet};

/// How much memory the segments on their way may take: a slot that is slow holds up the others only when
/// it lies this far behind.
const ROOM_BYTES: u64 = 96 << 20;
/// Even the largest segments overlap in cutting and sending.
const ROOM_SEGMENTS_MIN: u64 = 2;
/// Small segments need not be counted in thousands.
const ROOM_SEGMENTS_MAX: u64 = 64;

/// What there is to upload, and how.
pub(crate) struct Upload {
    pub(crate) source: Opened,
    pub(crate) recipe: Recipe,
    /// Nothing for a stream.
    pub(crate) journal: Option<Journal>,
    pub(crate) progress: Arc<dyn Progress>,
}

/// What became of it.
pub(crate) struct Uploaded {
    pub(crate) object: CutObject,
    /// Shard bytes that were sent.
    pub(crate) sent: u64,
    pub(crate) journal: Option<Journal>,
}

/// Stops the cutting thread when the upload is given up.
struct StopCutting(Arc<Semaphore>);

impl Drop for StopCutting {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Upload {
    /// Sends every slot its shards, but for those that are `there`.
    ///
    /// # Errors
    /// The first slot that does not take its shards stops the upload, as does a source that changes.
    pub(crate) async fn run(
        self,
        slots: &[Holding],
        there: Vec<BTreeSet<Root>>,
    ) -> Result<Uploaded, Error> {
        let room = Arc::new(Semaphore::new(room_segments(self.recipe.shape)));
        let stop = StopCutting(Arc::clone(&room));
        let mut senders = Vec::with_capacity(slots.len());
        let mut lines = JoinSet::new();
        for (holding, there) in slots.iter().zip(there) {
            let (sender, line) = mpsc::unbounded_channel();
            senders.push(sender);
            lines.spawn(send_all(holding.clone(), line, there));
        }
        let outlet = Outlet { slots: senders, room };
        let Self { mut source, recipe, mut journal, progress } = self;
        let cutting = tokio::task::spawn_blocking(move || {
            let object = cut(&mut source, &recipe, journal.as_mut(), &outlet, &*progress);
            object.map(|object| (object, journal))
        });
        let mut sent = 0;
        while let Some(line) = lines.join_next().await {
            match line.map_err(stopped).and_then(|line| line) {
                Ok(bytes) => sent += bytes,
                Err(error) => {
                    drop((stop, lines));
                    // The thread lets go of the journal before anyone hears of the failure.
                    return Err(cutting
                        .await
                        .map_err(stopped)?
                        .err()
                        .filter(is_cause)
                        .unwrap_or(error));
                }
            }
        }
        let (object, journal) = cutting.await.map_err(stopped)??;
        Ok(Uploaded { object, sent, journal })
    }
}

/// Whether the cutting thread has a reason of its own, and was not merely told to stop.
fn is_cause(error: &Error) -> bool {
    !matches!(error, Error::Stopped)
}

fn stopped(error: JoinError) -> Error {
    match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => Error::Stopped,
    }
}

fn room_segments(shape: Shape) -> usize {
    let segment = u64::from(shape.shards()) * u64::from(shape.shard_bytes);
    let segments = (ROOM_BYTES / segment).clamp(ROOM_SEGMENTS_MIN, ROOM_SEGMENTS_MAX);
    usize::try_from(segments).expect("it is 64 at most")
}
