//! Channels and their keys.

use std::collections::BTreeMap;
use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

use super::ask::{Ask, given};
use super::body::Incoming;
use super::problem::Problem;
use super::{Outcome, deltas, json, ok};
use crate::config::{FailureMode, Limit, NotificationOverrides};
use crate::control::limits::{self, Effective};
use crate::control::names;
use crate::control::notification::{self, EffectiveSetting, NotificationChange};
use crate::control::tokens::url_safe_key;
use crate::store::{
    Canary, Channel, DesiredChannel, Digest, KeyKind, KeyRecord, LimitOverrides, Mode, NewChannel, StoreError,
    Timestamp, Watch, generate_key,
};

/// How long the old key stays valid when nobody says: long enough for a platform to be told the new one.
const GRACE: Duration = Duration::from_hours(24);
/// The longest that can be asked for.
const LONGEST_GRACE: Duration = Duration::from_hours(24 * 90);

/// A channel as administrators see it.
#[derive(Serialize)]
struct View<'a> {
    channel: &'a str,
    mode: Mode,
    hosts: &'a [String],
    active: Option<u64>,
    previous: Option<u64>,
    canary: Option<Canary>,
    /// When a new release is taken back, where that differs from the node's own.
    watch: &'a Watch,
    /// Its own limits, in place of the node's.
    limits: &'a LimitOverrides,
    /// How its callers are told of a failure, where that differs from the node's own.
    failure_mode: Option<FailureMode>,
    /// How the platform's list of notifications is looked at; `null` = nobody looks.
    deltas: Option<deltas::View>,
    /// What it says of its notifications, in place of the node.
    notification: &'a NotificationOverrides,
    /// All of that as it holds. Of one channel only, like the limits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    effective_notification: Vec<EffectiveSetting>,
    /// All limits as they hold for the release that answers. Of one channel only: a list would be mostly this.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    effective_limits: Vec<Effective>,
    /// Changes with every change of its releases; a later change may name it as what it expects.
    revision: u64,
    digest: Option<Digest>,
    created: Timestamp,
    keys: Vec<KeyView>,
}

/// A key as administrators see it: that it is there.
#[derive(Serialize)]
struct KeyView {
    kind: KeyKind,
    created: Timestamp,
    expires: Option<Timestamp>,
}

impl<'a> View<'a> {
    fn new(channel: &'a Channel, digest: Option<Digest>) -> Self {
        let now = Timestamp::now();
        let valid = |key: &&KeyRecord| key.expires.is_none_or(|end| end > now);
        let view = |key: &KeyRecord| KeyView { kind: key.kind, created: key.created, expires: key.expires };
        Self {
            channel: &channel.name,
            mode: channel.mode,
            hosts: &channel.hosts,
            active: channel.active,
            previous: channel.previous,
            canary: channel.canary,
            watch: &channel.watch,
            limits: &channel.limits,
            failure_mode: channel.failure_mode,
            deltas: None,
            notification: &channel.notification,
            effective_notification: Vec::new(),
            effective_limits: Vec::new(),
            revision: channel.revision,
            digest,
            created: channel.created,
            keys: channel.keys.iter().filter(valid).map(view).collect(),
        }
    }
}

pub(super) fn list(ask: &Ask) -> Outcome {
    ask.query(&[])?;
    let desired = ask.control.store.desired()?;
    let seen = desired.channels.iter().filter(|desired| ask.who.sees(&desired.channel.name));
    let cursors = ask.control.store.delta_cursors()?;
    let views = seen.map(|DesiredChannel { channel, active, .. }| {
        let digest = active.as_ref().map(|release| release.spec.digest);
        View { deltas: deltas::view(&ask.control, channel, &cursors), ..View::new(channel, digest) }
    });
    let views: Vec<_> = views.collect();
    ok(&views)
}

pub(super) fn show(ask: &Ask) -> Outcome {
    view(ask, ask.channel()?)
}

