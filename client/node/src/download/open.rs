//! The thread that decodes, decrypts and writes the segments in order.

use super::target::Sink;
use crate::error::Error;
use crate::progress::{Event, Progress};
use shards::{Decoder, Shard};
use tokio::sync::mpsc;

/// Decodes and writes what comes down the line until it ends. Blocks; runs on a thread of its own.
pub(crate) fn open_all(
    mut decoder: Decoder,
    mut sink: Sink,
    mut line: mpsc::Receiver<Vec<Shard>>,
    progress: &dyn Progress,
) -> Result<Sink, Error> {
    let total = Some(decoder.layout().plain_bytes);
    while let Some(shards) = line.blocking_recv() {
        decoder.push(&shards, &mut sink).map_err(|error| sink.failure(error))?;
        drop(shards);
        progress.notice(&Event::Moved { bytes: sink.bytes(), total });
    }
    if decoder.next_segment().is_some() {
        return Err(Error::Stopped);
    }
    decoder.finish()?;
    Ok(sink)
}
