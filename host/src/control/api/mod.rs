//! The admin API: JSON in, JSON out.
//!
//! [`answer`] tells a request's story: who asks, what is asked for, may they, do it, say it. [`routes`] is the list of
//! everything that can be asked; each file beside it answers one kind of thing.

mod ask;
mod body;
mod breakers;
mod channels;
mod deltas;
mod journal;
mod node;
mod notifications;
mod problem;
mod queue;
mod releases;
mod routes;
mod secrets;
mod tokens;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Body;
use serde::Serialize;

use super::Control;
use super::tokens::Bearer;
use crate::store::Sweep;
use ask::Ask;
use body::{Incoming, Lost};
use problem::Problem;
use routes::Endpoint;

pub(super) use ask::given;

/// What is answered: JSON, or text of another kind.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    content_type: &'static str,
    body: Vec<u8>,
}

/// What every endpoint gives.
type Outcome = Result<Answer, Problem>;

fn json(status: StatusCode, value: &impl Serialize) -> Outcome {
    let body = serde_json::to_vec(value).map_err(|error| Problem::internal(&error))?;
    Ok(Answer { status, content_type: "application/json", body })
}

fn ok(value: &impl Serialize) -> Outcome {
    json(StatusCode::OK, value)
}

/// Answers one request of an administrator.
pub(super) async fn answer<B>(control: Arc<Control>, request: Request<B>) -> Response<Full<Bytes>>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Lost>,
{
    let (head, body) = request.into_parts();
    let mut body = body.map_err(Into::into).boxed_unsync();
    let (method, path) = (head.method.clone(), head.uri.path().to_owned());
    let expects = head.headers.contains_key(header::EXPECT);
    let outcome = dispatch(control, head, &mut body).await;
    body::discard(expects, body).await;
    if let Err(problem) = &outcome
        && problem.status.is_server_error()
    {
        tracing::error!(%method, path, problem = problem.message, "an administrator's request failed");
    }
    respond(outcome)
}

async fn dispatch(control: Arc<Control>, head: http::request::Parts, body: &mut Incoming) -> Outcome {
    if head.uri.path() == "/healthz" {
        return ok(&serde_json::json!({"status": "ok"}));
    }
    let who = authenticate(&control, &head)?;
    let (route, params) = routes::find(&head.method, head.uri.path())?;
    let channel = match params.get("channel") {
        Some(name) => Some(seen_channel(&control, &who, name)?),
        None => None,
    };
    if !who.may(route.need) {
        let message = format!("this token's role is {}; this needs the role {}", who.role(), route.need);
        return Err(Problem::new(StatusCode::FORBIDDEN, "role-too-low", message));
    }
    if route.whole_node && !who.sees_node() {
        let message = "this token is limited to some channels; this needs one that is good for the whole node";
        return Err(Problem::new(StatusCode::FORBIDDEN, "limited-token", message.to_owned()));
    }
    perform(route.endpoint, &Ask { control, who, channel, params, head }, body).await
}

async fn perform(endpoint: Endpoint, ask: &Ask, body: &mut Incoming) -> Outcome {
    match endpoint {
        Endpoint::Channels => channels::list(ask),
        Endpoint::CreateChannel => channels::create(ask, body).await,
        Endpoint::Channel => channels::show(ask),
        Endpoint::ChangeChannel => channels::change(ask, body).await,
        Endpoint::DeleteChannel => channels::delete(ask).await,
        Endpoint::RotateKey => channels::rotate(ask).await,
        Endpoint::Releases => releases::list(ask),
        Endpoint::Deploy => releases::deploy(ask, body).await,
        Endpoint::Release => releases::show(ask),
        Endpoint::Diff => releases::diff(ask).await,
        Endpoint::Activate => releases::activate(ask, body).await,
        Endpoint::Rollback => releases::rollback(ask, body).await,
        Endpoint::Receipts => releases::receipts(ask),
        Endpoint::Prune => releases::prune(ask, body).await,
        Endpoint::DeleteRelease => releases::delete(ask).await,
        Endpoint::Breakers => breakers::list(ask),
        Endpoint::ResetBreakers => breakers::reset(ask, body).await,
        Endpoint::Calls => journal::calls(ask),
        Endpoint::Call => journal::call(ask),
        Endpoint::Logs => journal::logs(ask),
        Endpoint::Secrets => secrets::list(ask),
        Endpoint::PutSecret => secrets::put(ask, body).await,
        Endpoint::DeleteSecret => secrets::delete(ask).await,
        Endpoint::Notifications => notifications::list(ask),
        Endpoint::Notification => notifications::show(ask),
        Endpoint::ReplayNotifications => notifications::sweep(ask, body, Sweep::Replay).await,
        Endpoint::DropNotifications => notifications::sweep(ask, body, Sweep::Drop).await,
        Endpoint::ReplayNotification => notifications::replay(ask).await,
        Endpoint::DropNotification => notifications::drop_one(ask).await,
        Endpoint::Tokens => tokens::list(ask),
        Endpoint::CreateToken => tokens::create(ask, body).await,
        Endpoint::RevokeToken => tokens::revoke(ask).await,
        Endpoint::Status => node::status(ask),
        Endpoint::Metrics => node::metrics(ask),
    }
}

fn authenticate(control: &Control, head: &http::request::Parts) -> Result<Bearer, Problem> {
    let given = head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token =
        given.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let Some((_, token)) = token else {
        let message = "there is no token; send one as `Authorization: Bearer TOKEN` (the first lies in admin.token in the data directory)";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "no-token", message.to_owned()));
    };
    control.bearer(token.trim())?.ok_or_else(|| {
        let message = "nobody knows this token; it was revoked, mistyped, or belongs to another node";
        Problem::new(StatusCode::UNAUTHORIZED, "unknown-token", message.to_owned())
    })
}

/// The channel of the path. One that the bearer may not see does not exist.
fn seen_channel(control: &Control, who: &Bearer, name: &str) -> Result<crate::store::Channel, Problem> {
    let found = if who.sees(name) { control.store.channel(name)? } else { None };
    found.ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "no-such-channel",
            format!("there is no channel {name}; `wharf channel list` tells which there are"),
        )
    })
}

fn respond(outcome: Outcome) -> Response<Full<Bytes>> {
    let (answer, allow) = match outcome {
        Ok(answer) => (answer, None),
        Err(problem) => {
            let body = problem.to_json();
            (Answer { status: problem.status, content_type: "application/json", body }, problem.allow)
        }
    };
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    // Answers hold keys and tokens that are shown once.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if answer.status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(allow) = allow.and_then(|methods| HeaderValue::from_str(&methods).ok()) {
        headers.insert(header::ALLOW, allow);
    }
    response
}

/// The methods as an `Allow` header has them.
fn allowed<'m>(methods: impl Iterator<Item = &'m Method>) -> String {
    methods.map(Method::as_str).collect::<Vec<_>>().join(", ")
}
