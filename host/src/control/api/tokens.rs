//! Tokens of administrators.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::ask::Ask;
use super::body::Incoming;
use super::problem::Problem;
use super::{Outcome, json, ok};
use crate::control::names;
use crate::control::tokens::url_safe_key;
use crate::store::{Digest, Role, TokenRecord};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    name: String,
    role: Role,
    /// The channels it is good for; absent = all.
    channels: Option<Vec<String>>,
}

#[derive(Serialize)]
struct Created {
    #[serde(flatten)]
    record: TokenRecord,
    token: String,
}

pub(super) fn list(ask: &Ask) -> Outcome {
    ask.query(&[])?;
    ok(&ask.control.store.tokens()?)
}

/// Makes a token. It is in this answer and nowhere else.
pub(super) async fn create(ask: &Ask, body: &mut Incoming) -> Outcome {
    let Create { name, role, channels } = ask.json(body).await?;
    if !(1..=100).contains(&name.trim().len()) {
        return Err(Problem::malformed("name the token, in 1 to 100 bytes: the log says who did what".to_owned()));
    }
    if channels.as_ref().is_some_and(Vec::is_empty) {
        return Err(Problem::malformed(
            "channels is an empty list; leave it out for a token that is good for all".to_owned(),
        ));
    }
    channels.iter().flatten().try_for_each(|channel| names::slug(channel))?;
    let token = url_safe_key()?;
    let record = ask.control.store.create_token(&name, role, channels, Digest::of(token.as_bytes())).await?;
    tracing::info!(who = ask.who.name, token = name, %role, channels = ?record.channels, "created a token");
    json(StatusCode::CREATED, &Created { record, token })
}

pub(super) async fn revoke(ask: &Ask) -> Outcome {
    let id = ask.param("id")?;
    if !ask.control.store.revoke_token(id).await? {
        return Err(Problem::not_found(
            "no-such-token",
            format!("there is no token {id}; `wharf token list` tells which there are"),
        ));
    }
    tracing::info!(who = ask.who.name, token = id, "revoked a token");
    ok(&json!({"id": id, "revoked": true}))
}
