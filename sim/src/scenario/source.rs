//! Every figure of a scenario says where it comes from: in a comment behind it, or in the lines right above.

use super::ScenarioError;
use super::line::Lines;
use toml_edit::Value;
use types::{Bytes, Span};

/// The fewest words that name a source.
const WORDS_MIN: usize = 2;

/// Refuses the first figure that has no comment.
pub(super) fn check(text: &str, lines: &Lines) -> Result<(), ScenarioError> {
    let all: Vec<&str> = text.lines().collect();
    for (line, value) in lines.values() {
        if is_figure(value) && !is_explained(&all, line - 1) {
            let shown = value.to_string();
            let reason = format!(
                "{} has no source; say behind it, or in a comment right above, where it comes from or why it is chosen",
                shown.trim()
            );
            return Err(ScenarioError { line, reason });
        }
    }
    Ok(())
}

/// A number, or a text that stands for one.
fn is_figure(value: &Value) -> bool {
    match value {
        Value::Integer(_) | Value::Float(_) => true,
        Value::String(text) => {
            let text = text.value();
            text.parse::<Span>().is_ok() || text.parse::<Bytes>().is_ok()
        }
        _ => false,
    }
}

/// Whether the figure in line `at` has a comment behind it, or stands below one with nothing but figures between.
fn is_explained(lines: &[&str], at: usize) -> bool {
    if lines.get(at).and_then(|line| comment(line)).is_some_and(says_something) {
        return true;
    }
    let above = lines[..at].iter().rev().take_while(|line| !line.trim().is_empty());
    let mut above = above.skip_while(|line| {
        !line.trim_start().starts_with('#') && !line.trim_start().starts_with('[')
    });
    above.next().is_some_and(|line| comment(line).is_some_and(says_something))
}

/// What stands behind the line's `#`, if one stands outside of quotes.
fn comment(line: &str) -> Option<&str> {
    let mut quoted = false;
    for (at, sign) in line.char_indices() {
        match sign {
            '"' => quoted = !quoted,
            '#' if !quoted => return Some(&line[at + 1..]),
            _ => {}
        }
    }
    None
}

fn says_something(comment: &str) -> bool {
    comment.split_whitespace().count() >= WORDS_MIN
}
