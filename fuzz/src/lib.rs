//! What the fuzz targets share: limits on what one input may cost, and inputs that are nearly right; and chance that can be had
//! again, for tests of other kinds.
//!
//! A target is a test in a module called `fuzz`, written with `bolero`: `cargo test` runs each for a second, `cargo xtask fuzz`
//! for as long as one likes. Random bytes rarely get past the first brace, so most targets spoil a good example instead.

mod dice;
mod limits;
mod seeded;
mod spoil;

pub use dice::Dice;
pub use limits::{MEMORY_VARIABLE, within_limits};
pub use seeded::Seeded;
pub use spoil::{spoil, spoil_json};
