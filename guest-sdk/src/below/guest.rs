//! Wharf itself.

use crate::bindings::shared::wharf::channel::{host, platform as api};
use crate::bindings::wasi::wasi::config::store as config;
use crate::bindings::wasi::wasi::keyvalue::{atomics, batch, store};
use crate::bindings::wasi::wasi::logging::logging;
use crate::kv::Error;
use crate::log::Level;
use crate::platform::{self, Request, Response};
use std::cell::OnceCell;

/// Called first in every call.
pub(crate) fn enter() {
    // Without a hook a panic's text would go to a standard error that nobody reads.
    std::panic::set_hook(Box::new(|panic| {
        log(Level::Critical, "panic", &panic.to_string());
    }));
}

pub(crate) fn config_get(key: &str) -> Result<Option<String>, String> {
    config::get(key).map_err(|error| config_error(&error))
}

pub(crate) fn config_all() -> Result<Vec<(String, String)>, String> {
    config::get_all().map_err(|error| config_error(&error))
}

fn config_error(error: &config::Error) -> String {
    let (config::Error::Upstream(text) | config::Error::Io(text)) = error;
    text.clone()
}

pub(crate) fn log(level: Level, context: &str, message: &str) {
    let level = match level {
        Level::Trace => logging::Level::Trace,
        Level::Debug => logging::Level::Debug,
        Level::Info => logging::Level::Info,
        Level::Warn => logging::Level::Warn,
        Level::Error => logging::Level::Error,
        Level::Critical => logging::Level::Critical,
    };
    logging::log(level, context, message);
}

pub(crate) fn raw_request() -> String {
    host::raw_request()
}

pub(crate) fn deadline() -> u64 {
    host::deadline()
}

thread_local! {
    static BUCKET: OnceCell<store::Bucket> = const { OnceCell::new() };
}

/// Runs an operation on the channel's bucket, which is opened once for a call.
fn with_bucket<R>(operation: impl FnOnce(&store::Bucket) -> Result<R, store::Error>) -> Result<R, Error> {
    BUCKET.with(|cell| {
        let bucket = if let Some(bucket) = cell.get() {
            bucket
        } else {
            let opened = store::open("default").map_err(store_error)?;
            cell.get_or_init(|| opened)
        };
        operation(bucket).map_err(store_error)
    })
}

fn store_error(error: store::Error) -> Error {
    match error {
        store::Error::NoSuchStore | store::Error::AccessDenied => Error::Denied,
        store::Error::Other(text) => Error::Store(text),
    }
}

pub(crate) fn kv_get(key: &str) -> Result<Option<Vec<u8>>, Error> {
    with_bucket(|bucket| bucket.get(key))
}

pub(crate) fn kv_set(key: &str, value: &[u8]) -> Result<(), Error> {
    with_bucket(|bucket| bucket.set(key, value))
}

pub(crate) fn kv_delete(key: &str) -> Result<(), Error> {
    with_bucket(|bucket| bucket.delete(key))
}

pub(crate) fn kv_exists(key: &str) -> Result<bool, Error> {
    with_bucket(|bucket| bucket.exists(key))
}

pub(crate) fn kv_keys(cursor: Option<&str>) -> Result<(Vec<String>, Option<String>), Error> {
    with_bucket(|bucket| bucket.list_keys(cursor)).map(|page| (page.keys, page.cursor))
}

pub(crate) fn kv_get_many(keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, Error> {
    let found = with_bucket(|bucket| batch::get_many(bucket, keys))?;
    Ok(found.into_iter().map(|pair| pair.map(|(_, value)| value)).collect())
}

pub(crate) fn kv_set_many(pairs: &[(String, Vec<u8>)]) -> Result<(), Error> {
    with_bucket(|bucket| batch::set_many(bucket, pairs))
}

pub(crate) fn kv_delete_many(keys: &[String]) -> Result<(), Error> {
    with_bucket(|bucket| batch::delete_many(bucket, keys))
}

pub(crate) fn kv_increment(key: &str, delta: i64) -> Result<i64, Error> {
    with_bucket(|bucket| atomics::increment(bucket, key, delta))
}

/// A value as it was read, to be replaced only if nobody changed it.
pub(crate) struct Cas(atomics::Cas);

impl Cas {
    pub(crate) fn new(key: &str) -> Result<Self, Error> {
        with_bucket(|bucket| atomics::Cas::new(bucket, key)).map(Self)
    }

    pub(crate) fn current(&self) -> Result<Option<Vec<u8>>, Error> {
        self.0.current().map_err(store_error)
    }

    /// Stores the value; gives a newer handle if somebody else was first.
    pub(crate) fn swap(self, value: &[u8]) -> Result<Option<Self>, Error> {
        match atomics::swap(self.0, value) {
            Ok(()) => Ok(None),
            Err(atomics::CasError::CasFailed(newer)) => Ok(Some(Self(newer))),
            Err(atomics::CasError::StoreError(error)) => Err(store_error(error)),
        }
    }
}

pub(crate) fn platform_send(request: Request) -> Result<Response, platform::Error> {
    let Request { method, path, query, body } = request;
    let answer = api::request(&method, &path, &query, body.as_deref());
    answer.map(|api::Response { status, body }| Response { status, body }).map_err(|error| match error {
        api::Error::NotConfigured => platform::Error::NotConfigured,
        api::Error::Invalid(why) => platform::Error::Invalid(why),
        api::Error::Denied(why) => platform::Error::Denied(why),
        api::Error::Timeout => platform::Error::Timeout,
        api::Error::Unreachable(why) => platform::Error::Unreachable(why),
        api::Error::TooLarge(limit) => platform::Error::TooLarge(limit),
        api::Error::Failed(why) => platform::Error::Failed(why),
    })
}
