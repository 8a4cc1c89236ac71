//! What a release is to be made of, as its author gives it beside the component.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::{ControlError, SpecPreflight, limits, names};
use crate::config::Config;
use crate::guest::{Effects, Environment, HostPattern, Limits, Owner, PlatformApi};
use crate::store::{
    Digest, Grants, LimitOverrides, PlatformGrant, PreflightMark, ReleaseSpec, SecretRef, SecretVersion,
};

/// What a release is made of beside its component: the JSON that the API takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Spec {
    /// What the component reads as its configuration.
    pub config: BTreeMap<String, String>,
    /// What it may reach.
    pub grants: SpecGrants,
    /// The secrets it may use: `NAME`, `NAME@latest` or `NAME@3`.
    pub secrets: Vec<String>,
    /// Its own limits, at most the node's.
    pub limits: LimitOverrides,
    /// Origin of the platform's pages, for those that embed one of ours, such as `https://app.example.com`.
    pub platform_origin: Option<String>,
    /// Why it is deployed.
    pub note: String,
    /// Whether it becomes the release that answers.
    pub activate: bool,
    /// Whether it becomes active without the conformance cases being run against it.
    pub skip_preflight: bool,
    /// What it is tried with beside the conformance cases.
    pub preflight: SpecPreflight,
    /// Whether the answer waits for the calls of the release that goes.
    pub wait: bool,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            config: BTreeMap::new(),
            grants: SpecGrants::default(),
            secrets: Vec::new(),
            limits: LimitOverrides::default(),
            platform_origin: None,
            note: String::new(),
            activate: true,
            skip_preflight: false,
            preflight: SpecPreflight::default(),
            wait: true,
        }
    }
}

/// What a component may reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpecGrants {
    /// Hosts: `api.example.com`, `*.example.com`, either with `:PORT` and a path; methods before it, as in
    /// `GET,POST api.example.com/v2`. Without methods or a path all of them.
    pub hosts: Vec<String>,
    /// Its channel's key-value store. On unless it is turned off: nothing in it is anybody else's.
    pub key_value: bool,
    /// The API of the notification platform, with the channel's credential; `[platform]` in a manifest.
    pub platform: Option<PlatformGrant>,
}

impl Default for SpecGrants {
    fn default() -> Self {
        Self { hosts: Vec::new(), key_value: true, platform: None }
    }
}

/// Bytes of the longest note or reason, so that a list of releases or receipts stays a list.
const LONGEST_NOTE: usize = 1000;

/// Fails with a sentence when what somebody says about a release is too long.
pub(super) fn check_length(name: &str, text: &str) -> Result<(), String> {
    let wrong = || format!("the {name} has {} bytes; the limit is {LONGEST_NOTE}", text.len());
    if text.len() > LONGEST_NOTE { Err(wrong()) } else { Ok(()) }
}

impl Spec {
    /// Fails with everything that is not well-formed, or that this node does not allow, in one sentence.
    pub(crate) fn check(&self, config: &Config) -> Result<(), ControlError> {
        let mut wrong = Vec::new();
        wrong.extend(read_hosts(&self.grants.hosts).err());
        if let Some(platform) = &self.grants.platform {
            let named = |name: &str| self.secret_refs().iter().any(|secret| secret.name == name);
            wrong.extend(PlatformApi::mistakes(platform, config.outbound.allow_http, named));
        }
        wrong.extend(self.secrets.iter().filter_map(|text| secret(text).err()).map(|error| error.to_string()));
        let mut names = BTreeSet::new();
        let twice = self.secret_refs().into_iter().filter(|secret| !names.insert(secret.name.clone()));
        wrong
            .extend(twice.map(|secret| format!("the secret {} is named twice: say which version it has", secret.name)));
        wrong.extend(self.platform_origin.as_deref().and_then(wrong_origin));
        // What is too much is noted, and costs the release nothing; what is too little would leave it nothing.
        let nothing = self.limits.iter().filter(|(limit, value)| *value == 0 && *limit.range().start() > 0);
        wrong.extend(nothing.map(|(limit, _)| format!("limits.{limit} is 0: leave it out for the node's own")));
        if self.config.keys().any(String::is_empty) {
            wrong.push("a config key is empty: give it a name".to_owned());
        }
        wrong.extend(check_length("note", &self.note).err());
        wrong.extend(self.preflight.mistakes());
        if wrong.is_empty() { Ok(()) } else { Err(ControlError::Invalid(wrong.join("; "))) }
    }

    /// Limits of which it asks for more than a channel with these limits of its own gives.
    pub(crate) fn notes(&self, config: &Config, channel: &LimitOverrides) -> Vec<String> {
        limits::notes(config, channel, &self.limits)
    }

    pub(crate) fn grants(&self) -> Grants {
        let SpecGrants { hosts, key_value, platform } = self.grants.clone();
        Grants { hosts, key_value, platform }
    }

    /// The secrets, those left out that are not well-formed.
    pub(super) fn secret_refs(&self) -> Vec<SecretRef> {
        self.secrets.iter().filter_map(|text| secret(text).ok()).collect()
    }

    /// The release's parts, with the component and who deploys it; the cases have run unless they are to be skipped.
    pub(super) fn into_release(self, digest: Digest, author: String) -> ReleaseSpec {
        let secrets = self.secret_refs();
        ReleaseSpec {
            digest,
            grants: self.grants(),
            config: self.config,
            secrets,
            limits: self.limits,
            platform_origin: self.platform_origin,
            author,
            note: self.note,
            preflight: if self.skip_preflight { PreflightMark::Skipped } else { PreflightMark::Passed },
        }
    }
}

