//! The key-value pairs that a call works on: its channel's own, or those under changes that nobody else sees.

use std::sync::Arc;

use tokio::sync::SemaphorePermit;

use super::scratch::{Scratch, Under};
use super::state::Environment;
use crate::store::{Quota, Store, StoreError};

/// A channel's pairs. See the operations of [`Store`] that are called alike.
pub(super) struct Pairs {
    store: Store,
    channel: Arc<str>,
    quota: Quota,
    scratch: Option<Arc<Scratch>>,
    environment: Arc<Environment>,
}

impl Pairs {
    pub(super) fn new(store: Store, environment: &Arc<Environment>) -> Self {
        Self {
            store,
            channel: Arc::clone(&environment.owner.channel),
            quota: environment.limits.quota,
            scratch: environment.effects.scratch().cloned(),
            environment: Arc::clone(environment),
        }
    }

    /// One of the release's turns at the writer. The semaphore is never closed.
    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.environment.writes.acquire().await.ok()
    }

    fn under(&self) -> Under<'_> {
        Under { store: &self.store, channel: &self.channel }
    }

    pub(super) fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        match &self.scratch {
            None => self.store.kv_get(&self.channel, key),
            Some(scratch) => scratch.overlay().get(&self.under(), key),
        }
    }

    /// At most `most` bytes of values.
    pub(super) fn get_many(&self, keys: &[String], most: usize) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        match &self.scratch {
            None => self.store.kv_get_many(&self.channel, keys, most),
            Some(scratch) => scratch.overlay().get_many(&self.under(), keys, most),
        }
    }

    pub(super) fn exists(&self, key: &str) -> Result<bool, StoreError> {
        match &self.scratch {
            None => self.store.kv_exists(&self.channel, key),
            Some(scratch) => scratch.overlay().exists(&self.under(), key),
        }
    }

    pub(super) fn keys(&self, after: Option<&str>, limit: usize) -> Result<Vec<String>, StoreError> {
        match &self.scratch {
            None => self.store.kv_keys(&self.channel, after, limit),
            Some(scratch) => scratch.overlay().keys(&self.under(), after, limit),
        }
    }

    pub(super) async fn set_many(&self, pairs: Vec<(String, Vec<u8>)>) -> Result<(), StoreError> {
        match &self.scratch {
            None => {
                let _turn = self.turn().await;
                self.store.kv_set_many(&self.channel, pairs, &self.quota).await
            }
            Some(scratch) => scratch.overlay().set_many(&self.under(), pairs, &self.quota),
        }
    }

    pub(super) async fn delete_many(&self, keys: Vec<String>) -> Result<u64, StoreError> {
        match &self.scratch {
            None => {
                let _turn = self.turn().await;
                self.store.kv_delete_many(&self.channel, keys).await
            }
            Some(scratch) => scratch.overlay().delete_many(&self.under(), keys),
        }
    }

    pub(super) async fn increment(&self, key: String, delta: i64) -> Result<i64, StoreError> {
        match &self.scratch {
            None => {
                let _turn = self.turn().await;
                self.store.kv_increment(&self.channel, &key, delta, &self.quota).await
            }
            Some(scratch) => scratch.overlay().increment(&self.under(), key, delta, &self.quota),
        }
    }

    pub(super) async fn swap(
        &self,
        key: String,
        expected: Option<Vec<u8>>,
        value: Vec<u8>,
    ) -> Result<Result<(), Option<Vec<u8>>>, StoreError> {
        match &self.scratch {
            None => {
                let _turn = self.turn().await;
                self.store.kv_swap(&self.channel, &key, expected, value, &self.quota).await
            }
            Some(scratch) => scratch.overlay().swap(&self.under(), key, expected.as_deref(), value, &self.quota),
        }
    }
}