fn view(ask: &Ask, channel: &Channel) -> Outcome {
    let release = channel.active.map(|number| ask.control.store.release(&channel.name, number)).transpose()?.flatten();
    let asked = release.as_ref().map(|release| release.spec.limits.clone()).unwrap_or_default();
    let effective_limits = limits::effective(&ask.control.config, &channel.limits, &asked);
    let effective_notification = notification::effective(&ask.control.config, &channel.notification);
    let deltas = deltas::view(&ask.control, channel, &ask.control.store.delta_cursors()?);
    ok(&View {
        deltas,
        effective_notification,
        effective_limits,
        ..View::new(channel, release.map(|release| release.spec.digest))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    #[serde(alias = "name")]
    channel: String,
    #[serde(default = "testing")]
    mode: Mode,
    #[serde(default)]
    hosts: Vec<String>,
}

fn testing() -> Mode {
    Mode::Testing
}

/// Makes a channel. Its keys are in this answer and nowhere else.
pub(super) async fn create(ask: &Ask, body: &mut Incoming) -> Outcome {
    let new: Create = ask.json(body).await?;
    names::slug(&new.channel)?;
    check_hosts(&new.hosts)?;
    let mut keys = Vec::new();
    let mut shown = json!({"channel": new.channel, "mode": new.mode});
    for kind in [KeyKind::Sdk, KeyKind::Notification, KeyKind::Payment] {
        let key = new_key(kind)?;
        keys.push((kind, Digest::of(key.as_bytes())));
        shown[key_name(kind)] = key.into();
    }
    let channel = NewChannel { name: new.channel, mode: new.mode, hosts: new.hosts, keys };
    let made = ask.control.store.create_channel(channel).await?;
    ask.control.publish().await?;
    tracing::info!(who = ask.who.name, channel = made.name, mode = %made.mode, "created a channel");
    json(StatusCode::CREATED, &shown)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    mode: Option<Mode>,
    hosts: Option<Vec<String>>,
    watch: Option<Watch>,
    /// By their names in JSON; `null` gives one back to the node. Those that are not named stay.
    limits: Option<BTreeMap<String, Option<u64>>>,
    /// `null` = as the node; absent = as it is.
    #[serde(default, deserialize_with = "given")]
    #[expect(clippy::option_option, reason = "absent and null mean different things")]
    failure_mode: Option<Option<FailureMode>>,
    /// `null` = nobody looks any more; absent = as it is.
    #[serde(default, deserialize_with = "given")]
    #[expect(clippy::option_option, reason = "absent and null mean different things")]
    deltas: Option<Option<deltas::Wish>>,
    #[serde(default)]
    notification: NotificationChange,
    /// What the platform signs its notifications with: `whsec_` and Base64. The one before stays valid for a day.
    webhook_secret: Option<String>,
}

pub(super) async fn change(ask: &Ask, body: &mut Incoming) -> Outcome {
    let change: Change = ask.json(body).await?;
    // All of it, before any of it is done.
    if let Some(watch) = &change.watch {
        check_watch(watch)?;
    }
    let limits = changed_limits(ask, change.limits.unwrap_or_default())?;
    let mut channel = ask.channel()?.clone();
    let pause = change.deltas.map(|wish| deltas::pause(&ask.control, &channel, wish.as_ref())).transpose()?;
    let secret = check_notification(ask, &channel, &change.notification, change.webhook_secret.as_deref())?;
    // Host names and what all instances have together are shared by all channels of the node.
    if !ask.who.sees_node() && (change.hosts.is_some() || !limits.is_empty()) {
        let message =
            "this token is limited to some channels; host names and limits need one that is good for the whole node";
        return Err(Problem::new(StatusCode::FORBIDDEN, "limited-token", message.to_owned()));
    }
    if let Some(hosts) = change.hosts {
        check_hosts(&hosts)?;
        channel = ask.control.store.set_hosts(&channel.name, hosts).await?;
    }
    if let Some(mode) = change.mode {
        channel = ask.control.store.set_mode(&channel.name, mode).await?;
    }
    if let Some(watch) = change.watch {
        channel = ask.control.store.set_watch(&channel.name, watch).await?;
    }
    if !limits.is_empty() {
        channel = ask.control.store.set_limits(&channel.name, limits).await?;
    }
    if let Some(mode) = change.failure_mode {
        channel = ask.control.store.set_failure_mode(&channel.name, mode).await?;
    }
    if let Some(pause) = pause {
        channel = ask.control.store.set_deltas(&channel.name, pause).await?;
    }
    if let Some(secret) = secret {
        let until = Timestamp::now().after(GRACE);
        channel = ask.control.store.rotate_webhook_secret(&channel.name, secret, Some(until)).await?;
    }
    if change.notification != NotificationChange::default() {
        channel = ask.control.store.set_notification(&channel.name, |own| change.notification.apply(own)).await?;
    }
    ask.control.publish().await?;
    let limits: Vec<_> = channel.limits.iter().map(|(limit, value)| format!("{limit} {}", limit.show(value))).collect();
    let (who, name, limits) = (&ask.who.name, &channel.name, limits.join(", "));
    tracing::info!(who, channel = name, mode = %channel.mode, hosts = ?channel.hosts, limits, "changed a channel");
    view(ask, &channel)
}

pub(super) async fn delete(ask: &Ask) -> Outcome {
    let name = &ask.channel()?.name;
    ask.control.store.delete_channel(name).await?;
    ask.control.publish().await?;
    tracing::info!(who = ask.who.name, channel = name, "deleted a channel");
    ok(&json!({"channel": name, "deleted": true}))
}

/// Gives the channel a new key. It is in this answer and nowhere else.
pub(super) async fn rotate(ask: &Ask) -> Outcome {
    let channel = &ask.channel()?.name;
    let kind: KeyKind = ask
        .param("kind")?
        .parse()
        .map_err(|error| Problem::not_found("no-such-key", format!("there is no such key: {error}")))?;
    let grace = ask.query(&["grace"])?.value("grace")?.map_or(GRACE, Duration::from_secs);
    if grace > LONGEST_GRACE {
        return Err(Problem::malformed(format!("grace is in seconds, at most {}", LONGEST_GRACE.as_secs())));
    }
    let until = (!grace.is_zero()).then(|| Timestamp::now().after(grace));
    // A channel has no secret to sign with until it is given one.
    let is_first = !ask.channel()?.keys.iter().any(|key| key.kind == kind);
    let key = new_key(kind)?;
    if kind == KeyKind::Webhook {
        let secret = notification::webhook_secret(&key).map_err(|wrong| Problem::malformed(wrong.to_owned()))?;
        ask.control.store.rotate_webhook_secret(channel, secret, until).await?;
    } else {
        ask.control.store.rotate_key(channel, kind, Digest::of(key.as_bytes()), until).await?;
    }
    ask.control.publish().await?;
    tracing::info!(who = ask.who.name, channel, %kind, grace = grace.as_secs(), "rotated a key");
    ok(&json!({"channel": channel, "kind": kind, key_name(kind): key, "old_valid_until": until.filter(|_| !is_first)}))
}

/// Every threshold has the range that the configuration's own has.
fn check_watch(watch: &Watch) -> Result<(), Problem> {
    let wrong = [
        ("watch.calls", watch.calls == Some(0), "1 or more"),
        ("watch.time_ms", watch.time_ms.is_some_and(|ms| !(10..=86_400_000).contains(&ms)), "10 to 86400000"),
        ("watch.fault_rate", watch.fault_rate.is_some_and(|rate| !(0.0..=1.0).contains(&rate)), "0 to 1"),
        ("watch.factor", watch.factor.is_some_and(|factor| !(1.0..=1000.0).contains(&factor)), "1 to 1000"),
        ("watch.least_faults", watch.least_faults == Some(0), "1 or more"),
    ];
    let wrong: Vec<_> =
        wrong.iter().filter(|wrong| wrong.1).map(|(key, _, range)| format!("{key}: expected {range}")).collect();
    if wrong.is_empty() { Ok(()) } else { Err(Problem::malformed(wrong.join("; "))) }
}

/// The limits that are to change, each in its range.
fn changed_limits(ask: &Ask, wish: BTreeMap<String, Option<u64>>) -> Result<Vec<(Limit, Option<u64>)>, Problem> {
    let unknown = |field: &str| {
        let known = Limit::ALL.map(Limit::field).join(", ");
        Problem::malformed(format!("limits.{field}: there is no such limit; there are {known}"))
    };
    let named = |(field, value): (String, Option<u64>)| {
        Limit::of_field(&field).map(|limit| (limit, value)).ok_or_else(|| unknown(&field))
    };
    let changes = wish.into_iter().map(named).collect::<Result<Vec<_>, _>>()?;
    limits::check(&ask.control.config, &changes).map_err(Problem::malformed)?;
    Ok(changes)
}

/// What is to change of the channel's notifications, and the new secret that they are signed with.
fn check_notification(
    ask: &Ask,
    channel: &Channel,
    change: &NotificationChange,
    secret: Option<&str>,
) -> Result<Option<Zeroizing<Vec<u8>>>, Problem> {
    change.check(&ask.control.config.notification).map_err(Problem::malformed)?;
    let secret = secret.map(notification::webhook_secret).transpose();
    let secret = secret.map_err(|wrong| Problem::malformed(wrong.to_owned()))?;
    let now = Timestamp::now();
    let is_good = |key: &KeyRecord| key.kind == KeyKind::Webhook && key.expires.is_none_or(|end| end > now);
    if change.requires_signatures() && secret.is_none() && !channel.keys.iter().any(is_good) {
        let name = &channel.name;
        return Err(Problem::malformed(format!(
            "notification.auth: channel {name} has no secret to sign with; make one with `wharf channel rotate {name} webhook`, or give the platform's with --webhook-secret-file"
        )));
    }
    Ok(secret)
}

fn check_hosts(hosts: &[String]) -> Result<(), Problem> {
    Ok(hosts.iter().try_for_each(|host| names::host(host))?)
}

fn key_name(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Sdk => "sdk_key",
        KeyKind::Notification => "notification_key",
        KeyKind::Payment => "payment_token",
        KeyKind::Webhook => "webhook_secret",
    }
}

/// The payment page's token is part of a URL; the others travel in bodies and headers.
fn new_key(kind: KeyKind) -> Result<String, StoreError> {
    match kind {
        KeyKind::Payment => url_safe_key(),
        KeyKind::Webhook => notification::new_webhook_secret(),
        KeyKind::Sdk | KeyKind::Notification => generate_key(),
    }
}
