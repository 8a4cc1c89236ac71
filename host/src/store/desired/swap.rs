//! The one operation that changes which releases of a channel answer: in one transaction, with one new revision, and with
//! a receipt.

use std::path::PathBuf;

use rusqlite::{Connection, params};

use super::bump;
use super::rows::{find_release, one_channel, to_json};
use crate::store::writer::Bell;
use crate::store::{
    By, Canary, Change, Channel, Expected, Move, Receipt, Release, ReleaseSpec, Share, Store, StoreError, Swapped,
    Timestamp, components, new_id, receipts, secrets,
};

impl Store {
    /// Changes which releases of a channel answer, and keeps a receipt of it. Activating the active release changes
    /// nothing; its receipt is not kept.
    ///
    /// The release that was active before is the one to roll back to. Going back, by hand or by itself, goes one
    /// further back each time, and never forward again.
    ///
    /// Fails with `NoChannel`, `Conflict` when something else is so than expected, `NoRelease`, `NoPrevious`,
    /// `CanaryRuns`, `NoCanary`, `OtherCanary`, `NoActive`, `AlreadyActive`, or with `NoComponent` when a deploy's
    /// component was not stored before.
    pub async fn swap(&self, channel: &str, wish: Move, by: By) -> Result<Swapped, StoreError> {
        let channel = channel.to_owned();
        let components = self.inner.components.clone();
        let swap = self.inner.writer.write(Bell::Desired, move |db| {
            let channel = one_channel(db, &channel)?;
            expect(db, &channel, by.expected)?;
            Swap { db, channel, components }.run(wish, by)
        });
        swap.await
    }
}

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
    fn of(change: Change, from: Option<u64>, to: u64) -> Self {
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

fn receipt(channel: &str, done: Done, who: String, reason: &str, revision: u64) -> Receipt {
    let parts = [reason, &done.note];
    let reason = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
    Receipt {
        id: new_id(),
        channel: channel.to_owned(),
        at: Timestamp::now(),
        change: done.change,
        who,
        from: done.from,
        to: done.to,
        share: done.share,
        revision,
        in_flight: None,
        drain_ms: None,
        killed: None,
        reason,
    }
}

/// Takes a release out of the way back: whoever had it as the next one has the one behind it instead.
pub(super) fn bypass(db: &Connection, channel: &str, number: u64) -> Result<(), StoreError> {
    db.execute(
        "UPDATE release SET replaced = (SELECT replaced FROM release WHERE channel = ?1 AND number = ?2)
         WHERE channel = ?1 AND replaced = ?2",
        params![channel, number.cast_signed()],
    )?;
    Ok(())
}

fn expect(db: &Connection, channel: &Channel, expected: Expected) -> Result<(), StoreError> {
    let met = match expected {
        Expected::Whatever => true,
        Expected::Active(active) => active == channel.active,
        Expected::Revision(revision) => revision == channel.revision,
    };
    if met { Ok(()) } else { Err(conflict(db, channel, expected)?) }
}

fn conflict(db: &Connection, channel: &Channel, expected: Expected) -> Result<StoreError, StoreError> {
    Ok(StoreError::Conflict {
        channel: channel.name.clone(),
        expected,
        found: channel.active,
        revision: channel.revision,
        last: receipts::newest(db, &channel.name)?.map(Box::new),
    })
}

/// A channel as it is, and the transaction to change it in.
struct Swap<'a> {
    db: &'a Connection,
    channel: Channel,
    components: PathBuf,
}

