//! `wharf channel …`

mod notification;

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::{Client, part};
use super::deltas::{self, Deltas};
use super::output::{Output, field, rows, short_digest, table, text, time};
use super::{Done, Failure, Server};
use crate::config::{FailureMode, Limit};
use crate::store::{KeyKind, Mode, Share, Watch};

use notification::NotificationFlags;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a channel; its keys are shown this once
    Create(Create),
    /// List all channels
    List {
        #[command(flatten)]
        server: Server,
    },
    /// Show a channel
    Show(Named),
    /// Change a channel: what it is for, its host names, its limits, its notifications, when a new release is taken back. What is
    /// left out stays as it is
    Set(Box<Set>),
    /// Delete a channel with its releases, keys, secrets, stored values and queued notifications
    Delete(Named),
    /// Give a channel a new key; it is shown this once
    Rotate(Rotate),
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// Its name: a-z, 0-9 and -
    name: String,
    /// Whether it may be called by the verifier (testing) or has real orders (production)
    #[arg(long, default_value = "testing", value_name = "testing|production")]
    mode: Mode,
    /// A host name of its own, such as acme.example.com; may be repeated
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
pub(super) struct Named {
    /// Its name
    name: String,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
pub(super) struct Set {
    /// Its name
    name: String,
    /// Whether it may be called by the verifier (testing) or has real orders (production)
    #[arg(long, value_name = "testing|production")]
    mode: Option<Mode>,
    /// The host names of its own, in place of all it has; may be repeated
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
    /// A limit in place of the node's, such as cpu=2s, memory=128MiB or rate=500; nothing after the = gives it back to the node;
    /// may be repeated. `wharf channel show NAME` lists them all
    #[arg(long = "limit", value_name = "LIMIT=VALUE", value_parser = limit)]
    limits: Vec<(Limit, Option<u64>)>,
    /// A limit that is again as configured for the node; may be repeated
    #[arg(long = "no-limit", value_name = "LIMIT")]
    no_limits: Vec<Limit>,
    /// How callers of SDK interactions are told of a failure, in place of the node's sdk.failure-mode
    #[arg(long, value_name = "http|events|node", value_parser = failure_mode)]
    failure_mode: Option<FailureModeFlag>,
    #[command(flatten)]
    deltas: Deltas,
    #[command(flatten)]
    notification: NotificationFlags,
    #[command(flatten)]
    watch: WatchFlags,
    #[command(flatten)]
    server: Server,
}

/// A failure mode of its own, or the node's.
#[derive(Debug, Clone, Copy)]
struct FailureModeFlag(Option<FailureMode>);

fn failure_mode(text: &str) -> Result<FailureModeFlag, &'static str> {
    match text {
        "node" => Ok(FailureModeFlag(None)),
        word => word.parse().map(|mode| FailureModeFlag(Some(mode))).map_err(|_| "expected http, events or node"),
    }
}

/// A limit and its value, or none. The server knows the range.
fn limit(text: &str) -> Result<(Limit, Option<u64>), String> {
    let (name, value) = text.split_once('=').ok_or("expected such as cpu=2s, or cpu= for the node's own")?;
    let limit: Limit = name.parse()?;
    if value.is_empty() {
        return Ok((limit, None));
    }
    let read = limit.read(value).ok_or_else(|| format!("{limit}: expected {}, found {value:?}", limit.expects()))?;
    limit.check(read)?;
    Ok((limit, Some(read)))
}

/// When a new release is taken back. What is left out stays as it is
#[derive(Debug, Default, Args)]
struct WatchFlags {
    /// Whether Wharf itself takes back a new release or a canary that fails too often
    #[arg(long, value_name = "on|off", value_parser = on_or_off)]
    automatic_return: Option<bool>,
    /// A new release is watched for this many calls at least
    #[arg(long, value_name = "N")]
    watch_calls: Option<u32>,
    /// A new release is watched for this long at least, such as 60s
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    watch_time: Option<Duration>,
    /// The share of failed calls that is too many, such as 2%
    #[arg(long, value_name = "SHARE")]
    fault_rate: Option<Share>,
    /// It is taken back only if it fails this many times as often as the release before it, such as 3
    #[arg(long, value_name = "N")]
    fault_factor: Option<f64>,
    /// It is taken back only after this many failed calls
    #[arg(long, value_name = "N")]
    least_faults: Option<u32>,
    /// No thresholds of its own: as configured for the node (`wharf config`, under [release])
    #[arg(long)]
    usual_watch: bool,
}

pub(super) fn on_or_off(text: &str) -> Result<bool, &'static str> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("expected on or off"),
    }
}

