//! What a misspelt name may be meant to be.

/// The name among `known` that takes the fewest changed, added or left out letters to become from `name`, if that are few for its
/// length.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (changes, meant) = known.map(|other| (changes(name, other), other)).min()?;
    (changes <= name.len().div_ceil(3)).then_some(meant)
}

/// How many letters are changed, added or left out from one word to the other (Levenshtein, 1966).
fn changes(one: &str, other: &str) -> usize {
    let letters: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=letters.len()).collect();
    for (at, letter) in (1..).zip(one.chars()) {
        let mut corner = std::mem::replace(&mut row[0], at);
        for (column, against) in (1..).zip(&letters) {
            let changed = corner + usize::from(letter != *against);
            corner = row[column];
            row[column] = changed.min(corner + 1).min(row[column - 1] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_counted_as_levenshtein_has_it() {
        for (one, other, count) in [
            ("kitten", "sitting", 3),
            ("", "abc", 3),
            ("abc", "", 3),
            ("late", "late", 0),
            ("ab", "ba", 2),
        ] {
            assert_eq!(changes(one, other), count, "{one} {other}");
        }
    }

    #[test]
    fn what_is_far_from_everything_is_nothing_of_it() {
        let known = ["lazy.profit_msat", "lazy.penalties"];
        assert_eq!(nearest("lazy.proft_msat", known.into_iter()), Some("lazy.profit_msat"));
        assert_eq!(nearest("weather", known.into_iter()), None);
    }
}
