//! The one thread that writes. It takes what is waiting, runs it in one transaction, commits once and then answers
//! everybody: the cost of reaching the disk is shared by all who wait for it at the same time.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::housekeeping::Housekeeping;
use super::journal::{self, CallRecord, LogLine};
use super::outbound::{self, OutboundRecord};
use super::{StoreError, desired};

/// Jobs in one transaction at most. Bounds the wait of the first one.
const BATCH: usize = 256;
/// Jobs that may wait.
const WAITING: usize = 4096;
/// Places that the journal leaves free, so that a flood of log lines never makes a durable write wait.
const RESERVED: usize = 1024;
/// Between two lines of the log about batches that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// One piece of work for the writer.
pub(super) enum Job {
    Call(Box<CallRecord>),
    Log(Box<LogLine>),
    Outbound(Box<OutboundRecord>),
    Task(Box<dyn Task>),
}

/// Work that somebody waits for.
pub(super) trait Task: Send {
    /// Does the work within a savepoint of its own. Tells why it failed, if it did.
    fn run(&mut self, db: &Connection) -> Option<StoreError>;
    /// Which watchers a success concerns.
    fn bell(&self) -> Bell;
    /// Answers, with the commit's failure if there was one.
    fn answer(self: Box<Self>, commit: Option<&StoreError>);
}

/// Who is told about a committed change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bell {
    Nobody,
    Desired,
    Queue,
}

/// The senders behind the store's watches.
pub(super) struct Bells {
    pub(super) desired: watch::Sender<u64>,
    pub(super) queue: watch::Sender<u64>,
}

/// The handle that all clones of the store share. Dropping it waits until everything sent is written.
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    dropped: Arc<AtomicU64>,
}

impl Writer {
    /// Starts the thread. It owns the connection and the directory's lock, and lets go of both when it ends.
    pub(super) fn start(
        db: Connection,
        lock: File,
        bells: Bells,
        housekeeping: Housekeeping,
    ) -> Result<Self, StoreError> {
        let (jobs, waiting) = mpsc::channel(WAITING);
        let dropped = Arc::new(AtomicU64::new(0));
        let state =
            Loop { db, synced: true, suspect: false, told: None, bells, dropped: Arc::clone(&dropped), housekeeping };
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                state.run(waiting);
                drop(lock);
            })
            .map_err(|error| StoreError::Io(format!("cannot start the writer's thread: {error}")))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), dropped })
    }

    /// Runs `work` on the writer and returns once its effects are on the disk. When the caller goes away the work is
    /// done all the same.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        bell: Bell,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let task = Write { work: Some(work), done: Err(StoreError::Stopped), reply, bell };
        let jobs = self.jobs.as_ref().ok_or(StoreError::Stopped)?;
        jobs.send(Job::Task(Box::new(task))).await.map_err(|_| StoreError::Stopped)?;
        answer.await.map_err(|_| StoreError::Stopped)?
    }

    /// Hands over a job of the journal, or counts it as dropped when too many wait.
    pub(super) fn offer(&self, job: Job) {
        // That a call took place is worth more than what was said in it.
        let reserved = if matches!(job, Job::Call(_)) { RESERVED } else { 2 * RESERVED };
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.capacity() > reserved && jobs.try_send(job).is_ok());
        if !sent {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer ended with a panic");
        }
    }
}

/// A closure, its result, and who waits for it.
struct Write<F, T> {
    work: Option<F>,
    done: Result<T, StoreError>,
    reply: oneshot::Sender<Result<T, StoreError>>,
    bell: Bell,
}

impl<T: Send, F: FnOnce(&Connection) -> Result<T, StoreError> + Send> Task for Write<F, T> {
    fn run(&mut self, db: &Connection) -> Option<StoreError> {
        let work = self.work.take()?;
        self.done = in_savepoint(db, work);
        self.done.as_ref().err().cloned()
    }

    fn bell(&self) -> Bell {
        if self.done.is_ok() { self.bell } else { Bell::Nobody }
    }

    fn answer(self: Box<Self>, commit: Option<&StoreError>) {
        let result = match commit {
            // Without its turn it has not failed by itself either.
            Some(error) if self.done.is_ok() || self.work.is_some() => Err(error.clone()),
            _ => self.done,
        };
        // Nobody listens any more when the caller was cancelled.
        let _ = self.reply.send(result);
    }
}

fn in_savepoint<T>(db: &Connection, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
    db.prepare_cached("SAVEPOINT job")?.execute([])?;
    let result = work(db);
    // On some failures SQLite has rolled back the whole transaction, and with it the savepoint.
    if result.is_err() && !db.is_autocommit() {
        db.prepare_cached("ROLLBACK TO job")?.execute([])?;
    }
    if !db.is_autocommit() {
        db.prepare_cached("RELEASE job")?.execute([])?;
    }
    result
}

