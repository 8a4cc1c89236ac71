//! Why an administrator's wish was not done.

use super::Preflight;
use crate::guest::admission::Refused;
use crate::guest::{LoadError, Panicked};
use crate::store::StoreError;

/// Why an administrator's wish was not done. Nothing that a caller of the edge sees has changed then.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// What was asked for is not well-formed.
    #[error("{0}")]
    Invalid(String),
    /// The component does not fit the contract.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The component cannot be run.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It was tried out, and failed.
    #[error("preflight failed: {0}; nothing was published")]
    Preflight(Box<Preflight>),
    /// The store says no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A task of ours ended early: a bug, or the node stops.
    #[error("the work was given up: {0}")]
    Task(#[from] tokio::task::JoinError),
    /// A bug of ours.
    #[error("the work was given up: {0}")]
    Panicked(#[from] Panicked),
}
