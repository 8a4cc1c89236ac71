//! Whose turn it is: what is due, the oldest first, within each channel's share of the workers.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, params};

use crate::store::{StoreError, Timestamp};

/// Rows that are looked at in the order of their time, before each channel is looked at by itself. Nearly always the workers are
/// busy long before; but a channel that has its share must not be waded through for ever.
const LOOKED_AT: usize = 500;

/// Types of notifications that are not handed out for now, by their channels.
#[derive(Debug, Clone, Default)]
pub struct Resting(HashMap<String, HashSet<String>>);

impl Resting {
    /// Lets a type of a channel's notifications rest as well.
    pub fn add(&mut self, channel: String, event_type: String) {
        self.0.entry(channel).or_default().insert(event_type);
    }

    fn has(&self, channel: &str, event_type: &str) -> bool {
        self.0.get(channel).is_some_and(|types| types.contains(event_type))
    }
}

/// What is handed out at a time.
pub(super) struct Turn<'a> {
    pub(super) now: Timestamp,
    pub(super) limit: usize,
    pub(super) share: usize,
    pub(super) resting: &'a Resting,
}

impl Turn<'_> {
    /// The numbers of those whose turn it is.
    pub(super) fn next(&self, db: &Connection) -> Result<Vec<i64>, StoreError> {
        let held = self.held(db)?;
        match self.by_time(db, held.clone())? {
            Some(taken) => Ok(taken),
            None => self.by_channel(db, &held),
        }
    }

    /// How many each channel has at work.
    fn held(&self, db: &Connection) -> Result<HashMap<String, usize>, StoreError> {
        let mut rows = db.prepare_cached(
            "SELECT channel, count(*) FROM event WHERE state = 'running' AND due > ? GROUP BY channel",
        )?;
        let rows = rows.query_map([self.now], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))?;
        let held = rows.map(|row| row.map(|(channel, count)| (channel, usize::try_from(count).unwrap_or(usize::MAX))));
        Ok(held.collect::<Result<_, _>>()?)
    }

    /// By time alone; `None` when too many are in the way that cannot be handed out.
    fn by_time(&self, db: &Connection, mut held: HashMap<String, usize>) -> Result<Option<Vec<i64>>, StoreError> {
        let mut due = db.prepare_cached(
            "SELECT seq, channel, event_type FROM event INDEXED BY event_due
             WHERE waits = 0 AND state IN ('queued', 'running') AND due <= ? ORDER BY due, seq",
        )?;
        let mut rows = due.query([self.now])?;
        let (mut taken, mut looked) = (Vec::with_capacity(self.limit.min(64)), 0);
        while taken.len() < self.limit
            && let Some(row) = rows.next()?
        {
            if looked == LOOKED_AT {
                return Ok(None);
            }
            looked += 1;
            let (channel, event_type) = (text(row, 1)?, text(row, 2)?);
            if self.resting.has(channel, event_type) {
                continue;
            }
            if !held.contains_key(channel) {
                held.insert(channel.to_owned(), 0);
            }
            if let Some(held) = held.get_mut(channel).filter(|held| **held < self.share) {
                *held += 1;
                taken.push(row.get(0)?);
                looked -= 1;
            }
        }
        Ok(Some(taken))
    }

    /// The first of each channel's types, and of these the first.
    fn by_channel(&self, db: &Connection, held: &HashMap<String, usize>) -> Result<Vec<i64>, StoreError> {
        let mut channels = db.prepare_cached("SELECT channel FROM queue_usage WHERE queued + running > 0")?;
        let mut first = db.prepare_cached(
            "SELECT due, seq FROM event INDEXED BY event_turn WHERE channel = ? AND event_type = ? AND waits = 0
             AND state IN ('queued', 'running') AND due <= ? ORDER BY due, seq LIMIT ?",
        )?;
        let mut found: Vec<(Timestamp, i64)> = Vec::new();
        for channel in channels.query_map([], |row| row.get::<_, String>(0))? {
            let channel = channel?;
            let room = self.share.saturating_sub(held.get(&channel).copied().unwrap_or_default()).min(self.limit);
            if room == 0 {
                continue;
            }
            let mut own = Vec::new();
            for kind in kinds(db, &channel)?.iter().filter(|kind| !self.resting.has(&channel, kind)) {
                let room = i64::try_from(room).unwrap_or(i64::MAX);
                let rows =
                    first.query_map(params![channel, kind, self.now, room], |row| Ok((row.get(0)?, row.get(1)?)))?;
                own.extend(rows.collect::<Result<Vec<_>, _>>()?);
            }
            own.sort_unstable();
            found.extend(own.into_iter().take(room));
        }
        found.sort_unstable();
        Ok(found.into_iter().take(self.limit).map(|(_, seq)| seq).collect())
    }
}

/// The types of a channel's notifications that wait for nobody, each found by one look at the index.
pub(super) fn kinds(db: &Connection, channel: &str) -> Result<Vec<String>, StoreError> {
    let mut next = db.prepare_cached(
        "SELECT event_type FROM event INDEXED BY event_turn WHERE channel = ? AND event_type > ? AND waits = 0
         AND state IN ('queued', 'running') ORDER BY event_type LIMIT 1",
    )?;
    let mut kinds: Vec<String> = Vec::new();
    loop {
        let last = kinds.last().map_or("", String::as_str);
        match next.query_row([channel, last], |row| row.get(0)).optional()? {
            Some(kind) => kinds.push(kind),
            None => return Ok(kinds),
        }
    }
}

fn text<'r>(row: &'r rusqlite::Row<'_>, column: usize) -> Result<&'r str, StoreError> {
    row.get_ref(column)?.as_str().map_err(|error| StoreError::Corrupt(error.to_string()))
}
