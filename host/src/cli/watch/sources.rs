//! What a build depends on, and when it changes.
//!
//! The system's notices are only a hint to look: what is looked at is the files' content. So a build that writes into the folder
//! that it is built from leads to one more build and not to an endless row of them, and no kind of notice can be missed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::super::Failure;
use super::super::output::progress;
use super::project::real;
use crate::store::Digest;

/// An editor saves in several steps: nothing must have happened for so long.
const QUIET: Duration = Duration::from_millis(100);
/// But nobody waits longer than this for quiet.
const RESTLESS: Duration = Duration::from_secs(2);
/// How often is looked where the system gives no notice.
const POLL: Duration = Duration::from_secs(2);
/// Larger files are known by their length and time.
const HASHED: u64 = 16 * 1024 * 1024;

/// The content of everything that is watched.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found(BTreeMap<PathBuf, Digest>);

/// A file's content, and how to know without reading that it is still the same.
struct Known {
    length: u64,
    modified: SystemTime,
    content: Digest,
}

/// The folder of a crate and its manifest.
pub(super) struct Sources {
    folder: PathBuf,
    manifest: PathBuf,
    /// The component: what is built is no source.
    product: PathBuf,
    known: BTreeMap<PathBuf, Known>,
    watcher: Option<RecommendedWatcher>,
    notices: mpsc::Receiver<()>,
}

impl Sources {
    pub(super) fn new(folder: &Path, manifest: &Path, product: &Path) -> Result<Self, Failure> {
        let (notice, notices) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Looking at files is itself noticed.
            if !event.is_ok_and(|event| matches!(event.kind, EventKind::Access(_))) {
                // When it is full, somebody is about to look.
                let _ = notice.try_send(());
            }
        });
        let mut sources = Self {
            folder: real(folder)?,
            manifest: real(manifest)?,
            product: real(product)?,
            known: BTreeMap::new(),
            watcher: None,
            notices,
        };
        match watcher {
            Ok(watcher) => sources.watcher = Some(watcher),
            Err(error) => sources.without_notices(&error),
        }
        Ok(sources)
    }

    /// Waits until something may have changed, and until it is quiet again.
    pub(super) async fn changed(&mut self) {
        if self.watcher.is_none() {
            tokio::time::sleep(POLL).await;
            return;
        }
        self.notices.recv().await;
        let quiet = async { while timeout(QUIET, self.notices.recv()).await.is_ok() {} };
        // Restless or not, what is found then is built.
        let _ = timeout(RESTLESS, quiet).await;
    }

    /// Looks at everything.
    pub(super) fn scan(&mut self) -> Result<Found, Failure> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.folder.clone()];
        let failed = |error: io::Error| Failure::Failed(format!("{}: {error}", self.folder.display()));
        fs::read_dir(&self.folder).map_err(failed)?;
        while let Some(folder) = folders.pop() {
            // Before it is read: what is made in it later is noticed.
            self.watch(&folder);
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() && is_source(&path) => folders.push(path),
                    Ok(kind) if !kind.is_dir() && path != self.product && is_visible(&path) => {
                        self.look(path, &mut found);
                    }
                    _ => {}
                }
            }
        }
        let manifest = self.manifest.clone();
        if let Some(folder) = manifest.parent() {
            self.watch(folder);
        }
        self.look(manifest, &mut found);
        self.known.retain(|path, _| found.contains_key(path));
        Ok(Found(found))
    }

    fn watch(&mut self, folder: &Path) {
        let Some(watcher) = &mut self.watcher else { return };
        match watcher.watch(folder, RecursiveMode::NonRecursive) {
            // Gone again in the meantime.
            Err(error) if !folder.exists() => tracing::debug!(%error, "a folder is gone"),
            Err(error) => self.without_notices(&error),
            Ok(()) => {}
        }
    }

    fn without_notices(&mut self, error: &notify::Error) {
        self.watcher = None;
        let error = error.to_string();
        progress(&format!("the system gives no notice of changes ({error}); looking every {} s", POLL.as_secs()));
    }

    fn look(&mut self, path: PathBuf, found: &mut BTreeMap<PathBuf, Digest>) {
        // A file that cannot be read is as good as none.
        if let Ok(content) = self.content(&path) {
            found.insert(path, content);
        }
    }

    fn content(&mut self, path: &Path) -> io::Result<Digest> {
        let data = fs::metadata(path)?;
        let (length, modified) = (data.len(), data.modified()?);
        if let Some(known) = self.known.get(path).filter(|known| known.length == length && known.modified == modified) {
            return Ok(known.content);
        }
        let content = if data.is_file() && length <= HASHED {
            Digest::of(&fs::read(path)?)
        } else {
            Digest::of(format!("{length} {modified:?}").as_bytes())
        };
        self.known.insert(path.to_owned(), Known { length, modified, content });
        Ok(content)
    }
}

fn is_visible(path: &Path) -> bool {
    // Editors keep `.x.swp`, `x~` and the like beside what is edited.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    !name.starts_with('.') && !name.ends_with('~')
}

/// Hidden folders and whatever cargo builds in are none.
fn is_source(folder: &Path) -> bool {
    is_visible(folder)
        && folder.file_name().is_some_and(|name| name != "target")
        && !folder.join("CACHEDIR.TAG").exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_content_of_sources_counts() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("crate/src/lib.rs", "one");
        write("wharf.toml", "");
        let (folder, manifest) = (root.path().join("crate"), root.path().join("wharf.toml"));
        let mut sources = Sources::new(&folder, &manifest, &folder.join("out.wasm")).unwrap();
        let mut before = sources.scan().unwrap();
        for path in ["target/x", "sub/target/y", ".git/HEAD", "src/.lib.rs.swp", "src/lib.rs~", "out.wasm"] {
            write(&format!("crate/{path}"), "noise");
            assert_eq!(sources.scan().unwrap(), before, "{path}");
        }
        write("crate/built/CACHEDIR.TAG", "Signature");
        write("crate/built/x", "noise");
        assert_eq!(sources.scan().unwrap(), before, "what cargo builds in");
        write("crate/src/lib.rs", "one");
        assert_eq!(sources.scan().unwrap(), before, "the same content written again");
        for (path, text) in [("crate/src/lib.rs", "three"), ("crate/new/deep/x.rs", "x"), ("wharf.toml", "name = 'x'")]
        {
            write(path, text);
            let after = sources.scan().unwrap();
            assert_ne!(after, before, "{path}");
            before = after;
        }
        fs::remove_file(root.path().join("crate/new/deep/x.rs")).unwrap();
        assert_ne!(sources.scan().unwrap(), before, "a file is gone");
    }

    #[tokio::test]
    async fn a_change_in_a_folder_that_is_new_is_noticed() {
        let root = tempfile::tempdir().unwrap();
        let mut sources =
            Sources::new(root.path(), &root.path().join("wharf.toml"), &root.path().join("x.wasm")).unwrap();
        let empty = sources.scan().unwrap();
        let limit = Duration::from_secs(20);
        fs::create_dir_all(root.path().join("src")).unwrap();
        timeout(limit, sources.changed()).await.expect("the new folder was not noticed");
        assert_eq!(sources.scan().unwrap(), empty);
        fs::write(root.path().join("src/lib.rs"), "x").unwrap();
        timeout(limit, sources.changed()).await.expect("the new file was not noticed");
        assert_ne!(sources.scan().unwrap(), empty);
    }

    #[test]
    fn a_folder_that_is_gone_ends_the_watch() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("crate");
        assert!(Sources::new(&folder, &folder.join("wharf.toml"), &folder.join("x.wasm")).unwrap().scan().is_err());
    }
}
