//! The cost vector: what a contract costs, line by line, added and scaled as one.

use crate::{MoneyError, Msat};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What one slot earns at most over its whole term.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SlotCost {
    /// For keeping the bytes.
    pub base: Msat,
    /// For the guarantees.
    pub premium: Msat,
    /// For doing better than the target.
    pub bonus: Msat,
    /// For taking the bytes in.
    pub ingress: Msat,
}

impl SlotCost {
    /// Everything the slot can earn.
    pub fn total(&self) -> Result<Msat, MoneyError> {
        Msat::sum([self.base, self.premium, self.bonus, self.ingress])
    }

    /// What keeping is paid: base and premium.
    pub fn keeping(&self) -> Result<Msat, MoneyError> {
        self.base.add(self.premium)
    }
}

/// A quote's price, line by line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CostVector {
    /// Σ slots: ask price × bytes × duration.
    pub storage: Msat,
    /// For the guarantees.
    pub premium: Msat,
    /// To the market, for running the network.
    pub network_fee: Msat,
    /// To the market, for holding the escrow.
    pub escrow_fee: Msat,
    /// Held for compliance above target, and in an auction for reserves that ask more; what is not needed returns.
    pub bonus: Msat,
    /// For taking the bytes in.
    pub ingress: Msat,
    /// Reads paid for in advance; what is not read returns.
    pub egress: Msat,
    /// What the providers lock together. Not the client's money, so not part of the escrow.
    pub bond: Msat,
}

impl CostVector {
    /// Line by line sum.
    pub fn add(&self, other: &Self) -> Result<Self, MoneyError> {
        self.zip(other, Msat::add)
    }

    /// Every line × `numerator` ÷ `denominator`, rounded up.
    pub fn scale_up(&self, numerator: u128, denominator: u128) -> Result<Self, MoneyError> {
        self.zip(&Self::default(), |line, _| line.scale_up(numerator, denominator))
    }

    /// What the client locks: every line but the bond.
    pub fn escrow(&self) -> Result<Msat, MoneyError> {
        Msat::sum(
            self.lines().into_iter().filter(|(name, _)| *name != "bond").map(|(_, amount)| amount),
        )
    }

    /// What the market takes.
    pub fn fees(&self) -> Result<Msat, MoneyError> {
        self.network_fee.add(self.escrow_fee)
    }

    /// The lines by name, in the order in which they are printed.
    pub fn lines(&self) -> [(&'static str, Msat); 8] {
        [
            ("storage", self.storage),
            ("premium", self.premium),
            ("network fee", self.network_fee),
            ("escrow fee", self.escrow_fee),
            ("bonus reserve", self.bonus),
            ("ingress", self.ingress),
            ("egress", self.egress),
            ("bond", self.bond),
        ]
    }

    fn zip(
        &self,
        other: &Self,
        f: impl Fn(Msat, Msat) -> Result<Msat, MoneyError>,
    ) -> Result<Self, MoneyError> {
        Ok(Self {
            storage: f(self.storage, other.storage)?,
            premium: f(self.premium, other.premium)?,
            network_fee: f(self.network_fee, other.network_fee)?,
            escrow_fee: f(self.escrow_fee, other.escrow_fee)?,
            bonus: f(self.bonus, other.bonus)?,
            ingress: f(self.ingress, other.ingress)?,
            egress: f(self.egress, other.egress)?,
            bond: f(self.bond, other.bond)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_escrow_is_every_line_but_the_bond() {
        let cost = CostVector {
            storage: Msat(100),
            premium: Msat(10),
            bond: Msat(1000),
            ..CostVector::default()
        };
        assert_eq!(cost.escrow(), Ok(Msat(110)));
        let twice = cost.add(&cost).unwrap();
        assert_eq!(twice, cost.scale_up(2, 1).unwrap());
        assert_eq!(twice.bond, Msat(2000));
    }
}
