//! Trying a component out before it is published.

mod spec;

pub use spec::{CaseOutcome, SpecCase, SpecPreflight};
