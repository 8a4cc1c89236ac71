//! The room that is left on the disk, looked at now and then: a call reads a number.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Store;

pub(super) struct Disk {
    dir: PathBuf,
    /// Bytes; all that a number can hold while nobody could tell.
    free: AtomicU64,
}

impl Disk {
    pub(super) fn new(dir: PathBuf) -> Self {
        let disk = Self { dir, free: AtomicU64::new(u64::MAX) };
        if let Err(error) = disk.look() {
            tracing::warn!(%error, "cannot tell how much room the disk has left");
        }
        disk
    }

    fn look(&self) -> io::Result<u64> {
        let disk = rustix::fs::statvfs(&self.dir)?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        self.free.store(free, Ordering::Relaxed);
        Ok(free)
    }
}

impl Store {
    /// Bytes that the data directory's disk had left when it was looked at last.
    #[must_use]
    pub fn free_disk(&self) -> u64 {
        self.inner.disk.free.load(Ordering::Relaxed)
    }

    /// Looks at the disk; the bytes that it has left.
    ///
    /// # Errors
    /// The system does not tell; what it told last stays.
    pub fn look_at_disk(&self) -> io::Result<u64> {
        self.inner.disk.look()
    }
}
