//! From the desired state to the next table.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::spec;
use super::{Control, ControlError};
use crate::config::NotificationAuth;
use crate::guest::{Lane, Limits, Owner};
use crate::store::{self, DesiredChannel, Digest, KeyKind, LimitOverrides, StoreError, Timestamp};
use crate::table::{Breakers, Canary, Channel, Deltas, Headroom, Health, Keys, Release, Table, Traffic, Webhook};

/// How long a component that could not be loaded is left alone: trying may cost a whole compilation, and every change of
/// any channel would wait for it.
pub(super) const RETRY: Duration = Duration::from_mins(1);

/// The longest time for which a new release can be watched, by a channel's thresholds or the node's.
const LONGEST_WATCH: Duration = Duration::from_hours(24);

/// What the publisher remembers from one table to the next.
#[derive(Default)]
pub(super) struct Publishing {
    /// Components that could not be loaded, and when to try again.
    failed: HashMap<Digest, Instant>,
}

impl Publishing {
    fn rests(&self, digest: &Digest) -> bool {
        self.failed.get(digest).is_some_and(|again| *again > Instant::now())
    }

    /// Whether a table of the newest revision may still gain a release.
    fn unfinished(&self) -> bool {
        self.failed.keys().any(|digest| !self.rests(digest))
    }
}

impl Control {
    /// Makes the table show the newest desired state. Every request that begins after this returns sees it. Does nothing
    /// when the table shows it already.
    ///
    /// # Errors
    /// The store cannot be read; the running table stays.
    pub async fn publish(&self) -> Result<(), StoreError> {
        let mut publishing = self.publishing.lock().await;
        let shown = self.tables.load();
        let newest = *self.store.watch().borrow();
        if shown.revision >= newest && !publishing.unfinished() {
            return Ok(());
        }
        let began = Instant::now();
        // What rests has to be tried again although nothing changed.
        let known = (shown.revision > 0 && !publishing.unfinished()).then_some(shown.revision);
        let news = self.store.desired_since(known)?;
        if known.is_none() {
            publishing.failed.retain(|digest, _| news.changed.iter().any(|wanted| uses(wanted, digest)));
        }
        // A release that was new when the node went down is still on trial when it comes back.
        let now = Timestamp::now();
        let new = if shown.is_empty() { self.store.swapped_since(now.before(LONGEST_WATCH))? } else { HashMap::new() };
        let changed: HashSet<_> = news.changed.iter().map(|wanted| wanted.channel.name.clone()).collect();
        let stays = |channel: &&Arc<Channel>| news.names.contains(&*channel.name) && !changed.contains(&*channel.name);
        let mut channels: Vec<_> = shown.channels().filter(stays).cloned().collect();
        for wanted in news.changed {
            // A channel that was deleted and made again in between shares no more than its name with the one before it.
            let before = shown.channel(&wanted.channel.name).filter(|before| before.created == wanted.channel.created);
            let (watch, previous) = (wanted.channel.watch, wanted.channel.previous);
            let channel = self.channel(before.map(AsRef::as_ref), &mut publishing, wanted).await;
            let since = now.before(self.watches.time(&watch));
            let newly = new.get(&*channel.name).is_some_and(|at| *at >= since);
            self.watches.follow(before.map(AsRef::as_ref), &channel, previous, &watch, newly);
            channels.push(Arc::new(channel));
        }
        let count = channels.len();
        self.tables.publish(Table::new(news.revision, channels));
        self.retire(&shown);
        let (revision, us) = (news.revision, began.elapsed().as_micros());
        let (changed, failed) = (changed.len(), publishing.failed.len());
        tracing::debug!(revision, channels = count, changed, failed, us, "published");
        Ok(())
    }

    /// A component that was just loaded for an administrator need not rest any longer.
    pub(super) async fn loads_again(&self, digest: &Digest) {
        if let Some(again) = self.publishing.lock().await.failed.get_mut(digest) {
            *again = Instant::now();
        }
    }

    /// Lets no call enter what the new table does not have any more, and watches it drain.
    fn retire(&self, before: &Table) {
        let table = self.tables.load();
        for old in before.channels() {
            let new = table.channel(&old.name).filter(|new| new.created == old.created);
            // Calls of a channel that is gone must not meet the pairs and secrets of another under its name.
            let deadline = if new.is_some() { self.config.call.drain } else { Duration::ZERO };
            let stays = |release: &Arc<Release>| {
                new.is_some_and(|channel| channel.releases().any(|other| Arc::ptr_eq(other, release)))
            };
            for gone in old.releases().filter(|release| !stays(release)) {
                self.drains.begin(&old.name, gone, table.revision, deadline);
            }
        }
        self.watches.forget_all_but(&table);
    }

