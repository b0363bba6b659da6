//! Instants as people and spreadsheets write them: RFC 3339, in UTC.

use crate::Timestamp;
use crate::text::TextError;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
const EXAMPLE: &str = "2026-11-21, 2026-11-21T13:30:00Z or microseconds since 1970";

/// An instant as RFC 3339 in UTC with microseconds, for example `2026-11-21T13:30:00.000000Z`.
pub fn format(at: Timestamp) -> String {
    let (days, time) = (at.0.div_euclid(DAY), at.0.rem_euclid(DAY));
    let (year, month, day) = date(days);
    let (seconds, micros) = (time / SECOND, time % SECOND);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// Reads a date (its first instant), a date and time in UTC, or microseconds since 1970.
///
/// # Errors
/// [`TextError::NoNumber`] where it is none of them.
pub fn parse(text: &str) -> Result<Timestamp, TextError> {
    let bad = || TextError::NoNumber(text.to_owned(), EXAMPLE);
    if let Ok(micros) = text.parse() {
        return Ok(Timestamp(micros));
    }
    let (date, time) = text.split_once('T').unwrap_or((text, "00:00:00Z"));
    let days = days(date).ok_or_else(bad)?;
    let micros = micros(time.strip_suffix('Z').ok_or_else(bad)?).ok_or_else(bad)?;
    let whole = days.checked_mul(DAY).and_then(|start| start.checked_add(micros));
    whole.map(Timestamp).ok_or_else(bad)
}

/// Days since 1970 as year, month and day of the proleptic Gregorian calendar (Hinnant, `civil_from_days`).
fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_of_year = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_of_year + 2) / 5 + 1;
    let month = if month_of_year < 10 { month_of_year + 3 } else { month_of_year - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The days from 1970 to a date `yyyy-mm-dd` that exists.
fn days(text: &str) -> Option<i64> {
    let mut parts = text.split('-').map(number);
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || text.len() != 10 {
        return None;
    }
    let (shifted, month_of_year) =
        if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let day_of_year = (153 * month_of_year + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    (date(days) == (year, month, day)).then_some(days)
}

/// The microseconds of a time `hh:mm:ss`, with up to six decimals.
fn micros(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = whole.split(':').map(number);
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let exists = hour < 24 && minute < 60 && second < 60 && fraction.len() <= 6;
    if parts.next().is_some() || whole.len() != 8 || !exists {
        return None;
    }
    Some((hour * 3_600 + minute * 60 + second) * SECOND + number(&format!("{fraction:0<6}"))?)
}

/// Digits and nothing else.
fn number(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn instants_are_written_and_read() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
            (1_795_267_800_000_001, "2026-11-21T13:30:00.000001Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(format(Timestamp(micros)), text);
            assert_eq!(parse(text), Ok(Timestamp(micros)));
        }
        assert_eq!(parse("2000-02-29"), Ok(Timestamp(951_782_400_000_000)));
        assert_eq!(parse("1234"), Ok(Timestamp(1234)));
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in [
            "",
            "2026-02-30",
            "2026-13-01",
            "2026-11-21T25:00:00Z",
            "2026-11-21T10:00:00",
            "26-1-1",
            "today",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_instant_survives(micros in 0i64..253_402_300_800_000_000) {
            prop_assert_eq!(parse(&format(Timestamp(micros))), Ok(Timestamp(micros)));
        }
    }
}
