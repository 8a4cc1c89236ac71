//! The end of every change of a channel's releases: one new revision, one receipt.

use rusqlite::{Connection, params};

use super::bump;
use crate::store::{Change, Receipt, Share, StoreError, Timestamp, new_id, receipts};

/// What was done, before it is known as which revision.
pub(super) struct Done {
    pub(super) change: Change,
    pub(super) from: Option<u64>,
    pub(super) to: Option<u64>,
    pub(super) share: Option<Share>,
    /// What the receipt says besides the reason that was given.
    pub(super) note: String,
}

impl Done {
    pub(super) fn of(change: Change, from: Option<u64>, to: u64) -> Self {
        Self { change, from, to: Some(to), share: None, note: String::new() }
    }
}

/// Makes the new revision of a change that was just done, and keeps its receipt.
pub(super) fn conclude(
    db: &Connection,
    channel: &str,
    done: Done,
    who: String,
    reason: &str,
) -> Result<Receipt, StoreError> {
    let revision = bump(db)?;
    db.execute("UPDATE channel SET revision = ? WHERE name = ?", params![revision.cast_signed(), channel])?;
    let receipt = receipt(channel, done, who, reason, revision);
    receipts::insert(db, &receipt)?;
    Ok(receipt)
}

/// The receipt of a change in `revision`, which is not kept by this.
pub(super) fn receipt(channel: &str, done: Done, who: String, reason: &str, revision: u64) -> Receipt {
    let Done { change, from, to, share, note } = done;
    let reason = [reason, &note].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
    Receipt {
        id: new_id(),
        channel: channel.to_owned(),
        at: Timestamp::now(),
        change,
        who,
        from,
        to,
        share,
        revision,
        in_flight: None,
        drain_ms: None,
        killed: None,
        reason,
    }
}