    async fn channel(&self, before: Option<&Channel>, publishing: &mut Publishing, wanted: DesiredChannel) -> Channel {
        let DesiredChannel { channel, active, canary } = wanted;
        let own = &channel.limits;
        let name = before.map_or_else(|| Arc::from(channel.name.as_str()), |before| Arc::clone(&before.name));
        let owner = Owner { channel: Arc::clone(&name), created: channel.created };
        let release = match active {
            Some(wanted) => self.running_or_new(before, &owner, publishing, own, wanted).await,
            None => None,
        };
        let canary = match (canary, channel.canary) {
            (Some(wanted), Some(store::Canary { share, .. })) => {
                let release = self.running_or_new(before, &owner, publishing, own, wanted).await;
                release.map(|release| Canary { release, share })
            }
            _ => None,
        };
        let limits = match &release {
            Some(release) => release.environment.limits.clone(),
            None => self.runtime.limits(own, &LimitOverrides::default()),
        };
        let lane = before.map_or_else(|| Arc::new(Lane::new(&limits)), |before| Arc::clone(&before.lane));
        lane.set(&limits);
        let notice = before.map_or_else(Arc::default, |before| Arc::clone(&before.notice));
        let polling = before.map_or_else(Arc::default, |before| Arc::clone(&before.deltas.polling));
        let deltas = Deltas { pause: channel.deltas_ms.map(Duration::from_millis), polling };
        let (mode, revision, webhook) = (channel.mode, channel.revision, self.webhook(&channel));
        Channel {
            name,
            mode,
            created: channel.created,
            hosts: channel.hosts,
            keys: Keys::new(channel.keys),
            lane,
            notice,
            failure_mode: channel.failure_mode.unwrap_or(self.config.sdk.failure_mode),
            deltas,
            notification: Arc::new(self.config.notification.with(&channel.notification)),
            webhook,
            release,
            canary,
            revision,
        }
    }

    /// What the channel's notifications are signed with. Without a secret that can be opened, no signature is good.
    fn webhook(&self, channel: &store::Channel) -> Webhook {
        let required = channel.notification.auth == Some(NotificationAuth::Signature);
        if !channel.keys.iter().any(|key| key.kind == KeyKind::Webhook) {
            return Webhook { required, secrets: Vec::new() };
        }
        let secrets = self.store.webhook_secrets(&channel.name).unwrap_or_else(|error| {
            tracing::error!(channel = channel.name, %error, "the secrets that notifications are signed with cannot be opened");
            Vec::new()
        });
        Webhook { required, secrets }
    }

    /// The release as it runs already, with its calls and its health; or a new one.
    async fn running_or_new(
        &self,
        before: Option<&Channel>,
        owner: &Owner,
        publishing: &mut Publishing,
        own: &LimitOverrides,
        wanted: store::Release,
    ) -> Option<Arc<Release>> {
        // With other limits it is another one: what runs keeps those that it began with.
        let limits = self.runtime.limits(own, &wanted.spec.limits);
        let running = before.and_then(|before| before.releases().find(|running| running.number == wanted.number));
        match running {
            Some(running) if running.environment.limits == limits => Some(Arc::clone(running)),
            running => self.release(owner, publishing, limits, running.map(AsRef::as_ref), wanted).await.map(Arc::new),
        }
    }

    /// The release, ready to answer; `None` when its component cannot be loaded, which concerns this channel alone.
    async fn release(
        &self,
        owner: &Owner,
        publishing: &mut Publishing,
        limits: Limits,
        running: Option<&Release>,
        wanted: store::Release,
    ) -> Option<Release> {
        let digest = wanted.spec.digest;
        if publishing.rests(&digest) {
            return None;
        }
        match self.load(owner, limits, running, wanted).await {
            Ok(release) => {
                publishing.failed.remove(&digest);
                Some(release)
            }
            Err(error) => {
                tracing::error!(channel = %owner.channel, %digest, %error, retry = ?RETRY, "the active release cannot be loaded; this channel does not answer");
                publishing.failed.insert(digest, Instant::now() + RETRY);
                None
            }
        }
    }

    async fn load(
        &self,
        owner: &Owner,
        limits: Limits,
        running: Option<&Release>,
        release: store::Release,
    ) -> Result<Release, ControlError> {
        // With other limits it is the same component, on the same trial.
        let (plugin, health) = if let Some(running) = running {
            (Arc::clone(&running.plugin), Arc::clone(&running.health))
        } else {
            let plugin = self.plugins.get(&self.store, &release.spec.digest).await?;
            (plugin, Arc::new(Health::new(self.watches.alarm())))
        };
        let environment = spec::environment(owner.clone(), &release.spec, limits)?;
        Ok(Release {
            number: release.number,
            plugin,
            environment: Arc::new(environment),
            platform_origin: release.spec.platform_origin,
            traffic: Traffic::default(),
            headroom: Headroom::since(health.score()),
            health,
            breakers: Breakers::new(self.config.breaker.clone()),
        })
    }
}

fn uses(wanted: &DesiredChannel, digest: &Digest) -> bool {
    [&wanted.active, &wanted.canary].into_iter().flatten().any(|release| release.spec.digest == *digest)
}
