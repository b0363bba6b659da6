//! In which line of a scenario's text a value stands.

use super::ScenarioError;
use toml_edit::{Document, Item, Value};

/// A scenario's text, whose values know where they stand.
pub(super) struct Lines {
    text: String,
    document: Document<String>,
}

impl Lines {
    /// The lines of `text`.
    pub(super) fn of(text: &str) -> Result<Self, ScenarioError> {
        let document = Document::parse(text.to_owned()).map_err(|error| ScenarioError {
            line: line_at(text, error.span().map_or(0, |span| span.start)),
            reason: format!("this is not TOML: {}", error.message()),
        })?;
        Ok(Self { text: text.to_owned(), document })
    }

    /// Every value that is not a table or a list, with its line, from 1.
    pub(super) fn values(&self) -> Vec<(usize, &Value)> {
        let mut found = Vec::new();
        walk(self.document.as_item(), &mut |value| {
            if let Some(span) = value.span() {
                found.push((line_at(&self.text, span.start), value));
            }
        });
        found
    }

    /// The names in the table called so, in their order.
    pub(super) fn names(&self, table: &str) -> Vec<String> {
        let table = self.document.get(table).and_then(Item::as_table_like);
        let names = table.into_iter().flat_map(|table| table.iter());
        names.map(|(name, _)| name.to_owned()).collect()
    }

    pub(super) fn of_toml(&self, error: &toml_edit::de::Error) -> ScenarioError {
        let line = line_at(&self.text, error.span().map_or(0, |span| span.start));
        ScenarioError { line, reason: error.message().to_owned() }
    }

    /// What is wrong with the value at `path`, or with the nearest thing around it.
    pub(super) fn error(&self, path: &str, reason: impl Into<String>) -> ScenarioError {
        self.error_at(&[path], format!("{path}: {}", reason.into()))
    }

    /// As [`Lines::error`], for a path whose last part may have dots of its own.
    pub(super) fn error_at(&self, path: &[&str], reason: String) -> ScenarioError {
        let mut item = self.document.as_item();
        let mut start = 0;
        let mut rest = path.join(".");
        while let Some((next, left)) = step(item, &rest) {
            item = next;
            start = span_start(item).unwrap_or(start);
            rest = left;
        }
        ScenarioError { line: line_at(&self.text, start), reason }
    }
}

/// The part of `item` that `path` begins with, and what is left of the path.
fn step<'a>(item: &'a Item, path: &str) -> Option<(&'a Item, String)> {
    if path.is_empty() {
        return None;
    }
    if let Some(table) = item.as_table_like()
        && let Some(whole) = table.get(path)
    {
        return Some((whole, String::new()));
    }
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let next = match first.parse::<usize>() {
        Ok(place) => item.get(place),
        Err(_) => item.as_table_like().and_then(|table| table.get(first)),
    };
    next.map(|next| (next, rest.to_owned()))
}

fn span_start(item: &Item) -> Option<usize> {
    item.span().map(|span| span.start)
}

fn walk<'a>(item: &'a Item, see: &mut impl FnMut(&'a Value)) {
    match item {
        Item::Value(value) => see_value(value, see),
        Item::Table(table) => table.iter().for_each(|(_, item)| walk(item, see)),
        Item::ArrayOfTables(tables) => {
            tables.iter().flat_map(|table| table.iter()).for_each(|(_, item)| walk(item, see));
        }
        Item::None => {}
    }
}

fn see_value<'a>(value: &'a Value, see: &mut impl FnMut(&'a Value)) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| see_value(value, see)),
        Value::InlineTable(table) => {
            table.iter().for_each(|(_, value)| see_value(value, see));
        }
        other => see(other),
    }
}

/// The line of the byte at `at`, from 1.
fn line_at(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or(text).matches('\n').count() + 1
}
