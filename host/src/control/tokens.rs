//! Who asks: bearer tokens, what they allow, and the first one, which lies in the data directory.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use subtle::ConstantTimeEq;

use super::Control;
use crate::store::{Digest, Role, StoreError, TokenRecord, generate_key};

/// The file of the first token, in the data directory. Whoever can read it may do everything.
pub const ADMIN_TOKEN: &str = "admin.token";

/// Shorter ones could be guessed.
const SHORTEST: usize = 16;

/// Why the first token cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    /// It cannot be read or written.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// It holds no token.
    #[error("{} holds no token of at least {SHORTEST} characters; delete it, and a new one is made", .0.display())]
    Short(PathBuf),
    /// There are no random bytes.
    #[error(transparent)]
    Random(#[from] StoreError),
}

/// The bearer of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bearer {
    /// What its maker calls it.
    pub(super) name: String,
    role: Role,
    channels: Option<Vec<String>>,
}

impl Bearer {
    fn first() -> Self {
        Self { name: "admin".to_owned(), role: Role::Admin, channels: None }
    }

    /// Whether the role is enough for what needs `need`.
    pub(super) fn may(&self, need: Role) -> bool {
        rank(self.role) >= rank(need)
    }

    /// Whether this channel exists as far as the bearer is concerned.
    pub(super) fn sees(&self, channel: &str) -> bool {
        self.channels.as_ref().is_none_or(|channels| channels.iter().any(|known| known == channel))
    }

    /// Whether the bearer may see what concerns the whole node.
    pub(super) fn sees_node(&self) -> bool {
        self.channels.is_none()
    }

    pub(super) fn role(&self) -> Role {
        self.role
    }
}

impl From<TokenRecord> for Bearer {
    fn from(token: TokenRecord) -> Self {
        Self { name: token.name, role: token.role, channels: token.channels }
    }
}

fn rank(role: Role) -> u8 {
    match role {
        Role::Read => 0,
        Role::Deploy => 1,
        Role::Admin => 2,
    }
}

impl Control {
    /// Lets the bearer of the token in `data/admin.token` do everything. The file is made if it is missing, so deleting
    /// it and starting again replaces the token. Blocks for a disk access.
    ///
    /// # Errors
    /// The file cannot be read, made, or holds no token.
    pub fn open_admin_token(&self, data: &Path) -> Result<(), TokenFileError> {
        let token = read_or_make(&data.join(ADMIN_TOKEN))?;
        // A second call would be a bug of ours; the first one's token goes on working.
        let _ = self.admin.set(Digest::of(token.as_bytes()));
        Ok(())
    }

    /// Who bears this token; `None` when nobody knows it. Digests are looked up, never tokens, so the time that it takes
    /// tells nothing about a token that is almost right.
    pub(super) fn bearer(&self, token: &str) -> Result<Option<Bearer>, StoreError> {
        let digest = Digest::of(token.as_bytes());
        if self.admin.get().is_some_and(|admin| bool::from(admin.0.ct_eq(&digest.0))) {
            return Ok(Some(Bearer::first()));
        }
        Ok(self.store.token_by_digest(&digest)?.map(Bearer::from))
    }
}

/// A new secret text that is safe in a URL: 192 random bits.
pub(super) fn url_safe_key() -> Result<String, StoreError> {
    Ok(generate_key()?.replace('+', "-").replace('/', "_"))
}

fn read_or_make(path: &Path) -> Result<String, TokenFileError> {
    let io = |source| TokenFileError::Io { path: path.to_owned(), source };
    match fs::read_to_string(path) {
        Ok(text) if text.trim().len() >= SHORTEST => {
            warn_if_open(path);
            Ok(text.trim().to_owned())
        }
        Ok(_) => Err(TokenFileError::Short(path.to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let token = url_safe_key()?;
            write(path, &token).map_err(io)?;
            Ok(token)
        }
        Err(error) => Err(io(error)),
    }
}

fn write(path: &Path, token: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
    writeln!(file, "{token}")?;
    file.sync_all()
}

fn warn_if_open(path: &Path) {
    let open = fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0);
    if open {
        tracing::warn!(file = %path.display(), "other users can read the admin token; chmod 600 it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(role: Role, channels: Option<&[&str]>) -> Bearer {
        let channels = channels.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        Bearer { name: "n".to_owned(), role, channels }
    }

    #[test]
    fn a_role_allows_what_the_lower_ones_allow() {
        let allowed = |role| [Role::Read, Role::Deploy, Role::Admin].map(|need| bearer(role, None).may(need));
        assert_eq!(allowed(Role::Read), [true, false, false]);
        assert_eq!(allowed(Role::Deploy), [true, true, false]);
        assert_eq!(allowed(Role::Admin), [true, true, true]);
    }

    #[test]
    fn a_limited_bearer_sees_its_channels_and_nothing_of_the_node() {
        let limited = bearer(Role::Admin, Some(&["a", "b"]));
        assert!(limited.sees("a") && limited.sees("b") && !limited.sees("c") && !limited.sees_node());
        let all = bearer(Role::Read, None);
        assert!(all.sees("c") && all.sees_node());
    }

    #[test]
    fn the_first_token_is_made_once_and_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(ADMIN_TOKEN);
        let token = read_or_make(&path).unwrap();
        assert!(
            token.len() >= 32 && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        );
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read_or_make(&path).unwrap(), token);
        fs::write(&path, "short\n").unwrap();
        assert!(matches!(read_or_make(&path), Err(TokenFileError::Short(_))));
    }
}
