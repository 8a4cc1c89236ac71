//! The payment page in a real browser, framed as the platform frames it. `cargo xtask test` sees to it that there is one;
//! `WHARF_TEST_BROWSER=skip` leaves these tests out. Screenshots are kept in `target/browser`.

mod driver;
mod failing;
mod forging;
mod framing;
mod keys;
mod looks;
mod paying;
mod stage;
