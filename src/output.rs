//! How commands speak: one JSON value, or text, tables and progress bars.

use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use serde_json::json;
use std::fmt::Display;
use std::io::Write;

/// Where a command's results go.
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints the result: `value` for programs, what `text` says for people.
    pub(crate) fn result(&self, value: &impl Serialize, text: impl FnOnce() -> String) {
        let line = if self.json {
            serde_json::to_string(value).expect("results have string keys")
        } else {
            text()
        };
        write_line(&line);
    }

    /// A line of the story, for people only.
    pub(crate) fn say(&self, line: impl Display) {
        if !self.json {
            write_line(&line.to_string());
        }
    }

    /// Why a command failed: with its causes, on standard error (and as JSON on standard output).
    pub(crate) fn error(&self, error: &anyhow::Error) {
        let mut text = String::new();
        for cause in error.chain() {
            let cause = cause.to_string();
            if text.is_empty() {
                text = cause;
            } else if !text.contains(&cause) {
                text = format!("{text}: {cause}");
            }
        }
        if self.json {
            write_line(&json!({ "ok": false, "error": text }).to_string());
        }
        eprintln!("error: {text}");
    }

    /// A bar for work of `bytes`, on standard error; it hides where nobody looks.
    pub(crate) fn bar(&self, what: &'static str, bytes: Option<u64>) -> ProgressBar {
        let bar = match (self.json, bytes) {
            (true, _) => ProgressBar::with_draw_target(bytes, ProgressDrawTarget::hidden()),
            (false, Some(bytes)) => ProgressBar::new(bytes),
            (false, None) => ProgressBar::no_length(),
        };
        let shape = "{prefix:>9} {bar:32} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta}";
        let style = ProgressStyle::with_template(shape).expect("the template is well formed");
        bar.with_style(style).with_prefix(what)
    }
}

impl Output {
    /// A bar for so many steps, with the time that is left, on standard error; it hides where nobody looks.
    pub(crate) fn steps(&self, what: &'static str, count: u64) -> ProgressBar {
        let bar = if self.json {
            ProgressBar::with_draw_target(Some(count), ProgressDrawTarget::hidden())
        } else {
            ProgressBar::new(count)
        };
        let shape = "{prefix:>9} {bar:32} {pos}/{len}, {eta} left";
        let style = ProgressStyle::with_template(shape).expect("the template is well formed");
        bar.with_style(style).with_prefix(what)
    }
}

/// A closed pipe is the reader's wish to hear no more; anything else is a result that is lost.
fn write_line(line: &str) {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            eprintln!("error: standard output does not take the result: {error}");
            std::process::exit(1);
        }
    }
}

/// As wide as the narrowest terminals.
const NARROW: u16 = 80;

/// A table with `head` over `rows` that fits every terminal: what is long is written over several lines.
pub(crate) fn narrow_table<const N: usize>(
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = filled(head, rows);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(NARROW);
    table.to_string()
}

/// A table with `head` over `rows`.
pub(crate) fn table<const N: usize>(
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    filled(head, rows).to_string()
}

fn filled<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY).set_header(head);
    for row in rows {
        table.add_row(row);
    }
    table
}
