//! The one writer: it decides commands in order, commits them in groups, and only then publishes and answers.
//!
//! A thread of its own takes jobs from a bounded queue and judges each against the state that the ones before it left.
//! Up to [`BATCH_MAX`] of them add their events, postings, documents, keys and outbox rows in one transaction with the
//! next journal block, while the next ones are judged. Nothing is answered before that is durable.

mod batch;
mod known;
mod marks;
mod thread;

pub use crate::store::changes::RequestKey;
pub(crate) use thread::{Notices, Start, start};

use crate::ready::{Ready, Reason};
use market::{Command, Event, Rejection};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use types::{ContractId, Did, DocId, Hash, Signed};

/// The most jobs that share a transaction.
pub const BATCH_MAX: usize = 1_024;
/// How many jobs may wait.
const QUEUE_MAX: usize = 4_096;

/// A command on its way to the writer.
#[derive(Debug)]
pub struct Submission {
    /// What is to be judged. Its documents are verified already.
    pub command: Command,
    /// The request's key, where it has one.
    pub key: Option<RequestKey>,
    /// Further signed documents to keep with it.
    pub evidence: Vec<(DocId, Signed)>,
    /// A proof's bytes to keep with it, by the proof's name.
    pub answers: Option<(DocId, Vec<u8>)>,
}

impl From<Command> for Submission {
    fn from(command: Command) -> Self {
        Self { command, key: None, evidence: Vec::new(), answers: None }
    }
}

/// What became of a submission. It is durable.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What happened; nothing where it had happened before.
    pub events: Arc<[Event]>,
    /// The answer that was kept under the request's key, where it had one.
    pub answer: Option<Vec<u8>>,
}

/// Bulk data and housekeeping that share the writer's transactions.
#[derive(Debug)]
pub(crate) enum Keep {
    /// A contract's layout.
    Layout {
        /// Of which contract.
        contract: ContractId,
        /// Its hash.
        hash: Hash,
        /// Its bytes.
        bytes: bytes::Bytes,
    },
    /// A client's sealed catalogue.
    Backup {
        /// Whose.
        party: Did,
        /// Which version.
        generation: u64,
        /// Its bytes.
        sealed: Vec<u8>,
    },
    /// The answer to a keyed request that changes nothing else.
    Answer {
        /// The request's key.
        key: RequestKey,
        /// What it is answered, unless it was answered before.
        answer: Vec<u8>,
    },
    /// Outbox rows that are done.
    Done(Vec<i64>),
}

/// Why the writer did not do something. Nothing of it has happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The market's rules refuse it.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The key belongs to another request.
    #[error("the idempotency key {0:?} was used with another body; give each request its own key")]
    KeyReused(String),
    /// A newer backup is kept.
    #[error("backup generation {found} is not above {kept}, which is kept already; fetch that one, then send {}", .kept.saturating_add(1))]
    OldBackup {
        /// The one that was sent.
        found: u64,
        /// The one that is kept.
        kept: u64,
    },
    /// There is no room for another block.
    #[error(
        "the market's disk is full: reads continue, new work waits until its operator makes room"
    )]
    DiskFull,
    /// Another process writes for this market.
    #[error(
        "this process does not write for the market: {}; it goes on reading here",
        if .0.is_empty() { "its writer is being replaced, send it again in a few seconds".to_owned() }
        else { format!("send it to {}", .0) }
    )]
    NotTheWriter(String),
    /// The journal cannot be written now.
    #[error("the market cannot write its journal now ({0}); try again later")]
    Unavailable(String),
}

/// What a process is to the market's journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// It writes, and nobody else does.
    Writer {
        /// Which run of the writer it is: each is one more than the one before.
        term: u64,
    },
    /// It reads along.
    Follower {
        /// Where the writer answers; empty while there is none.
        writer: String,
    },
}

impl Role {
    /// Whether it writes.
    pub fn is_writer(&self) -> bool {
        matches!(self, Self::Writer { .. })
    }
}

/// What the writer's thread is asked to do.
enum Job {
    Work(Work, oneshot::Sender<Result<Outcome, Refusal>>),
    /// A piece of the snapshot that is being made is to be written.
    Save,
    /// The batch that was on its way is written, or is not.
    Written,
    /// Finish what is before this in the queue, then stop.
    Stop,
}

enum Work {
    Decide(Box<Submission>),
    Keep(Keep),
}

/// The way to the writer. Clones share it.
#[derive(Clone, Debug)]
pub struct Writer {
    jobs: mpsc::Sender<Job>,
    ready: Arc<Ready>,
}

impl Writer {
    fn new(jobs: mpsc::Sender<Job>) -> Self {
        Self { jobs, ready: Arc::default() }
    }

    /// Whether it takes work.
    pub(crate) fn ready(&self) -> &Arc<Ready> {
        &self.ready
    }

    /// Learns from what became of some work whether the next will be taken.
    fn note(&self, answer: &Result<Outcome, Refusal>) {
        let (full, unavailable) = match answer {
            Err(Refusal::DiskFull) => (true, false),
            Err(Refusal::Unavailable(_)) => (false, true),
            Ok(_) => (false, false),
            Err(_) => return,
        };
        self.ready.set(Reason::DiskFull, full);
        self.ready.set(Reason::JournalUnavailable, unavailable);
    }

    /// Has a command judged. When this returns, what happened is durable and published.
    ///
    /// # Errors
    /// [`Refusal`] says why nothing happened.
    pub async fn submit(&self, submission: impl Into<Submission>) -> Result<Outcome, Refusal> {
        self.send(Work::Decide(Box::new(submission.into()))).await
    }

    pub(crate) async fn keep(&self, keep: Keep) -> Result<Outcome, Refusal> {
        self.send(Work::Keep(keep)).await
    }

    /// Has the thread stop once everything before this is done.
    pub(crate) async fn stop(&self) {
        // An error says that it has stopped already.
        let _ = self.jobs.send(Job::Stop).await;
    }

    /// Wakes the thread, so that it sees that it is to stop at once.
    pub(crate) fn wake(&self) {
        // A full queue wakes it as well, and a closed one has nobody to wake.
        let _ = self.jobs.try_send(Job::Stop);
    }

    async fn send(&self, work: Work) -> Result<Outcome, Refusal> {
        if let Some(damage) = self.ready.damage() {
            return Err(Refusal::Unavailable(damage));
        }
        let stopped = || Refusal::Unavailable("it is shutting down".into());
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job::Work(work, reply)).await.map_err(|_| stopped())?;
        let answer = answer.await.unwrap_or_else(|_| Err(stopped()));
        self.note(&answer);
        answer
    }
}
