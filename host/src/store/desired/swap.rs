//! The one operation that changes which releases of a channel answer: in one transaction, with one new revision, and with
//! a receipt.

use std::path::PathBuf;

use rusqlite::{Connection, params};

use super::done::{Done, conclude, receipt};
use super::rows::{find_release, one_channel, to_json};
use super::way::{go_back, go_forward};
use crate::store::writer::Bell;
use crate::store::{
    By, Canary, Change, Channel, Expected, Move, Release, ReleaseSpec, Share, Store, StoreError, Swapped, Timestamp,
    components, receipts, secrets,
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
        // A channel of the same name that is gone has left receipts, too.
        last: receipts::newest(db, &channel.name)?.filter(|last| last.revision == channel.revision).map(Box::new),
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
        go_forward(self.db, &self.channel, number)?;
        Ok(Done::of(change, self.channel.active, number))
    }

    fn roll_back(&self) -> Result<Done, StoreError> {
        let to = self.channel.previous.ok_or_else(|| StoreError::NoPrevious(self.channel.name.clone()))?;
        go_back(self.db, &self.channel.name, to)?;
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
        go_forward(self.db, &self.channel, canary.release)?;
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
        go_back(self.db, &self.channel.name, to)?;
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
}
