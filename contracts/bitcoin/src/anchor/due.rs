//! When it is time for the next anchor.

use types::{MoneyError, Msat, Span, Timestamp};

/// How often a market anchors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// As often as this, where the journal has grown.
    pub interval: Span,
    /// And as soon as so much has been posted since the last anchor.
    pub value_max: Msat,
    /// But never within so long after the last one, whatever was posted: about a block's time.
    pub pause: Span,
}

impl Default for Rule {
    /// Every six hours; for a tenth of a bitcoin; not within ten minutes.
    fn default() -> Self {
        let (interval, pause) = (Span(6 * Span::HOUR.0), Span(600 * Span::SECOND.0));
        Self { interval, value_max: Msat(10_000_000_000), pause }
    }
}

/// What of a market's books the rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Books {
    /// How many entries the journal has.
    pub entries: u64,
    /// How many it had at the last anchor, in a block or on the way there.
    pub anchored: u64,
    /// When that was handed to the network; the market's founding before the first.
    pub anchored_at: Timestamp,
    /// The sum of everything posted since.
    pub posted: Msat,
}

/// Why an anchor is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The interval is over.
    Interval,
    /// Enough is at stake.
    Value,
}

impl Books {
    /// The same after another entry that posts `amounts`.
    ///
    /// # Errors
    /// Where their sum cannot be expressed.
    pub fn after(self, amounts: impl IntoIterator<Item = Msat>) -> Result<Self, MoneyError> {
        let posted = self.posted.add(Msat::sum(amounts)?)?;
        Ok(Self { entries: self.entries.saturating_add(1), posted, ..self })
    }
}

/// Whether an anchor is due, and why. A journal that has not grown is anchored as it is.
pub fn due(rule: &Rule, books: &Books, now: Timestamp) -> Option<Reason> {
    let passed = now.since(books.anchored_at);
    if books.entries <= books.anchored || passed < rule.pause {
        return None;
    }
    if books.posted >= rule.value_max {
        return Some(Reason::Value);
    }
    (passed >= rule.interval).then_some(Reason::Interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_is_due_by_time_or_by_value_and_never_for_nothing() {
        let (rule, hour) = (Rule::default(), i64::try_from(Span::HOUR.0).unwrap());
        let cases = [
            // entries since, msat posted since, microseconds since: due?
            (0, 0, 7 * hour, None),
            (0, 10_000_000_000, 7 * hour, None),
            (1, 0, 6 * hour - 1, None),
            (1, 0, 6 * hour, Some(Reason::Interval)),
            (1, 9_999_999_999, hour, None),
            (1, 10_000_000_000, hour, Some(Reason::Value)),
            (1, 10_000_000_000, hour / 6 - 1, None),
            (1, 10_000_000_000, -hour, None),
        ];
        for (since, posted, passed, expected) in cases {
            let start = Timestamp(1_000 * hour);
            let books =
                Books { entries: 5 + since, anchored: 5, anchored_at: start, posted: Msat(posted) };
            let now = Timestamp(start.0 + passed);
            assert_eq!(due(&rule, &books, now), expected, "{since} {posted} {passed}");
        }
    }

    #[test]
    fn what_is_posted_adds_up_or_is_refused() {
        let start = Books { entries: 0, anchored: 0, anchored_at: Timestamp(0), posted: Msat(1) };
        let books = start.after([Msat(2), Msat(3)]).unwrap();
        assert_eq!((books.entries, books.posted), (1, Msat(6)));
        assert_eq!(start.after([Msat(i64::MAX)]), Err(MoneyError::Overflow));
    }
}
