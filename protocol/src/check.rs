//! The platform's rules for answers that a type alone cannot hold.

use std::fmt;

use crate::decimal::{Decimal, MAX_SCALE};

/// An answer that breaks a rule of the platform. It is the guest's fault, and is not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// Where, as a path into the JSON answer such as `orders[2].currency_code`.
    pub path: String,
    /// The rule, as a sentence that reads after the path.
    pub rule: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.rule)
    }
}

impl std::error::Error for Breach {}

impl Breach {
    /// A breach at `path`.
    pub fn new(path: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { path: path.into(), rule: rule.into() }
    }

    /// The same breach, seen from the object around.
    #[must_use]
    pub fn within(mut self, parent: impl fmt::Display) -> Self {
        self.path = format!("{parent}.{}", self.path);
        self
    }
}

/// An answer that can be held against the platform's rules before it is sent.
pub trait Check {
    /// The first broken rule, if there is one.
    fn check(&self) -> Result<(), Breach>;
}

/// Amounts by name, each of which must have a scale that the platform takes.
pub(crate) fn scales<const N: usize>(amounts: [(&str, Option<Decimal>); N]) -> Result<(), Breach> {
    for (name, amount) in amounts {
        if let Some(amount) = amount.filter(|amount| amount.scale > MAX_SCALE) {
            return Err(Breach::new(
                name,
                format!("has {} decimal places; at most {MAX_SCALE} are allowed", amount.scale),
            ));
        }
    }
    Ok(())
}

/// Checks each item of a list, with its place in the path.
pub(crate) fn each<T>(list: &[T], name: &str, check: impl Fn(&T) -> Result<(), Breach>) -> Result<(), Breach> {
    for (index, item) in list.iter().enumerate() {
        check(item).map_err(|breach| breach.within(format_args!("{name}[{index}]")))?;
    }
    Ok(())
}

/// A text of at least `min` and at most `max` characters.
pub(crate) fn length(name: &str, text: &str, min: usize, max: usize) -> Result<(), Breach> {
    // A character has one to four bytes: most texts need not be counted, and for one of 1 MiB that takes 0.1 ms.
    if min.saturating_mul(4) <= text.len() && text.len() <= max {
        return Ok(());
    }
    let count = text.chars().count();
    if (min..=max).contains(&count) { Ok(()) } else { Err(Breach::new(name, rule(count, min, max))) }
}

fn rule(count: usize, min: usize, max: usize) -> String {
    if count == 0 && max == usize::MAX {
        "is empty".to_owned()
    } else {
        format!("has {count} characters; {min} to {max} are allowed")
    }
}