impl WatchFlags {
    /// What was said.
    fn said(&self) -> Watch {
        Watch {
            calls: self.watch_calls,
            time_ms: self.watch_time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            fault_rate: self.fault_rate.map(|share| f64::from(share.parts()) / f64::from(Share::WHOLE)),
            factor: self.fault_factor,
            least_faults: self.least_faults,
            automatic: self.automatic_return,
        }
    }

    /// What the channel is to have: what was said, over what it has.
    fn over(&self, has: Watch) -> Watch {
        let has = if self.usual_watch { Watch::default() } else { has };
        let said = self.said();
        Watch {
            calls: said.calls.or(has.calls),
            time_ms: said.time_ms.or(has.time_ms),
            fault_rate: said.fault_rate.or(has.fault_rate),
            factor: said.factor.or(has.factor),
            least_faults: said.least_faults.or(has.least_faults),
            automatic: said.automatic.or(has.automatic),
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct Rotate {
    /// The channel
    name: String,
    /// Which key
    #[arg(value_name = "sdk|notification|payment|webhook")]
    kind: KeyKind,
    /// How long the old key stays valid, in seconds; 0 ends it at once
    #[arg(long, value_name = "SECONDS", default_value_t = 24 * 60 * 60)]
    grace: u64,
    #[command(flatten)]
    server: Server,
}

impl Command {
    pub(super) fn run(self, output: Output) -> Done {
        match self {
            Self::Create(create) => create.run(output),
            Self::List { server } => output.answer(&Client::new(&server)?.get("/v1/channels")?, list),
            Self::Show(Named { name, server }) => output.answer(&Client::new(&server)?.get(&path(&name))?, show),
            Self::Delete(Named { name, server }) => {
                let answer = Client::new(&server)?.delete(&path(&name))?;
                output.answer(&answer, |_| format!("channel {name} is deleted"))
            }
            Self::Set(set) => set.run(output),
            Self::Rotate(rotate) => rotate.run(output),
        }
    }
}

/// The path of a channel in the API.
pub(super) fn path(channel: &str) -> String {
    format!("/v1/channels/{}", part(channel))
}

impl Create {
    fn run(self, output: Output) -> Done {
        let wish = json!({"channel": self.name, "mode": self.mode, "hosts": self.hosts});
        let answer = Client::new(&self.server)?.post("/v1/channels", Some(&wish))?;
        output.answer(&answer, |made| {
            let key = |name| field(made, name);
            format!(
                "channel {} is made ({}). Its keys are shown this once:\n  SDK key           {}\n  notification key  {}\n  payment token     {}",
                key("channel"), key("mode"), key("sdk_key"), key("notification_key"), key("payment_token"),
            )
        })
    }
}

impl Set {
    fn run(self, output: Output) -> Done {
        let mut wish = json!({});
        if let Some(mode) = self.mode {
            wish["mode"] = json!(mode);
        }
        if !self.hosts.is_empty() {
            wish["hosts"] = json!(self.hosts);
        }
        for (limit, value) in self.limits.iter().copied().chain(self.no_limits.iter().map(|limit| (*limit, None))) {
            wish["limits"][limit.field()] = json!(value);
        }
        if let Some(FailureModeFlag(mode)) = self.failure_mode {
            wish["failure_mode"] = json!(mode);
        }
        if let Some(deltas) = self.deltas.wish() {
            wish["deltas"] = deltas;
        }
        self.notification.add_to(&mut wish)?;
        let watched = self.watch.usual_watch || self.watch.said() != Watch::default();
        if wish == json!({}) && !watched {
            return Err(Failure::Usage("say what to change; `wharf channel set --help` lists it".to_owned()));
        }
        let (client, path) = (Client::new(&self.server)?, path(&self.name));
        if watched {
            let has = serde_json::from_value(client.get(&path)?["watch"].clone()).unwrap_or_default();
            wish["watch"] = json!(self.watch.over(has));
        }
        output.answer(&client.patch(&path, &wish)?, show)
    }
}

impl Rotate {
    fn run(self, output: Output) -> Done {
        let Self { name, kind, grace, server } = self;
        let answer = Client::new(&server)?.post(&format!("{}/keys/{kind}/rotate?grace={grace}", path(&name)), None)?;
        output.answer(&answer, |made| {
            let key = ["sdk_key", "notification_key", "payment_token", "webhook_secret"]
                .iter()
                .find_map(|name| made[*name].as_str());
            let old = match (grace, made["old_valid_until"].is_null()) {
                (0, _) => "\nThe old one is no longer valid.".to_owned(),
                (_, true) => String::new(),
                (_, false) => format!("\nThe old one is valid until {}.", time(made, "old_valid_until")),
            };
            format!("channel {name} has a new {kind} key, shown this once:\n  {}{old}", key.unwrap_or("-"))
        })
    }
}

fn list(channels: &Value) -> String {
    let rows = rows(channels, |channel| {
        [
            field(channel, "channel"),
            field(channel, "mode"),
            field(channel, "active"),
            short_digest(channel),
            field(channel, "hosts"),
        ]
    });
    table(
        ["NAME", "MODE", "RELEASE", "DIGEST", "HOSTS"],
        &rows,
        "there are no channels; make one with `wharf channel create NAME`",
    )
}

fn show(channel: &Value) -> String {
    let keys = rows(&channel["keys"], |key| [field(key, "kind"), time(key, "created"), time(key, "expires")]);
    format!(
        "channel   {}\nmode      {}\nhosts     {}\nrelease   {} (before: {})\ncanary    {}\nwatch     {}\nfailures  {}\ndeltas    {}\ndigest    {}\ncreated   {}\n\n{}\n\n{}\n\n{}",
        field(channel, "channel"),
        field(channel, "mode"),
        field(channel, "hosts"),
        field(channel, "active"),
        field(channel, "previous"),
        canary(channel),
        watch(&channel["watch"]),
        channel["failure_mode"].as_str().unwrap_or("as configured for the node"),
        deltas::shown(&channel["deltas"]),
        text(&channel["digest"]),
        time(channel, "created"),
        table(["KEY", "CREATED", "VALID UNTIL"], &keys, "it has no keys"),
        limits(&channel["effective_limits"]),
        notification::settings(&channel["effective_notification"]),
    )
}

/// The limits as they hold, and where each comes from.
fn limits(limits: &Value) -> String {
    let rows = rows(limits, |row| {
        let of = row["of"].as_str().map(|of| format!(" ({of})")).unwrap_or_default();
        [field(row, "limit") + &of, field(row, "text"), field(row, "from")]
    });
    table(["LIMIT", "VALUE", "FROM"], &rows, "its limits are not known")
}

/// The candidate and its share; `-` for none.
pub(super) fn canary(channel: &Value) -> String {
    let canary = &channel["canary"];
    if canary.is_null() {
        return "-".to_owned();
    }
    format!("release {} for {}", field(canary, "release"), field(canary, "share"))
}

/// The channel's own thresholds, in the words of the options that set them.
fn watch(watch: &Value) -> String {
    let own = watch.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let own: Vec<_> = own.map(|(name, value)| threshold(name, value)).collect();
    let usual = "as configured for the node";
    if own.is_empty() { usual.to_owned() } else { format!("{}; what else counts is {usual}", own.join(", ")) }
}

fn threshold(name: &str, value: &Value) -> String {
    match (name, value.as_f64(), value.as_u64()) {
        ("automatic", ..) => format!("automatic-return {}", if *value == true { "on" } else { "off" }),
        ("fault_rate", Some(rate), _) => format!("fault-rate {}%", (rate * f64::from(Share::WHOLE)).round() / 100.0),
        ("time_ms", _, Some(ms)) => format!("watch-time {}", humantime::format_duration(Duration::from_millis(ms))),
        ("calls", ..) => format!("watch-calls {}", text(value)),
        ("factor", ..) => format!("fault-factor {}", text(value)),
        _ => format!("{} {}", name.replace('_', "-"), text(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_set_or_cleared_by_its_name() {
        assert_eq!(limit("memory=128MiB"), Ok((Limit::Memory, Some(128 << 20))));
        assert_eq!(limit("queue-wait=20ms"), Ok((Limit::QueueWait, Some(20))));
        assert_eq!(limit("rate="), Ok((Limit::Rate, None)));
        for (wrong, told) in [
            ("rate", "expected such as cpu=2s"),
            ("rat=5", "there is no limit \"rat\"; there are memory, "),
            ("cpu=5", "cpu: expected a time such as"),
            ("cpu=5m", "cpu: expected 1ms to 2m, found 5m"),
        ] {
            assert!(limit(wrong).unwrap_err().starts_with(told), "{wrong}: {:?}", limit(wrong));
        }
    }

    #[test]
    fn thresholds_read_as_they_are_set() {
        let own = json!({"automatic": false, "calls": null, "factor": 2.5, "fault_rate": 0.005, "time_ms": 300_000});
        let told = watch(&own);
        assert!(told.starts_with("automatic-return off, fault-factor 2.5, fault-rate 0.5%, watch-time 5m; "), "{told}");
        assert_eq!(watch(&json!({"calls": null})), "as configured for the node");
    }
}
