//! Secrets: set, listed by name, deleted; never given back.

use serde::Deserialize;
use serde_json::json;

use super::ask::Ask;
use super::body::Incoming;
use super::problem::Problem;
use super::{Outcome, ok};
use crate::control::names;
use crate::guest::SHORTEST_REDACTED;
use crate::store::SecretVersion;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Put {
    value: String,
}

/// Largest value: secrets travel in headers.
const LARGEST: usize = 8 * 1024;

pub(super) fn list(ask: &Ask) -> Outcome {
    ask.query(&[])?;
    ok(&ask.control.store.secret_names(&ask.channel()?.name)?)
}

pub(super) async fn put(ask: &Ask, body: &mut Incoming) -> Outcome {
    let (channel, name) = (&ask.channel()?.name, ask.param("name")?);
    names::secret(name)?;
    let Put { value } = ask.json(body).await?;
    if value.is_empty() || value.len() > LARGEST {
        return Err(Problem::malformed(format!("a secret has 1 to {LARGEST} bytes; this one has {}", value.len())));
    }
    let short = value.len() < SHORTEST_REDACTED;
    let version = ask.control.store.put_secret(channel, name, value).await?;
    tracing::info!(who = ask.who.name, channel, secret = name, version, "set a secret");
    let mut notes = notes(ask, name, version)?;
    if short {
        notes.push(format!(
            "values below {SHORTEST_REDACTED} bytes are not masked in logs: they would mask half of every line"
        ));
    }
    ok(&json!({"channel": channel, "name": name, "version": version, "notes": notes}))
}

/// Whether what answers uses the new value.
fn notes(ask: &Ask, name: &str, version: u64) -> Result<Vec<String>, Problem> {
    let channel = ask.channel()?;
    let numbers = channel.active.into_iter().chain(channel.canary.map(|canary| canary.release));
    let mut notes = Vec::new();
    for number in numbers {
        let Some(release) = ask.control.store.release(&channel.name, number)? else { continue };
        let used = release.spec.secrets.iter().find(|secret| secret.name == name).map(|secret| secret.version);
        notes.extend(match used {
            None => Some(format!("release {number} does not use it: name it under `secrets` in its manifest")),
            Some(SecretVersion::Pinned(pinned)) if pinned != version => Some(format!(
                "release {number} goes on with version {pinned}: deploy again, or name it {name}@latest there once"
            )),
            Some(_) => None,
        });
    }
    Ok(notes)
}

pub(super) async fn delete(ask: &Ask) -> Outcome {
    let (channel, name) = (&ask.channel()?.name, ask.param("name")?);
    if !ask.control.store.delete_secret(channel, name).await? {
        return Err(Problem::not_found("no-such-secret", format!("channel {channel} has no secret {name}")));
    }
    tracing::info!(who = ask.who.name, channel, secret = name, "deleted a secret");
    ok(&json!({"channel": channel, "name": name, "deleted": true}))
}
