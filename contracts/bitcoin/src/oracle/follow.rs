//! An oracle that follows a market: every escrow that the market lists is announced, and what it came to is attested.
//!
//! An escrow's event is called by the escrow's own name. It matures as it is announced: when a contract ends early, or a slot is lost,
//! its outcome is known at once, and nobody should wait for its money. Who reads the list again finds done what is done.

use super::Oracle;
use super::rule::{EventName, Rule};
use contracts::outcome::escrow_id;
use network::api::EscrowView;
use network::client::ClientError;
use network::market_api::MarketClient;
use std::collections::BTreeSet;
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

/// Announces and attests what `escrows` says, under `rule`. An escrow that fails does not keep the others. Blocks.
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
    let wanted = escrow_id(view.contract, view.slot, view.provider);
    if view.escrow != wanted {
        return Err(format!(
            "the market calls it so, and the escrow of slot {} of contract {} with {} is {wanted}",
            view.slot, view.contract, view.provider
        ));
    }
    let event = EventName::new(view.escrow, view.slot, rule).to_string();
    let known = oracle.known(&event).ok();
    let is_new = known.is_none();
    if is_new {
        let seconds = now.0.div_euclid(1_000_000);
        let maturity = u32::try_from(seconds)
            .map_err(|_| format!("{seconds} s since 1970 is no time that can be announced"))?;
        let announced = oracle.announce((view.escrow, view.slot), maturity, rule);
        announced.map_err(|error| error.to_string())?;
    }
    let Some(score) = view.outcome else { return Ok((is_new, false)) };
    let has_said = |known: &super::Announced| known.outcome.or(known.report) == Some(score);
    if known.as_ref().is_some_and(has_said) {
        return Ok((is_new, false));
    }
    oracle.say(&event, score, now).map_err(|error| error.to_string())?;
    Ok((is_new, true))
}

/// Follows one market, round by round.
#[derive(Debug)]
pub struct Follower {
    oracle: Arc<Oracle>,
    rule: Rule,
    /// What failed in the last round, so that it is told once.
    failed: BTreeSet<(Hash, String)>,
}

impl Follower {
    /// Lets `oracle` follow a market whose escrows are attested under `rule`.
    pub fn new(oracle: Arc<Oracle>, rule: Rule) -> Self {
        Self { oracle, rule, failed: BTreeSet::new() }
    }

    /// Reads the market's list and does what it asks for. What fails is in the log when it begins to fail.
    ///
    /// # Errors
    /// [`ClientError`] where the list cannot be read; nothing is done then.
    pub async fn round(&mut self, market: &MarketClient) -> Result<Followed, ClientError> {
        let escrows = market.escrows().await?;
        let (oracle, rule) = (self.oracle.clone(), self.rule.clone());
        let work = move || follow(&oracle, &rule, &escrows, network::clock::now());
        let followed = tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
            tracing::error!(%error, "the oracle did not come to the end of the market's list");
            Followed::default()
        });
        let failed: BTreeSet<_> = followed.failed.iter().cloned().collect();
        for (escrow, reason) in failed.difference(&self.failed) {
            tracing::warn!(%escrow, reason, "an escrow cannot be followed");
        }
        self.failed = failed;
        Ok(followed)
    }
}