impl Swap<'_> {
    fn run(&self, wish: Move, by: By) -> Result<Swapped, StoreError> {
        let mut release = None;
        let done = match wish {
            Move::Deploy { spec, activate } => {
                let (done, added) = self.deploy(*spec, activate)?;
                release = Some(added);
                done
            }
            Move::Activate(number) => match self.channel.canary {
                Some(canary) if canary.release == number => self.promote(canary)?,
                None if self.channel.active == Some(number) => return Ok(self.unchanged(number, by)),
                _ => self.activate(Change::Activate, number)?,
            },
            Move::Rollback => match self.channel.canary {
                Some(canary) => self.abort(Change::Abort, canary)?,
                None => self.roll_back()?,
            },
            Move::Canary { release, share } => self.canary(release, share)?,
            Move::Promote(number) => self.promote(self.candidate(number)?)?,
            Move::Abort(number) => self.abort(Change::Abort, self.candidate(number)?)?,
            Move::Return { from, to } => self.give_back(from, to)?,
        };
        let receipt = conclude(self.db, &self.channel.name, done, by.who, &by.reason)?;
        Ok(Swapped { receipt, release })
    }

    fn unchanged(&self, number: u64, by: By) -> Swapped {
        let done = Done::of(Change::Activate, Some(number), number);
        let receipt = receipt(&self.channel.name, done, by.who, &by.reason, self.channel.revision);
        Swapped { receipt, release: None }
    }

    fn deploy(&self, spec: ReleaseSpec, activate: bool) -> Result<(Done, Release), StoreError> {
        let release = self.add_release(spec)?;
        if activate {
            return Ok((self.activate(Change::Deploy, release.number)?, release));
        }
        let done = Done::of(Change::Deploy, None, release.number);
        Ok((Done { note: "not activated".to_owned(), ..done }, release))
    }

    fn add_release(&self, mut spec: ReleaseSpec) -> Result<Release, StoreError> {
        let (db, channel) = (self.db, self.channel.name.clone());
        components::require(&self.components, spec.digest)?;
        secrets::pin(db, &channel, &mut spec.secrets)?;
        let number: i64 = db.query_row(
            "INSERT INTO release_counter VALUES (?, 1) ON CONFLICT DO UPDATE SET last = last + 1 RETURNING last",
            [&channel],
            |row| row.get(0),
        )?;
        let created = Timestamp::now();
        db.execute(
            "INSERT INTO release (channel, number, created, digest, spec) VALUES (?, ?, ?, ?, ?)",
            params![channel, number, created, spec.digest, to_json(&spec)?],
        )?;
        Ok(Release { channel, number: number.cast_unsigned(), created, spec })
    }

    fn activate(&self, change: Change, number: u64) -> Result<Done, StoreError> {
        if let Some(canary) = self.channel.canary {
            return Err(self.runs(canary));
        }
        self.require(number)?;
        self.go_forward(number)?;
        Ok(Done::of(change, self.channel.active, number))
    }

    fn roll_back(&self) -> Result<Done, StoreError> {
        let to = self.channel.previous.ok_or_else(|| StoreError::NoPrevious(self.channel.name.clone()))?;
        self.go_back(to)?;
        Ok(Done::of(Change::Rollback, self.channel.active, to))
    }

    fn canary(&self, number: u64, share: Share) -> Result<Done, StoreError> {
        let active = self.channel.active.ok_or_else(|| StoreError::NoActive(self.channel.name.clone()))?;
        let since = match self.channel.canary {
            Some(canary) if canary.release != number => return Err(self.runs(canary)),
            Some(canary) => canary.since,
            None => Timestamp::now(),
        };
        self.require(number)?;
        if active == number {
            return Err(StoreError::AlreadyActive { channel: self.channel.name.clone(), release: number });
        }
        self.db.execute(
            "UPDATE channel SET canary = ?, canary_share = ?, canary_since = ? WHERE name = ?",
            params![number.cast_signed(), share, since, self.channel.name],
        )?;
        Ok(Done { share: Some(share), ..Done::of(Change::Canary, Some(active), number) })
    }

    fn promote(&self, canary: Canary) -> Result<Done, StoreError> {
        self.go_forward(canary.release)?;
        Ok(Done::of(Change::Promote, self.channel.active, canary.release))
    }

    fn abort(&self, change: Change, canary: Canary) -> Result<Done, StoreError> {
        self.db.execute(
            "UPDATE channel SET canary = NULL, canary_share = NULL, canary_since = NULL WHERE name = ?",
            [&self.channel.name],
        )?;
        Ok(Done { change, from: Some(canary.release), to: self.channel.active, share: None, note: String::new() })
    }

    fn give_back(&self, from: u64, to: u64) -> Result<Done, StoreError> {
        if let Some(canary) = self.channel.canary.filter(|canary| canary.release == from) {
            return self.abort(Change::Return, canary);
        }
        if self.channel.active != Some(from) {
            return Err(conflict(self.db, &self.channel, Expected::Active(Some(from)))?);
        }
        if from == to {
            return Err(StoreError::AlreadyActive { channel: self.channel.name.clone(), release: to });
        }
        self.require(to)?;
        self.go_back(to)?;
        // A channel in trouble has one release that answers, and it is a known one.
        let ended = self.channel.canary.map(|canary| format!("the canary of release {} ended with it", canary.release));
        Ok(Done { note: ended.unwrap_or_default(), ..Done::of(Change::Return, Some(from), to) })
    }

    /// The candidate, if it is the one that was named.
    fn candidate(&self, named: Option<u64>) -> Result<Canary, StoreError> {
        let channel = || self.channel.name.clone();
        let canary = self.channel.canary.ok_or_else(|| StoreError::NoCanary(channel()))?;
        match named.filter(|named| *named != canary.release) {
            Some(expected) => Err(StoreError::OtherCanary { channel: channel(), expected, release: canary.release }),
            None => Ok(canary),
        }
    }

    fn runs(&self, canary: Canary) -> StoreError {
        StoreError::CanaryRuns { channel: self.channel.name.clone(), release: canary.release }
    }

    fn require(&self, number: u64) -> Result<(), StoreError> {
        let no_release = || StoreError::NoRelease { channel: self.channel.name.clone(), number };
        find_release(self.db, &self.channel.name, number)?.map(|_| ()).ok_or_else(no_release)
    }

    /// A release that is on the way back already leaves its place there, so the way has no circles.
    fn go_forward(&self, number: u64) -> Result<(), StoreError> {
        let (channel, active) = (&self.channel.name, self.channel.active.map(u64::cast_signed));
        bypass(self.db, channel, number)?;
        self.db.execute(
            "UPDATE release SET replaced = ? WHERE channel = ? AND number = ?",
            params![active, channel, number.cast_signed()],
        )?;
        self.answer_with(number, self.channel.active)
    }

    fn go_back(&self, number: u64) -> Result<(), StoreError> {
        let behind: Option<i64> = self.db.query_row(
            "SELECT replaced FROM release WHERE channel = ? AND number = ?",
            params![self.channel.name, number.cast_signed()],
            |row| row.get(0),
        )?;
        self.answer_with(number, behind.map(i64::cast_unsigned))
    }

    fn answer_with(&self, active: u64, previous: Option<u64>) -> Result<(), StoreError> {
        self.db.execute(
            "UPDATE channel SET active = ?, previous = ?, canary = NULL, canary_share = NULL, canary_since = NULL
             WHERE name = ?",
            params![active.cast_signed(), previous.map(u64::cast_signed), self.channel.name],
        )?;
        Ok(())
    }
}
