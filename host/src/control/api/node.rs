//! The node as a whole: how it is, and its metrics.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError};
use std::time::SystemTime;

use http::StatusCode;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use serde::Serialize;
use serde_json::json;

use super::ask::Ask;
use super::problem::Problem;
use super::{Answer, Outcome, breakers, deltas, ok, queue};
use crate::config::Unconfirmed;
use crate::control::Control;
use crate::control::watch::Trial;
use crate::listen::CertificateState;
use crate::store::{Digest, Receipt, Share, StoreError};
use crate::table::{Channel, Release, Score, Table, Tight};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A channel as it answers now, which is what the table says and not what the store wants.
#[derive(Serialize)]
struct ChannelStatus<'a> {
    channel: &'a str,
    active: Option<u64>,
    release: Option<u64>,
    digest: Option<Digest>,
    in_flight: u32,
    in_flight_free: usize,
    /// Calls that wait for a place.
    queued: u32,
    /// Calls that were turned away since the start: too fast, or too many at the same time.
    turned_away: u64,
    /// Notifications that nobody waits for.
    notifications: queue::View,
    /// Limits that a release comes close to.
    tight: Vec<TightLimit>,
    /// The release that answers a share of the calls.
    canary: Option<CanaryStatus>,
    /// A new release or a canary that is watched, and how it does.
    trial: Option<Trial>,
    /// Interactions that are not called at present.
    breakers: Vec<breakers::View>,
    /// What of its notifications nobody has confirmed.
    unconfirmed: Vec<Unconfirmed>,
    /// The last change of what answers, if the node made it itself.
    returned: Option<Receipt>,
    /// How the platform's list of notifications is looked at; `null` = nobody looks.
    deltas: Option<deltas::View>,
}

#[derive(Serialize)]
struct TightLimit {
    release: u64,
    #[serde(flatten)]
    tight: Tight,
}

fn tight(channel: &Channel) -> Vec<TightLimit> {
    let of = |release: &Arc<Release>| {
        let number = release.number;
        let tight = release.headroom.tight(release.health.score());
        tight.into_iter().map(move |tight| TightLimit { release: number, tight })
    };
    channel.releases().flat_map(of).collect()
}

#[derive(Serialize)]
struct CanaryStatus {
    release: u64,
    share: Share,
    #[serde(flatten)]
    score: Score,
}

fn channel_status<'a>(
    control: &Control,
    active: Option<u64>,
    channel: &'a Channel,
    returned: Option<Receipt>,
    notifications: queue::View,
) -> ChannelStatus<'a> {
    let release = channel.release.as_ref();
    ChannelStatus {
        channel: &channel.name,
        active,
        release: release.map(|release| release.number),
        digest: release.map(|release| release.plugin.digest),
        in_flight: channel.lane.size(),
        in_flight_free: channel.lane.free(),
        queued: channel.lane.waiting(),
        turned_away: channel.lane.turned_away(),
        notifications,
        tight: tight(channel),
        canary: channel.canary.as_ref().map(|canary| CanaryStatus {
            release: canary.release.number,
            share: canary.share,
            score: canary.release.health.score(),
        }),
        trial: control.watches.trial(channel),
        breakers: breakers::open(channel),
        unconfirmed: channel.notification.unconfirmed(),
        returned,
        deltas: None,
    }
}

pub(super) fn status(ask: &Ask) -> Outcome {
    ask.query(&[])?;
    let control = &ask.control;
    let (table, desired) = (control.tables.load(), control.store.desired()?);
    let seen = desired.channels.iter().map(|desired| &desired.channel).filter(|channel| ask.who.sees(&channel.name));
    let shown = seen.filter_map(|channel| table.channel(&channel.name).map(|shown| (channel, shown)));
    let (mut returned, cursors) = (control.store.returned()?, control.store.delta_cursors()?);
    let now = control.store.now();
    let depths = control.store.queue_depths(now)?;
    let channels = shown.map(|(channel, shown)| {
        let returned = returned.remove(&channel.name);
        let depth = depths.get(&channel.name).copied().unwrap_or_default();
        let deltas = deltas::view(control, channel, &cursors);
        ChannelStatus {
            deltas,
            ..channel_status(control, channel.active, shown, returned, queue::View::new(depth, now))
        }
    });
    let channels: Vec<_> = channels.collect();
    let uptime = control.started.elapsed().as_secs();
    let mut status = json!({"version": VERSION, "uptime_s": uptime, "revision": table.revision, "channels": channels});
    if ask.who.sees_node() {
        status["desired_revision"] = desired.revision.into();
        status["engine"] = control.runtime.compatibility().into();
        status["pid"] = std::process::id().into();
        status["slots"] = control.config.guest.slots().into();
        status["journal_dropped"] = control.store.dropped().into();
        status["queue"] = json!(queue::View::new(queue::whole(&depths), now));
        let (free, least) = (control.store.free_disk(), control.config.queue.least_free_disk.bytes());
        status["disk"] = json!({"free": free, "least": least, "low": free < least});
        status["certificates"] = certificates(control).map(|state| {
            json!({"section": state.section, "valid_for_s": state.not_after.map(left), "error": state.error})
        }).collect();
    }
    ok(&status)
}

/// How the certificates of the listeners are: until when they are valid, and what is wrong with newer ones.
fn certificates(control: &Control) -> impl Iterator<Item = CertificateState> {
    control.certificates.get().into_iter().flatten().map(|certificates| certificates.state())
}

/// Seconds until then; 0 when it is past.
fn left(until: SystemTime) -> u64 {
    until.duration_since(SystemTime::now()).unwrap_or_default().as_secs()
}

