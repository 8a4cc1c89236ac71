//! The eleven SDK interactions: authenticate, decode, dispatch, encode, record.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use serde::Serialize;
use wharf_protocol::Check;
use wharf_protocol::call::CallContext;
use wharf_protocol::sdk::catalog::CatalogPushRequest;
use wharf_protocol::sdk::inventory::InventoryPushRequest;
use wharf_protocol::sdk::order_told as told;
use wharf_protocol::sdk::{Envelope, Interaction, Missing, VERSION};

use super::problem::Problem;
use super::{Edge, Outcome, Ticket, auth, body, finish, reply};
use crate::guest::{Body, Ended, Fault, functions};
use crate::table::Channel;

/// The code of a request that no guest could do anything with.
const MISSING: &str = "HOST_MISSING_FIELD";

/// Answers one interaction. The key is looked at before anything else: an unreadable rest does not change a 401.
pub(super) async fn answer(
    edge: Arc<Edge>,
    channel: Option<Arc<Channel>>,
    interaction: Interaction,
    body: Bytes,
    began: Instant,
) -> Response<Full<Bytes>> {
    let limit = edge.config.edge.json_depth;
    let text = match body::text(&body, limit) {
        Ok(text) => text,
        Err(problem) => return problem.into_sdk(interaction, None),
    };
    let envelope = match Envelope::find(text) {
        Ok(envelope) => envelope,
        Err(error) => {
            return Problem::malformed(format!("The body is not a JSON object: {error}.")).into_sdk(interaction, None);
        }
    };
    let Some(channel) = auth::sdk(channel.as_ref(), envelope.token().as_deref()) else {
        return Problem::unauthorized().into_sdk(interaction, None);
    };
    let ticket = Ticket::new(channel, interaction.name(), began);
    let id = ticket.id.clone();
    let reads_only = matches!(interaction, Interaction::OrderPull | Interaction::CatalogGetConfig);
    let work = exchange(edge, ticket, interaction, body);
    // Boxed: the futures of eleven interactions side by side are large.
    let work = Box::pin(work);
    if reads_only {
        return work.await;
    }
    match finish(work).await {
        Ok(response) => response,
        Err(panic) => Problem::host(panic.to_string()).into_sdk(interaction, Some(&id)),
    }
}

/// An answer, or why there is none, with whether requests to the outside had been sent.
type Exchanged = Result<Vec<u8>, (Fault, bool)>;

