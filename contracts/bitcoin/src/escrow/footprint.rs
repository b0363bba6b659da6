//! What a contract takes of the chain, reckoned before there is one: so that a quote can say from which value that is worth it.

use bitcoin::transaction::{InputWeightPrediction, predict_weight};
use bitcoin::{Amount, FeeRate};
use std::iter::repeat_n;

/// The length of a Taproot output's script, in bytes.
const TAPROOT: usize = 34;

/// The usual life of a contract on the chain: everyone brings one coin and has change, the market its fee; and both sides agree on the
/// end of every slot. Virtual bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Of the one funding.
    pub funding_vbytes: u64,
    /// Of all closes together.
    pub closing_vbytes: u64,
}

impl Footprint {
    /// Of a contract of so many slots, each with another provider.
    pub fn of(slots: u16) -> Self {
        let slots = usize::from(slots);
        let coin = InputWeightPrediction::P2TR_KEY_DEFAULT_SIGHASH;
        // Escrows; change for each provider and the client; the market's fee.
        let outputs = slots.saturating_mul(2).saturating_add(2);
        let funding =
            predict_weight(repeat_n(coin, slots.saturating_add(1)), repeat_n(TAPROOT, outputs));
        let close = predict_weight([coin], [TAPROOT; 2]).to_vbytes_ceil();
        Self {
            funding_vbytes: funding.to_vbytes_ceil(),
            closing_vbytes: close.saturating_mul(slots as u64),
        }
    }

    /// All of it.
    pub const fn vbytes(&self) -> u64 {
        self.funding_vbytes.saturating_add(self.closing_vbytes)
    }

    /// What that costs at `rate`; nothing where it is beyond all amounts.
    pub fn fee(&self, rate: FeeRate) -> Option<Amount> {
        rate.fee_vb(self.vbytes())
    }

    /// The value of a contract at which its fees at `rate` are so many permille of it; from there on they are less.
    pub fn worth_from(&self, rate: FeeRate, permille: u64) -> Option<Amount> {
        self.fee(rate)?.checked_mul(1_000)?.checked_div(permille)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Taproot input is 57.5 vB, an output 43, the rest 10.5. The demo's funding of six slots has 1015 to 1018.
    #[test]
    fn sizes_are_those_of_taproot() {
        let (one, six) = (Footprint::of(1), Footprint::of(6));
        assert_eq!((one.funding_vbytes, one.closing_vbytes), (298, 154));
        assert_eq!((six.funding_vbytes, six.closing_vbytes), (1015, 924));
    }

    #[test]
    fn fees_and_worth_follow_from_the_rate() {
        let six = Footprint::of(6);
        let rate = FeeRate::from_sat_per_vb_u32(10);
        assert_eq!(six.fee(rate), Some(Amount::from_sat(six.vbytes() * 10)));
        assert_eq!(six.worth_from(rate, 10), Some(Amount::from_sat(six.vbytes() * 1_000)));
        assert_eq!(six.worth_from(rate, 0), None);
        assert_eq!(six.fee(FeeRate::MAX), None);
    }
}
