//! The fuzz targets, each in a process of its own for as long as one likes. A target is any test in a module called `fuzz`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use crate::{build, say};

/// What tells the harness for how long, and from which seed. The time is that of one target.
const TIME: &str = "BOLERO_RANDOM_TEST_TIME_MS";
const SEED: &str = "BOLERO_RANDOM_SEED";
const ITERATIONS: &str = "BOLERO_RANDOM_ITERATIONS";
/// Has a target hold its process's memory against its limit.
const MEMORY: &str = "WHARF_FUZZ_MEMORY";

/// What to do with a crash.
const ADVICE: &str = "\
A target failed. Above stand its input, made as short as possible, and BOLERO_RANDOM_SEED=N. To go on from there:
  run it again       cargo xtask fuzz NAME --seed N
  make it a test     write what the target made of the input (print it in the target) as an example into the tests beside
                     the code at fault, with the right answer; then mend the code. The seed alone is no test: it means
                     another input as soon as the target changes";

/// A target: the program that has it, the folder that it runs in, its name.
struct Target {
    program: PathBuf,
    folder: PathBuf,
    name: String,
}

pub(crate) fn run(filter: Option<&str>, time: Duration, seed: Option<&str>) -> anyhow::Result<()> {
    build::everything()?;
    let mut targets = Vec::new();
    for (program, folder) in test_programs()? {
        targets.extend(list(&program, &folder)?);
    }
    targets.retain(|target| filter.is_none_or(|part| target.name.contains(part)));
    ensure!(!targets.is_empty(), "no fuzz target has {} in its name", filter.unwrap_or_default());
    let mut failed = Vec::new();
    for target in &targets {
        let _step = say::step(&target.name);
        if !fuzz(target, time, seed)? {
            failed.push(target.name.as_str());
        }
    }
    if failed.is_empty() {
        say::line(&format!("{} targets, {time:?} each: nothing found", targets.len()));
        return Ok(());
    }
    say::line(ADVICE);
    bail!("{} of {} targets failed: {}", failed.len(), targets.len(), failed.join(", "))
}

fn fuzz(target: &Target, time: Duration, seed: Option<&str>) -> anyhow::Result<bool> {
    let mut command = program(&target.program, &target.folder);
    command.args(["--exact", &target.name, "--nocapture", "--test-threads=1"]).env(MEMORY, "1");
    match seed {
        Some(seed) => command.env(SEED, seed).env(ITERATIONS, "0"),
        None => command.env(TIME, time.as_millis().to_string()),
    };
    let status = command.status().with_context(|| format!("failed to start {}", target.program.display()))?;
    Ok(status.success())
}

/// The programs that the tests of the workspace are in, with the folders that cargo would run them in.
fn test_programs() -> anyhow::Result<Vec<(PathBuf, PathBuf)>> {
    let mut command = build::cargo(&["test", "--locked", "--workspace", "--lib", "--test", "e2e", "--no-run"]);
    let output = command.arg("--message-format=json").current_dir(build::root()).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "the tests could not be built");
    let mut programs = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message: Value = serde_json::from_str(line)?;
        let is_test = message["profile"]["test"] == true;
        if let (true, Some(program), Some(manifest)) =
            (is_test, message["executable"].as_str(), message["manifest_path"].as_str())
        {
            let folder = Path::new(manifest).parent().context("a manifest without a folder")?;
            programs.push((PathBuf::from(program), folder.to_owned()));
        }
    }
    Ok(programs)
}

fn list(program_file: &Path, folder: &Path) -> anyhow::Result<Vec<Target>> {
    let output = program(program_file, folder).args(["--list", "--format", "terse", "fuzz::"]).output()?;
    ensure!(output.status.success(), "{} does not list its tests", program_file.display());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let names = text.lines().filter_map(|line| line.strip_suffix(": test"));
    let target =
        |name: &str| Target { program: program_file.to_owned(), folder: folder.to_owned(), name: name.to_owned() };
    Ok(names.map(target).collect())
}

/// A test program as cargo would run it.
fn program(file: &Path, folder: &Path) -> Command {
    let mut command = Command::new(file);
    command.current_dir(folder).env("CARGO_MANIFEST_DIR", folder);
    command
}
