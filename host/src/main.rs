//! The program `wharf`.

use std::process::ExitCode;

// Calls allocate and free in bursts on many threads, which it bears better than the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    wharf::cli::main()
}
