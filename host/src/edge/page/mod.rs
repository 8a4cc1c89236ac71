//! Payment and signature pages: what a guest shows inside the platform's window, under a policy that trusts neither of the two.
//!
//! [`address`] reads what the page's address says, [`forms`] lets in the forms that our own pages sent, [`frame`] puts the
//! policy around what is shown, and [`notice`] has the pages of ours for when a guest gives none.

mod address;
mod forms;
mod frame;
mod notice;

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use http_body_util::Full;
use hyper::body::Incoming;
use wharf_protocol::notification::payments::FormField;

use super::origin::Arrival;
use super::problem::{Bearing, Problem};
use super::{Edge, Outcome, Ticket, reply};
use crate::call::{self, Runner, Subject};
use crate::guest::{Abandoned, Body, Class, Fault, functions};
use crate::store::Timestamp;
use crate::table::{Channel, Work};

pub(super) use forms::Forms;
use frame::Frame;
use notice::{Language, Notice};

/// The page for a token that opens nothing. No platform is known that may frame it.
pub(super) fn unauthorized(query: Option<&str>) -> Response<Full<Bytes>> {
    Frame::nobodys(Language::of(query.unwrap_or_default())).told(401, Notice::NoSuchAddress)
}

/// Opens the page, or hands its sent form to the guest.
pub(super) async fn answer(
    edge: Arc<Edge>,
    channel: Arc<Channel>,
    head: Parts,
    form: Option<Incoming>,
    arrival: Arrival,
) -> Response<Full<Bytes>> {
    let query = head.uri.query().unwrap_or_default().to_owned();
    let language = Language::of(&query);
    let began = arrival.began;
    let ticket = Ticket::new(Arc::clone(&channel), Work::PAYMENT_PAGE, Work::PAYMENT_PAGE.name(), arrival);
    let frame = Frame::of(&ticket, language);
    let form = match form {
        None => None,
        Some(incoming) => match forms::read(&edge, &channel.name, &query, &head.headers, incoming, began).await {
            Ok(fields) => Some(fields),
            Err((status, notice)) => return frame.told(status, notice),
        },
    };
    if let Err(fault) = ticket.count() {
        let failed = frame.failed(&Problem::of_fault(&fault, false), false);
        return reply::of_call(failed, &ticket.id);
    }
    let sent = form.is_some();
    let (id, pace, runtime) = (ticket.id.clone(), Arc::clone(&ticket.pace), Arc::clone(&edge.runtime));
    let work = async move { exchange(&edge, ticket, &query, form).await };
    let carried = runtime.carry(work, pace, Abandoned::Finished).await;
    carried.unwrap_or_else(|panicked| reply::of_call(frame.failed(&Problem::panicked(&panicked, &id), sent), &id))
}

async fn exchange(
    edge: &Edge,
    ticket: Ticket,
    query: &str,
    form: Option<Vec<FormField<'static>>>,
) -> Response<Full<Bytes>> {
    let token = edge.forms.token(ticket.ids().channel, query, Timestamp::now());
    let mut request = address::read(query);
    let sent = form.is_some();
    request.form_token = &token;
    request.form = form.unwrap_or_default();
    let context = call::notification::context(ticket.ids());
    let subject = Subject::entity(&request.entity);
    let runner = edge.runner(&ticket);
    let ended =
        runner.run::<functions::PaymentPage>(subject, Body::Empty, Class::Notification, (context, &request)).await;
    // The release that answered, which may not be the one that the request was routed to.
    let frame = Frame::of(&ticket, Language::of(query));
    let limit = ended.most;
    let page = ended.result.and_then(|page| {
        let is_too_large = page.html.len() > limit;
        if is_too_large { Err(Fault::AnswerTooLarge { limit }) } else { Ok(page) }
    });
    let (response, outcome) = match page {
        Ok(page) => (frame.shown(page), Outcome::WELL),
        Err(fault) => {
            let asked_others = ended.spent.sent > 0;
            let problem = Problem::of_fault(&fault, asked_others);
            // A page that was only opened has changed nothing, unless another system was asked. A guest that was to handle a
            // form may have kept it before it failed.
            let unknown = problem.is_unsettled() || problem.bearing == Bearing::Fault;
            let status = problem.status();
            (frame.failed(&problem, unknown && (sent || asked_others)), problem.into_outcome(status))
        }
    };
    let response = reply::of_call(response, &ticket.id);
    edge.record(ticket, outcome);
    response
}
