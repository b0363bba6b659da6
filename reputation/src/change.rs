//! A change of standing or points, with the evidence it rests on.

use serde::{Deserialize, Serialize};
use std::fmt;
use types::{Dimension, DocId, Epoch, Standing};

/// What brings a change about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// A review was due.
    Review,
    /// Small failures have gone on for so long that they expel, at once.
    Alarm,
    /// A dispute has reversed what an earlier change rests on.
    Reversal,
}

/// What changes, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What brought it about.
    pub occasion: Occasion,
    /// The standing before.
    pub from: Standing,
    /// The standing now.
    pub to: Standing,
    /// The points before.
    pub points_from: i32,
    /// The points now.
    pub points_to: i32,
    /// The epoch from which on outcomes were counted.
    pub since: Epoch,
    /// Dimension by dimension, where there was any evidence.
    pub reasons: Vec<Reason>,
}

/// What the evidence in one dimension comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Which dimension.
    pub dimension: Dimension,
    /// Good outcomes since the last review.
    pub good: u64,
    /// Bad outcomes since the last review.
    pub bad: u64,
    /// What they come to.
    pub finding: Finding,
    /// The latest signed document that shows a bad outcome.
    pub document: Option<DocId>,
}

/// What is found in one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Within what is tolerated: points gained.
    Kept {
        /// How many.
        gained: i32,
    },
    /// Beyond what is tolerated: points lost.
    Broken {
        /// How many.
        lost: i32,
        /// The rate of bad outcomes that is tolerated.
        tolerated_ppm: u32,
    },
    /// The long-run estimate is too low for more than Low.
    BelowBound {
        /// The lower confidence bound.
        bound: u16,
        /// What it must be at least.
        bound_min: u16,
    },
    /// Small failures have gone on for too long.
    Suspicious {
        /// Whether that expels.
        expelled: bool,
    },
    /// Outcomes that an earlier change rests on were reversed by a dispute.
    Reversed {
        /// How many points come back, for all dimensions together.
        regained: i32,
    },
}

impl Change {
    /// Whether the standing is another one than before.
    pub fn is_new_standing(&self) -> bool {
        self.from != self.to
    }

    /// Whether the provider is expelled.
    pub fn expels(&self) -> bool {
        self.is_new_standing() && self.to == Standing::Banned
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moved = self.points_to.saturating_sub(self.points_from);
        write!(f, "{} → {} points ({moved:+})", self.points_from, self.points_to)?;
        if self.is_new_standing() {
            write!(f, ", {} → {}", name(self.from), name(self.to))?;
        }
        for (index, reason) in self.reasons.iter().enumerate() {
            write!(f, "{}{reason}", if index == 0 { ": " } else { "; " })?;
        }
        Ok(())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.good.saturating_add(self.bad);
        let dimension = match self.dimension {
            Dimension::Possession => "possession",
            Dimension::Availability => "availability",
            Dimension::Latency => "latency",
            Dimension::Honesty => "honesty",
        };
        write!(f, "{dimension}: {} of {all} outcomes bad, ", self.bad)?;
        match self.finding {
            Finding::Kept { gained } => write!(f, "which is tolerated (+{gained})")?,
            Finding::Broken { lost, tolerated_ppm } => {
                write!(f, "more than the {} tolerated (−{lost})", percent(tolerated_ppm))?;
            }
            Finding::BelowBound { bound, bound_min } => {
                write!(f, "and the long-run bound of {bound} is below {bound_min}")?;
            }
            Finding::Suspicious { expelled: true } => {
                write!(f, "and small failures went on for too long: expelled")?;
            }
            Finding::Suspicious { expelled: false } => {
                write!(f, "and small failures went on for too long")?;
            }
            Finding::Reversed { regained } => {
                let by = self.document.map(|by| format!(" by {by}")).unwrap_or_default();
                return write!(f, "reversed{by} (+{regained} points)");
            }
        }
        match self.document {
            Some(document) if self.bad > 0 => write!(f, ", last shown by {document}"),
            _ => Ok(()),
        }
    }
}

/// The name of `standing` in texts.
pub(crate) const fn name(standing: Standing) -> &'static str {
    match standing {
        Standing::Banned => "banned",
        Standing::Low => "low",
        Standing::New => "new",
        Standing::Standard => "standard",
        Standing::High => "high",
    }
}

/// A rate as a percentage.
fn percent(ppm: u32) -> String {
    let (whole, rest) = (ppm / 10_000, ppm % 10_000);
    let digits = format!("{rest:04}");
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() { format!("{whole} %") } else { format!("{whole}.{digits} %") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_tells_its_evidence() {
        let lost = Reason {
            dimension: Dimension::Possession,
            good: 98,
            bad: 2,
            finding: Finding::Broken { lost: 500, tolerated_ppm: 1_000 },
            document: Some(types::Hash([0xab; 32])),
        };
        let kept = Reason {
            dimension: Dimension::Latency,
            good: 10,
            bad: 0,
            finding: Finding::Kept { gained: 500 },
            document: None,
        };
        let change = Change {
            occasion: Occasion::Review,
            from: Standing::New,
            to: Standing::Low,
            points_from: 900,
            points_to: 400,
            since: Epoch(1),
            reasons: vec![lost, kept],
        };
        let text = change.to_string();
        assert!(
            text.starts_with("900 → 400 points (-500), new → low: possession: 2 of 100"),
            "{text}"
        );
        assert!(
            text.contains("more than the 0.1 % tolerated (−500), last shown by abab"),
            "{text}"
        );
        assert!(
            text.ends_with("latency: 0 of 10 outcomes bad, which is tolerated (+500)"),
            "{text}"
        );
        assert!(!change.expels());
    }
}
