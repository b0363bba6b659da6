//! What is written on the command line, read more strictly than the units alone are; and what is said where it is wrong.

use types::text::TextError;
use types::{Bytes, Span};

/// A size above zero.
pub(crate) fn size(text: &str) -> Result<Bytes, String> {
    match text.parse() {
        Ok(Bytes(0)) => Err("zero bytes are nothing; give a size above zero, such as 10GB".into()),
        read => read.map_err(|error| explained(&error, text)),
    }
}

/// A duration above zero.
pub(crate) fn span(text: &str) -> Result<Span, String> {
    if text.parse::<u64>().is_ok_and(|number| number > 0) {
        return Err(format!("{text:?} has no unit; write for example {text}d or {text}h"));
    }
    match text.parse() {
        Ok(Span(0)) => {
            Err("no time at all is too short; give a duration above zero, such as 30d".into())
        }
        read => read.map_err(|error| explained(&error, text)),
    }
}

/// An amount of money above zero, in msat.
pub(crate) fn amount(text: &str) -> Result<i64, String> {
    match text.parse() {
        Ok(amount) if amount > 0 => Ok(amount),
        Ok(amount) => Err(format!("{amount} msat cannot be moved; give an amount above zero")),
        Err(_) => Err(format!("{text:?} is not an amount; give whole msat from 1 to {}", i64::MAX)),
    }
}

/// The error with all of what was written, where it names the unit alone.
fn explained(error: &TextError, text: &str) -> String {
    match error {
        TextError::OutOfRange(_, limit) => {
            format!("{text:?} is out of range; write a value above zero and below {limit}")
        }
        other => other.to_string(),
    }
}

/// clap's complaint as one line: what is wrong, and where to read more.
pub(crate) fn complaint(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let told = |paragraph: &&str| {
        !paragraph.starts_with("Usage:") && !paragraph.starts_with("For more information")
    };
    let paragraphs = text.split("\n\n").filter(told);
    let lines =
        paragraphs.map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    let whole = lines.collect::<Vec<_>>().join("; ");
    format!("{}; --help says what there is", whole.strip_prefix("error: ").unwrap_or(&whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_no_size_no_time_and_no_money() {
        assert_eq!(size("1kB"), Ok(Bytes(1000)));
        assert_eq!(span("2s"), Ok(Span(2_000_000)));
        assert_eq!(amount("7"), Ok(7));
        for wrong in
            [size("0").is_err(), span("0d").is_err(), amount("0").is_err(), amount("-7").is_err()]
        {
            assert!(wrong);
        }
    }

    #[test]
    fn a_number_without_unit_is_no_time() {
        assert_eq!(span("30"), Err("\"30\" has no unit; write for example 30d or 30h".into()));
    }

    #[test]
    fn what_is_too_large_is_named_whole() {
        assert!(size("99999999PB").is_err_and(|error| error.contains("99999999PB")));
    }
}
