//! Ranges of attested values as prefixes: beginnings of the ten binary digits that an auditor signs one by one.

/// How many digits an attested value has.
pub const DIGITS: usize = 10;
/// The highest value of so many digits.
pub const HIGHEST: u16 = 1023;

/// The values whose digits begin alike. It has at least one digit, so that nothing is completed without an attestation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    /// The lowest value.
    first: u16,
    /// How many digits are fixed.
    digits: usize,
}

impl Prefix {
    /// The fixed digits, most significant first.
    pub fn digits(&self) -> impl Iterator<Item = bool> + '_ {
        digits(self.first).into_iter().take(self.digits)
    }

    /// How many digits are fixed: 1 to 10.
    #[expect(clippy::len_without_is_empty, reason = "a prefix is never empty")]
    pub fn len(&self) -> usize {
        self.digits
    }

    /// The lowest and the highest value that begin so.
    pub fn values(&self) -> (u16, u16) {
        (self.first, self.first + ((1 << (DIGITS - self.digits)) - 1))
    }

    /// Whether `value` begins so.
    pub fn contains(&self, value: u16) -> bool {
        let (first, last) = self.values();
        (first..=last).contains(&value)
    }
}

/// The ten digits of a value, most significant first.
pub fn digits(value: u16) -> [bool; DIGITS] {
    std::array::from_fn(|place| value >> (DIGITS - 1 - place) & 1 == 1)
}

/// The fewest prefixes that cover `first..=last` and nothing else, in order. Values above 1023 do not exist.
pub fn cover(first: u16, last: u16) -> Vec<Prefix> {
    let (mut next, last) = (first, last.min(HIGHEST));
    let mut prefixes = vec![];
    while next <= last {
        let aligned = (next.trailing_zeros() as usize).min(DIGITS - 1);
        let free = (0..=aligned).rev().find(|free| next + ((1 << free) - 1) <= last).unwrap_or(0);
        prefixes.push(Prefix { first: next, digits: DIGITS - free });
        next += 1 << free;
    }
    prefixes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_range_is_covered_by_the_fewest_prefixes() {
        let text = |first, last| {
            let spell = |prefix: &Prefix| {
                prefix.digits().map(|digit| if digit { '1' } else { '0' }).collect::<String>()
            };
            cover(first, last).iter().map(spell).collect::<Vec<_>>().join(" ")
        };
        for (first, last, expected) in [
            (0, 1023, "0 1"),
            (0, 511, "0"),
            (512, 1023, "1"),
            (1000, 1023, "1111101 111111"),
            (5, 5, "0000000101"),
            (1, 6, "0000000001 000000001 000000010 0000000110"),
        ] {
            assert_eq!(text(first, last), expected, "{first}..={last}");
        }
        assert!(cover(7, 6).is_empty());
    }

    #[test]
    fn most_significant_digits_come_first() {
        assert_eq!(digits(512), std::array::from_fn(|place| place == 0));
        assert_eq!(digits(1), std::array::from_fn(|place| place == DIGITS - 1));
    }

    fn unrecorded() -> ProptestConfig {
        ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
    }

    proptest! {
        #![proptest_config(unrecorded())]

        #[test]
        fn each_value_of_a_range_is_in_one_prefix_and_no_other_is(
            first in 0..=HIGHEST, length in 0..=HIGHEST, value in 0..=HIGHEST,
        ) {
            let last = first.saturating_add(length).min(HIGHEST);
            let prefixes = cover(first, last);
            let holding = prefixes.iter().filter(|prefix| prefix.contains(value)).count();
            prop_assert_eq!(holding, usize::from((first..=last).contains(&value)));
            for prefix in &prefixes {
                let begins = prefix.digits().zip(digits(value)).all(|(own, digit)| own == digit);
                prop_assert_eq!(begins, prefix.contains(value));
            }
        }

        #[test]
        fn no_two_neighbours_could_be_one(first in 0..=HIGHEST, length in 0..=HIGHEST) {
            let prefixes = cover(first, first.saturating_add(length).min(HIGHEST));
            for pair in prefixes.windows(2) {
                let ((start, _), (_, end)) = (pair[0].values(), pair[1].values());
                let size = u32::from(end - start) + 1;
                let joins = size.is_power_of_two() && u32::from(start) % size == 0 && size <= 512;
                prop_assert!(!joins, "{pair:?}");
            }
        }
    }
}
