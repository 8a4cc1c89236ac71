//! Opens the one database file: lock, settings, schema. Every connection is made here.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::StoreError;

/// Older ones can lose pages when a WAL file starts over while another connection reads it.
const OLDEST_SQLITE: i32 = 3_051_003;

/// One file for each version of the schema; a database at version N still needs those from N on.
const MIGRATIONS: [&str; 4] = [
    include_str!("schema.sql"),
    include_str!("schema-2.sql"),
    include_str!("schema-3.sql"),
    include_str!("schema-4.sql"),
];

const FILE: &str = "wharf.db";

/// Makes the data directory if needed and takes its lock, which lasts until the returned file is closed.
pub(super) fn claim(dir: &Path) -> Result<File, StoreError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700).create(dir).map_err(|error| StoreError::io(dir, &error))?;
    let path = dir.join("wharf.lock");
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600);
    let file = options.open(&path).map_err(|error| StoreError::io(&path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(dir.to_owned())),
        Err(TryLockError::Error(error)) => Err(StoreError::io(&path, &error)),
    }
}

/// The writing connection, with the schema brought up to date.
pub(super) fn open(dir: &Path) -> Result<Connection, StoreError> {
    check_version(rusqlite::version_number(), rusqlite::version())?;
    let path = dir.join(FILE);
    // SQLite's own files take their mode from this one.
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600);
    options.open(&path).map_err(|error| StoreError::io(&path, &error))?;
    let mut db =
        Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    settle(&db)?;
    let mode: String = db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::Io(format!(
            "{} cannot use a write-ahead log; is it on a network disk?",
            path.display()
        )));
    }
    // 1024 pages of 4 KiB: a checkpoint every 4 MiB; a log that once grew is cut back to 64 MiB.
    db.execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1024; PRAGMA foreign_keys = ON;")?;
    db.query_row("PRAGMA journal_size_limit = 67108864", [], |_| Ok(()))?;
    // 16 MiB: the indexes of a queue of 100,000, so that writing goes on from memory.
    db.execute_batch("PRAGMA cache_size = -16384;")?;
    migrate(&mut db)?;
    Ok(db)
}

fn check_version(number: i32, found: &'static str) -> Result<(), StoreError> {
    if number < OLDEST_SQLITE { Err(StoreError::OldSqlite { found }) } else { Ok(()) }
}

/// What every connection needs.
fn settle(db: &Connection) -> Result<(), StoreError> {
    db.busy_timeout(Duration::from_secs(5))?;
    db.set_prepared_statement_cache_capacity(128);
    db.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;")?;
    Ok(())
}

fn migrate(db: &mut Connection) -> Result<(), StoreError> {
    let found: usize = db.query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0))? as usize;
    if found > MIGRATIONS.len() {
        return Err(StoreError::NewerSchema { found, known: MIGRATIONS.len() });
    }
    for (version, script) in (1..).zip(MIGRATIONS).skip(found) {
        let change = db.transaction()?;
        change.execute_batch(script)?;
        change.pragma_update(None, "user_version", version)?;
        change.commit()?;
    }
    Ok(())
}

/// Read-only connections that are lent out one at a time.
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

/// Each holds up to 2 MiB of page cache. More readers than this at once open one for a single use.
const MOST_IDLE: usize = 8;

impl Readers {
    pub(super) fn new(dir: &Path) -> Self {
        Self { path: dir.join(FILE), idle: Mutex::default() }
    }

    /// Runs `work` on a connection that sees everything committed so far.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.idle().pop();
        let db = idle.map_or_else(|| self.open(), Ok)?;
        let result = work(&db);
        let mut idle = self.idle();
        if idle.len() < MOST_IDLE {
            idle.push(db);
        }
        result
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> Result<Connection, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&self.path, flags)?;
        settle(&db)?;
        Ok(db)
    }
}

/// Writes `content` to `dir/name` so that the file is there whole or not at all, even after a power cut.
pub(super) fn write_file(dir: &Path, name: &str, content: &[u8]) -> Result<(), StoreError> {
    let target = dir.join(name);
    let temporary = dir.join(format!("{name}.{}.tmp", super::new_id()));
    let written = write_synced(&temporary, content)
        .and_then(|()| fs::rename(&temporary, &target))
        .and_then(|()| File::open(dir)?.sync_all());
    written.map_err(|error| {
        // Only the renaming's success takes the temporary file away; nothing is left to do when this fails as well.
        let _ = fs::remove_file(&temporary);
        StoreError::io(&target, &error)
    })
}

fn write_synced(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
    std::io::Write::write_all(&mut file, content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sqlite_with_the_log_reset_bug_is_refused() {
        assert!(matches!(check_version(3_051_002, "3.51.2"), Err(StoreError::OldSqlite { found: "3.51.2" })));
        assert!(check_version(3_051_003, "3.51.3").is_ok());
        assert!(rusqlite::version_number() >= OLDEST_SQLITE);
    }

    #[test]
    fn a_newer_schema_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let db = open(dir.path()).unwrap();
        db.pragma_update(None, "user_version", 99).unwrap();
        drop(db);
        assert!(matches!(open(dir.path()), Err(StoreError::NewerSchema { found: 99, known: 4 })));
    }

    #[test]
    fn every_foreign_key_has_an_index_to_delete_by() {
        let dir = tempfile::tempdir().unwrap();
        let db = open(dir.path()).unwrap();
        let tables = [
            "host",
            "channel_key",
            "release",
            "kv",
            "kv_usage",
            "data_key",
            "secret_value",
            "secret_counter",
            "event",
            "queue_usage",
        ];
        for table in tables {
            let plan: String = db
                .query_row(&format!("EXPLAIN QUERY PLAN DELETE FROM {table} WHERE channel = 'a'"), [], |row| row.get(3))
                .unwrap();
            assert!(plan.contains("SEARCH"), "{table}: {plan}");
        }
    }
}
