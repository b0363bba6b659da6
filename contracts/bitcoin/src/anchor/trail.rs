//! A way from one digest to another in steps that `OpenTimestamps` knows: append, prepend, SHA-256.

use bitcoin::hashes::{Hash as _, sha256};

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// These bytes behind what there is.
    Append(Vec<u8>),
    /// These bytes before what there is.
    Prepend(Vec<u8>),
    /// The SHA-256 digest of what there is.
    Sha256,
}

/// Steps, where they begin and where they have led so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trail {
    start: sha256::Hash,
    steps: Vec<Step>,
    reached: Vec<u8>,
    longest: usize,
}

impl Trail {
    /// Begins at `start`.
    pub fn new(start: sha256::Hash) -> Self {
        Self { start, steps: vec![], reached: start.to_byte_array().to_vec(), longest: 32 }
    }

    /// One step further. Nothing to append or to prepend is no step.
    #[must_use]
    pub fn step(mut self, step: Step) -> Self {
        match &step {
            Step::Append(bytes) | Step::Prepend(bytes) if bytes.is_empty() => return self,
            Step::Append(bytes) => self.reached.extend_from_slice(bytes),
            Step::Prepend(bytes) => drop(self.reached.splice(0..0, bytes.iter().copied())),
            Step::Sha256 => {
                self.reached = sha256::Hash::hash(&self.reached).to_byte_array().to_vec();
            }
        }
        self.longest = self.longest.max(self.reached.len());
        self.steps.push(step);
        self
    }

    /// Appends.
    #[must_use]
    pub fn append(self, bytes: impl AsRef<[u8]>) -> Self {
        self.step(Step::Append(bytes.as_ref().to_vec()))
    }

    /// Prepends.
    #[must_use]
    pub fn prepend(self, bytes: impl AsRef<[u8]>) -> Self {
        self.step(Step::Prepend(bytes.as_ref().to_vec()))
    }

    /// Hashes.
    #[must_use]
    pub fn sha256(self) -> Self {
        self.step(Step::Sha256)
    }

    /// The digest it begins at.
    pub fn start(&self) -> sha256::Hash {
        self.start
    }

    /// Its steps, in their order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The bytes it has led to.
    pub fn reached(&self) -> &[u8] {
        &self.reached
    }

    /// The most bytes that there were on the way.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// The digest it has led to, for trails that end with hashing.
    pub(super) fn digest(&self) -> sha256::Hash {
        sha256::Hash::from_slice(&self.reached).expect("a trail of ours ends with a digest")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_lead_where_hashing_by_hand_leads() {
        let start = sha256::Hash::hash(b"file");
        let trail = Trail::new(start).append([1, 2]).prepend([3]).append([]).sha256();
        let by_hand = [&[3], start.as_byte_array().as_slice(), &[1, 2]].concat();
        assert_eq!(trail.digest(), sha256::Hash::hash(&by_hand));
        assert_eq!((trail.start(), trail.steps().len(), trail.longest()), (start, 3, 35));
    }
}
