//! `wharf-sandbox UNIT PROGRAM [ARGUMENT]…`: becomes the program, under the system calls that a systemd unit allows and no others.
//!
//! What systemd answers with an error ends the process here, so that a call which is missing from the unit's list is seen.
#![expect(clippy::print_stderr, reason = "what a launcher has to say")]

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(unit), Some(program)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: wharf-sandbox UNIT PROGRAM [ARGUMENT]…");
        return ExitCode::from(2);
    };
    let confined = std::fs::read_to_string(&unit).map_err(|error| error.to_string()).and_then(|text| confine(&text));
    let error = match confined {
        Ok(()) => Command::new(program).args(arguments).exec().to_string(),
        Err(error) => error,
    };
    eprintln!("wharf-sandbox: {error}");
    ExitCode::FAILURE
}

/// Confines this thread, and with it what it becomes.
fn confine(unit: &str) -> Result<(), String> {
    let calls: BTreeSet<_> = unit
        .lines()
        .filter_map(|line| line.strip_prefix("SystemCallFilter="))
        .flat_map(str::split_whitespace)
        .collect();
    let rules: Vec<_> = calls.into_iter().map(|name| format!("{{\"syscall\":\"{name}\"}}")).collect();
    let json = format!(
        "{{\"node\":{{\"mismatch_action\":\"kill_process\",\"match_action\":\"allow\",\"filter\":[{}]}}}}",
        rules.join(",")
    );
    let arch = std::env::consts::ARCH.try_into().map_err(|error| format!("{error}"))?;
    let filters = seccompiler::compile_from_json(json.as_bytes(), arch).map_err(|error| error.to_string())?;
    seccompiler::apply_filter(&filters["node"]).map_err(|error| error.to_string())
}
