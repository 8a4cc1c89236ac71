//! The browser that the payment page is tried in: found on the path, or installed where we may do that.

use std::path::Path;
use std::process::Command;

use crate::say;

/// What the tests read: `skip` leaves those out that need a browser; with any other text they fail and say it.
const VARIABLE: &str = "WHARF_TEST_BROWSER";

const MISSING: &str = "chromium and chromedriver are not on the path; install them (on Debian: apt-get install chromium chromium-driver), or set WHARF_TEST_BROWSER=skip to leave out what needs a browser";

/// Sees to it that there is a browser, and gives what the tests' environment has to say if there is none.
pub(crate) fn prepare() -> Option<(&'static str, String)> {
    if std::env::var_os(VARIABLE).is_some() || is_there() {
        return None;
    }
    let why = if may_install() { install().err() } else { None };
    if is_there() {
        return None;
    }
    let text = why.map_or_else(|| MISSING.to_owned(), |why| format!("{MISSING}; apt-get said: {why}"));
    say::line(&text);
    Some((VARIABLE, text))
}

fn is_there() -> bool {
    ["chromium", "chromium-browser", "google-chrome"].iter().any(|name| is_on_path(name)) && is_on_path("chromedriver")
}

fn is_on_path(name: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(name).is_file()))
}

/// Whether this is a system with Debian's packages, and ours to change.
fn may_install() -> bool {
    let root = || Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.trim_ascii() == b"0");
    Path::new("/etc/debian_version").exists() && is_on_path("apt-get") && root()
}

/// Installs Debian's packages, or gives the last line of what went wrong.
fn install() -> Result<(), String> {
    let _step =
        say::step("installing chromium and chromium-driver, for the tests of the payment page (a minute or two)");
    apt_get(&["update"])?;
    apt_get(&["install", "--yes", "--no-install-recommends", "chromium", "chromium-driver"])
}

fn apt_get(args: &[&str]) -> Result<(), String> {
    let mut command = Command::new("apt-get");
    // Somebody else may be installing something.
    command.args(["-qq", "-o", "DPkg::Lock::Timeout=300"]).args(args).env("DEBIAN_FRONTEND", "noninteractive");
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(said.trim_end().lines().next_back().unwrap_or("nothing").to_owned())
}
