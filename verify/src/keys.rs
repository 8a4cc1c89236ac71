//! The installed key: one file, where the platform's own tool keeps it too, so that a key installed by either is found by both.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// How many random bytes make a key: 32 characters of Base64, without padding.
const RANDOM_BYTES: usize = 24;

/// The shortest key that is taken without a warning.
const SHORT: usize = 20;

/// Where the key lies below the home folder.
const FOLDER: &str = "retailops";
const FILE: &str = "integration_auth_token";

/// What went wrong with the installed key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No home folder.
    #[error("no home folder is known; name one with --home")]
    NoHome,
    /// Nothing is installed.
    #[error("no key is installed at {}; make one with `generate-auth-key` or `install-auth-key`", .0.display())]
    NotInstalled(PathBuf),
    /// A key is there.
    #[error("a key is already installed at {}; --force replaces it", .0.display())]
    Exists(PathBuf),
    /// What should be installed is no key.
    #[error("the key {0}")]
    Unusable(&'static str),
    /// The system gave no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(getrandom::Error),
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The place of the key.
#[derive(Debug, Clone)]
pub struct KeyFile {
    path: PathBuf,
}

impl KeyFile {
    /// The key below `home`, or below the user's home folder.
    ///
    /// # Errors
    /// There is no home folder.
    pub fn below(home: Option<&Path>) -> Result<Self, KeyError> {
        let home = home.map(Path::to_owned).or_else(std::env::home_dir).filter(|home| !home.as_os_str().is_empty());
        Ok(Self { path: home.ok_or(KeyError::NoHome)?.join(FOLDER).join(FILE) })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the key.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn read(&self) -> Result<String, KeyError> {
        if !self.path.exists() {
            return Err(KeyError::NotInstalled(self.path.clone()));
        }
        read(&self.path)
    }

    /// Makes a random key and installs it.
    ///
    /// # Errors
    /// A key is there and `force` is not set, or the file cannot be written.
    pub fn generate(&self, force: bool) -> Result<(), KeyError> {
        let mut bytes = [0; RANDOM_BYTES];
        getrandom::fill(&mut bytes).map_err(KeyError::Random)?;
        self.write(&STANDARD.encode(bytes), force)
    }

    /// Installs a key and gives warnings about it.
    ///
    /// # Errors
    /// It is empty or has control characters, or the file cannot be written.
    pub fn install(&self, key: &str) -> Result<Vec<&'static str>, KeyError> {
        let key = usable(key)?;
        self.write(key, true)?;
        Ok(warnings(key))
    }

    /// Writes beside the file first, so that a reader never sees half a key.
    fn write(&self, key: &str, force: bool) -> Result<(), KeyError> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| KeyError::Io { path, source }
        };
        private_folder(folder).map_err(failed(folder))?;
        // A temporary file is the user's own (0600) on Unix from the start.
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed(folder))?;
        file.write_all(key.as_bytes()).map_err(failed(&self.path))?;
        if force {
            file.persist(&self.path).map_err(|error| failed(&self.path)(error.error))?;
        } else {
            file.persist_noclobber(&self.path).map_err(|error| match error.error.kind() {
                io::ErrorKind::AlreadyExists => KeyError::Exists(self.path.clone()),
                _ => failed(&self.path)(error.error),
            })?;
        }
        Ok(())
    }
}

/// Reads a key from any file.
///
/// # Errors
/// It cannot be read, or holds no key.
pub fn read(path: &Path) -> Result<String, KeyError> {
    let text = fs::read_to_string(path).map_err(|source| KeyError::Io { path: path.to_owned(), source })?;
    usable(&text).map(str::to_owned)
}

/// A key without its line end; any text without control characters will do.
fn usable(text: &str) -> Result<&str, KeyError> {
    let key = text.trim_end_matches(['\r', '\n']);
    if key.is_empty() {
        return Err(KeyError::Unusable("is empty"));
    }
    if key.contains(char::is_control) {
        return Err(KeyError::Unusable("has a line break or another control character in it"));
    }
    Ok(key)
}

/// What certification or security would suffer from.
pub fn warnings(key: &str) -> Vec<&'static str> {
    let mut warnings = Vec::new();
    if key.contains('_') {
        warnings.push("the key has an underscore in it; the platform's certification cuts keys at underscores");
    }
    if key.chars().count() < SHORT {
        warnings.push("the key is shorter than 20 characters; `generate-auth-key` makes a good one");
    }
    warnings
}

#[cfg(unix)]
fn private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch() -> (tempfile::TempDir, KeyFile) {
        let home = tempfile::tempdir().unwrap();
        let file = KeyFile::below(Some(home.path())).unwrap();
        (home, file)
    }

    #[test]
    fn a_generated_key_is_32_characters_of_base64_and_never_the_same() {
        let (_home, file) = scratch();
        file.generate(false).unwrap();
        let first = file.read().unwrap();
        assert_eq!(first.len(), 32);
        assert!(first.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'), "{first}");
        assert!(matches!(file.generate(false), Err(KeyError::Exists(_))));
        assert_eq!(file.read().unwrap(), first, "a refused run leaves the key alone");
        file.generate(true).unwrap();
        assert_ne!(file.read().unwrap(), first);
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_can_read_a_key() {
        use std::os::unix::fs::PermissionsExt;
        let (_home, file) = scratch();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        file.generate(false).unwrap();
        assert_eq!((mode(file.path()), mode(file.path().parent().unwrap())), (0o600, 0o700));
        file.install("another key, long enough").unwrap();
        assert_eq!(mode(file.path()), 0o600);
    }

    #[test]
    fn an_installed_key_loses_its_line_end_and_is_warned_about() {
        let (_home, file) = scratch();
        assert!(matches!(file.read(), Err(KeyError::NotInstalled(_))));
        assert_eq!(file.install("abcdefghijklmnopqrst\r\n").unwrap(), Vec::<&str>::new());
        assert_eq!(file.read().unwrap(), "abcdefghijklmnopqrst");
        assert_eq!(file.install("FOO_BAR").unwrap().len(), 2);
        for bad in ["", "\n", "a\nb", "a\u{0}b"] {
            assert!(matches!(file.install(bad), Err(KeyError::Unusable(_))), "{bad:?}");
        }
        assert_eq!(file.read().unwrap(), "FOO_BAR");
    }
}
