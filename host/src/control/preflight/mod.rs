//! Trying a component out before it is published: the conformance cases, and those that its author adds, in a sandbox in
//! which nothing outside changes.

mod judge;
mod report;
mod run;
mod spec;

pub use report::{DeclaredCase, FailedCase, Preflight};
pub(super) use run::{Trial, run};
pub use spec::{CaseOutcome, SpecCase, SpecPreflight};
