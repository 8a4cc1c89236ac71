//! What differs between two releases, or between the active one and what is about to replace it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Control;
use crate::config::Limit;
use crate::guest::admission::Outline;
use crate::store::{Digest, Grants, PlatformGrant, ReleaseSpec, StoreError};

/// One of the two that are compared.
#[derive(Debug)]
pub struct Side<'a> {
    /// The release's number; `None` for one that has none yet.
    pub release: Option<u64>,
    /// What it is made of.
    pub spec: &'a ReleaseSpec,
    /// Its component's outline; `None` when its bytes cannot be read.
    pub outline: Option<Outline>,
}

/// What differs, in the order in which it is told. Secrets are named, their values are not known here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// The release that is compared; `null` for one that has no number yet.
    pub from: Option<u64>,
    /// The release that it is compared with.
    pub to: Option<u64>,
    /// Empty when nothing differs.
    pub changes: Vec<Change>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Which part of a release differs.
    pub what: What,
    /// Which one of them, where a release has several: a config key, a host, a secret, an interface, a limit.
    pub name: Option<String>,
    /// What it was; `null` = it was not there, `unknown` = the component's bytes cannot be read.
    pub from: Option<String>,
    /// What it is; `null` = it is not there any more.
    pub to: Option<String>,
}

/// A part of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// The component.
    Digest,
    /// The component's size in bytes.
    Size,
    /// An interface that the component exports.
    Export,
    /// An interface that the component imports.
    Import,
    /// A config key and its value.
    Config,
    /// A host that it may call.
    Host,
    /// Whether it may use the key-value store.
    KeyValue,
    /// The platform's API: its base URL, and the header and the value of the credential.
    Platform,
    /// A secret that it may use, and in which version.
    Secret,
    /// A limit of its own.
    Limit,
    /// The origin of the platform's pages.
    PlatformOrigin,
    /// Whether the conformance cases were run before.
    Preflight,
    /// Who deployed it.
    Author,
    /// Why.
    Note,
}

const UNKNOWN: &str = "unknown";

/// What differs from `a` to `b`.
pub fn diff(a: &Side<'_>, b: &Side<'_>) -> Diff {
    let mut changes = Changes(Vec::new());
    changes.component(a, b);
    // Named one by one, so that a new field of a release does not compile until it is compared here.
    let ReleaseSpec { digest: _, config, secrets, grants, limits, platform_origin, author, note, preflight } = a.spec;
    let then = b.spec;
    changes.entries(What::Config, config, &then.config);
    let Grants { hosts, key_value, platform } = grants;
    changes.names(What::Host, hosts, &then.grants.hosts);
    changes.value(What::KeyValue, Some(granted(*key_value)), Some(granted(then.grants.key_value)));
    changes.entries(What::Platform, &parts(platform.as_ref()), &parts(then.grants.platform.as_ref()));
    changes.entries(What::Secret, &versions(secrets), &versions(&then.secrets));
    for limit in Limit::ALL {
        let [from, to] = [limits, &then.limits].map(|limits| limits.get(limit).map(|value| limit.show(value)));
        changes.push(What::Limit, Some(limit.name()), from.as_deref(), to.as_deref());
    }
    changes.value(What::PlatformOrigin, platform_origin.as_deref(), then.platform_origin.as_deref());
    changes.value(What::Preflight, Some(preflight.as_str()), Some(then.preflight.as_str()));
    changes.value(What::Author, Some(author), Some(&then.author));
    changes.value(What::Note, told(note), told(&then.note));
    Diff { from: a.release, to: b.release, changes: changes.0 }
}

/// As a manifest names them.
fn parts(platform: Option<&PlatformGrant>) -> BTreeMap<String, String> {
    let named = |PlatformGrant { base_url, header, value }: &PlatformGrant| {
        [("base-url", base_url), ("header", header), ("value", value)]
            .map(|(name, text)| (name.to_owned(), text.clone()))
    };
    platform.map(named).into_iter().flatten().collect()
}

fn granted(yes: bool) -> &'static str {
    if yes { "granted" } else { "not granted" }
}

