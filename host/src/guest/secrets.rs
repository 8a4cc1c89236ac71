//! The secrets that a release names: where their values are read, and how a guest speaks of them.

use std::collections::BTreeSet;

use super::redact::Redactor;
use super::state::Environment;
use crate::store::{SecretRef, SecretVersion, Store};

/// How a guest begins to name a secret in a header; the name and `}}` follow.
pub(super) const MARK: &str = "{{secret:";
/// Older values that are looked for beside the one in use: a guest may have kept what it was sent back under them.
const OLDER: usize = 8;

/// What stands for a secret's value.
pub(super) fn placeholder(name: &str) -> String {
    format!("{MARK}{name}}}}}")
}

impl Environment {
    /// The secret of this name, if the release names it.
    pub(super) fn named_secret(&self, name: &str) -> Option<&SecretRef> {
        self.secrets.iter().find(|secret| secret.name == name)
    }

    /// A secret's value, if the release names it and it is set.
    pub(super) fn secret(&self, store: &Store, name: &str) -> Option<String> {
        self.value(store, name, self.named_secret(name)?.version)
    }

    /// What takes the values of the release's secrets out of texts, and those that a call has `handed_out` although they may
    /// be gone from the store since; `None` when there are none.
    pub(super) fn redactor(&self, store: &Store, handed_out: &BTreeSet<(String, String)>) -> Option<Redactor> {
        if self.secrets.is_empty() {
            return None;
        }
        let set = store.secret_names(&self.owner.channel).unwrap_or_default();
        let mut values: Vec<_> = handed_out.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        for SecretRef { name, version } in &self.secrets {
            let kept = set.iter().find(|set| set.name == *name).map(|set| set.versions.as_slice()).unwrap_or_default();
            let older = kept.iter().take(OLDER).map(|number| SecretVersion::Pinned(*number));
            let all = older.chain([*version]).filter_map(|version| self.value(store, name, version));
            values.extend(all.map(|value| (name.as_str(), value)));
        }
        Some(Redactor::new(values)).filter(|redactor| !redactor.is_empty())
    }

    fn value(&self, store: &Store, name: &str, version: SecretVersion) -> Option<String> {
        store.secret(&self.owner.channel, name, version).ok().flatten()
    }
}