/// The thread's state.
struct Loop {
    db: Connection,
    synced: bool,
    /// Whether writing to the disk has failed, so that nobody knows which pages of the log are on it.
    suspect: bool,
    told: Option<Instant>,
    bells: Bells,
    dropped: Arc<AtomicU64>,
    housekeeping: Housekeeping,
}

impl Loop {
    fn run(mut self, mut waiting: mpsc::Receiver<Job>) {
        let mut batch = Vec::with_capacity(BATCH);
        while waiting.blocking_recv_many(&mut batch, BATCH) > 0 {
            self.write(&mut batch);
        }
    }

    fn write(&mut self, batch: &mut Vec<Job>) {
        let failure = self.mend().and_then(|()| self.commit(batch)).err();
        if failure.is_some() && !self.db.is_autocommit() {
            // A rollback that fails as well leaves a transaction that the next batch's BEGIN will complain about.
            if let Err(error) = self.db.execute_batch("ROLLBACK") {
                tracing::error!(%error, "cannot roll back a failed batch of writes");
            }
        }
        match &failure {
            None => self.committed(batch),
            Some(error) => {
                self.suspect |= matches!(error, StoreError::Io(_) | StoreError::Full(_));
                // Whoever waits is told each time, the log not.
                if self.told.is_none_or(|told| told.elapsed() >= PAUSE) {
                    self.told = Some(Instant::now());
                    tracing::error!(%error, jobs = batch.len(), "a batch of writes failed");
                }
            }
        }
        for job in batch.drain(..) {
            match job {
                Job::Task(task) => task.answer(failure.as_ref()),
                Job::Call(_) | Job::Log(_) | Job::Outbound(_) if failure.is_some() => {
                    self.dropped.fetch_add(1, Ordering::Relaxed);
                }
                Job::Call(_) | Job::Log(_) | Job::Outbound(_) => {}
            }
        }
        self.housekeeping.run(&mut self.db);
    }

    /// After a failed write, empties the log into the database before anything else is promised. A system may forget the pages
    /// that it could not write and call the next sync a success, so a commit behind them would be lost with the power, although it
    /// was acknowledged. While this fails as well, nothing is taken.
    fn mend(&mut self) -> Result<(), StoreError> {
        if !self.suspect {
            return Ok(());
        }
        if !self.db.is_autocommit() {
            self.db.execute_batch("ROLLBACK")?;
        }
        self.sync_to_disk(true)?;
        let busy: bool = self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy {
            return Err(StoreError::Locked("readers keep the log from being emptied after a failed write".to_owned()));
        }
        self.suspect = false;
        tracing::info!("the store writes again");
        Ok(())
    }

    /// Runs and commits the batch as one transaction. On an error nothing of it is kept.
    fn commit(&mut self, batch: &mut [Job]) -> Result<(), StoreError> {
        self.sync_to_disk(batch.iter().any(|job| matches!(job, Job::Task(_))))?;
        self.db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        for job in batch {
            let failed = match job {
                Job::Task(task) => task.run(&self.db),
                Job::Call(call) => self.journal(journal::insert_call(&self.db, call)),
                Job::Log(line) => self.journal(journal::insert_log(&self.db, line)),
                Job::Outbound(request) => self.journal(outbound::insert(&self.db, request)),
            };
            if self.db.is_autocommit() {
                return Err(failed.unwrap_or(StoreError::Stopped));
            }
        }
        self.db.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    fn journal(&mut self, inserted: Result<(), StoreError>) -> Option<StoreError> {
        match inserted {
            Ok(()) => self.housekeeping.journalled(),
            Err(_) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
        inserted.err()
    }

    /// A batch that holds nothing but journal rows is not synced: nobody was promised anything, and the next durable
    /// commit syncs the same log file. A power cut may cost the rows since then; a crash of the process costs nothing.
    fn sync_to_disk(&mut self, wanted: bool) -> Result<(), StoreError> {
        if self.synced != wanted {
            let level = if wanted { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = NORMAL" };
            self.db.execute_batch(level)?;
            self.synced = wanted;
        }
        Ok(())
    }

    fn committed(&self, batch: &[Job]) {
        let rings = |bell| batch.iter().any(|job| matches!(job, Job::Task(task) if task.bell() == bell));
        if rings(Bell::Desired) {
            match desired::revision(&self.db) {
                Ok(revision) => _ = self.bells.desired.send_replace(revision),
                Err(error) => tracing::error!(%error, "cannot read the revision after a change"),
            }
        }
        if rings(Bell::Queue) {
            self.bells.queue.send_modify(|changes| *changes += 1);
        }
    }
}
