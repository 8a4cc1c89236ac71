//! What a guest may import, linked once for the whole engine.

mod config;
mod host;
mod keyvalue;
pub(super) mod logging;
pub(super) mod parts;
mod platform;

use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Engine, Result};
use wasmtime_wasi::p2::bindings as wasi;
use wasmtime_wasi::{WasiView, cli, filesystem};

use super::state::CallState;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "imports",
        imports: {
            "wasi:keyvalue/store": async | trappable,
            "wasi:keyvalue/atomics": async | trappable,
            "wasi:keyvalue/batch": async | trappable,
            "wharf:channel/platform": async | trappable,
            default: trappable,
        },
        with: {
            "wasi:keyvalue/store.bucket": super::keyvalue::Bucket,
            "wasi:keyvalue/atomics.cas": super::keyvalue::Cas,
        },
    });
}

/// Links everything that the contract names, and of WASI what a std program needs: clocks, random, streams, an empty environment
/// and a file system in which nothing is ever opened. Sockets are not linked.
pub(super) fn linker(engine: &Engine) -> Result<Linker<CallState>> {
    let mut linker = Linker::new(engine);
    let l = &mut linker;
    bindings::Imports::add_to_linker::<_, HasSelf<CallState>>(l, |state| state)?;
    add_wasi(l)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(l)?;
    parts::link(l)?;
    Ok(linker)
}

fn add_wasi(l: &mut Linker<CallState>) -> Result<()> {
    use cli::WasiCliView as _;
    use filesystem::WasiFilesystemView as _;
    // Streams, polling, wall clock, monotonic clock, secure random, standard streams.
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async(l)?;
    wasi::random::insecure::add_to_linker::<CallState, wasmtime_wasi::random::WasiRandom>(l, |state| {
        state.ctx().ctx.random()
    })?;
    wasi::random::insecure_seed::add_to_linker::<CallState, wasmtime_wasi::random::WasiRandom>(l, |state| {
        state.ctx().ctx.random()
    })?;
    wasi::cli::exit::add_to_linker::<CallState, cli::WasiCli>(l, CallState::cli)?;
    wasi::cli::environment::add_to_linker::<CallState, cli::WasiCli>(l, CallState::cli)?;
    wasi::cli::terminal_input::add_to_linker::<CallState, cli::WasiCli>(l, CallState::cli)?;
    wasi::cli::terminal_output::add_to_linker::<CallState, cli::WasiCli>(l, CallState::cli)?;
    wasi::cli::terminal_stdin::add_to_linker::<CallState, cli::WasiCli>(l, CallState::cli)?;
    wasi::cli::terminal_stdout::add_to_linker::<CallState, cli::WasiCli>(l, CallState::cli)?;
    wasi::cli::terminal_stderr::add_to_linker::<CallState, cli::WasiCli>(l, CallState::cli)?;
    wasi::filesystem::preopens::add_to_linker::<CallState, filesystem::WasiFilesystem>(l, CallState::filesystem)?;
    wasi::filesystem::types::add_to_linker::<CallState, filesystem::WasiFilesystem>(l, CallState::filesystem)?;
    Ok(())
}
