//! An oracle that follows a market: every escrow that the market lists is announced, and what it came to is attested once it is proven.
//!
//! An escrow's event is called by the escrow's own name. It matures as it is announced: when a contract ends early, or a slot is lost,
//! its outcome is known at once, and nobody should wait for its money. Who reads the list again finds done what is done.
//!
//! The list is unsigned, and what is attested stands for ever. So an outcome is attested only from the journal's entry that says it, which
//! is in the tree of a head that the market signed ([`proof`]), and which continues every head that was seen before ([`seen`]). A market
//! that shows two journals is followed no longer.

pub mod proof;
pub mod seen;

use super::rule::{EventName, Rule};
use super::{Announced, Oracle};
use network::api::EscrowView;
use network::client::ClientError;
use network::market_api::MarketClient;
use proof::ProofError;
use seen::{Seen, SeenError};
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use types::{Hash, Timestamp};

/// What came of a market's list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// How many escrows were announced just now.
    pub announced: usize,
    /// How many outcomes were attested just now, or reported to the other auditors where they have a say.
    pub said: usize,
    /// What could not be done: which escrow, and why.
    pub failed: Vec<(Hash, String)>,
}

impl Followed {
    fn add(&mut self, other: Self) {
        self.announced += other.announced;
        self.said += other.said;
        self.failed.extend(other.failed);
    }
}

