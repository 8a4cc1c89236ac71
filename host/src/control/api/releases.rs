//! Releases: deploy, look, activate, roll back.

use bytes::Bytes;
use http::{StatusCode, header};
use http_body_util::{BodyDataStream, Full};
use multer::Multipart;
use serde::{Deserialize, Serialize};

use super::ask::{Ask, from_json, given};
use super::body::{self, Incoming};
use super::problem::Problem;
use super::{Outcome, json, ok};
use crate::control::{Candidate, Diff, Spec, Wish};
use crate::store::{Channel, Expected, Move, Release, ReleaseSpec, Share, StoreError, Timestamp};

/// A release as administrators see it.
#[derive(Serialize)]
struct View<'a> {
    channel: &'a str,
    release: u64,
    active: bool,
    /// `active`, `canary`, or `previous`, the one to roll back to.
    role: Option<&'static str>,
    created: Timestamp,
    #[serde(flatten)]
    spec: &'a ReleaseSpec,
}

fn view<'a>(release: &'a Release, channel: &Channel) -> View<'a> {
    let number = Some(release.number);
    let role = match number {
        _ if number == channel.active => Some("active"),
        _ if number == channel.canary.map(|canary| canary.release) => Some("canary"),
        _ if number == channel.previous => Some("previous"),
        _ => None,
    };
    View {
        channel: &release.channel,
        release: release.number,
        active: channel.active == number,
        role,
        created: release.created,
        spec: &release.spec,
    }
}

pub(super) fn list(ask: &Ask) -> Outcome {
    ask.query(&[])?;
    let channel = ask.channel()?;
    let releases = ask.control.store.releases(&channel.name)?;
    ok(&releases.iter().map(|release| view(release, channel)).collect::<Vec<_>>())
}

pub(super) fn show(ask: &Ask) -> Outcome {
    let channel = ask.channel()?;
    let no_release = |number| StoreError::NoRelease { channel: channel.name.clone(), number };
    let number = number(ask)?;
    let release = ask.control.store.release(&channel.name, number)?.ok_or_else(|| no_release(number))?;
    ok(&view(&release, channel))
}

fn number(ask: &Ask) -> Result<u64, Problem> {
    let number = ask.param("n")?;
    number.parse().map_err(|_| Problem::malformed(format!("{number:?} is not a release's number")))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Prune {
    keep: usize,
}

/// Removes all but the newest releases. Those that answer or may be rolled back to stay.
pub(super) async fn prune(ask: &Ask, body: &mut Incoming) -> Outcome {
    let Prune { keep } = ask.json(body).await?;
    let channel = &ask.channel()?.name;
    let removed = ask.control.store.prune_releases(channel, keep, &ask.who.name).await?;
    tracing::info!(who = ask.who.name, channel, keep, ?removed, "pruned releases");
    ok(&serde_json::json!({"channel": channel, "removed": removed}))
}

/// Removes one release that nobody needs.
pub(super) async fn delete(ask: &Ask) -> Outcome {
    let (channel, number) = (&ask.channel()?.name, number(ask)?);
    ask.control.store.delete_release(channel, number, &ask.who.name).await?;
    tracing::info!(who = ask.who.name, channel, release = number, "removed a release");
    ok(&serde_json::json!({"channel": channel, "removed": [number]}))
}

/// What differs between two releases, as `from` and `to` name them.
#[derive(Serialize)]
struct Differing<'a> {
    channel: &'a str,
    #[serde(flatten)]
    diff: Diff,
}

pub(super) async fn diff(ask: &Ask) -> Outcome {
    let query = ask.query(&["from", "to"])?;
    let channel = ask.channel()?;
    let (from, to) = sides(&channel.name, channel.active, channel.previous, query.value("from")?, query.value("to")?)?;
    let diff = ask.control.diff(&channel.name, from, to).await?;
    ok(&Differing { channel: &channel.name, diff })
}

/// Which two are compared: those that are named; the active one with the one that is named; or else the one to roll back to
/// with the active one.
fn sides(
    channel: &str,
    active: Option<u64>,
    previous: Option<u64>,
    from: Option<u64>,
    to: Option<u64>,
) -> Result<(u64, u64), Problem> {
    match (from, to, active, previous) {
        (Some(from), Some(to), ..) => Ok((from, to)),
        (Some(one), None, Some(active), _) | (None, Some(one), Some(active), _) => Ok((active, one)),
        (None, None, Some(active), Some(previous)) => Ok((previous, active)),
        (_, _, None, _) => Err(nothing_to_compare(format!(
            "channel {channel} has no active release to compare with; name two releases (`wharf releases {channel}` lists them)"
        ))),
        (None, None, Some(active), None) => Err(nothing_to_compare(format!(
            "channel {channel} has no release before {active} to compare with; name one (`wharf releases {channel}` lists them)"
        ))),
    }
}

fn nothing_to_compare(message: String) -> Problem {
    Problem::new(StatusCode::CONFLICT, "nothing-to-compare", message)
}