/// What a release gives to its guests.
pub(super) fn environment(owner: Owner, spec: &ReleaseSpec, limits: Limits) -> Result<Environment, ControlError> {
    Ok(Environment {
        owner,
        config: spec.config.clone(),
        grants: spec.grants.clone(),
        hosts: read_hosts(&spec.grants.hosts).map_err(ControlError::Invalid)?,
        platform: spec.grants.platform.as_ref().map(PlatformApi::read).transpose().map_err(ControlError::Invalid)?,
        secrets: spec.secrets.clone(),
        writes: Semaphore::new(limits.waiting),
        limits,
        effects: Effects::Live,
    })
}

/// A secret as an author names it: `NAME` is the value that is set at the deploy or, if none is, the next one that will be;
/// `NAME@latest` whatever is set when it is used; `NAME@3` that version.
fn secret(text: &str) -> Result<SecretRef, ControlError> {
    let (name, version) = match text.split_once('@') {
        None => (text, Some(SecretVersion::Pinned(0))),
        Some((name, "latest")) => (name, Some(SecretVersion::Latest)),
        Some((name, number)) => (name, number.parse().ok().filter(|number| *number > 0).map(SecretVersion::Pinned)),
    };
    names::secret(name)?;
    let wrong =
        || ControlError::Invalid(format!("{text:?}: after @ a secret's version is \"latest\" or a number from 1"));
    Ok(SecretRef { name: name.to_owned(), version: version.ok_or_else(wrong)? })
}

/// The granted hosts, read; or all that are none.
fn read_hosts(hosts: &[String]) -> Result<Vec<HostPattern>, String> {
    let (good, wrong): (Vec<_>, Vec<_>) = hosts.iter().map(|host| host.parse::<HostPattern>()).partition(Result::is_ok);
    if wrong.is_empty() {
        return Ok(good.into_iter().flatten().collect());
    }
    let wrong: Vec<_> = wrong.into_iter().filter_map(Result::err).map(|error| error.to_string()).collect();
    Err(wrong.join("; "))
}

fn wrong_origin(text: &str) -> Option<String> {
    // It goes into a Content-Security-Policy, where `;`, blanks and `*` would have a meaning of their own.
    let authority = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_origin = authority.is_some_and(|authority| {
        let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
        names::host(host).is_ok() && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
    });
    let wrong = || {
        format!("platform-origin: {text:?} is not an origin: expected such as https://app.example.com, without a path")
    };
    (!is_origin).then(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_told_at_once() {
        let spec = Spec {
            grants: SpecGrants {
                hosts: vec!["https://a.b".to_owned()],
                platform: Some(PlatformGrant {
                    base_url: "http://a.b/".to_owned(),
                    header: "host".to_owned(),
                    value: "plain".to_owned(),
                }),
                ..SpecGrants::default()
            },
            secrets: ["small", "TWICE@1", "TWICE@2"].map(str::to_owned).to_vec(),
            limits: LimitOverrides { memory: Some(0), ..LimitOverrides::default() },
            platform_origin: Some("app.example.com/x".to_owned()),
            ..Spec::default()
        };
        let message = spec.check(&Config::default()).unwrap_err().to_string();
        for part in [
            "https://a.b",
            "small",
            "TWICE is named twice",
            "limits.memory",
            "app.example.com/x",
            "http://a.b/",
            "platform.header",
            "platform.value",
        ] {
            assert!(message.contains(part), "{part}: {message}");
        }
    }

    #[test]
    fn a_secret_is_pinned_unless_its_author_wants_the_latest() {
        for (text, version) in [
            ("API_KEY", SecretVersion::Pinned(0)),
            ("API_KEY@latest", SecretVersion::Latest),
            ("API_KEY@3", SecretVersion::Pinned(3)),
        ] {
            assert_eq!(secret(text).unwrap(), SecretRef { name: "API_KEY".to_owned(), version });
        }
        for text in ["", "@latest", "api", "API_KEY@", "API_KEY@0", "API_KEY@newest", "API_KEY@-1", "A@1@2"] {
            assert!(secret(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_origin_has_a_scheme_a_host_and_nothing_else() {
        for good in ["https://app.example.com", "http://localhost:3000"] {
            assert_eq!(wrong_origin(good), None, "{good}");
        }
        for bad in [
            "app.example.com",
            "https://a.b/",
            "https://a.b/c",
            "https://a.b?c",
            "ftp://a.b",
            "https://u@a.b",
            "*",
            "",
            "https://*.b",
            "https://a;x",
            "https://a.b:0",
            "https://a b",
        ] {
            assert!(wrong_origin(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn an_empty_spec_is_active_and_has_the_key_value_store() {
        let spec: Spec = serde_json::from_str("{}").unwrap();
        assert_eq!(spec, Spec::default());
        assert!(spec.activate && spec.grants.key_value);
        assert!(serde_json::from_str::<Spec>(r#"{"limits":{"deadline":5}}"#).is_err());
    }

    #[test]
    fn a_limit_above_the_nodes_is_told() {
        let limits = LimitOverrides {
            memory: Some(1 << 40),
            deadline_ms: Some(1 << 40),
            in_flight: Some(1 << 20),
            ..LimitOverrides::default()
        };
        let spec = Spec { limits, ..Spec::default() };
        assert!(spec.check(&Config::default()).is_ok());
        let none = LimitOverrides::default();
        assert_eq!(spec.notes(&Config::default(), &none).len(), 3);
        assert!(Spec::default().notes(&Config::default(), &none).is_empty());
    }
}
