//! One build, as a group of processes that ends with the watch.

use std::io;
use std::os::fd::AsFd;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

use super::project::{Build, Project};

/// Builds; what the command prints goes to stderr. Fails with one sentence.
pub(super) async fn run(project: &Project) -> Result<(), String> {
    let mut command = match &project.command {
        Build::Shell(line) => {
            let mut command = Command::new("sh");
            command.args(["-c", line]);
            command
        }
        Build::Cargo(args) => {
            let mut command = Command::new("cargo");
            command.args(args);
            command
        }
    };
    let failed = |error: io::Error| format!("the build `{}` cannot be run: {error}", project.command);
    let stderr = io::stderr().as_fd().try_clone_to_owned().map_err(failed)?;
    command.current_dir(&project.folder).stdin(Stdio::null()).stdout(stderr).process_group(0);
    let mut group = Group(command.spawn().map_err(failed)?);
    let status = group.0.wait().await.map_err(failed)?;
    if status.success() { Ok(()) } else { Err(format!("the build failed ({status})")) }
}

/// A command and what it started; all of it ends when this is dropped.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // A child that was waited for has no id any more.
        if let Some(id) = self.0.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            let _ = kill_process_group(id, Signal::TERM);
        }
    }
}
