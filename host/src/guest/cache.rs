//! Compiled code, kept from one start to the next.
//!
//! Compiled code is native code: whoever can change it owns the process. So each file is named by the component's digest
//! and the engine's compatibility, and carries a MAC made with a key that comes from the node's own. What does not match is
//! compiled again, never run.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use super::cause::Cause;
use super::compile::Verdict;
use crate::config::Config;
use crate::store::Digest;

/// Most that is read of what the child says.
const LONGEST_WORDS: u64 = 64 * 1024;

/// Why a component was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The compiler hit one of its limits.
    #[error("the component is too hard to compile: it needs more than {} s or {} of memory (compile.time, compile.memory)", .time.as_secs(), .memory)]
    Limit {
        /// CPU time that it had.
        time: Duration,
        /// Memory that it had.
        memory: String,
    },
    /// The compiler says no.
    #[error("the component does not compile: {0}")]
    Refused(&'static str),
    /// The compiler broke down, or its result cannot be kept or read.
    #[error("failed to {doing} {path}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

/// A file of compiled code whose MAC was right.
pub struct Authenticated {
    path: PathBuf,
}

impl Authenticated {
    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The folder of compiled code.
pub struct Cache {
    folder: PathBuf,
    /// As long as a block of the hash.
    key: [u8; 64],
    compatibility: String,
    /// One compilation at a time: it may use a whole core and much memory.
    turn: tokio::sync::Mutex<()>,
}

impl Cache {
    /// Opens the folder, making it if it is missing; what is not there under a MAC of the `key` is no code.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open(folder: PathBuf, key: [u8; 32], compatibility: String) -> Result<Self, CompileError> {
        fs::create_dir_all(&folder).map_err(io_error("make", &folder))?;
        let mut padded = [0; 64];
        padded[..key.len()].copy_from_slice(&key);
        Ok(Self { folder, key: padded, compatibility, turn: tokio::sync::Mutex::new(()) })
    }

    /// The compiled code of a component, if it is here, whole and ours.
    pub fn find(&self, digest: &Digest) -> Option<Authenticated> {
        let path = self.path(digest);
        let code = fs::read(&path).ok()?;
        let mac = fs::read(mac_path(&path)).ok()?;
        if self.mac(digest, &code).verify_slice(&mac).is_err() {
            tracing::warn!(file = %path.display(), "compiled code is not what this node wrote; compiling again");
            return None;
        }
        Some(Authenticated { path })
    }

    /// Compiles a component in a child process and keeps the result.
    ///
    /// # Errors
    /// See [`CompileError`]. Nothing is kept then.
    pub async fn compile(
        &self,
        config_file: Option<&Path>,
        config: &Config,
        digest: &Digest,
        component: &Path,
    ) -> Result<Authenticated, CompileError> {
        let _turn = self.turn.lock().await;
        if let Some(found) = self.find(digest) {
            return Ok(found);
        }
        let path = self.path(digest);
        let fresh = path.with_extension("fresh");
        let began = Instant::now();
        let result = self.run_child(config_file, config, component, &fresh).await;
        let kept = result.and_then(|()| self.keep(digest, &fresh, &path));
        if kept.is_err() {
            let _ = fs::remove_file(&fresh);
        }
        kept?;
        tracing::info!(%digest, ms = began.elapsed().as_millis(), "compiled a component");
        Ok(Authenticated { path })
    }

    async fn run_child(
        &self,
        config_file: Option<&Path>,
        config: &Config,
        component: &Path,
        out: &Path,
    ) -> Result<(), CompileError> {
        let program = own_program().map_err(io_error("find", Path::new("wharf")))?;
        let mut command = Command::new(&program);
        command.arg("compile").arg(component).arg(out);
        if let Some(file) = config_file {
            command.arg("--config").arg(file);
        }
        // The allocator commits its first arena at once, 1 GiB of it, and the limit on data counts it as used.
        command.env_clear().env("MIMALLOC_ARENA_EAGER_COMMIT", "0");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let child = command.spawn().map_err(io_error("start", &program))?;
        let broke_down = |said: String| io_error("compile", component)(io::Error::other(said));
        let output = attend(child, config).await.map_err(io_error("run", &program))?;
        // An abort (out of memory) and a kill (time) have no exit code.
        let Some(output) = output.filter(|output| output.status.code().is_some()) else {
            return Err(CompileError::Limit { time: config.compile.time, memory: config.compile.memory.to_string() });
        };
        if !output.status.success() {
            return Err(broke_down(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        match String::from_utf8_lossy(&output.stdout).parse().map_err(broke_down)? {
            Verdict::Compiled(compatibility) if compatibility == self.compatibility => Ok(()),
            Verdict::Compiled(compatibility) => Err(broke_down(format!(
                "the compiler's settings ({compatibility}) are not this node's ({}); start the node again, its program or configuration was replaced",
                self.compatibility
            ))),
            Verdict::Refused(cause) => {
                tracing::info!(component = %component.display(), cause, "a component does not compile");
                Err(CompileError::Refused(Cause::of(&cause).of_compiling()))
            }
        }
    }

    fn keep(&self, digest: &Digest, fresh: &Path, path: &Path) -> Result<(), CompileError> {
        let code = fs::read(fresh).map_err(io_error("read", fresh))?;
        let mac = self.mac(digest, &code).finalize().into_bytes();
        let mac_file = mac_path(path);
        write_synced(&mac_file, &mac).map_err(io_error("write", &mac_file))?;
        fs::rename(fresh, path).map_err(io_error("write", path))
    }

    fn mac(&self, digest: &Digest, code: &[u8]) -> Hmac<Sha256> {
        // The name is part of it, so that one component's code cannot be passed off as another's.
        Hmac::<Sha256>::new(&self.key.into())
            .chain_update(self.compatibility.as_bytes())
            .chain_update(digest.to_string().as_bytes())
            .chain_update(code)
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(format!("{digest}-{}.cwasm", self.compatibility))
    }
}

/// Waits for the child to end and be gone; kills it when it takes too long, which gives `None`.
async fn attend(mut child: Child, config: &Config) -> io::Result<Option<Output>> {
    // The limit is on CPU time, and the child has what traffic leaves: on a busy machine it takes longer by the clock.
    let patience = config.compile.time * 10;
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let all =
        async { tokio::try_join!(child.wait(), read_all(&mut out, &mut stdout), read_all(&mut err, &mut stderr)) };
    let ended = tokio::time::timeout(patience, all).await;
    let Ok(ended) = ended else {
        child.kill().await?;
        return Ok(None);
    };
    let (status, ..) = ended?;
    Ok(Some(Output { status, stdout, stderr }))
}

async fn read_all(from: &mut Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) -> io::Result<()> {
    if let Some(from) = from {
        from.take(LONGEST_WORDS).read_to_end(into).await?;
    }
    Ok(())
}

/// The program that runs now. Its path may have another one by now, when a newer version was installed over it.
fn own_program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok(PathBuf::from("/proc/self/exe")) } else { std::env::current_exe() }
}

fn mac_path(path: &Path) -> PathBuf {
    path.with_extension("mac")
}

fn io_error<'p>(doing: &'static str, path: &'p Path) -> impl FnOnce(io::Error) -> CompileError + use<'p> {
    move |source| CompileError::Io { doing, path: path.to_owned(), source }
}

/// Writes a file that only our user can read, and waits until it is on the disk.
fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
