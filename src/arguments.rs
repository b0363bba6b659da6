//! What is written on the command line, read more strictly than the units alone are; and what is said where it is wrong.

use types::documents::Discount;
use types::terms::{Detection, RailKind, Renewal};
use types::text::TextError;
use types::{Bytes, Span, Standing};

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

/// `100GB=5%`: a discount by slot size.
pub(crate) fn volume_discount(text: &str) -> Result<Discount<Bytes>, String> {
    discount(text, "100GB=5%", size)
}

/// `90d=10%`: a discount by duration.
pub(crate) fn duration_discount(text: &str) -> Result<Discount<Span>, String> {
    discount(text, "90d=10%", span)
}

fn discount<T>(
    text: &str,
    example: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Discount<T>, String> {
    let Some((from, off)) = text.split_once('=') else {
        return Err(format!(
            "{text:?} is no discount; write from where on, and how much, such as {example}"
        ));
    };
    let (from, permille) = (read(from)?, permille(off)?);
    Ok(Discount { from, permille })
}

/// `99.5` percent as 995 permille.
pub(crate) fn permille(text: &str) -> Result<u16, String> {
    let wrong = || {
        format!(
            "{text:?} is not a percentage; give 0 to 100 with at most one decimal, such as 99.5"
        )
    };
    let (whole, tenth) =
        text.trim_end_matches('%').split_once('.').unwrap_or((text.trim_end_matches('%'), "0"));
    let whole: u16 = whole.parse().map_err(|_| wrong())?;
    let tenth: u16 =
        if tenth.len() == 1 { tenth.parse().map_err(|_| wrong())? } else { return Err(wrong()) };
    let permille = whole.checked_mul(10).and_then(|w| w.checked_add(tenth)).ok_or_else(wrong)?;
    if permille <= 1000 { Ok(permille) } else { Err(wrong()) }
}

/// `0.1%` as 1000 parts per million.
fn ppm(text: &str) -> Option<u32> {
    let (whole, part) = text
        .strip_suffix('%')
        .unwrap_or(text)
        .split_once('.')
        .unwrap_or((text.trim_end_matches('%'), ""));
    let scaled = (part.len() <= 4).then(|| format!("{part:0<4}"))?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(&scaled) {
        return None;
    }
    let (whole, part): (u32, u32) = (whole.parse().ok()?, scaled.parse().ok()?);
    whole.checked_mul(10_000)?.checked_add(part)
}

/// `1%/99%/7d`: a loss of so much is found so surely within so long.
pub(crate) fn detection(text: &str) -> Result<Detection, String> {
    let wrong = || {
        format!(
            "{text:?} is no detection target; write loss, confidence and time, such as 1%/99%/7d"
        )
    };
    let [loss, confidence, within] = text.split('/').collect::<Vec<_>>()[..] else {
        return Err(wrong());
    };
    let fraction_ppm = ppm(loss).ok_or_else(wrong)?;
    let confidence_ppm = ppm(confidence).ok_or_else(wrong)?;
    Ok(Detection { fraction_ppm, confidence_ppm, within: span(within)? })
}

/// `2.5` times as 2500 permille.
pub(crate) fn times(text: &str) -> Result<u32, String> {
    let wrong = || format!("{text:?} is no multiple; give for example 2, or 2.5");
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    if part.is_empty() || part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let part: u32 = format!("{part:0<3}").parse().map_err(|_| wrong())?;
    let whole: u32 = whole.parse().map_err(|_| wrong())?;
    whole.checked_mul(1000).and_then(|whole| whole.checked_add(part)).ok_or_else(wrong)
}

/// The least standing that a client may require.
pub(crate) fn standing(text: &str) -> Result<Standing, String> {
    match text {
        "low" => Ok(Standing::Low),
        "new" => Ok(Standing::New),
        "standard" => Ok(Standing::Standard),
        "high" => Ok(Standing::High),
        _ => Err(format!(
            "{text:?} is no standing that can be required; use low, new, standard or high"
        )),
    }
}

/// What happens when a contract's term ends.
pub(crate) fn renewal(text: &str) -> Result<Renewal, String> {
    match text {
        "manual" => Ok(Renewal::Manual),
        "automatic" => Ok(Renewal::Automatic),
        _ => Err(format!("{text:?} is no way to renew; use manual or automatic")),
    }
}

/// Where a contract's money sits.
pub(crate) fn rail(text: &str) -> Result<RailKind, String> {
    match text {
        "ledger" => Ok(RailKind::Ledger),
        "bitcoin" => Ok(RailKind::Bitcoin),
        _ => Err(format!("{text:?} is no place for a contract's money; use ledger or bitcoin")),
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
    fn a_discount_says_from_where_on_and_how_much() {
        assert_eq!(
            volume_discount("1GB=5%"),
            Ok(Discount { from: Bytes(1_000_000_000), permille: 50 })
        );
        assert_eq!(
            duration_discount("90d=2.5"),
            Ok(Discount { from: Span(90 * Span::DAY.0), permille: 25 })
        );
        for text in ["5%", "1GB=", "=5%", "1GB=101%", "0GB=5%"] {
            assert!(volume_discount(text).is_err(), "{text}");
        }
        assert!(duration_discount("90=5%").unwrap_err().contains("no unit"));
    }

    #[test]
    fn percentages_are_read() {
        for (text, value) in [("99.5", 995), ("100", 1000), ("0.1%", 1), ("0", 0)] {
            assert_eq!(permille(text), Ok(value), "{text}");
        }
        for text in ["100.1", "-1", "99.55", "", "many", "7000"] {
            assert!(permille(text).is_err(), "{text}");
        }
    }

    #[test]
    fn promises_are_read_as_people_write_them() {
        let found = detection("0.5%/99.9%/14d").unwrap();
        assert_eq!((found.fraction_ppm, found.confidence_ppm), (5_000, 999_000));
        assert_eq!(found.within, Span(14 * Span::DAY.0));
        for text in
            ["1%", "1%/99%", "1%/99%/7", "x/99%/7d", "1%/-9%/7d", "1.00001%/99%/7d", "/99%/7d"]
        {
            assert!(detection(text).is_err(), "{text}");
        }
        assert_eq!((times("2"), times("2.5"), times("0.125")), (Ok(2000), Ok(2500), Ok(125)));
        for text in ["", "-1", "2.", ".5", "2.1234", "9999999", "2x"] {
            assert!(times(text).is_err(), "{text}");
        }
        assert_eq!(
            (standing("high"), renewal("automatic")),
            (Ok(Standing::High), Ok(Renewal::Automatic))
        );
        assert_eq!(
            (rail("ledger"), rail("bitcoin")),
            (Ok(RailKind::Ledger), Ok(RailKind::Bitcoin))
        );
        assert!(standing("banned").is_err() && renewal("never").is_err() && rail("cash").is_err());
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
