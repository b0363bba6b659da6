//! How several auditors come to one number, and how an event's name says it.

use super::points::tagged;
use bitcoin::secp256k1::XOnlyPublicKey;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use types::ContractId;

/// The tag of the hash that stands for a rule's auditors in an event's name.
const AUDITORS_TAG: &str = "bondstore/oracle/auditors/v1";
/// How many auditors one rule may name.
pub const AUDITORS_MAX: usize = 32;
/// The score of a contract that was kept in everything: the largest that is attested.
pub const SCORE_MAX: u16 = 1_000;

/// Why auditors and a threshold make no rule, or a text names no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Two sets of so many could come to different numbers, or there are not so many.
    #[error(
        "{threshold} of {auditors} auditors make no quorum: more than half of them are needed, and no more than there are"
    )]
    Threshold {
        /// How many were to agree.
        threshold: u16,
        /// Of how many.
        auditors: usize,
    },
    /// None, too many, or one twice.
    #[error("{0} auditors are named; 1 to 32 are needed, each once")]
    Auditors(usize),
    /// Not `<contract>.<slot>.<rule>`.
    #[error("{0:?} names no event; <contract>.<slot>.median-<t>-of-<n>-<auditors> does")]
    Name(String),
}

/// Each auditor reports a score, and each vote is for the median of at least `threshold` reports, rounded down. Whatever `threshold`
/// auditors vote for is attested by all. More than half of the auditors are needed, so that no two numbers can win.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Rule {
    threshold: u16,
    auditors: Vec<XOnlyPublicKey>,
}

impl Rule {
    /// The rule that `threshold` of `auditors` must agree.
    ///
    /// # Errors
    /// [`RuleError`].
    pub fn new(threshold: u16, mut auditors: Vec<XOnlyPublicKey>) -> Result<Self, RuleError> {
        let count = auditors.len();
        auditors.sort_unstable();
        auditors.dedup();
        if auditors.len() != count || !(1..=AUDITORS_MAX).contains(&count) {
            return Err(RuleError::Auditors(count));
        }
        if usize::from(threshold) > count || 2 * usize::from(threshold) <= count {
            return Err(RuleError::Threshold { threshold, auditors: count });
        }
        Ok(Self { threshold, auditors })
    }

    /// The rule of an auditor that asks nobody.
    pub fn alone(auditor: XOnlyPublicKey) -> Self {
        Self { threshold: 1, auditors: vec![auditor] }
    }

    /// How many must agree.
    pub fn threshold(&self) -> usize {
        usize::from(self.threshold)
    }

    /// All of them, in the order of their keys.
    pub fn auditors(&self) -> &[XOnlyPublicKey] {
        &self.auditors
    }

    /// Whether somebody else must agree.
    pub fn is_shared(&self) -> bool {
        self.threshold > 1
    }

    /// How an event's name says it: `median-<t>-of-<n>-<first 16 bytes of the auditors' hash>`.
    pub fn tag(&self) -> String {
        let keys: Vec<[u8; 32]> = self.auditors.iter().map(XOnlyPublicKey::serialize).collect();
        let hash = tagged(AUDITORS_TAG, &[keys.as_flattened()]);
        let short = hex::encode(&AsRef::<[u8; 32]>::as_ref(&hash)[..16]);
        format!("median-{}-of-{}-{short}", self.threshold, self.auditors.len())
    }
}

/// As it stands in JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    threshold: u16,
    auditors: Vec<XOnlyPublicKey>,
}

impl TryFrom<Written> for Rule {
    type Error = RuleError;

    fn try_from(written: Written) -> Result<Self, RuleError> {
        Self::new(written.threshold, written.auditors)
    }
}

impl From<Rule> for Written {
    fn from(rule: Rule) -> Self {
        Self { threshold: rule.threshold, auditors: rule.auditors }
    }
}

/// What an auditor calls the final compliance of one slot: `<contract>.<slot>.<rule>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventName {
    /// Of which contract.
    pub contract: ContractId,
    /// Of which slot.
    pub slot: u16,
    /// The [`Rule::tag`].
    pub rule: String,
}

impl EventName {
    /// The name of a slot's outcome under `rule`.
    pub fn new(contract: ContractId, slot: u16, rule: &Rule) -> Self {
        Self { contract, slot, rule: rule.tag() }
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.contract, self.slot, self.rule)
    }
}

impl FromStr for EventName {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let bad = || RuleError::Name(text.chars().take(200).collect());
        let mut parts = text.splitn(3, '.');
        let mut next = || parts.next().ok_or_else(bad);
        let contract = next()?.parse().map_err(|_| bad())?;
        let slot = next()?.parse().map_err(|_| bad())?;
        let rule = next()?.to_owned();
        let is_plain = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-';
        let name = Self { contract, slot, rule };
        // One spelling for one event.
        if !name.rule.starts_with("median-")
            || !name.rule.bytes().all(is_plain)
            || name.rule.len() > 80
            || name.to_string() != text
        {
            return Err(bad());
        }
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use super::super::points::SECP;
    use super::*;
    use bitcoin::secp256k1::Keypair;

    fn key(number: u8) -> XOnlyPublicKey {
        Keypair::from_seckey_slice(&SECP, &[number; 32]).unwrap().x_only_public_key().0
    }

    #[test]
    fn more_than_half_make_a_quorum_and_nobody_counts_twice() {
        let three = || vec![key(1), key(2), key(3)];
        for (threshold, holds) in [(0, false), (1, false), (2, true), (3, true), (4, false)] {
            assert_eq!(Rule::new(threshold, three()).is_ok(), holds, "{threshold}");
        }
        assert_eq!(Rule::new(2, vec![key(1), key(1)]), Err(RuleError::Auditors(2)));
        assert_eq!(Rule::new(0, vec![]), Err(RuleError::Auditors(0)));
        let json = serde_json::to_string(&Rule::new(2, three()).unwrap()).unwrap();
        let halves = json.replace("\"threshold\":2", "\"threshold\":1");
        assert!(serde_json::from_str::<Rule>(&json).is_ok());
        assert!(serde_json::from_str::<Rule>(&halves).is_err());
    }

    #[test]
    fn a_rule_s_tag_depends_on_who_and_how_many_and_not_on_their_order() {
        let rule = Rule::new(2, vec![key(1), key(2), key(3)]).unwrap();
        let turned = Rule::new(2, vec![key(3), key(1), key(2)]).unwrap();
        assert_eq!(rule.tag(), turned.tag());
        assert!(rule.tag().starts_with("median-2-of-3-"), "{}", rule.tag());
        for other in
            [Rule::new(3, vec![key(1), key(2), key(3)]), Rule::new(2, vec![key(1), key(2)])]
        {
            assert_ne!(other.unwrap().tag(), rule.tag());
        }
    }

    #[test]
    fn a_name_is_read_as_it_is_written_and_in_no_other_spelling() {
        let name = EventName::new(ContractId::of(b"c"), 3, &Rule::alone(key(1)));
        let text = name.to_string();
        assert_eq!(text.parse::<EventName>(), Ok(name));
        for bad in [
            text.to_uppercase(),
            text.replace(".3.", ".03."),
            text.replace(".3.", ".+3."),
            text.replace(".3.", ".99999."),
            text.replace("median", "mean"),
            format!("{text}/"),
            String::new(),
        ] {
            assert!(bad.parse::<EventName>().is_err(), "{bad}");
        }
    }
}
