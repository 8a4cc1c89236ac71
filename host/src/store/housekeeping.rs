//! What the writer clears away between two batches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::clock::Clock;
use super::{Retention, StoreError, journal, queue, receipts};

/// Journal rows between two trims: rare enough not to be felt, often enough that a trim is short.
const ROWS_BETWEEN_TRIMS: u64 = 1000;
const TIME_BETWEEN_PRUNES: Duration = Duration::from_mins(10);

pub(super) struct Housekeeping {
    retention: Retention,
    clock: Arc<Clock>,
    rows: u64,
    pruned: Option<Instant>,
}

impl Housekeeping {
    pub(super) fn new(retention: Retention, clock: Arc<Clock>) -> Self {
        Self { retention, clock, rows: 0, pruned: None }
    }

    /// Counts a row that was added to the journal.
    pub(super) fn journalled(&mut self) {
        self.rows += 1;
    }

    /// Does what is due. A failure is logged and tried again later.
    pub(super) fn run(&mut self, db: &mut Connection) {
        let kept = [self.retention.calls, self.retention.log_lines, self.retention.outbound];
        let often = kept.into_iter().fold(ROWS_BETWEEN_TRIMS, u64::min).max(1);
        if self.rows >= often {
            self.rows = 0;
            report(in_transaction(db, |db| journal::trim(db, &self.retention)));
        }
        if self.pruned.is_none_or(|last| last.elapsed() >= TIME_BETWEEN_PRUNES) {
            self.pruned = Some(Instant::now());
            report(in_transaction(db, |db| queue::prune(db, self.clock.now(), &self.retention)));
            report(in_transaction(db, receipts::trim));
        }
    }
}

fn in_transaction(
    db: &mut Connection,
    work: impl FnOnce(&Connection) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let change = db.transaction()?;
    work(&change)?;
    change.commit()?;
    Ok(())
}

fn report(result: Result<(), StoreError>) {
    if let Err(error) = result {
        tracing::warn!(%error, "cannot clear away old rows");
    }
}
