//! Which notifications are meant.

use rusqlite::{Row, ToSql};

use crate::store::Timestamp;

/// Which notifications of a channel are meant: those for which everything that is given is so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this type.
    pub event_type: Option<String>,
    /// About the entity with this number, of whatever kind.
    pub entity: Option<i64>,
    /// That came in then or later.
    pub since: Option<Timestamp>,
    /// That came in before.
    pub until: Option<Timestamp>,
    /// Whose last attempt's reason has this in it, in capitals or not.
    pub reason: Option<String>,
}

/// The reason of a row's last attempt.
macro_rules! reason {
    () => {
        "(SELECT attempt.reason FROM attempt WHERE attempt.event = event.seq ORDER BY attempt.number DESC LIMIT 1)"
    };
}
pub(super) const REASON: &str = reason!();

/// Whether a row is meant, as an expression over the parameters 1 to 5.
pub(super) const MATCHES: &str = concat!(
    "(?1 IS NULL OR event_type = ?1) AND (?2 IS NULL OR entity_id = ?2) ",
    "AND (?3 IS NULL OR created >= ?3) AND (?4 IS NULL OR created < ?4) ",
    "AND (?5 IS NULL OR coalesce(instr(lower(",
    reason!(),
    "), lower(?5)), 0) > 0)"
);

impl Filter {
    /// The values of [`MATCHES`].
    pub(super) fn values(&self) -> [&dyn ToSql; 5] {
        [&self.event_type, &self.entity, &self.since, &self.until, &self.reason]
    }
}

/// A row's number, and whether it is meant.
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<(i64, bool)> {
    Ok((row.get(0)?, row.get(1)?))
}
