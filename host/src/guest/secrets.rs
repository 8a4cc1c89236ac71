//! The secrets that a release names: where their values are read, and how a guest speaks of them.

use super::redact::Redactor;
use super::state::Environment;
use crate::store::Store;

/// How a guest begins to name a secret in a header; the name and `}}` follow.
pub(super) const MARK: &str = "{{secret:";

/// What stands for a secret's value.
pub(super) fn placeholder(name: &str) -> String {
    format!("{MARK}{name}}}}}")
}

impl Environment {
    /// Whether the release names a secret.
    pub(super) fn names_secret(&self, name: &str) -> bool {
        self.secrets.iter().any(|secret| secret == name)
    }

    /// A secret's value, if the release names it and it is set.
    pub(super) fn secret(&self, store: &Store, name: &str) -> Option<String> {
        if self.names_secret(name) { store.secret(&self.channel, name).ok().flatten() } else { None }
    }

    /// What takes the values of the release's secrets out of texts; `None` when it names none, or none is set.
    pub(super) fn redactor(&self, store: &Store) -> Option<Redactor> {
        if self.secrets.is_empty() {
            return None;
        }
        let values = self.secrets.iter().filter_map(|name| Some((name.as_str(), self.secret(store, name)?)));
        Some(Redactor::new(values)).filter(|redactor| !redactor.is_empty())
    }
}
