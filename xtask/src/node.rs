//! A Wharf of our own, on free ports, with a data directory that goes away with it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;

/// A rate that no caller on this machine reaches.
const UNHURRIED: &str = "[call]\nrate = 1000000\nburst = 1000000\n";

/// A running node; dropped, it is killed.
pub(crate) struct Node {
    child: Child,
    program: PathBuf,
    pub(crate) data: PathBuf,
    pub(crate) edge: String,
    pub(crate) admin: String,
    pub(crate) started_in: Duration,
}

impl Node {
    /// Starts a node over a data directory and waits for its ready line. Its log goes into `DIR/wharf.log`. Over the default
    /// configuration it has `config`, and no rate: what calls it is one machine, as fast as it can.
    pub(crate) fn start(program: &Path, data: &Path, config: &str) -> anyhow::Result<Self> {
        let file = data.join("wharf.toml");
        std::fs::write(&file, format!("{UNHURRIED}{config}"))?;
        let began = Instant::now();
        let log = std::fs::File::options().create(true).append(true).open(data.join("wharf.log"))?;
        let mut command = Command::new(program);
        command.args(["serve", "--edge", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data"]).arg(data);
        command.arg("--config").arg(file);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("failed to start {}", program.display()))?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let started_in = began.elapsed();
        let ready: Value = serde_json::from_str(&line)
            .with_context(|| format!("wharf did not get ready; see {}", data.join("wharf.log").display()))?;
        let address = |name: &str| ready[name].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            child,
            program: program.to_owned(),
            data: data.to_owned(),
            edge: address("edge"),
            admin: address("admin"),
            started_in,
        })
    }

    /// Runs a command of the program against this node and gives its JSON.
    pub(crate) fn wharf(&self, args: &[&str]) -> anyhow::Result<Value> {
        let output = self.command(args).arg("--json").output()?;
        if !output.status.success() {
            bail!(
                "wharf {}: {}{}",
                args.join(" "),
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        let text = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(&text)
            .with_context(|| format!("wharf {} did not answer with JSON: {text}", args.join(" ")))
    }

    /// A command of the program against this node.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).env("WHARF_ADMIN_URL", format!("http://{}", self.admin)).env("WHARF_TOKEN", self.token());
        command
    }

    /// The first token of this node.
    pub(crate) fn token(&self) -> String {
        std::fs::read_to_string(self.data.join("admin.token")).unwrap_or_default().trim().to_owned()
    }

    /// The base URL of a channel.
    pub(crate) fn base(&self, channel: &str) -> String {
        format!("http://{}/channels/{channel}", self.edge)
    }

    /// Resident memory in KiB.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    }

    /// Waits until the program ends by itself.
    pub(crate) fn wait(mut self) -> anyhow::Result<()> {
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