/// Takes a component and makes a release of it.
pub(super) async fn deploy(ask: &Ask, body: &mut Incoming) -> Outcome {
    let channel = ask.channel()?.name.clone();
    let content_type = ask.head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default();
    let upload = ask.control.config.admin.upload;
    let (limit, told) = (upload.len(), format!("{upload} (admin.upload)"));
    let (component, spec) = if content_type.starts_with("application/wasm") {
        let spec = spec_of_query(ask)?;
        (body::read(body, limit, &told).await?, spec)
    } else if let Ok(boundary) = multer::parse_boundary(content_type) {
        ask.query(&[])?;
        // The component's own limit is its admission's; this one bounds what is held in memory, cases to try included.
        let form = body::read(body, limit + 2 * body::LARGEST, &told).await?;
        parts_of_form(form, boundary).await?
    } else {
        let message = "send multipart/form-data with the parts `component` and `spec`, or the component alone as application/wasm";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-type", message.to_owned()));
    };
    let author = ask.who.name.clone();
    let deployed = ask.control.deploy(Candidate { channel, component, spec, author }).await?;
    json(StatusCode::CREATED, &deployed)
}

fn spec_of_query(ask: &Ask) -> Result<Spec, Problem> {
    let query = ask.query(&["note", "activate"])?;
    let mut spec = Spec { activate: query.value("activate")?.unwrap_or(true), ..Spec::default() };
    spec.note.push_str(query.text("note").unwrap_or_default());
    Ok(spec)
}

async fn parts_of_form(form: Bytes, boundary: String) -> Result<(Bytes, Spec), Problem> {
    let broken = |error: multer::Error| Problem::malformed(format!("the form is broken: {error}"));
    let mut parts = Multipart::new(BodyDataStream::new(Full::new(form)), boundary);
    let (mut component, mut spec) = (None, None);
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        let name = part.name().unwrap_or_default().to_owned();
        let bytes = part.bytes().await.map_err(broken)?;
        match name.as_str() {
            "component" => component = Some(bytes),
            "spec" => spec = Some(from_json(&bytes, "the part `spec`")?),
            _ => {
                let message = format!("the form has a part {name:?}; it takes `component` and `spec`");
                return Err(Problem::malformed(message));
            }
        }
    }
    let missing = || Problem::malformed("the form has no part `component` with the bytes of the .wasm file".to_owned());
    Ok((component.ok_or_else(missing)?, spec.unwrap_or_default()))
}

/// A change of what answers. Of `release`, `promote` and `abort` there must be one; the latter two may name the candidate.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Activate {
    release: Option<u64>,
    /// The candidate's share of the calls, such as `10%`; without it, the release answers all of them.
    canary: Option<Share>,
    #[serde(default)]
    promote: bool,
    #[serde(default)]
    abort: bool,
    /// `null` = none is expected to be active; absent = whatever is active.
    #[serde(default, deserialize_with = "given")]
    #[expect(clippy::option_option, reason = "absent and null mean different things")]
    expected_active: Option<Option<u64>>,
    /// The `revision` of the channel as it was looked at.
    revision: Option<u64>,
    /// Why.
    #[serde(default)]
    reason: String,
    /// Whether to wait until the release that goes has drained; so it is when absent.
    wait: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Rollback {
    reason: String,
    wait: Option<bool>,
    /// The `revision` of the channel as it was looked at.
    revision: Option<u64>,
}

impl Activate {
    fn change(&self) -> Result<Move, Problem> {
        match (self.release, self.canary, self.promote, self.abort) {
            (Some(release), Some(share), false, false) => Ok(Move::Canary { release, share }),
            (Some(release), None, false, false) => Ok(Move::Activate(release)),
            (candidate, None, true, false) => Ok(Move::Promote(candidate)),
            (candidate, None, false, true) => Ok(Move::Abort(candidate)),
            _ => {
                let message = "say one thing: `release`, `release` with `canary`, `promote`, or `abort`";
                Err(Problem::malformed(message.to_owned()))
            }
        }
    }
}

pub(super) async fn activate(ask: &Ask, body: &mut Incoming) -> Outcome {
    let wish: Activate = ask.json(body).await?;
    let change = wish.change()?;
    let expected = match (wish.expected_active, wish.revision) {
        (Some(_), Some(_)) => {
            let message = "say what is expected once: `expected_active` or `revision`";
            return Err(Problem::malformed(message.to_owned()));
        }
        (active, revision) => active.map(Expected::Active).or(revision.map(Expected::Revision)),
    };
    perform(ask, change, expected, wish.reason, wish.wait).await
}

pub(super) async fn rollback(ask: &Ask, body: &mut Incoming) -> Outcome {
    let wish: Rollback = ask.json_or_nothing(body).await?.unwrap_or_default();
    let expected = wish.revision.map(Expected::Revision);
    perform(ask, Move::Rollback, expected, wish.reason, wish.wait).await
}

async fn perform(ask: &Ask, change: Move, expected: Option<Expected>, reason: String, wait: Option<bool>) -> Outcome {
    let wish = Wish { who: ask.who.name.clone(), change, reason, expected, wait: wait.unwrap_or(true) };
    ok(&ask.control.change(&ask.channel()?.name, wish).await?)
}

/// What was done to the channel's releases, the newest first.
pub(super) fn receipts(ask: &Ask) -> Outcome {
    let limit = ask.query(&["limit"])?.limit(20)?;
    let channel = ask.channel()?;
    let mut receipts = ask.control.store.receipts(&channel.name, limit)?;
    // Those of a channel that had this name before are not its own.
    receipts.retain(|receipt| receipt.at >= channel.created);
    ok(&receipts)
}