enum Failed {
    /// The request cannot be read.
    Request(String),
    /// The request lacks what every guest needs.
    Missing(&'static str),
    /// The guest gave no answer.
    Guest(Fault, bool),
}

async fn exchange(edge: Arc<Edge>, ticket: Ticket, interaction: Interaction, body: Bytes) -> Response<Full<Bytes>> {
    let result = run(&edge, &ticket, interaction, &body).await;
    let (response, outcome) = match result {
        Ok(answer) => {
            let response = reply::of_call(reply::with(200, reply::JSON, answer), &ticket.id);
            (response, Outcome { status: 200, name: "ok", code: None, detail: None })
        }
        Err(failed) => {
            let problem = failed.problem();
            let outcome = problem.outcome;
            let (code, detail) = (Some(problem.code().to_owned()), problem.cause.clone());
            let response = problem.into_sdk(interaction, Some(&ticket.id));
            (response, Outcome { status: 0, name: outcome, code, detail })
        }
    };
    let status = response.status().as_u16();
    edge.record(ticket, Outcome { status, ..outcome });
    response
}

impl Failed {
    fn problem(self) -> Problem {
        match self {
            Self::Request(message) => Problem::malformed(message),
            Self::Missing(path) => {
                let refusal = wharf_protocol::call::Refusal {
                    code: MISSING.to_owned(),
                    message: format!("The request has no {path}."),
                };
                Problem::of_fault(&Fault::Refused(refusal), false)
            }
            Self::Guest(fault, sent) => Problem::of_fault(&fault, sent),
        }
    }
}

/// Picks the function, reads the request as its type, and runs it.
async fn run(edge: &Edge, ticket: &Ticket, interaction: Interaction, body: &Bytes) -> Result<Vec<u8>, Failed> {
    // `answer` has read this very body as text already.
    let text = std::str::from_utf8(body).map_err(|error| Failed::Request(error.to_string()))?;
    let envelope = Envelope::find(text).map_err(|error| Failed::Request(error.to_string()))?;
    let action = envelope.action().map_err(unreadable("action"))?;
    let context = CallContext {
        call_id: &ticket.id,
        channel: &ticket.channel.name,
        action: &action,
        version: VERSION,
        client_id: envelope.client_id().map_err(unreadable("client_id"))?,
        channel_id: envelope.channel_id().map_err(unreadable("channel_info"))?,
    };
    let release = ticket.release().map_err(|fault| Failed::Guest(fault, false))?;
    let time = edge.config.call.sdk_deadline;
    macro_rules! with {
        ($function:ident, $request:expr) => {{
            let request = $request;
            if let Some(path) = request.missing() {
                return Err(Failed::Missing(path));
            }
            encode(
                edge.dispatch::<functions::$function>(
                    ticket,
                    release,
                    Body::Keyed(body.clone()),
                    time,
                    (context, &request),
                )
                .await,
            )
        }};
    }
    let exchanged = match interaction {
        Interaction::CatalogGetConfig => {
            // It takes nothing, but what follows its envelope must be JSON all the same.
            read::<serde::de::IgnoredAny>(text)?;
            let raw = Body::Keyed(body.clone());
            encode(edge.dispatch::<functions::CatalogGetConfig>(ticket, release, raw, time, (context,)).await)
        }
        Interaction::CatalogPush => with!(CatalogPush, read::<CatalogPushRequest<'_>>(text)?),
        Interaction::InventoryPush => with!(InventoryPush, read::<InventoryPushRequest<'_>>(text)?),
        Interaction::OrderPull => with!(OrderPull, read::<told::OrderPullRequest<'_>>(text)?),
        Interaction::OrderAcknowledge => with!(OrderAcknowledge, read::<told::OrderAcknowledgeRequest<'_>>(text)?),
        Interaction::OrderUpdate => with!(OrderUpdate, read::<told::OrderUpdateRequest<'_>>(text)?),
        Interaction::OrderCancel => {
            with!(OrderCancel, read::<told::OrderCancelBody<'_>>(text)?.order.unwrap_or_default())
        }
        Interaction::OrderShipmentSubmit => with!(OrderShipmentSubmit, read::<told::ShipmentSubmitRequest<'_>>(text)?),
        Interaction::OrderComplete => {
            with!(OrderComplete, read::<told::OrderCompleteBody<'_>>(text)?.order.unwrap_or_default())
        }
        Interaction::OrderSettlePayment => with!(OrderSettlePayment, read::<told::SettlePaymentRequest<'_>>(text)?),
        Interaction::OrderReturned => with!(OrderReturned, read::<told::OrderReturnedRequest<'_>>(text)?),
    };
    exchanged.map_err(|(fault, sent)| Failed::Guest(fault, sent))
}

fn unreadable(member: &'static str) -> impl FnOnce(serde_json::Error) -> Failed {
    move |error| {
        let error = error.to_string();
        // The place that follows is one within the member.
        let what = error.split_once(" at line ").map_or(error.as_str(), |(what, _)| what);
        Failed::Request(format!("The request's envelope cannot be read at {member}: {what}."))
    }
}

/// Reads a request. Only when that fails it is read once more, slowly, to learn where.
fn read<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, Failed> {
    serde_json::from_str(text).map_err(|_| {
        let mut reader = serde_json::Deserializer::from_str(text);
        let error = match serde_path_to_error::deserialize::<_, T>(&mut reader) {
            Err(error) => match error.path().to_string().as_str() {
                // Outside of any member, or before its name was read.
                "." | "?" => format!("The request cannot be read: {}.", error.inner()),
                path => format!("The request cannot be read at {path}: {}.", error.inner()),
            },
            Ok(_) => reader.end().map_or_else(
                |error| format!("The request cannot be read: {error}."),
                |()| "The request cannot be read.".to_owned(),
            ),
        };
        Failed::Request(error)
    })
}

/// Writes a guest's answer, if it keeps the platform's rules.
fn encode<A: Serialize + Check>(ended: Ended<A>) -> Exchanged {
    let sent = ended.sent > 0;
    let answer = ended.result.map_err(|fault| (fault, sent))?;
    answer.check().map_err(|breach| (Fault::InvalidAnswer(breach), sent))?;
    serde_json::to_vec(&answer).map_err(|error| (Fault::Host(error.to_string()), sent))
}
