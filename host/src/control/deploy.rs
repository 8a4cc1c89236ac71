//! Deploys and swaps. Whatever can fail comes before the store calls a release active.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use serde::Serialize;

use super::{Control, ControlError, Spec};
use crate::guest::Plugin;
use crate::guest::admission::{self, Report};
use crate::store::{By, Digest, Expected, Move, Receipt, StoreError};

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
    /// Where the time went.
    pub timings: Timings,
}

/// Where the time of a deploy went, in milliseconds.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub struct Timings {
    /// Checking its outline and storing its bytes.
    pub admit_ms: u64,
    /// Compiling it, or finding it compiled, and loading it.
    pub load_ms: u64,
    /// Writing the release and replacing the table.
    pub publish_ms: u64,
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

    async fn deploy_all(&self, candidate: Candidate) -> Result<Deployed, ControlError> {
        let Candidate { channel, component, spec, author } = candidate;
        spec.check()?;
        let mut clock = Clock(Instant::now());
        let mut timings = Timings::default();
        let (report, digest) = self.admit(component, &spec).await?;
        timings.admit_ms = clock.lap();
        let plugin = self.load_plugin(&digest).await?;
        timings.load_ms = clock.lap();

        let mut notes = spec.notes(&self.config);
        notes.extend(self.unset_secrets(&channel, &spec)?);
        let activate = spec.activate;
        let by = By { who: author.clone(), reason: spec.note.clone(), expected: Expected::Whatever };
        let spec = Box::new(spec.into_release(digest, author.clone()));
        let receipt = self.store.swap(&channel, Move::Deploy { spec, activate }, by).await?.receipt;
        let (from, number) = (receipt.from, receipt.to.unwrap_or_default());
        self.publish().await?;
        // Until here, so that the published table finds it loaded.
        drop(plugin);
        timings.publish_ms = clock.lap();
        tracing::info!(who = author, %channel, release = number, %digest, active = activate, load_ms = timings.load_ms, "deployed");
        Ok(Deployed { channel, release: number, digest, active: activate, from, report, notes, timings })
    }

    /// Makes a release the one that answers; with `expected`, only if that one is active now.
    ///
    /// # Errors
    /// Its component cannot be loaded, or the store says no: the running release goes on.
    pub async fn activate(
        &self,
        who: &str,
        channel: &str,
        number: u64,
        expected: Option<Option<u64>>,
    ) -> Result<Receipt, ControlError> {
        let no_release = || StoreError::NoRelease { channel: channel.to_owned(), number };
        let release = self.store.release(channel, number)?.ok_or_else(no_release)?;
        let plugin = self.load_plugin(&release.spec.digest).await?;
        let expected = expected.map_or(Expected::Whatever, Expected::Active);
        let by = By { who: who.to_owned(), reason: String::new(), expected };
        let activation = self.store.swap(channel, Move::Activate(number), by).await?.receipt;
        self.publish().await?;
        drop(plugin);
        tracing::info!(who, channel, from = activation.from, to = activation.to, "activated");
        Ok(activation)
    }

    /// Makes the release that was active before the current one active again.
    ///
    /// # Errors
    /// `NoPrevious`, or as [`Control::activate`].
    pub async fn rollback(&self, who: &str, channel: &str) -> Result<Receipt, ControlError> {
        let found = self.store.channel(channel)?.ok_or_else(|| StoreError::NoChannel(channel.to_owned()))?;
        let no_previous = || StoreError::NoPrevious(channel.to_owned());
        let previous = found.previous.ok_or_else(no_previous)?;
        let no_release = || StoreError::NoRelease { channel: channel.to_owned(), number: previous };
        let release = self.store.release(channel, previous)?.ok_or_else(no_release)?;
        let plugin = self.load_plugin(&release.spec.digest).await?;
        let by = By { who: who.to_owned(), reason: String::new(), expected: Expected::Active(found.active) };
        let receipt = self.store.swap(channel, Move::Rollback, by).await?.receipt;
        self.publish().await?;
        drop(plugin);
        Ok(receipt)
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

    async fn load_plugin(&self, digest: &Digest) -> Result<Arc<Plugin>, ControlError> {
        let plugin = self.plugins.get(&self.store, digest).await?;
        self.loads_again(digest).await;
        Ok(plugin)
    }

    fn unset_secrets(&self, channel: &str, spec: &Spec) -> Result<Vec<String>, StoreError> {
        let set = self.store.secret_names(channel)?;
        let unset = spec.secrets.iter().filter(|name| !set.iter().any(|set| set.name == **name));
        Ok(unset.map(|name| format!("secret {name} is not set yet: wharf secret set {channel} {name}")).collect())
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
