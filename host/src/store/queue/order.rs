//! Who goes first: of all open events of one entity exactly one, the leader, waits for nobody.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::store::{State, StoreError};

/// Where events queue one behind the other: one entity of one channel.
pub(super) struct Place<T> {
    pub(super) channel: T,
    pub(super) entity_type_id: Option<i64>,
    pub(super) entity_id: Option<i64>,
}

impl Place<String> {
    pub(super) fn of(db: &Connection, id: &str) -> Result<Option<Self>, StoreError> {
        let mut row = db.prepare_cached("SELECT channel, entity_type_id, entity_id FROM event WHERE id = ?")?;
        Ok(row.query_row([id], Self::read).optional()?)
    }

    /// That of the row with this number.
    pub(super) fn at(db: &Connection, seq: i64) -> Result<Self, StoreError> {
        let mut row = db.prepare_cached("SELECT channel, entity_type_id, entity_id FROM event WHERE seq = ?")?;
        Ok(row.query_row([seq], Self::read)?)
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { channel: row.get(0)?, entity_type_id: row.get(1)?, entity_id: row.get(2)? })
    }
}

impl<T: AsRef<str>> Place<T> {
    /// The one open event that waits for nobody, and its state.
    pub(super) fn leader(&self, db: &Connection) -> Result<Option<(i64, State)>, StoreError> {
        let Some(entity) = self.entity_id else {
            return Ok(None);
        };
        let mut row = db.prepare_cached(
            "SELECT seq, state FROM event INDEXED BY event_leader WHERE channel = ? AND entity_id = ? AND entity_type_id IS ?
             AND state IN ('queued', 'running') AND waits = 0 ORDER BY seq LIMIT 1",
        )?;
        let found = row.query_row(params![self.channel.as_ref(), entity, self.entity_type_id], |row| {
            Ok((row.get(0)?, row.get(1)?))
        });
        Ok(found.optional()?)
    }

    /// Lets the oldest open event go when nobody is before it any more.
    pub(super) fn wake_next(&self, db: &Connection) -> Result<(), StoreError> {
        if self.entity_id.is_none() || self.leader(db)?.is_some() {
            return Ok(());
        }
        let mut row = db.prepare_cached(
            "UPDATE event SET waits = 0 WHERE seq = (
                 SELECT seq FROM event INDEXED BY event_entity WHERE channel = ? AND entity_id = ? AND entity_type_id IS ?
                 AND state IN ('queued', 'running') ORDER BY seq LIMIT 1)",
        )?;
        row.execute(params![self.channel.as_ref(), self.entity_id, self.entity_type_id])?;
        Ok(())
    }
}
