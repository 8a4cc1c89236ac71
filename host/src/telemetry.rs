//! The node's own log: one line per event, on stderr.

use tracing_subscriber::EnvFilter;

/// Starts logging. `WHARF_LOG` chooses what is logged, as `tracing` directives; `info` is the default.
pub fn start() {
    let filter = EnvFilter::try_from_env("WHARF_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,wasmtime=warn,wasmtime_wasi_http=error"));
    // A second start (two nodes in one process) keeps the first one's log.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).try_init();
}
