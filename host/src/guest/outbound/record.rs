//! What is kept of a request. It is written when the last that belongs to the request is gone, so that none is forgotten.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::failed::Failed;
use crate::guest::imports::logging::cut;
use crate::store::{OutboundRecord, Store};

/// Of a path, a host and a method; a guest may make them as long as its memory is.
pub(super) const LONGEST_PATH: usize = 512;
pub(super) const LONGEST_HOST: usize = 260;
pub(super) const LONGEST_METHOD: usize = 32;

/// The beginning of a text.
pub(super) fn cut_to(text: &str, limit: usize) -> String {
    cut(text, limit).to_owned()
}

/// The record of a request that was let out.
pub(super) struct Record {
    store: Store,
    began: Instant,
    row: OutboundRecord,
    /// Bytes of the request's body that were sent.
    pub(super) out: Arc<AtomicU64>,
}

impl Record {
    /// Begins. Unless something else is told, the guest gave the request up.
    pub(super) fn begin(store: Store, row: OutboundRecord) -> Self {
        let row = OutboundRecord { error: Some("abandoned".to_owned()), ..row };
        Self { store, began: Instant::now(), row, out: Arc::default() }
    }

    /// The answer's head is there.
    pub(super) fn answered(&mut self, status: u16) {
        self.row.status = Some(status);
    }

    /// So many bytes of the answer's body are there.
    pub(super) fn received(&mut self, bytes: u64) {
        self.row.bytes_in += bytes;
    }

    /// The answer was read to its end.
    pub(super) fn done(&mut self) {
        self.row.error = None;
    }

    pub(super) fn failed(&mut self, failed: Failed) {
        self.row.error = Some(failed.word().to_owned());
        if failed == Failed::Address {
            self.row.refused = Some("not a public address (outbound.allow-private)".to_owned());
            let (channel, call, host) = (&self.row.channel, &self.row.call, &self.row.host);
            tracing::info!(channel, call, host, "refused a request: not a public address (outbound.allow-private)");
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.row.bytes_out = self.out.load(Ordering::Relaxed);
        self.row.duration_us = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.store.record_outbound(self.row.clone());
    }
}
