//! A stand-in for Wharf, to test a plugin's logic with plain `cargo test`.
//!
//! ```
//! use wharf_sdk::testing::Fake;
//!
//! let mut fake = Fake::new().config("greeting", "hello");
//! let visits = fake.run(|| {
//!     wharf_sdk::log::info(wharf_sdk::config::get("greeting").unwrap().unwrap());
//!     wharf_sdk::kv::increment("visits", 1).unwrap()
//! });
//! assert_eq!(visits, 1);
//! assert_eq!(fake.logs()[0].message, "hello");
//! assert_eq!(fake.value("visits"), Some("1".into()));
//! ```

use crate::CallContext;
use crate::http::{Error as HttpError, Request, Response};
use crate::kv::Error;
use crate::log::Level;
use crate::platform;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem;
use std::time::Duration;

// What a Wharf allows unless its operator says otherwise.

/// The longest key that the store takes, in bytes.
pub const MAX_KEY: usize = 1024;
/// The longest value that the store takes, in bytes.
pub const MAX_VALUE: usize = 64 << 10;
/// The most keys in the store.
pub const MAX_KEYS: usize = 10_000;
/// The most HTTP requests in one call, those to the platform among them; further ones are denied.
pub const MAX_REQUESTS: usize = 16;
/// The most lines that are kept of one call's log; further ones are dropped.
pub const MAX_LOG_LINES: usize = 500;
/// The longest line of the log, in bytes; the rest is cut off.
pub const MAX_LOG_LINE: usize = 4 << 10;

/// A line that the plugin logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// The part of the plugin that spoke.
    pub context: String,
    /// The line.
    pub message: String,
}

/// What the plugin sees of the world during [`Fake::run`].
#[derive(Debug, Default)]
pub(crate) struct World {
    pub config: BTreeMap<String, String>,
    pub kv: BTreeMap<String, Vec<u8>>,
    pub kv_denied: bool,
    pub commits: usize,
    pub reads: usize,
    /// Changes by "other calls", each made just before a swap of its key.
    pub meddling: VecDeque<(String, Vec<u8>)>,
    pub raw_request: String,
    pub deadline: u64,
    pub answers: BTreeMap<String, Result<Response, HttpError>>,
    pub requests: Vec<Request>,
    /// Answers of the platform's API, and what it was asked.
    pub said: BTreeMap<String, Result<platform::Response, platform::Error>>,
    pub asked: Vec<platform::Request>,
    pub logs: Vec<LogLine>,
    /// Where the present call's requests and lines begin.
    pub call_begins: (usize, usize),
}

impl World {
    pub(crate) fn read(&mut self, key: &str) -> Option<Vec<u8>> {
        self.reads += 1;
        self.kv.get(key).cloned()
    }

    /// All of them or none.
    pub(crate) fn commit(&mut self, pairs: &[(String, Vec<u8>)]) -> Result<(), Error> {
        for (key, value) in pairs {
            if key.len() > MAX_KEY {
                return Err(Error::Store(format!("a key has {} bytes, the most are {MAX_KEY}", key.len())));
            }
            if value.len() > MAX_VALUE {
                let size = value.len();
                return Err(Error::Store(format!("value of `{key}` has {size} bytes, the most are {MAX_VALUE}")));
            }
        }
        let new: BTreeSet<&String> =
            pairs.iter().map(|(key, _)| key).filter(|key| !self.kv.contains_key(*key)).collect();
        if self.kv.len() + new.len() > MAX_KEYS {
            return Err(Error::Store(format!("the store is full with {MAX_KEYS} keys")));
        }
        self.kv.extend(pairs.iter().cloned());
        self.commits += 1;
        Ok(())
    }

    /// Keeps a line as the host would.
    pub(crate) fn log(&mut self, level: Level, context: &str, message: &str) {
        if self.logs.len() - self.call_begins.1 < MAX_LOG_LINES {
            self.logs.push(LogLine {
                level,
                context: context.to_owned(),
                message: message[..message.floor_char_boundary(MAX_LOG_LINE)].to_owned(),
            });
        }
    }

    /// Whether the call may send one more request.
    pub(crate) fn may_send(&self) -> bool {
        self.requests.len() + self.asked.len() - self.call_begins.0 < MAX_REQUESTS
    }

    pub(crate) fn meddle(&mut self, key: &str) {
        if self.meddling.front().is_some_and(|(meddled, _)| meddled == key)
            && let Some((key, value)) = self.meddling.pop_front()
        {
            self.kv.insert(key, value);
        }
    }
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

pub(crate) fn with_world<R>(visit: impl FnOnce(&mut World) -> R) -> Option<R> {
    WORLD.with_borrow_mut(|world| world.as_mut().map(visit))
}

/// A Wharf for tests: settings, a store, prepared HTTP answers; and afterwards what the plugin did with them.
///
/// The store, the log and the requests carry over from one [`Fake::run`] to the next, as between calls.
#[derive(Debug)]
pub struct Fake {
    world: World,
}

impl Default for Fake {
    fn default() -> Self {
        Self::new()
    }
}

impl Fake {
    /// An empty world with ten seconds to the deadline.
    #[must_use]
    pub fn new() -> Self {
        Self { world: World { deadline: 10_000, ..World::default() } }
    }

