//! Deploys and swaps. Whatever can fail comes before the store calls a release active.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use serde::Serialize;

use super::{Control, ControlError, Diff, Preflight, Spec};
use crate::guest::Plugin;
use crate::guest::admission::{self, Report};
use crate::store::{By, Digest, Expected, Move, Receipt, SecretRef, SecretVersion, StoreError, Swapped};

/// What is to be deployed.
#[derive(Debug)]
pub struct Candidate {
    /// The channel.
    pub channel: String,
    /// The component's bytes.
    pub component: Bytes,
    /// What else the release is made of.
    pub spec: Spec,
    /// Who deploys it.
    pub author: String,
}

/// What became of a deploy.
#[derive(Debug, Serialize)]
pub struct Deployed {
    /// The channel.
    pub channel: String,
    /// The release's number.
    pub release: u64,
    /// The component.
    pub digest: Digest,
    /// Whether it is the release that answers.
    pub active: bool,
    /// The release that answered before, if this one took over.
    pub from: Option<u64>,
    /// What the component is.
    pub report: Report,
    /// What its author may want to know.
    pub notes: Vec<String>,
    /// What the cases said; none when they were skipped.
    pub preflight: Option<Preflight>,
    /// Where the time went.
    pub timings: Timings,
    /// What differs from the release that was active.
    pub changes: Option<Diff>,
    /// What is kept of the change.
    pub receipt: Receipt,
}

/// Where the time of a deploy went, in milliseconds.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub struct Timings {
    /// Checking its outline and storing its bytes.
    pub admit_ms: u64,
    /// Compiling it, or finding it compiled, and loading it.
    pub load_ms: u64,
    /// Running the cases.
    pub preflight_ms: u64,
    /// Writing the release and replacing the table.
    pub publish_ms: u64,
    /// Waiting for the calls of the release before; the new one answers already.
    pub drain_ms: u64,
}

impl Control {
    /// Admits, stores, compiles and loads a component, and makes a release of it, which becomes active unless its spec
    /// says otherwise. Once begun it is done to its end, even when the caller goes away.
    ///
    /// # Errors
    /// Before anything that a caller of the edge sees has changed.
    pub async fn deploy(self: &Arc<Self>, candidate: Candidate) -> Result<Deployed, ControlError> {
        let control = Arc::clone(self);
        tokio::spawn(async move { control.deploy_all(candidate).await }).await?
    }

    async fn deploy_all(self: &Arc<Self>, candidate: Candidate) -> Result<Deployed, ControlError> {
        let Candidate { channel, component, spec, author } = candidate;
        spec.check(&self.config)?;
        let found = self.store.channel(&channel)?.ok_or_else(|| StoreError::NoChannel(channel.clone()))?;
        let mut clock = Clock(Instant::now());
        let mut timings = Timings::default();
        let (report, digest) = self.admit(component, &spec).await?;
        timings.admit_ms = clock.lap();
        let plugin = self.load_plugin(&digest).await?;
        timings.load_ms = clock.lap();

        let mut notes = spec.notes(&self.config, &found.limits);
        notes.extend(self.unset_secrets(&channel, &spec)?);
        let (activate, wait) = (spec.activate, spec.wait);
        let skipped = spec.skip_preflight.then_some("preflight was skipped");
        let reason: Vec<_> = [spec.note.as_str()].into_iter().chain(skipped).filter(|part| !part.is_empty()).collect();
        let reason = reason.join("; ");
        let cases = spec.preflight.clone();
        let spec = Box::new(spec.into_release(digest, author.clone()));
        let preflight = self.try_out(&channel, &plugin, &spec, cases).await?;
        timings.preflight_ms = clock.lap();
        let by = By { who: author.clone(), reason, expected: Expected::Revision(found.revision) };
        let Swapped { receipt, release } = self.store.swap(&channel, Move::Deploy { spec, activate }, by).await?;
        let release = release.map_or_else(|| receipt.to.unwrap_or_default(), |release| release.number);
        self.publish().await?;
        // Until here, so that the published table finds it loaded.
        drop(plugin);
        timings.publish_ms = clock.lap();
        tracing::info!(who = author, %channel, release, %digest, active = activate, load_ms = timings.load_ms, "deployed");
        // The release is published: that somebody removes the one before now does not undo it.
        let changes = match found.active {
            Some(active) => self.diff(&channel, active, release).await.ok(),
            None => None,
        };
        clock.lap();
        let receipt = self.settled(receipt, wait).await?;
        timings.drain_ms = clock.lap();
        let from = receipt.from;
        Ok(Deployed {
            channel,
            release,
            digest,
            active: activate,
            from,
            report,
            notes,
            preflight,
            timings,
            changes,
            receipt,
        })
    }

    /// Off the runtime: hashing and syncing 16 MiB takes some 50 ms.
    async fn admit(&self, component: Bytes, spec: &Spec) -> Result<(Report, Digest), ControlError> {
        let (store, config, grants) = (self.store.clone(), Arc::clone(&self.config), spec.grants());
        tokio::task::spawn_blocking(move || {
            let report = admission::admit(&config, &component, &grants)?;
            let digest = store.put_component(&component)?;
            Ok((report, digest))
        })
        .await?
    }

    pub(super) async fn load_plugin(&self, digest: &Digest) -> Result<Arc<Plugin>, ControlError> {
        let plugin = self.plugins.get(&self.store, digest).await?;
        self.loads_again(digest).await;
        Ok(plugin)
    }

    fn unset_secrets(&self, channel: &str, spec: &Spec) -> Result<Vec<String>, StoreError> {
        let set = self.store.secret_names(channel)?;
        let note = |secret: SecretRef| {
            let name = &secret.name;
            let known = set.iter().find(|set| set.name == *name);
            match (known, secret.version) {
                (None, _) => Some(format!("secret {name} is not set yet: wharf secret set {channel} {name}")),
                (Some(known), SecretVersion::Pinned(version)) if version > 0 && !known.versions.contains(&version) => {
                    Some(format!("secret {name} has no version {version}: requests that name it will be refused"))
                }
                _ => None,
            }
        };
        Ok(spec.secret_refs().into_iter().filter_map(note).collect())
    }
}

struct Clock(Instant);

impl Clock {
    /// Milliseconds since the last lap.
    fn lap(&mut self) -> u64 {
        let since = self.0.elapsed();
        self.0 = Instant::now();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}
