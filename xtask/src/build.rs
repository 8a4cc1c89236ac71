//! Building: the plugins, the programs, the tests.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::{browser, say};

const TARGET: &str = "wasm32-wasip2";

/// The repository's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// Runs a program in the repository's folder; its output goes to the terminal.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    command.current_dir(root());
    let status = command.status().with_context(|| format!("failed to start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed: {status}");
    }
    Ok(())
}

/// The cargo that runs this chore.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args);
    command
}

/// Builds every plugin; gives their names.
pub(crate) fn plugins() -> anyhow::Result<Vec<String>> {
    let names = plugin_names()?;
    add_target()?;
    let _step = say::step("building the plugins (target/plugins/*.wasm)");
    let mut command = cargo(&["build", "--locked", "--profile", "plugin", "--target", TARGET]);
    for name in &names {
        command.arg("--package").arg(format!("plugin-{name}"));
    }
    run(&mut command)?;
    let to = target().join("plugins");
    std::fs::create_dir_all(&to)?;
    for name in &names {
        let built = target().join(TARGET).join("plugin").join(format!("plugin_{}.wasm", name.replace('-', "_")));
        let copy = to.join(format!("{name}.wasm"));
        std::fs::copy(&built, &copy)
            .with_context(|| format!("failed to copy {} to {}", built.display(), copy.display()))?;
    }
    Ok(names)
}

/// Builds the plugins, the programs and their tests.
pub(crate) fn everything() -> anyhow::Result<()> {
    plugins()?;
    // In one go: built apart, cargo would compile much of it twice for different sets of features.
    let _step = say::step("building the programs and their tests");
    run(&mut cargo(&["build", "--locked", "--workspace", "--bins", "--tests"]))
}

/// Builds everything, then runs every test of the workspace, doc tests among them.
pub(crate) fn test(filter: &[String]) -> anyhow::Result<()> {
    everything()?;
    let browser = browser::prepare();
    let _step = say::step("running the tests");
    run(cargo(&["test", "--locked", "--workspace", "--no-fail-fast"]).envs(browser).args(filter))
}

/// Builds the programs as they are shipped; gives the folder that they are in.
pub(crate) fn release(packages: &[&str], targets: &[&str]) -> anyhow::Result<PathBuf> {
    let _step = say::step("building the host in release (the first time takes some minutes)");
    let mut command = cargo(&["build", "--locked", "--release"]);
    for package in packages {
        command.arg("--package").arg(package);
    }
    run(command.args(targets))?;
    Ok(target().join("release"))
}

fn plugin_names() -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root().join("plugins"))? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Installs the guests' target, unless it is there.
fn add_target() -> anyhow::Result<()> {
    let installed = Command::new("rustup").args(["target", "list", "--installed"]).output();
    match installed {
        Ok(list) if String::from_utf8_lossy(&list.stdout).lines().any(|line| line == TARGET) => Ok(()),
        Ok(_) => {
            let _step = say::step("installing the Rust target wasm32-wasip2");
            run(Command::new("rustup").args(["target", "add", TARGET]))
        }
        // A Rust from elsewhere than rustup may well have the target.
        Err(_) => {
            say::line(&format!(
                "rustup is not on the path; if the build misses {TARGET}, install that target with your Rust"
            ));
            Ok(())
        }
    }
}