fn told(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// `NAME@VERSION` by name; a name without a version has an empty one.
fn versions(secrets: &[impl ToString]) -> BTreeMap<String, String> {
    let split = |secret: &_| {
        let text = ToString::to_string(secret);
        match text.split_once('@') {
            Some((name, version)) => (name.to_owned(), version.to_owned()),
            None => (text, String::new()),
        }
    };
    secrets.iter().map(split).collect()
}

struct Changes(Vec<Change>);

impl Changes {
    fn push(&mut self, what: What, name: Option<&str>, from: Option<&str>, to: Option<&str>) {
        if from != to {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            self.0.push(Change { what, name: owned(name), from: owned(from), to: owned(to) });
        }
    }

    fn value(&mut self, what: What, from: Option<&str>, to: Option<&str>) {
        self.push(what, None, from, to);
    }

    fn entries(&mut self, what: What, from: &BTreeMap<String, String>, to: &BTreeMap<String, String>) {
        for name in from.keys().chain(to.keys()).collect::<BTreeSet<_>>() {
            let [from, to] = [from, to].map(|entries| entries.get(name).map(String::as_str));
            self.push(what, Some(name), from, to);
        }
    }

    fn names(&mut self, what: What, from: &[String], to: &[String]) {
        let set = |names: &[String]| names.iter().map(|name| (name.clone(), String::new())).collect();
        self.entries(what, &set(from), &set(to));
    }

    fn component(&mut self, a: &Side<'_>, b: &Side<'_>) {
        let [from, to] = [a.spec.digest, b.spec.digest];
        if from == to {
            return;
        }
        self.value(What::Digest, Some(&from.to_string()), Some(&to.to_string()));
        let size = |side: &Side<'_>| {
            side.outline.as_ref().map_or_else(|| UNKNOWN.to_owned(), |outline| outline.size.to_string())
        };
        self.value(What::Size, Some(&size(a)), Some(&size(b)));
        if let (Some(from), Some(to)) = (&a.outline, &b.outline) {
            self.names(What::Export, &from.exports, &to.exports);
            self.names(What::Import, &from.imports, &to.imports);
        } else {
            for what in [What::Export, What::Import] {
                self.0.push(Change { what, name: None, from: Some(UNKNOWN.to_owned()), to: Some(UNKNOWN.to_owned()) });
            }
        }
    }
}

impl Control {
    /// What differs between two releases of a channel.
    ///
    /// # Errors
    /// `NoRelease`, or the store cannot be read. A component that cannot be read is no error: its parts are `unknown`.
    pub async fn diff(&self, channel: &str, from: u64, to: u64) -> Result<Diff, StoreError> {
        let no_release = |number| StoreError::NoRelease { channel: channel.to_owned(), number };
        let release =
            |number| self.store.release(channel, number)?.ok_or_else(|| no_release(number)).map(|release| release.spec);
        let specs: [ReleaseSpec; 2] = [release(from)?, release(to)?];
        let outlines = if specs[0].digest == specs[1].digest {
            [None, None]
        } else {
            [self.outline(specs[0].digest).await, self.outline(specs[1].digest).await]
        };
        let [first, second] = outlines;
        let a = Side { release: Some(from), spec: &specs[0], outline: first };
        let b = Side { release: Some(to), spec: &specs[1], outline: second };
        Ok(diff(&a, &b))
    }

    /// Off the runtime: reading and hashing 16 MiB takes some 10 ms.
    async fn outline(&self, digest: Digest) -> Option<Outline> {
        let store = self.store.clone();
        let read = move || store.component(digest).ok().and_then(|bytes| Outline::read(&bytes).ok());
        let outline = tokio::task::spawn_blocking(read).await.ok().flatten();
        if outline.is_none() {
            tracing::warn!(%digest, "a component cannot be read; what it exports and imports is unknown");
        }
        outline
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn spec(over: &Value) -> ReleaseSpec {
        let mut spec = json!({
            "digest": Digest::of(b"a"), "config": {}, "secrets": [], "grants": {}, "limits": {},
            "platform_origin": null, "author": "ann", "note": "",
        });
        for (key, value) in over.as_object().unwrap() {
            spec[key] = value.clone();
        }
        serde_json::from_value(spec).unwrap()
    }

    fn outline(size: usize, exports: &[&str]) -> Outline {
        let exports = exports.iter().map(|name| (*name).to_owned()).collect();
        Outline { size, exports, imports: vec!["wasi:io/poll@0.2.6".to_owned()] }
    }

    /// Each change as `what name from to`.
    fn between(a: &Side<'_>, b: &Side<'_>) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let diff = serde_json::to_value(diff(a, b)).unwrap();
        let changes = diff["changes"].as_array().unwrap().iter();
        changes.map(|change| ["what", "name", "from", "to"].map(|key| text(&change[key])).join(" ")).collect()
    }

