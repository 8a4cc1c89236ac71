//! A release: what it is made of, and which values of its secrets it means.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Digest, LimitOverrides, Timestamp, words};

/// Which value of a secret is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SecretVersion {
    /// The newest, whenever it is used.
    Latest,
    /// The one with this version. In a release to be deployed 0 stands for the newest that is set then or, if none is
    /// set yet, for the next one that will be; a stored release never has a 0.
    Pinned(u64),
}

/// A secret that a release may use; `NAME@latest` or `NAME@3` in text and JSON.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretRef {
    /// Its name.
    pub name: String,
    /// Which value.
    pub version: SecretVersion,
}

impl fmt::Display for SecretVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Pinned(version) => version.fmt(f),
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

impl FromStr for SecretRef {
    type Err = String;

    /// A name alone is the newest value: so the first releases wrote it, and so they used it.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, version) = text.split_once('@').unwrap_or((text, "latest"));
        let version = match version {
            "latest" => Some(SecretVersion::Latest),
            number => number.parse().ok().filter(|number| *number > 0).map(SecretVersion::Pinned),
        };
        version
            .filter(|_| !name.is_empty())
            .map(|version| Self { name: name.to_owned(), version })
            .ok_or_else(|| format!("expected a secret such as API_KEY@latest or API_KEY@3, found {text:?}"))
    }
}

impl Serialize for SecretRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

words! {
    /// What is known of a release's conformance before it was added.
    #[derive(Default)]
    PreflightMark {
        /// It was added before anybody asked.
        #[default]
        Unknown = "unknown",
        /// The cases ran and none failed.
        Passed = "passed",
        /// Its author left them out.
        Skipped = "skipped",
    }
}

/// What a release's component may reach.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Grants {
    /// Hosts it may send requests to.
    pub hosts: Vec<String>,
    /// Whether it may use its channel's key-value store.
    pub key_value: bool,
    /// The platform's API, if it may use it.
    pub platform: Option<PlatformGrant>,
}

/// Where the platform's API is, and what credential it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlatformGrant {
    /// What every path is relative to, such as `https://erp.example.com/ProdClients/ACME/RESTWS/`.
    pub base_url: String,
    /// The header that the credential goes into.
    #[serde(default = "authorization")]
    pub header: String,
    /// The header's value, with `{{secret:NAME}}` where a secret's value belongs.
    pub value: String,
}

fn authorization() -> String {
    "authorization".to_owned()
}

/// Everything that makes a release, as its author gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseSpec {
    /// The component.
    pub digest: Digest,
    /// What the component reads as its configuration.
    pub config: BTreeMap<String, String>,
    /// The secrets it may use, and which of their values.
    pub secrets: Vec<SecretRef>,
    /// What it may reach.
    pub grants: Grants,
    /// Its own limits.
    pub limits: LimitOverrides,
    /// Origin of the retail platform's pages, for those that embed one of ours.
    pub platform_origin: Option<String>,
    /// Who deployed it.
    pub author: String,
    /// Why.
    pub note: String,
    /// What the conformance cases said before it was added.
    #[serde(default)]
    pub preflight: PreflightMark,
}

/// One immutable, numbered version of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Its channel.
    pub channel: String,
    /// 1, 2, 3 …; a number is never used twice, not even after the channel was deleted and made again.
    pub number: u64,
    /// When it was added.
    pub created: Timestamp,
    /// What it is made of.
    pub spec: ReleaseSpec,
}
