//! The tests in their long form: they swap, kill and try more often, those of the queue on a virtual clock, and print what they
//! counted.

use crate::{browser, build, say};

/// The variable that makes the tests long.
const LONG: &str = "WHARF_TEST_LONG";

pub(crate) fn run(filter: &[String]) -> anyhow::Result<()> {
    build::everything()?;
    let browser = browser::prepare();
    let _step = say::step("running the tests in their long form");
    let mut command = build::cargo(&["test", "--locked", "--workspace", "--lib", "--test", "e2e", "--no-fail-fast"]);
    // After the dashes it may be several parts of names.
    command.env(LONG, "1").envs(browser).arg("--").args(filter.iter().filter(|part| *part != "--"));
    build::run(command.arg("--nocapture"))
}