    fn of_specs(a: &Value, b: &Value) -> Vec<String> {
        let (a, b) = (spec(a), spec(b));
        let side = |spec| Side { release: Some(1), spec, outline: None };
        between(&side(&a), &side(&b))
    }

    #[test]
    fn a_release_does_not_differ_from_itself() {
        let all = json!({"config": {"a": "1"}, "secrets": ["K"], "note": "x", "limits": {"memory": 5}});
        assert_eq!(of_specs(&all, &all), [""; 0]);
    }

    #[test]
    fn config_keys_are_added_removed_and_changed() {
        let (a, b) = (json!({"config": {"a": "1", "b": "2"}}), json!({"config": {"b": "3", "c": ""}}));
        assert_eq!(of_specs(&a, &b), ["config a 1 -", "config b 2 3", "config c - "]);
    }

    #[test]
    fn grants_limits_and_all_the_rest_are_compared() {
        let a = json!({"grants": {"hosts": ["a.b", "c.d"], "key_value": true}, "limits": {"memory": 1 << 20}});
        let b = json!({
            "grants": {"hosts": ["c.d", "e.f"], "platform": {"base_url": "https://g.h/", "value": "{{secret:K}}"}}, "limits": {"deadline_ms": 1500, "in_flight": 2, "log_bytes": 2048},
            "platform_origin": "https://x.y", "author": "bob", "note": "why",
        });
        let expected = [
            "host a.b  -",
            "host e.f - ",
            "key-value - granted not granted",
            "platform base-url - https://g.h/",
            "platform header - authorization",
            "platform value - {{secret:K}}",
            "limit memory 1MiB -",
            "limit deadline - 1s 500ms",
            "limit in-flight - 2",
            "limit log-bytes - 2KiB",
            "platform-origin - - https://x.y",
            "author - ann bob",
            "note - - why",
        ];
        assert_eq!(of_specs(&a, &b), expected);
    }

    #[test]
    fn a_secret_differs_by_its_version() {
        let [a, b] = [["KEY@3", "OLD@1", "SAME@latest"], ["KEY@latest", "NEW@1", "SAME@latest"]];
        let changes = |a: [&str; 3], b: [&str; 3]| {
            let mut changes = Changes(Vec::new());
            changes.entries(What::Secret, &versions(&a), &versions(&b));
            changes.0.into_iter().map(|change| (change.name.unwrap(), change.from, change.to)).collect::<Vec<_>>()
        };
        let some = |text: &str| Some(text.to_owned());
        let expected = [
            ("KEY".to_owned(), some("3"), some("latest")),
            ("NEW".to_owned(), None, some("1")),
            ("OLD".to_owned(), some("1"), None),
        ];
        assert_eq!(changes(a, b), expected);
    }

    #[test]
    fn another_component_is_compared_by_its_outline() {
        let (a, b) = (spec(&json!({})), spec(&json!({"digest": Digest::of(b"b")})));
        let side = |spec, outline| Side { release: None, spec, outline };
        let told = between(&side(&a, Some(outline(5, &["x"]))), &side(&b, Some(outline(7, &["y"]))));
        assert!(told[0].starts_with("digest - "), "{told:?}");
        assert_eq!(told[1..], ["size - 5 7", "export x  -", "export y - "]);
        let told = between(&side(&a, None), &side(&b, Some(outline(7, &["y"]))));
        assert_eq!(told[1..], ["size - unknown 7", "export - unknown unknown", "import - unknown unknown"]);
        // The same component needs no outline.
        assert_eq!(between(&side(&a, None), &side(&a, Some(outline(5, &["x"])))), [""; 0]);
    }
}
