//! Reads the override file, merges it over the default and collects every mistake.

use std::fmt;
use std::path::Path;

use serde_path_to_error::Segment;
use toml::{Table, Value};

use super::{Config, DEFAULT};

/// Keys that may be set but have no default, so they are absent from `default.toml`.
const WITHOUT_DEFAULT: [&str; 6] = [
    "notification.payment-status.paid",
    "notification.payment-status.declined",
    "notification.payment-status.pending",
    "notification.post-message.success",
    "notification.post-message.error",
    "notification.post-message.close",
];

/// One mistake in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The dotted key, such as `guest.memory`; empty when the file as a whole is wrong.
    pub key: String,
    /// What is wrong and what was expected.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() { f.write_str(&self.message) } else { write!(f, "{}: {}", self.key, self.message) }
    }
}

/// All mistakes of one file; displayed as one line each, the file's name in front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    /// The file as it was named.
    pub file: String,
    /// At least one.
    pub errors: Vec<ConfigError>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}{}: {error}", self.file)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

pub(super) fn file(path: &Path) -> Result<Config, ConfigErrors> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(content) => text(&name, &content),
        Err(error) => Err(whole(&name, format!("cannot be read: {error}"))),
    }
}

/// `content` merged over the default; `name` is what errors call it.
pub(super) fn text(name: &str, content: &str) -> Result<Config, ConfigErrors> {
    let defaults = parse("default.toml", DEFAULT)?;
    let overrides = parse(name, content)?;
    let mut errors = Vec::new();
    let mut merged = defaults.clone();
    merge(&mut merged, overrides, "", &mut errors);
    let config = read(merged, &defaults, &mut errors);
    if let Some(config) = &config {
        errors.extend(config.out_of_range());
    }
    match config {
        Some(config) if errors.is_empty() => Ok(config),
        _ => Err(ConfigErrors { file: name.to_owned(), errors }),
    }
}

fn whole(name: &str, message: String) -> ConfigErrors {
    ConfigErrors { file: name.to_owned(), errors: vec![ConfigError { key: String::new(), message }] }
}

fn parse(name: &str, content: &str) -> Result<Table, ConfigErrors> {
    content.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| content[..span.start].lines().count().max(1));
        whole(name, format!("line {line}: {}", error.message()))
    })
}

/// Puts `overrides` over `base`, which holds every key that has a default. Unknown keys are reported and left out.
fn merge(base: &mut Table, overrides: Table, prefix: &str, errors: &mut Vec<ConfigError>) {
    for (key, value) in overrides {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match (base.get_mut(&key), value) {
            (Some(Value::Table(base)), Value::Table(value)) => merge(base, value, &path, errors),
            (Some(Value::Table(_)), value) => {
                errors.push(ConfigError { key: path, message: format!("expected a table, found {value}") });
            }
            (Some(base), value) => *base = value,
            (None, value) if WITHOUT_DEFAULT.contains(&path.as_str()) => {
                base.insert(key, value);
            }
            (None, _) => errors.push(unknown(path, base, prefix)),
        }
    }
}

fn unknown(path: String, siblings: &Table, prefix: &str) -> ConfigError {
    let own = siblings.keys().map(String::as_str);
    let extra = WITHOUT_DEFAULT.into_iter().filter_map(|key| key.strip_prefix(prefix)?.strip_prefix('.'));
    let known: Vec<_> = own.chain(extra.filter(|key| !key.contains('.'))).collect();
    ConfigError { key: path, message: format!("unknown key; known here are {}", known.join(", ")) }
}

/// Reads the typed configuration. A wrong value is reported and set back to its default, until nothing is wrong any
/// more: so one pass tells all mistakes although serde stops at the first.
fn read(mut merged: Table, defaults: &Table, errors: &mut Vec<ConfigError>) -> Option<Config> {
    loop {
        let error = match serde_path_to_error::deserialize(Value::Table(merged.clone())) {
            Ok(config) => return Some(config),
            Err(error) => error,
        };
        let steps: Vec<&Segment> = error.path().iter().collect();
        let found = lookup(&merged, &steps);
        let default = lookup(defaults, &steps);
        let expected = expected(default, error.inner());
        let found = found.map_or_else(|| "nothing".to_owned(), ToString::to_string);
        errors.push(ConfigError {
            key: error.path().to_string(),
            message: format!("expected {expected}, found {found}"),
        });
        if !reset(&mut merged, defaults, &steps) {
            return None;
        }
    }
}

/// What belongs at a place: from the default's kind, or for texts in the words of the value's own parser.
fn expected(default: Option<&Value>, error: &toml::de::Error) -> String {
    match default {
        Some(value @ Value::Integer(_)) => format!("a whole number such as {value}"),
        Some(value @ Value::Float(_)) => format!("a number such as {value}"),
        Some(Value::Boolean(_)) => "true or false".to_owned(),
        Some(value @ Value::Array(_)) => format!("a list such as {value}"),
        _ if error.message().starts_with("invalid type") => "text".to_owned(),
        _ => error.message().to_owned(),
    }
}

fn lookup<'a>(table: &'a Table, steps: &[&Segment]) -> Option<&'a Value> {
    let (first, rest) = steps.split_first()?;
    let Segment::Map { key } = first else {
        return None;
    };
    rest.iter().try_fold(table.get(key)?, |value, step| match step {
        Segment::Map { key } => value.get(key),
        Segment::Seq { index } => value.get(index),
        _ => None,
    })
}

/// Sets the key that `steps` lead to (or into, for a list) back to its default. False when there is no such key.
fn reset(table: &mut Table, defaults: &Table, steps: &[&Segment]) -> bool {
    let Some((Segment::Map { key }, rest)) = steps.split_first() else {
        return false;
    };
    if let (Some(Value::Table(inner)), Some(Value::Table(inner_defaults)), Some(Segment::Map { .. })) =
        (table.get_mut(key), defaults.get(key), rest.first())
    {
        return reset(inner, inner_defaults, rest);
    }
    match defaults.get(key) {
        Some(default) => table.insert(key.clone(), default.clone()).is_some_and(|wrong| wrong != *default),
        None => table.remove(key).is_some(),
    }
}