    fn with(mut self, change: impl FnOnce(&mut World)) -> Self {
        change(&mut self.world);
        self
    }

    /// Sets a setting of the release.
    #[must_use]
    pub fn config(self, key: impl Into<String>, value: impl std::fmt::Display) -> Self {
        self.with(|world| {
            world.config.insert(key.into(), value.to_string());
        })
    }

    /// Puts a value into the store.
    #[must_use]
    pub fn kv(self, key: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.with(|world| {
            world.kv.insert(key.into(), value.into());
        })
    }

    /// Denies the store.
    #[must_use]
    pub fn without_kv(self) -> Self {
        self.with(|world| world.kv_denied = true)
    }

    /// Lets another call write `value` under `key` just before the plugin's next compare-and-swap of that key.
    #[must_use]
    pub fn meddle(self, key: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.with(|world| world.meddling.push_back((key.into(), value.into())))
    }

    /// Prepares the answer to a request, named as `GET https://api.example.com/stock`. Requests without one are denied.
    #[must_use]
    pub fn http(self, request: impl Into<String>, status: u16, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        self.http_result(request, Ok(Response { status, headers: Vec::new(), body }))
    }

    /// Prepares an answer with headers, or a failure.
    #[must_use]
    pub fn http_result(self, request: impl Into<String>, result: Result<Response, HttpError>) -> Self {
        self.with(|world| {
            world.answers.insert(request.into(), result);
        })
    }

    /// Prepares the platform's answer to a request, named as `GET api/externals/v1/projects?storeID=3`: without the base URL
    /// and a slash before it, the query as it was given. Requests without one are denied.
    #[must_use]
    pub fn platform(self, request: impl Into<String>, status: u16, body: impl Into<String>) -> Self {
        let body = body.into();
        self.platform_result(request, Ok(platform::Response { status, body }))
    }

    /// Prepares an answer of the platform, or a failure.
    #[must_use]
    pub fn platform_result(
        self,
        request: impl Into<String>,
        result: Result<platform::Response, platform::Error>,
    ) -> Self {
        self.with(|world| {
            world.said.insert(request.into(), result);
        })
    }

    /// What [`host::raw_request`](crate::host::raw_request) gives.
    #[must_use]
    pub fn raw_request(self, body: impl Into<String>) -> Self {
        self.with(|world| world.raw_request = body.into())
    }

    /// What [`host::deadline`](crate::host::deadline) gives.
    #[must_use]
    pub fn deadline(self, left: Duration) -> Self {
        self.with(|world| world.deadline = u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
    }

    /// Runs a call in this world.
    ///
    /// # Panics
    /// If another fake is running on this thread.
    pub fn run<R>(&mut self, call: impl FnOnce() -> R) -> R {
        /// Takes the world back, also when the call panics.
        struct Back<'a>(&'a mut World);
        impl Drop for Back<'_> {
            fn drop(&mut self) {
                *self.0 = WORLD.take().unwrap_or_default();
            }
        }
        assert!(WORLD.with_borrow(Option::is_none), "a fake is running on this thread already");
        self.world.call_begins = (self.world.requests.len() + self.world.asked.len(), self.world.logs.len());
        WORLD.set(Some(mem::take(&mut self.world)));
        let _back = Back(&mut self.world);
        call()
    }

    /// The lines that were logged.
    #[must_use]
    pub fn logs(&self) -> &[LogLine] {
        &self.world.logs
    }

    /// The HTTP requests that were sent, in their order. Secrets are the references that the plugin wrote.
    #[must_use]
    pub fn requests(&self) -> &[Request] {
        &self.world.requests
    }

    /// The requests that were sent to the platform's API, in their order.
    #[must_use]
    pub fn platform_requests(&self) -> &[platform::Request] {
        &self.world.asked
    }

    /// The value under a key, as text.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<String> {
        let value = self.world.kv.get(key)?;
        Some(String::from_utf8_lossy(value).into_owned())
    }

    /// The keys that have a value, in ascending order.
    #[must_use]
    pub fn keys(&self) -> Vec<&str> {
        self.world.kv.keys().map(String::as_str).collect()
    }

    /// How many commits the store has made; one for a batch, one for a swap.
    #[must_use]
    pub fn commits(&self) -> usize {
        self.world.commits
    }

    /// How many values were read.
    #[must_use]
    pub fn reads(&self) -> usize {
        self.world.reads
    }
}

/// A context as the channel `test` would get it.
#[must_use]
pub fn context() -> CallContext {
    CallContext {
        call_id: "01JTEST0000000000000000000".to_owned(),
        channel: "test".to_owned(),
        action: "test".to_owned(),
        version: 1,
        client_id: 1,
        channel_id: Some(1),
    }
}
