//! Measuring a provider from where one stands: whether it is there, how soon a read begins, how fast it runs.
//!
//! The market and independent auditors measure with this one piece of code, so that their figures mean the same.

use crate::api::{ProbeLine, ProbeRead};
use crate::auth::Pass;
use crate::client::{ClientOptions, HttpClient};
use crate::endpoint::{Endpoint, PlainHttp};
use crate::node_api::{NodeClient, SlotClient};
use shards::Root;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use types::documents::{Measurement, Presence};
use types::{Did, Hash, Signer, Verified};

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

    /// Measures one provider: by [`PROBES`] reads of one shard, one after the other, or where nothing is to be read by asking
    /// it once whether it is there.
    ///
    /// Nothing where this machine has no randomness to ask with.
    pub async fn measure(&self, line: &ProbeLine) -> Option<Measurement> {
        match &line.read {
            Some(wanted) => Some(self.read(line, wanted).await),
            None => self.attend(line).await,
        }
    }

    async fn read(&self, line: &ProbeLine, wanted: &ProbeRead) -> Measurement {
        let mut reads = Vec::new();
        if let Some(slot) = self.slot(line, wanted) {
            for _ in 0..PROBES {
                if let Ok(Some(one)) = timeout(PATIENCE, read(&slot, Root(wanted.shard.0))).await {
                    reads.push(one);
                } else {
                    tracing::debug!(provider = %line.provider, "unanswered");
                }
            }
        }
        let first_byte = reads.iter().map(|read| read.first_byte.as_millis()).max().unwrap_or(0);
        let long = reads.iter().filter(|read| read.bytes >= THROUGHPUT_BYTES_MIN);
        Measurement {
            probes: PROBES,
            answered: u32::try_from(reads.len()).unwrap_or(PROBES),
            // Of four reads the slowest is the 95th percentile.
            first_byte_ms: u32::try_from(first_byte).unwrap_or(u32::MAX),
            throughput: long.map(Read::rate).min().unwrap_or(0),
            ..self.blank(line)
        }
    }

    /// Asks whether the provider is there: it must sign for what was drawn just now, so that nobody else can answer for it.
    async fn attend(&self, line: &ProbeLine) -> Option<Measurement> {
        let mut nonce = Hash::default();
        if let Err(error) = getrandom::fill(&mut nonce.0) {
            tracing::error!(%error, "the system gives no randomness: nobody is asked");
            return None;
        }
        let asked = Instant::now();
        let answer = timeout(PATIENCE, self.presence(line, nonce)).await.ok().flatten();
        let taken = u32::try_from(asked.elapsed().as_millis()).unwrap_or(u32::MAX);
        if answer.is_none() {
            tracing::debug!(provider = %line.provider, "not there");
        }
        let answered = u32::from(answer.is_some());
        let first_byte_ms = if answer.is_some() { taken } else { 0 };
        Some(Measurement { probes: 1, answered, first_byte_ms, ..self.blank(line) })
    }

    /// The provider's word for `nonce`; nothing where it does not come, or is not the provider's.
    async fn presence(&self, line: &ProbeLine, nonce: Hash) -> Option<Verified<Presence>> {
        let signed = self.node(line)?.presence(nonce).await.ok()?;
        let presence: Verified<Presence> = signed.verify().ok()?;
        ((presence.provider, presence.nonce) == (line.provider, nonce)).then_some(presence)
    }

    /// A measurement of which nothing is known yet.
    fn blank(&self, line: &ProbeLine) -> Measurement {
        Measurement {
            auditor: self.auditor(),
            vantage: self.name.clone(),
            provider: line.provider,
            epoch: line.epoch,
            probes: 0,
            answered: 0,
            first_byte_ms: 0,
            throughput: 0,
        }
    }

    fn node(&self, line: &ProbeLine) -> Option<NodeClient> {
        let endpoint =
            Endpoint::parse(&line.endpoint, self.plain).ok()?.pinned(line.provider).ok()?;
        Some(NodeClient::new(HttpClient::new(endpoint, ClientOptions::default())))
    }

    fn slot(&self, line: &ProbeLine, wanted: &ProbeRead) -> Option<SlotClient> {
        let pass = Pass::presented(self.signer.clone(), wanted.token.clone()).ok()?;
        Some(self.node(line)?.slot(pass))
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
