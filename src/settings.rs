//! Settings from a file, the environment and flags, in that order: the later wins.
//!
//! The file (`--config FILE` or `BONDSTORE_CONFIG`) is TOML with the sections `[market]`, `[provider]`, `[client]`,
//! `[auditor]`, `[cashier]` and `[coins]`; the environment says `BONDSTORE_MARKET_LISTEN` for the market's `listen`. Keys are called as the flags are, and
//! become their defaults, so that every command reads its settings as it reads its flags. A section is checked whole
//! before anything begins, and all that is wrong with it is said at once, each with the place it comes from.

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Command};
use figment::providers::{Env, Format, Toml};
use figment::value::{Dict, Num, Value};
use figment::{Figment, Source};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The sections of the file.
const SECTIONS: [&str; 6] = ["market", "provider", "client", "auditor", "cashier", "coins"];
/// Flags that may stand before the command, each with its value.
const BEFORE: [&str; 2] = ["--config", "--log-format"];

/// What is said where, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Called as the flag is.
    pub(crate) key: String,
    /// As it would be written on the command line; several where the flag may be given several times.
    pub(crate) values: Vec<String>,
    /// Whether it is said as a list; of what is shown, whether it may be.
    pub(crate) list: bool,
    /// The file, the variable or `default`.
    pub(crate) origin: String,
}

/// Which section counts for a command line: that of its first word.
fn section_of(words: &[String]) -> Option<&'static str> {
    let mut words = words.iter().skip(1);
    let command = loop {
        match words.next()?.as_str() {
            flag if BEFORE.contains(&flag) => drop(words.next()),
            flag if flag.starts_with('-') => {}
            command => break command,
        }
    };
    match command {
        "market" => Some("market"),
        "provider" => Some("provider"),
        "auditor" => Some("auditor"),
        "cashier" => Some("cashier"),
        "coins" => Some("coins"),
        "chain" | "demo" | "journal" | "help" | "verify" => None,
        _ => Some("client"),
    }
}

/// The file that the command line or the environment names.
fn file_of(words: &[String]) -> Option<PathBuf> {
    let flag = words.iter().enumerate().find_map(|(at, word)| {
        let written = word.strip_prefix("--config=").map(str::to_owned);
        written.or_else(|| (word == "--config").then(|| words.get(at + 1).cloned()).flatten())
    });
    flag.map(PathBuf::from).or_else(|| std::env::var_os("BONDSTORE_CONFIG").map(PathBuf::from))
}

/// `command` with what file and environment say as its flags' defaults.
///
/// # Errors
/// Everything that is wrong, a line each.
pub(crate) fn layered(command: Command, words: &[String]) -> Result<Command, String> {
    let Some(section) = section_of(words) else { return Ok(command) };
    let (said, mut faults) = said(section, file_of(words).as_deref());
    for setting in &said {
        faults.extend(fault(&command, section, setting));
    }
    if !faults.is_empty() {
        return Err(faults.join("\n"));
    }
    Ok(said.iter().fold(command, |command, setting| defaulted(command, section, setting)))
}

/// Every setting of `section` as it counts now.
pub(crate) fn shown(command: &Command, section: &'static str, words: &[String]) -> Vec<Setting> {
    let (said, _) = said(section, file_of(words).as_deref());
    let said: BTreeMap<String, Setting> = said.into_iter().map(|s| (s.key.clone(), s)).collect();
    let run = ruled(command, section);
    let flags = run.into_iter().flat_map(Command::get_arguments);
    let flags = flags.filter_map(|flag| Some((flag.get_long()?, flag)));
    let setting = |(key, flag): (&str, &Arg)| {
        let usual = || Setting {
            key: key.to_owned(),
            values: flag
                .get_default_values()
                .iter()
                .map(|value| value.to_string_lossy().into_owned())
                .collect(),
            list: false,
            origin: "default".to_owned(),
        };
        let setting = said.get(key).cloned().unwrap_or_else(usual);
        Setting { list: may_be_list(flag), ..setting }
    };
    flags.filter(|(key, _)| *key != "help").map(setting).collect()
}

/// What file and environment say for `section`, and what is wrong with how they say it.
fn said(section: &'static str, file: Option<&Path>) -> (Vec<Setting>, Vec<String>) {
    let (mut figment, mut faults) = (Figment::new(), Vec::new());
    match file {
        Some(file) if !file.is_file() => {
            faults.push(format!("{} is no file; --config names one", file.display()));
        }
        Some(file) => figment = figment.merge(Toml::file_exact(file).nested()),
        None => {}
    }
    let unknown = figment.profiles().filter(|name| !SECTIONS.iter().any(|known| **name == **known));
    let there = SECTIONS.map(|section| format!("[{section}]")).join(", ");
    faults.extend(unknown.map(|name| {
        let file = file.unwrap_or(Path::new("")).display();
        format!("[{name}] in {file} is no section; there are {there}")
    }));
    let prefix = format!("BONDSTORE_{}_", section.to_uppercase());
    let environment = Env::prefixed(&prefix)
        .map(|key| key.as_str().to_lowercase().replace('_', "-").into())
        .split("\u{0}");
    let figment = figment.merge(environment.profile(section)).select(section);
    let dict: Dict = match figment.extract() {
        Ok(dict) => dict,
        Err(error) => {
            faults.extend(error.into_iter().map(|error| error.to_string()));
            return (Vec::new(), faults);
        }
    };
    let mut said = Vec::new();
    for (key, value) in dict {
        let origin = origin(&figment, section, &key);
        match texts(&value) {
            Some(values) => {
                let list = matches!(value, Value::Array(..));
                said.push(Setting { key, values, list, origin });
            }
            None => {
                faults.push(format!("{key} ({origin}): a value is needed, or a list of values"));
            }
        }
    }
    (said, faults)
}