/// Why a market cannot be followed now.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// Its list, a proof or a head cannot be read.
    #[error(transparent)]
    Unread(#[from] ClientError),
    /// Its heads.
    #[error(transparent)]
    Seen(#[from] SeenError),
    /// The list does not go on.
    #[error("the market's list says that there is more behind {0:?}, and shows nothing")]
    Stuck(String),
}

/// Announces and attests what `escrows` says, under `rule`; what they came to must be proven. An escrow that fails does not keep the
/// others. Blocks.
pub fn follow(oracle: &Oracle, rule: &Rule, escrows: &[EscrowView], now: Timestamp) -> Followed {
    let mut followed = Followed::default();
    for escrow in escrows {
        match follow_one(oracle, rule, escrow, now) {
            Ok((announced, said)) => {
                followed.announced += usize::from(announced);
                followed.said += usize::from(said);
            }
            Err(reason) => followed.failed.push((escrow.escrow, reason)),
        }
    }
    followed
}

/// Whether it was announced, and whether its outcome was said, just now.
fn follow_one(
    oracle: &Oracle,
    rule: &Rule,
    view: &EscrowView,
    now: Timestamp,
) -> Result<(bool, bool), String> {
    let event = EventName::new(view.escrow, view.slot, rule).to_string();
    let is_new = oracle.known(&event).is_err();
    if is_new {
        let seconds = now.0.div_euclid(1_000_000);
        let maturity = u32::try_from(seconds)
            .map_err(|_| format!("{seconds} s since 1970 is no time that can be announced"))?;
        let announced = oracle.announce((view.escrow, view.slot), maturity, rule);
        announced.map_err(|error| error.to_string())?;
    }
    let Some(score) = view.outcome.filter(|_| !has_said(oracle, rule, view)) else {
        return Ok((is_new, false));
    };
    oracle.say(&event, score, now).map_err(|error| error.to_string())?;
    Ok((is_new, true))
}

/// What the oracle knows of an escrow's event, where it has announced that.
fn known(oracle: &Oracle, rule: &Rule, view: &EscrowView) -> Option<Announced> {
    oracle.known(&EventName::new(view.escrow, view.slot, rule).to_string()).ok()
}

/// Whether the oracle has said already what the view says.
fn has_said(oracle: &Oracle, rule: &Rule, view: &EscrowView) -> bool {
    let known = known(oracle, rule, view);
    known.is_some_and(|known| known.outcome.or(known.report) == view.outcome)
}

/// Why nothing more can be done about an outcome: the oracle has said another, which stands, or has given the event up.
fn stands_otherwise(oracle: &Oracle, rule: &Rule, view: &EscrowView) -> Option<String> {
    let outcome = view.outcome?;
    let known = known(oracle, rule, view)?;
    if known.given_up {
        return Some("its event was given up, and is never attested here".into());
    }
    let said = known.outcome.or(known.report).filter(|said| *said != outcome)?;
    Some(format!("{said} was said of it, and stands; the market's list says {outcome}"))
}

/// Follows one market, round by round.
#[derive(Debug)]
pub struct Follower {
    oracle: Arc<Oracle>,
    rule: Rule,
    seen: Seen,
    /// What failed in the last round, so that it is told once.
    failed: BTreeSet<(Hash, String)>,
}

impl Follower {
    /// Lets `oracle` follow `market`, whose escrows are attested under `rule`, from where `folder` says that it was.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn open(
        (oracle, rule): (Arc<Oracle>, Rule),
        folder: &Path,
        market: types::Did,
    ) -> io::Result<Self> {
        let seen = Seen::open(folder, market)?;
        Ok(Self { oracle, rule, seen, failed: BTreeSet::new() })
    }

    /// Where the next round begins to read.
    pub fn since(&self) -> &str {
        self.seen.since()
    }

    /// Reads what came to the market's list and does what it asks for. What fails is in the log when it begins to fail, and is tried again.
    ///
    /// # Errors
    /// [`FollowError`] where the list cannot be read, or the market shows another journal than before; what was done by then stays done.
    pub async fn round(&mut self, market: &MarketClient) -> Result<Followed, FollowError> {
        let mut followed = Followed::default();
        let (mut since, mut waits) = (self.seen.since().to_owned(), false);
        self.seen.is_one_journal()?;
        loop {
            let page = market.escrows(&since).await?;
            if page.more && (page.items.is_empty() || page.next == since) {
                return Err(FollowError::Stuck(since));
            }
            let (done, again) = self.page(market, page.items).await?;
            followed.add(done);
            waits |= again;
            since = page.next;
            // What failed is read again: nothing behind it is forgotten meanwhile, and what is done is done once.
            if !waits {
                self.seen.reached(&since).map_err(SeenError::Disk)?;
            }
            if !page.more {
                break;
            }
        }
        let failed: BTreeSet<_> = followed.failed.iter().cloned().collect();
        for (escrow, reason) in failed.difference(&self.failed) {
            tracing::warn!(%escrow, reason, "an escrow cannot be followed");
        }
        self.failed = failed;
        Ok(followed)
    }

    /// Proves what the list says, and does it; says whether something of it is to be tried again.
    async fn page(
        &mut self,
        market: &MarketClient,
        items: Vec<EscrowView>,
    ) -> Result<(Followed, bool), FollowError> {
        let (mut proven, mut unproven, mut settled) = (Vec::new(), Vec::new(), Vec::new());
        for view in items {
            if let Some(reason) = stands_otherwise(&self.oracle, &self.rule, &view) {
                settled.push((view.escrow, reason));
                continue;
            }
            if view.outcome.is_none() || has_said(&self.oracle, &self.rule, &view) {
                proven.push(view);
                continue;
            }
            match self.prove(market, &view).await {
                Ok(Ok(())) => proven.push(view),
                Ok(Err(error)) => unproven.push((view.escrow, error.to_string())),
                // One entry that the market does not give keeps no other.
                Err(FollowError::Unread(
                    error @ (ClientError::Refused(_) | ClientError::Foreign { .. }),
                )) => {
                    unproven.push((view.escrow, error.to_string()));
                }
                Err(error) => return Err(error),
            }
        }
        let (oracle, rule) = (self.oracle.clone(), self.rule.clone());
        let work = move || follow(&oracle, &rule, &proven, network::clock::now());
        let mut followed = tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
            tracing::error!(%error, "the oracle did not come to the end of the market's list");
            Followed { failed: vec![(Hash::default(), error.to_string())], ..Followed::default() }
        });
        followed.failed.extend(unproven);
        let again = !followed.failed.is_empty();
        followed.failed.extend(settled);
        Ok((followed, again))
    }

    /// Whether the market's journal says what its list does of an escrow's outcome.
    async fn prove(
        &mut self,
        market: &MarketClient,
        view: &EscrowView,
    ) -> Result<Result<(), ProofError>, FollowError> {
        let proof = market.escrow_entry(view.entry).await?;
        if let Err(error) = proof::check(&proof, view, self.seen.market()) {
            return Ok(Err(error));
        }
        self.seen.head(&proof.head, market).await?;
        Ok(Ok(()))
    }
}
