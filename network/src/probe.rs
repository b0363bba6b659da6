//! Measuring a provider from where one stands: how soon a read begins, how fast it runs.
//!
//! The market and independent auditors measure with this one piece of code, so that their figures mean the same.

use crate::api::ProbeLine;
use crate::auth::Pass;
use crate::client::{ClientOptions, HttpClient};
use crate::endpoint::{Endpoint, PlainHttp};
use crate::node_api::{NodeClient, SlotClient};
use shards::Root;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use types::documents::Measurement;
use types::{Did, Signer};

/// How many reads a measurement is made of.
pub const PROBES: u32 = 4;
/// How long one read may take before it counts as unanswered.
const PATIENCE: Duration = Duration::from_secs(10);
/// Shorter reads say nothing about throughput, in bytes.
const THROUGHPUT_BYTES_MIN: u64 = 16 << 10;

/// Who measures, from where.
#[derive(Clone)]
pub struct Vantage {
    /// Signs for the reads.
    pub signer: Arc<dyn Signer>,
    /// Its name.
    pub name: String,
    /// Where plain HTTP is taken.
    pub plain: PlainHttp,
}

/// One read's figures.
#[derive(Clone, Copy, Debug)]
struct Read {
    first_byte: Duration,
    bytes: u64,
    whole: Duration,
}

impl Vantage {
    /// In whose name it measures.
    pub fn auditor(&self) -> Did {
        self.signer.did()
    }

    /// Measures one provider, by [`PROBES`] reads of one shard, one after the other.
    pub async fn measure(&self, line: &ProbeLine) -> Measurement {
        let mut reads = Vec::new();
        if let Some(slot) = self.slot(line) {
            for _ in 0..PROBES {
                if let Ok(Some(one)) = timeout(PATIENCE, read(&slot, Root(line.shard.0))).await {
                    reads.push(one);
                } else {
                    tracing::debug!(provider = %line.provider, "unanswered");
                }
            }
        }
        let first_byte = reads.iter().map(|read| read.first_byte.as_millis()).max().unwrap_or(0);
        let long = reads.iter().filter(|read| read.bytes >= THROUGHPUT_BYTES_MIN);
        Measurement {
            auditor: self.auditor(),
            vantage: self.name.clone(),
            provider: line.provider,
            epoch: line.epoch,
            probes: PROBES,
            answered: u32::try_from(reads.len()).unwrap_or(PROBES),
            // Of four reads the slowest is the 95th percentile.
            first_byte_ms: u32::try_from(first_byte).unwrap_or(u32::MAX),
            throughput: long.map(Read::rate).min().unwrap_or(0),
        }
    }

    fn slot(&self, line: &ProbeLine) -> Option<SlotClient> {
        let endpoint =
            Endpoint::parse(&line.endpoint, self.plain).ok()?.pinned(line.provider).ok()?;
        let pass = Pass::presented(self.signer.clone(), line.token.clone()).ok()?;
        let http = HttpClient::new(endpoint, ClientOptions::default());
        Some(NodeClient::new(http).slot(pass))
    }
}

impl Read {
    /// Bytes per second, from the request to the last byte.
    fn rate(&self) -> u64 {
        let micros = self.whole.as_micros().max(1);
        u64::try_from(u128::from(self.bytes) * 1_000_000 / micros).unwrap_or(u64::MAX)
    }
}

/// Reads a shard to its end; nothing where it does not come.
async fn read(slot: &SlotClient, root: Root) -> Option<Read> {
    let asked = Instant::now();
    let mut answer = slot.read(root).await.ok()?;
    let mut bytes = answer.chunk().await.ok()??.len() as u64;
    let first_byte = asked.elapsed();
    while let Some(piece) = answer.chunk().await.ok()? {
        bytes += piece.len() as u64;
    }
    Some(Read { first_byte, bytes, whole: asked.elapsed() })
}