fn origin(figment: &Figment, section: &str, key: &str) -> String {
    match figment.find_metadata(key).and_then(|metadata| metadata.source.as_ref()) {
        Some(Source::File(path)) => format!("[{section}] in {}", path.display()),
        _ => {
            format!("BONDSTORE_{}_{}", section.to_uppercase(), key.to_uppercase().replace('-', "_"))
        }
    }
}

fn may_be_list(flag: &Arg) -> bool {
    matches!(flag.get_action(), ArgAction::Append)
}

/// A value, or each of a list.
fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(_, values) => values.iter().map(text).collect(),
        value => text(value).map(|text| vec![text]),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text.clone()),
        Value::Char(_, one) => Some(one.to_string()),
        Value::Bool(_, yes) => Some(yes.to_string()),
        Value::Num(_, number) => Some(match number {
            Num::F32(f) => f.to_string(),
            Num::F64(f) => f.to_string(),
            number => number.to_i128().map_or_else(String::new, |whole| whole.to_string()),
        }),
        Value::Empty(..) | Value::Dict(..) | Value::Array(..) => None,
    }
}

/// The command whose flags are the settings of `section`.
fn ruled<'a>(command: &'a Command, section: &str) -> Option<&'a Command> {
    match section {
        "client" => command.find_subcommand("put"),
        section => command.find_subcommand(section)?.find_subcommand("run"),
    }
}

/// What is wrong with one setting: no flag is called so, or the flag does not take the value.
fn fault(command: &Command, section: &str, setting: &Setting) -> Option<String> {
    let Setting { key, values, list, origin } = setting;
    let ruled = ruled(command, section)?;
    let Some(flag) = ruled.get_arguments().find(|arg| arg.get_long() == Some(key)) else {
        let there: Vec<&str> = ruled.get_arguments().filter_map(Arg::get_long).collect();
        return Some(format!(
            "{key} ({origin}) is no setting of the {section}; there are {}",
            there.join(", ")
        ));
    };
    if *list && !may_be_list(flag) {
        return Some(format!("{key} ({origin}): one value is needed, not a list"));
    }
    if let (ArgAction::SetTrue, Some(value)) = (flag.get_action(), values.first()) {
        let sound = matches!(value.as_str(), "true" | "false");
        return (!sound).then(|| format!("{key} ({origin}): {value:?} is neither true nor false"));
    }
    let path: &[&str] = if section == "client" { &["put"] } else { &[section, "run"] };
    let flags: Vec<String> = values.iter().map(|value| format!("--{key}={value}")).collect();
    let flags = flags.iter().map(String::as_str);
    let words = ["bondstore"].iter().chain(path).copied().chain(flags);
    let tried = command.clone().try_get_matches_from(words);
    let error = tried.err().filter(|error| {
        matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation)
    })?;
    let text = error.render().to_string();
    let first = text.lines().next().unwrap_or_default();
    Some(format!("{key} ({origin}): {}", first.strip_prefix("error: ").unwrap_or(first)))
}

/// `command` in which every command of `section` has the setting as its flag's default.
fn defaulted(command: Command, section: &str, setting: &Setting) -> Command {
    let names: Vec<String> =
        command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    let concerned = |name: &&String| match section {
        "client" => !matches!(
            name.as_str(),
            "market" | "provider" | "auditor" | "cashier" | "coins" | "chain" | "demo" | "journal"
        ),
        section => name.as_str() == section,
    };
    names
        .iter()
        .filter(concerned)
        .fold(command, |command, name| command.mut_subcommand(name, |sub| set(sub, setting)))
}

fn set(command: Command, setting: &Setting) -> Command {
    let flag = command.get_arguments().find(|arg| arg.get_long() == Some(&setting.key));
    let id = flag.map(|flag| flag.get_id().clone());
    let command = match id {
        // A command's settings live as long as the process.
        Some(id) => {
            let leaked = |value: &String| &*Box::leak(value.clone().into_boxed_str());
            let values: Vec<&'static str> = setting.values.iter().map(leaked).collect();
            command.mut_arg(id, |flag| flag.default_values(values).required(false))
        }
        None => command,
    };
    let names: Vec<String> =
        command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    names
        .iter()
        .fold(command, |command, name| command.mut_subcommand(name, |sub| set(sub, setting)))
}

#[cfg(test)]
mod tests;