/// The node's own metrics, and what other parts of the node have registered.
pub(super) fn metrics(ask: &Ask) -> Outcome {
    let failed = |error: fmt::Error| Problem::internal(&error);
    let mut text = String::new();
    encode_registry(&mut text, &own_metrics(&ask.control)?).map_err(failed)?;
    let registered = ask.control.metrics.lock().unwrap_or_else(PoisonError::into_inner);
    encode_registry(&mut text, &registered).map_err(failed)?;
    encode_eof(&mut text).map_err(failed)?;
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(Answer { status: StatusCode::OK, content_type, body: text.into_bytes() })
}

pub(super) type Labels = [(&'static str, String); 1];

/// Made anew for every look, so that a channel that is gone is gone from here too.
fn own_metrics(control: &Control) -> Result<Registry, StoreError> {
    let table = control.tables.load();
    let depths = control.store.queue_depths(control.store.now())?;
    let mut registry = Registry::with_prefix("wharf");
    registry.register(
        "build",
        "What runs",
        Info::new(vec![("version", VERSION.to_owned()), ("engine", control.runtime.compatibility())]),
    );
    registry.register("channels", "Channels that the table shows", gauge(table.len() as u64));
    registry.register("table_revision", "Revision of the desired state that the table shows", gauge(table.revision));
    registry.register(
        "instance_slots",
        "Instances that may live at the same time",
        gauge(control.config.guest.slots().into()),
    );
    let dropped: Counter<u64, AtomicU64> = Counter::default();
    dropped.inc_by(control.store.dropped());
    registry.register("journal_dropped", "Rows of the journal that were lost since the start", dropped);

    queue::register(&mut registry, &depths, control.store.now());
    registry.register("disk_free_bytes", "Room on the data directory's disk", gauge(control.store.free_disk()));

    let valid = Family::<Labels, Gauge<u64, AtomicU64>>::default();
    for state in certificates(control) {
        if let Some(until) = state.not_after {
            valid.get_or_create(&[("section", state.section.to_owned())]).set(left(until));
        }
    }
    registry.register("certificate_valid_seconds", "Time until the certificate of a listener ends", valid);

    let free = Family::<Labels, Gauge<u64, AtomicU64>>::default();
    let answering = Family::<Labels, Gauge<u64, AtomicU64>>::default();
    for channel in control.store.desired()?.channels.iter().filter_map(|desired| table.channel(&desired.channel.name)) {
        let label = [("channel", channel.name.to_string())];
        free.get_or_create(&label).set(channel.lane.free() as u64);
        answering.get_or_create(&label).set(channel.release.as_ref().map_or(0, |release| release.number));
    }
    register_queues(&mut registry, &table);
    deltas::register(&mut registry, &table);
    let metrics = Releases::of(&table);
    registry.register("release_calls", "Calls that a published release has taken", metrics.calls);
    registry.register("release_faults", "Calls that a published release has failed", metrics.faults);
    registry.register("release_in_flight", "Calls that are under way on a published release", metrics.in_flight);
    registry.register(
        "release_headroom",
        "Calls of a published release, of its last 500 to 1,000, that used more than 80 % of the limit",
        metrics.headroom,
    );
    registry.register("breakers_open", "Interactions that are not called at present", metrics.breakers);
    registry.register("channel_in_flight_free", "Calls that the channel could take at once", free);
    registry.register("channel_release", "Number of the release that answers; 0 = none", answering);
    Ok(registry)
}

/// Before the places of each channel: who waits, and who was turned away.
fn register_queues(registry: &mut Registry, table: &Table) {
    let waiting = Family::<Labels, Gauge<u64, AtomicU64>>::default();
    let away = Family::<Labels, Counter<u64, AtomicU64>>::default();
    for channel in table.channels() {
        let label = [("channel", channel.name.to_string())];
        waiting.get_or_create(&label).set(channel.lane.waiting().into());
        away.get_or_create(&label).inc_by(channel.lane.turned_away());
    }
    registry.register("channel_queued", "Calls that wait for a place", waiting);
    registry.register(
        "channel_turned_away",
        "Calls that were turned away: too fast, or too many at the same time",
        away,
    );
}

type ReleaseLabels = [(&'static str, String); 2];
type LimitLabels = [(&'static str, String); 3];

/// What the published releases tell, by channel and number.
#[derive(Default)]
struct Releases {
    calls: Family<ReleaseLabels, Gauge<u64, AtomicU64>>,
    faults: Family<ReleaseLabels, Gauge<u64, AtomicU64>>,
    in_flight: Family<ReleaseLabels, Gauge<u64, AtomicU64>>,
    breakers: Family<ReleaseLabels, Gauge<u64, AtomicU64>>,
    headroom: Family<LimitLabels, Gauge<u64, AtomicU64>>,
}

impl Releases {
    fn of(table: &Table) -> Self {
        let metrics = Self::default();
        for channel in table.channels() {
            for release in channel.releases() {
                let label = [("channel", channel.name.to_string()), ("release", release.number.to_string())];
                let score = release.health.score();
                metrics.calls.get_or_create(&label).set(score.calls);
                metrics.faults.get_or_create(&label).set(score.faults);
                metrics.in_flight.get_or_create(&label).set(release.traffic.in_flight());
                metrics.breakers.get_or_create(&label).set(release.breakers.open().len() as u64);
                let [channel, number] = label;
                for Tight { limit, over, .. } in release.headroom.recent(score) {
                    let label = [channel.clone(), number.clone(), ("limit", limit.to_owned())];
                    metrics.headroom.get_or_create(&label).set(over);
                }
            }
        }
        metrics
    }
}

pub(super) fn gauge(value: u64) -> Gauge<u64, AtomicU64> {
    let gauge = Gauge::default();
    gauge.set(value);
    gauge
}
