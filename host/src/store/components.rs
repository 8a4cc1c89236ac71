//! Components: files that are named by their digest, so they never change and are stored once.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::Connection;

use super::{Digest, Store, StoreError, database};

impl Store {
    /// Stores a component and returns its digest; one that is there already stays as it is. Blocks while the disk
    /// writes it: on the async runtime use `spawn_blocking`.
    pub fn put_component(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        let path = self.component_path(digest);
        // Compared whole, so that an upload heals a file that was damaged.
        if fs::read(&path).is_ok_and(|found| found == bytes) {
            // Its age is what protects it from a sweep until a release names it.
            let touched =
                File::options().append(true).open(&path).and_then(|file| file.set_modified(SystemTime::now()));
            touched.map_err(|error| StoreError::io(&path, &error))?;
        } else {
            database::write_file(&self.inner.components, &file_name(digest), bytes)?;
        }
        Ok(digest)
    }

    /// A component's bytes, with the digest checked. Blocks while it reads and hashes (about 10 ms for 16 MiB): on the
    /// async runtime use `spawn_blocking`. Fails with `NoComponent` or `CorruptComponent`.
    pub fn component(&self, digest: Digest) -> Result<Vec<u8>, StoreError> {
        let path = self.component_path(digest);
        let bytes = fs::read(&path).map_err(|error| missing(digest, &path, &error))?;
        let found = Digest::of(&bytes);
        if found == digest { Ok(bytes) } else { Err(StoreError::CorruptComponent { path, found }) }
    }

    /// Where a component lies, whether it is there or not.
    #[must_use]
    pub fn component_path(&self, digest: Digest) -> PathBuf {
        self.inner.components.join(file_name(digest))
    }

    /// Removes the components that no release names and that were stored longer ago than `age`, which must cover the
    /// time between an upload and its release. Returns their digests.
    pub async fn sweep_components(&self, age: Duration) -> Result<Vec<Digest>, StoreError> {
        let directory = self.inner.components.clone();
        // On the writer: no release can be added between the look and the removal.
        self.write(move |db| sweep(&directory, &referenced(db)?, age)).await
    }
}

/// The directory of components, made if needed.
pub(super) fn directory(dir: &Path) -> Result<PathBuf, StoreError> {
    let path = dir.join("components");
    DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(|error| StoreError::io(&path, &error))?;
    Ok(path)
}

/// Fails with `NoComponent` unless the component is stored.
pub(super) fn require(directory: &Path, digest: Digest) -> Result<(), StoreError> {
    let path = directory.join(file_name(digest));
    fs::metadata(&path).map(|_| ()).map_err(|error| missing(digest, &path, &error))
}

fn file_name(digest: Digest) -> String {
    format!("{digest}.wasm")
}

fn missing(digest: Digest, path: &Path, error: &std::io::Error) -> StoreError {
    if error.kind() == ErrorKind::NotFound { StoreError::NoComponent(digest) } else { StoreError::io(path, error) }
}

fn referenced(db: &Connection) -> Result<BTreeSet<Digest>, StoreError> {
    let mut rows = db.prepare("SELECT DISTINCT digest FROM release")?;
    Ok(rows.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

fn sweep(directory: &Path, keep: &BTreeSet<Digest>, age: Duration) -> Result<Vec<Digest>, StoreError> {
    let fail = |error: std::io::Error| StoreError::io(directory, &error);
    let mut removed = Vec::new();
    for entry in fs::read_dir(directory).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let name = entry.file_name().into_string().unwrap_or_default();
        let digest = name.strip_suffix(".wasm").and_then(|hex| hex.parse::<Digest>().ok());
        // Left behind by a crash in the middle of an upload.
        let abandoned = entry.path().extension().is_some_and(|extension| extension == "tmp");
        let unused = digest.is_some_and(|digest| !keep.contains(&digest));
        let modified = entry.metadata().and_then(|found| found.modified()).map_err(fail)?;
        let old = modified.elapsed().is_ok_and(|elapsed| elapsed >= age);
        if old && (abandoned || unused) {
            fs::remove_file(entry.path()).map_err(fail)?;
            removed.extend(digest);
        }
    }
    Ok(removed)
}
