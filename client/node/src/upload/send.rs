//! The line of shards to one slot: a few on their way at a time, each tried again when it fails in passing.

use super::cut::Parcel;
use crate::error::Error;
use crate::holding::Holding;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use shards::Root;
use std::collections::BTreeSet;
use tokio::sync::mpsc::UnboundedReceiver;

/// How many shards of a slot are on their way at a time, so that one can be written while the next comes.
const FLYING_MAX: usize = 3;

/// Sends what comes down the line and is not there yet; gives how many bytes were sent.
///
/// The client beneath repeats a call that failed in passing, with growing pauses; what it reports is final.
pub(crate) async fn send_all(
    holding: Holding,
    mut line: UnboundedReceiver<Parcel>,
    there: BTreeSet<Root>,
) -> Result<u64, Error> {
    let mut flying = FuturesUnordered::new();
    let (mut sent, mut open) = (0, true);
    while open || !flying.is_empty() {
        tokio::select! {
            parcel = line.recv(), if open && flying.len() < FLYING_MAX => match parcel {
                None => open = false,
                Some(parcel) if there.contains(&parcel.root) => {}
                Some(parcel) => flying.push(send(&holding, parcel)),
            },
            Some(done) = flying.next() => sent += done?,
        }
    }
    Ok(sent)
}

async fn send(holding: &Holding, parcel: Parcel) -> Result<u64, Error> {
    let bytes = parcel.bytes.len() as u64;
    let put = holding.client.put(parcel.root, parcel.bytes.clone()).await;
    put.map_err(|error| holding.failed(&error))?;
    Ok(bytes)
}
