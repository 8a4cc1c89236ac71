//! One request of an administrator, known and allowed.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use super::body::{self, Incoming};
use super::problem::Problem;
use super::routes::Params;
use crate::control::Control;
use crate::control::tokens::Bearer;
use crate::store::Channel;

/// One request without its body: who asks, for which channel, and what else it says.
pub(super) struct Ask {
    pub(super) control: Arc<Control>,
    pub(super) who: Bearer,
    pub(super) channel: Option<Channel>,
    pub(super) params: Params,
    pub(super) head: http::request::Parts,
}

impl Ask {
    /// The channel that the path names.
    pub(super) fn channel(&self) -> Result<&Channel, Problem> {
        self.channel.as_ref().ok_or_else(|| Problem::internal(&"the path has no channel"))
    }

    /// Another part of the path.
    pub(super) fn param(&self, name: &str) -> Result<&str, Problem> {
        self.params.get(name).ok_or_else(|| Problem::internal(&format!("the path has no {name}")))
    }

    /// The query's pairs, of which only `known` ones may be there.
    pub(super) fn query(&self, known: &[&str]) -> Result<Query, Problem> {
        let pairs = form_urlencoded::parse(self.head.uri.query().unwrap_or_default().as_bytes());
        let pairs: BTreeMap<String, String> = pairs.into_owned().collect();
        match pairs.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => {
                let message = format!("{key:?} is not known in the query; it takes {}", known.join(", "));
                Err(Problem::malformed(message))
            }
            None => Ok(Query(pairs)),
        }
    }

    /// The body as JSON.
    pub(super) async fn json<T: DeserializeOwned>(&self, body: &mut Incoming) -> Result<T, Problem> {
        from_json(&body::read(body, body::LARGEST, body::LARGEST_TOLD).await?, "the body")
    }

    /// The body as JSON, if there is one.
    pub(super) async fn json_or_nothing<T: DeserializeOwned>(&self, body: &mut Incoming) -> Result<Option<T>, Problem> {
        let bytes = body::read(body, body::LARGEST, body::LARGEST_TOLD).await?;
        if bytes.is_empty() { Ok(None) } else { from_json(&bytes, "the body").map(Some) }
    }
}

/// `bytes` as JSON; `what` is what they are called when they are none.
pub(super) fn from_json<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let place = if path == "." { String::new() } else { format!(" at {path}") };
        Problem::malformed(format!("{what} is not the expected JSON{place}: {}", error.inner()))
    })
}

/// A member that is there, be it `null`.
#[expect(clippy::option_option, reason = "absent and null mean different things")]
pub(in crate::control) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Entries of one answer.
const MOST: usize = 1000;

/// The pairs of a query.
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    /// The value of a key as it stands.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The value of a key, read.
    pub(super) fn value<T: FromStr<Err: Display>>(&self, key: &str) -> Result<Option<T>, Problem> {
        let wrong = |error: T::Err| Problem::malformed(format!("{key} in the query: {error}"));
        self.text(key).map(str::parse).transpose().map_err(wrong)
    }

    /// `limit`, or `usual`. More than [`MOST`] are refused: who asked for them would take what came for all there is.
    pub(super) fn limit(&self, usual: usize) -> Result<usize, Problem> {
        let limit = self.value("limit")?.unwrap_or(usual);
        let refused = || Problem::malformed(format!("limit in the query: at most {MOST}, found {limit}"));
        if limit <= MOST { Ok(limit) } else { Err(refused()) }
    }
}
