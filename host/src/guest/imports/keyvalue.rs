//! `wasi:keyvalue`: one durable bucket for each channel.

use wasmtime::Result;
use wasmtime::component::Resource;

use super::bindings::wasi::keyvalue::store::{Error, Host, HostBucket, KeyResponse};
use super::bindings::wasi::keyvalue::{atomics, batch};
use crate::guest::state::CallState;
use crate::store::StoreError;

/// The name of the one bucket.
const BUCKET: &str = "default";

/// The channel's bucket. It has no state of its own: which channel it is stands in the call.
#[expect(unreachable_pub, reason = "the generated bindings export it again")]
pub struct Bucket;

/// A value as it was read, for `swap`.
#[expect(unreachable_pub, reason = "the generated bindings export it again")]
pub struct Cas {
    key: String,
    current: Option<Vec<u8>>,
}

/// What a guest learns of a failure: limits by name, everything else without its cause.
fn told(error: &StoreError) -> Error {
    match error {
        StoreError::QuotaKeys { .. }
        | StoreError::QuotaBytes { .. }
        | StoreError::ValueTooLarge { .. }
        | StoreError::ReadTooLarge { .. }
        | StoreError::KeyTooLong { .. }
        | StoreError::NotNumber
        | StoreError::Overflow => Error::Other(error.to_string()),
        _ => {
            tracing::error!(%error, "a key-value operation failed");
            Error::Other("the store failed".to_owned())
        }
    }
}

impl CallState {
    /// Fails unless so many keys may be in one operation.
    fn bounded(&self, keys: usize) -> Result<(), Error> {
        let most = self.environment.limits.batch;
        let told = || Error::Other(format!("{keys} keys at once; {most} are allowed (key-value.batch)"));
        if keys <= most { Ok(()) } else { Err(told()) }
    }
}

impl Host for CallState {
    async fn open(&mut self, identifier: String) -> Result<Result<Resource<Bucket>, Error>> {
        self.failpoint("keyvalue-open");
        if !self.environment.grants.key_value {
            return Ok(Err(Error::AccessDenied));
        }
        if !matches!(identifier.as_str(), BUCKET | "") {
            return Ok(Err(Error::NoSuchStore));
        }
        Ok(Ok(self.table.push(Bucket)?))
    }
}

impl HostBucket for CallState {
    async fn get(&mut self, _: Resource<Bucket>, key: String) -> Result<Result<Option<Vec<u8>>, Error>> {
        self.failpoint("keyvalue-get");
        Ok(self.pairs.get(&key).map_err(|error| told(&error)))
    }

    async fn set(&mut self, _: Resource<Bucket>, key: String, value: Vec<u8>) -> Result<Result<(), Error>> {
        Ok(self.pairs.set_many(vec![(key, value)]).await.map_err(|error| told(&error)))
    }

    async fn delete(&mut self, _: Resource<Bucket>, key: String) -> Result<Result<(), Error>> {
        Ok(self.pairs.delete_many(vec![key]).await.map(|_| ()).map_err(|error| told(&error)))
    }

    async fn exists(&mut self, _: Resource<Bucket>, key: String) -> Result<Result<bool, Error>> {
        Ok(self.pairs.exists(&key).map_err(|error| told(&error)))
    }

    async fn list_keys(&mut self, _: Resource<Bucket>, cursor: Option<String>) -> Result<Result<KeyResponse, Error>> {
        let page = self.environment.limits.batch;
        let found = self.pairs.keys(cursor.as_deref(), page);
        Ok(found.map_err(|error| told(&error)).map(|keys| {
            let cursor = if keys.len() == page { keys.last().cloned() } else { None };
            KeyResponse { keys, cursor }
        }))
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl batch::Host for CallState {
    async fn get_many(
        &mut self,
        _: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Result<Result<Vec<Option<(String, Vec<u8>)>>, Error>> {
        if let Err(error) = self.bounded(keys.len()) {
            return Ok(Err(error));
        }
        let found = self.pairs.get_many(&keys, self.environment.limits.read);
        Ok(found
            .map_err(|error| told(&error))
            .map(|values| keys.into_iter().zip(values).map(|(key, value)| value.map(|value| (key, value))).collect()))
    }

    async fn set_many(&mut self, _: Resource<Bucket>, entries: Vec<(String, Vec<u8>)>) -> Result<Result<(), Error>> {
        if let Err(error) = self.bounded(entries.len()) {
            return Ok(Err(error));
        }
        Ok(self.pairs.set_many(entries).await.map_err(|error| told(&error)))
    }

    async fn delete_many(&mut self, _: Resource<Bucket>, keys: Vec<String>) -> Result<Result<(), Error>> {
        if let Err(error) = self.bounded(keys.len()) {
            return Ok(Err(error));
        }
        Ok(self.pairs.delete_many(keys).await.map(|_| ()).map_err(|error| told(&error)))
    }
}

impl atomics::Host for CallState {
    async fn increment(&mut self, _: Resource<Bucket>, key: String, delta: i64) -> Result<Result<i64, Error>> {
        self.failpoint("keyvalue-increment");
        Ok(self.pairs.increment(key, delta).await.map_err(|error| told(&error)))
    }

    async fn swap(&mut self, cas: Resource<Cas>, value: Vec<u8>) -> Result<Result<(), atomics::CasError>> {
        let Cas { key, current } = self.table.delete(cas)?;
        self.compared = self.compared.saturating_sub(1);
        match self.pairs.swap(key.clone(), current, value).await {
            Ok(Ok(())) => Ok(Ok(())),
            Ok(Err(current)) => {
                self.compared += 1;
                Ok(Err(atomics::CasError::CasFailed(self.table.push(Cas { key, current })?)))
            }
            Err(error) => Ok(Err(atomics::CasError::StoreError(told(&error)))),
        }
    }
}

impl atomics::HostCas for CallState {
    async fn new(&mut self, _: Resource<Bucket>, key: String) -> Result<Result<Resource<Cas>, Error>> {
        let most = self.environment.limits.cas;
        if self.compared >= most {
            return Ok(Err(Error::Other(format!("{most} cas handles are open (key-value.cas); drop some first"))));
        }
        match self.pairs.get(&key) {
            Ok(current) => {
                self.compared += 1;
                Ok(Ok(self.table.push(Cas { key, current })?))
            }
            Err(error) => Ok(Err(told(&error))),
        }
    }

    async fn current(&mut self, cas: Resource<Cas>) -> Result<Result<Option<Vec<u8>>, Error>> {
        Ok(Ok(self.table.get(&cas)?.current.clone()))
    }

    async fn drop(&mut self, cas: Resource<Cas>) -> Result<()> {
        self.table.delete(cas)?;
        self.compared = self.compared.saturating_sub(1);
        Ok(())
    }
}
