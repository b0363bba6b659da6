//! Units as people write and read them: `10GB`, `512MiB`, `30d`, `1,234,567`.

/// Why a size or duration could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// There is no number at the front.
    #[error("{0:?} does not start with a number; write for example {1}")]
    NoNumber(String, &'static str),
    /// The unit is not one we know.
    #[error("{unit:?} is not a unit here; use one of {known}")]
    UnknownUnit {
        /// What was written.
        unit: String,
        /// The units that are understood.
        known: &'static str,
    },
    /// The value does not fit, or is not positive where it must be.
    #[error("{0:?} is out of range; write a value above zero and below {1}")]
    OutOfRange(String, &'static str),
}

/// Splits `10.5GB` into a decimal number scaled by a million and the unit behind it.
pub(crate) fn number_and_unit<'a>(
    text: &'a str,
    example: &'static str,
) -> Result<(u128, &'a str), TextError> {
    let text = text.trim();
    let end =
        text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(text.len());
    let digits: String = text[..end].chars().filter(|c| *c != '_').collect();
    let bad = || TextError::NoNumber(text.to_owned(), example);
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    if whole.is_empty() || fraction.len() > 6 || fraction.contains('.') || whole.len() > 20 {
        return Err(bad());
    }
    let scaled: u128 = format!("{whole}{fraction:0<6}").parse().map_err(|_| bad())?;
    Ok((scaled, text[end..].trim()))
}

/// Looks the unit up and multiplies, refusing what does not fit in 63 bits.
pub(crate) fn scale(
    (scaled, unit): (u128, &str),
    units: &[(&str, u64)],
    known: &'static str,
    limit: &'static str,
) -> Result<u64, TextError> {
    let factor = units
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))
        .map(|(_, factor)| *factor)
        .ok_or_else(|| TextError::UnknownUnit { unit: unit.to_owned(), known })?;
    let value = scaled.checked_mul(u128::from(factor)).map(|v| v / 1_000_000);
    value
        .and_then(|v| i64::try_from(v).ok())
        .and_then(|v| u64::try_from(v).ok())
        .ok_or_else(|| TextError::OutOfRange(unit.to_owned(), limit))
}

/// An integer with thousands separated by commas.
pub fn grouped(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if value < 0 {
        out.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(-1_234_567), "-1,234,567");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1000), "1,000");
    }
}
