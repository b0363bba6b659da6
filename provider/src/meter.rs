//! Reads of one slot against the vouchers that pay for them.

use serde::{Deserialize, Serialize};

/// How far a reader may be ahead of its vouchers, in bytes.
pub const STEP: u64 = 16 << 20;

/// What was read from a slot and what is paid, both counted from the slot's beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meter {
    read: u64,
    paid: u64,
}

impl Meter {
    /// A meter that goes on from a voucher for `paid` bytes.
    pub const fn paid_up_to(paid: u64) -> Self {
        Self { read: paid, paid }
    }

    /// What the highest voucher pays for.
    pub const fn paid(&self) -> u64 {
        self.paid
    }

    /// Counts a read of `bytes`, unless a voucher is due first.
    ///
    /// # Errors
    /// The cumulative bytes that the next voucher must name.
    pub const fn read(&mut self, bytes: u64) -> Result<(), u64> {
        if self.read.saturating_sub(self.paid) > STEP {
            return Err(self.read);
        }
        self.read = self.read.saturating_add(bytes);
        Ok(())
    }

    /// Takes a voucher for `bytes` in all; says whether it is higher than those before.
    pub const fn pay(&mut self, bytes: u64) -> bool {
        let higher = bytes > self.paid;
        if higher {
            self.paid = bytes;
        }
        higher
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reading_stops_one_step_ahead_and_goes_on_when_paid() {
        let mut meter = Meter::default();
        for _ in 0..17 {
            assert_eq!(meter.read(1 << 20), Ok(()));
        }
        assert_eq!(meter.read(1), Err(17 << 20));
        assert!(meter.pay(17 << 20));
        assert!(!meter.pay(1 << 20), "an older voucher pays nothing more");
        assert_eq!(meter.read(1), Ok(()));
    }

    proptest! {
        #[test]
        fn nobody_is_exposed_for_more_than_a_step_and_one_read(
            steps in prop::collection::vec((any::<bool>(), 0u64..4 << 20), 0..200),
        ) {
            let (mut meter, mut read, mut paid) = (Meter::default(), 0, 0);
            for (pays, bytes) in steps {
                if pays {
                    paid = paid.max(bytes);
                    meter.pay(bytes);
                } else if meter.read(bytes).is_ok() {
                    read += bytes;
                }
                prop_assert!(read <= paid + STEP + (4 << 20));
            }
        }
    }
}
