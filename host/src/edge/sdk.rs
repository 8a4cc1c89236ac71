//! The eleven SDK interactions: authenticate, answer, record.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use wharf_protocol::sdk::{Envelope, Interaction};

use super::origin::Arrival;
use super::problem::Problem;
use super::ticket::Held;
use super::{Edge, Outcome, Ticket, auth, body, reply};
use crate::call;
use crate::table::{Channel, Work};

/// Answers one interaction. The key is looked at before anything else: an unreadable rest does not change a 401.
pub(super) async fn answer(
    edge: Arc<Edge>,
    channel: Option<Arc<Channel>>,
    interaction: Interaction,
    body: Bytes,
    arrival: Arrival,
) -> Response<Full<Bytes>> {
    let text = match body::text(&body, &edge.config.edge) {
        Ok(text) => text,
        Err(problem) => return problem.into_sdk(interaction, None),
    };
    // Said here, because the parser's own words would quote a long text whole.
    if !text.trim_ascii_start().starts_with('{') {
        return Problem::malformed("The body is not a JSON object.").into_sdk(interaction, None);
    }
    let envelope = match Envelope::find(text) {
        Ok(envelope) => envelope,
        Err(error) => {
            return Problem::malformed(format!("The body is not a JSON object: {error}.")).into_sdk(interaction, None);
        }
    };
    let Some(channel) = auth::sdk(channel.as_ref(), envelope.token().as_deref()) else {
        auth::tell(channel.as_ref(), interaction.name(), arrival.origin.request_id());
        return Problem::unauthorized().into_sdk(interaction, None);
    };
    let ticket = Ticket::new(channel, Work::sdk(interaction), interaction.name(), arrival);
    let mode = ticket.failure_mode();
    if let Err(fault) = ticket.count() {
        return Problem::of_fault(&fault, false).into_sdk_in(mode, interaction, Some(&ticket.id));
    }
    let (id, pace) = (ticket.id.clone(), Arc::clone(&ticket.pace));
    let abandoned = ticket.when_abandoned();
    let runtime = Arc::clone(&edge.runtime);
    match runtime.carry(exchange(edge, ticket, interaction, body), pace, abandoned).await {
        Ok(response) => response,
        Err(panicked) => Problem::panicked(&panicked, &id).into_sdk_in(mode, interaction, Some(&id)),
    }
}

async fn exchange(edge: Arc<Edge>, ticket: Ticket, interaction: Interaction, body: Bytes) -> Response<Full<Bytes>> {
    let held = Held::new(Arc::clone(&edge), ticket);
    let ticket = &held.ticket;
    let result = call::sdk::answer(&edge.runner(ticket), ticket.ids(), interaction, &body).await;
    let (response, outcome) = match result {
        Ok(answer) => (reply::of_call(reply::with(200, reply::JSON, answer), &ticket.id), Outcome::WELL),
        Err(failed) => {
            let problem = Problem::of_failed(failed, ticket.is_read());
            let response = problem.clone().into_sdk_in(ticket.failure_mode(), interaction, Some(&ticket.id));
            let status = response.status().as_u16();
            (response, problem.into_outcome(status))
        }
    };
    held.end(outcome);
    response
}
