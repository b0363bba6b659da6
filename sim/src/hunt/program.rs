//! The grammar of attacks: what a provider can do otherwise than an honest one, move by move.
//!
//! It names what documents and disks allow, and knows nothing of which rules are weak. The empty program is honesty.
//! Disputes are not in it: the world's verdicts carry no challenge that an answer could be signed for.

use serde::{Deserialize, Serialize};

/// Which slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Which {
    /// Every one.
    All,
    /// Those that are smaller than the mean of all slots in the market.
    Small,
    /// The others.
    Large,
}

/// One thing that is done or begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Verb {
    /// Another name of its own, with its own money and network, as if somebody else ran it.
    Join,
    /// Asks this share of the honest price, in percent, under every name.
    Price(u16),
    /// Keeps this share less of what it has and gets, in permille.
    Drop(Which, u16),
    /// Answers so many milliseconds late where it can answer in full.
    Late(u32),
    /// Answers nothing and takes nothing more.
    Silent,
    /// Answers again.
    Back,
    /// Buys so many contracts that only its own names can serve.
    Wash(u8),
    /// Leaves every slot by the rules, and offers nothing more.
    Exit,
    /// Lets every name fall with all it keeps, and comes as another.
    Reset,
    /// Its names answer for each other: what they keep together proves what one of them lacks.
    Collude,
    /// Confesses everything that it has dropped.
    Confess,
    /// Announces so many epochs of maintenance from the next one on, and is away in them.
    Announce(u8),
}

/// A verb at its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// In which epoch, from the attack's first one on, which is 0.
    pub epoch: u16,
    /// What.
    pub verb: Verb,
}

/// What an agent does otherwise than an honest one, by time.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Program {
    /// The moves, sorted.
    pub moves: Vec<Move>,
}

impl Verb {
    /// Whether an honest provider may do so as well, so that whatever it gains is business and no attack.
    pub const fn is_business(self) -> bool {
        matches!(self, Self::Price(_))
    }

    /// Its simplest form that does the same kind of thing: everything at once.
    #[must_use]
    pub const fn simplest(self) -> Self {
        match self {
            Self::Drop(which, _) => Self::Drop(which, 1_000),
            Self::Wash(_) => Self::Wash(1),
            Self::Announce(_) => Self::Announce(1),
            other => other,
        }
    }
}

impl Program {
    /// The program of these moves.
    pub fn of(mut moves: Vec<Move>) -> Self {
        moves.sort_unstable();
        moves.dedup();
        Self { moves }
    }

    /// What an honest provider does that makes the same business: the prices alone.
    #[must_use]
    pub fn honest(&self) -> Self {
        Self { moves: self.moves.iter().filter(|one| one.verb.is_business()).copied().collect() }
    }

    /// Whether it breaks nothing.
    pub fn is_honest(&self) -> bool {
        self.moves.iter().all(|one| one.verb.is_business())
    }

    /// What is to be done in an epoch.
    pub fn at(&self, epoch: u64) -> impl Iterator<Item = Verb> + '_ {
        self.moves.iter().filter(move |one| u64::from(one.epoch) == epoch).map(|one| one.verb)
    }
}

impl std::fmt::Display for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.moves.is_empty() {
            return write!(f, "nothing but honesty");
        }
        for (at, Move { epoch, verb }) in self.moves.iter().enumerate() {
            write!(f, "{}{verb:?} in epoch {epoch}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_read_as_it_was_written_in_order_and_each_move_once() {
        let (late, early) = (
            Move { epoch: 9, verb: Verb::Drop(Which::All, 500) },
            Move { epoch: 2, verb: Verb::Join },
        );
        let program = Program::of(vec![late, early, late]);
        assert_eq!(program.moves, [early, late]);
        let text = serde_json::to_string(&program).unwrap();
        assert_eq!(text, r#"[{"epoch":2,"verb":"join"},{"epoch":9,"verb":{"drop":["all",500]}}]"#);
        assert_eq!(serde_json::from_str::<Program>(&text).unwrap(), program);
    }

    #[test]
    fn prices_are_business_and_everything_else_is_not() {
        let price = Move { epoch: 0, verb: Verb::Price(90) };
        let program = Program::of(vec![price, Move { epoch: 0, verb: Verb::Reset }]);
        assert!(!program.is_honest());
        assert_eq!(program.honest().moves, [price]);
        assert!(program.honest().is_honest() && Program::default().is_honest());
    }
}
