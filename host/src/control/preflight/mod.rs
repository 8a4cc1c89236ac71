//! Trying a component out before it is published: the conformance cases, and those that its author adds, in a sandbox in
//! which nothing outside changes.

mod judge;
mod report;
mod run;
mod spec;

use std::sync::Arc;

use super::{Control, ControlError, spec as release};
use crate::guest::{Abandoned, Owner, Plugin};
use crate::store::{PreflightMark, ReleaseSpec, StoreError};

pub use report::{DeclaredCase, FailedCase, Preflight};
pub use spec::{CaseOutcome, SpecCase, SpecPreflight};

impl Control {
    /// Tries a component out with everything that its release would give it; `None` when its author leaves that out.
    ///
    /// # Errors
    /// [`ControlError::Preflight`]: at least one case went wrong.
    pub(super) async fn try_out(
        &self,
        channel: &str,
        plugin: &Arc<Plugin>,
        spec: &ReleaseSpec,
        preflight: SpecPreflight,
    ) -> Result<Option<Preflight>, ControlError> {
        if spec.preflight == PreflightMark::Skipped {
            return Ok(None);
        }
        // The semaphore is never closed.
        let _place = self.trials.acquire().await.ok();
        let known = self.store.channel(channel)?.ok_or_else(|| StoreError::NoChannel(channel.to_owned()))?;
        let owner = Owner { channel: Arc::from(channel), created: known.created };
        let limits = self.runtime.limits(&known.limits, &spec.limits);
        let trial = run::Trial {
            config: Arc::clone(&self.config),
            notification: self.config.notification.with(&known.notification),
            runtime: Arc::clone(&self.runtime),
            plugin: Arc::clone(plugin),
            environment: release::environment(owner, spec, limits)?,
            pace: Arc::default(),
        };
        // A component that computes must not hold the thread that answers administrators.
        let (runtime, pace) = (Arc::clone(&self.runtime), Arc::clone(&trial.pace));
        let report = runtime.carry(run::run(trial, preflight), pace, Abandoned::Dropped).await?;
        if report.is_passed() { Ok(Some(report)) } else { Err(ControlError::Preflight(Box::new(report))) }
    }
}
