//! What a caller is told when something fails: the only place that decides it.
//!
//! Errors have two readers. The caller gets a status, a stable code, one plain sentence and the call's id; the cause goes
//! to the journal and the log. Never success for what a guest did not decide: a guest that decided speaks through the
//! platform's own error channel, everything else through HTTP (SDK) or the level *critical* (notifications).

mod words;

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body_util::Full;
use serde::Serialize;
use wharf_protocol::call::Refusal;
use wharf_protocol::notification::{ErrorLevel, EventKind, Verdict};
use wharf_protocol::sdk::Interaction;
use wharf_protocol::sdk::reports::{Event, Outcome as Status};

use super::{Outcome, reply};
use crate::call::Failed;
use crate::config::{FailureMode, Language, Size};
use crate::guest::{Fault, Panicked};

/// A failure as a caller is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    status: u16,
    code: Cow<'static, str>,
    message: Cow<'static, str>,
    retry_after: Option<u32>,
    allow: Option<&'static str>,
    /// What the caller is not told.
    pub(super) cause: Option<Box<str>>,
    /// The journal's word for it.
    pub(super) outcome: &'static str,
    /// What it says about the component.
    pub(super) bearing: Bearing,
    /// Whether the call was stopped at a point where what it was about may have happened or not.
    unsettled: bool,
}

/// What the end of a call says about its component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bearing {
    /// It did its work; a business refusal is work done.
    Well,
    /// It failed.
    Fault,
    /// Nothing: no guest was asked, or the host ended the call.
    Nothing,
}

impl Bearing {
    fn of(fault: &Fault) -> Self {
        match fault {
            _ if fault.is_guests() => Self::Fault,
            _ if fault.was_asked() => Self::Well,
            _ => Self::Nothing,
        }
    }
}

/// The code of a request that no guest could do anything with.
const MISSING: &str = "HOST_MISSING_FIELD";

/// The code of a failure after requests to the outside.
const AMBIGUOUS: &str = "HOST_AMBIGUOUS";

/// The journal's word for a bug of ours.
pub(super) const HOST_BUG: &str = "host-bug";

/// Longest message, in bytes, about what a caller sent.
const LONGEST_MESSAGE: usize = 350;

/// Seconds after which a busy node is worth another try.
const RETRY_SOON: u32 = 1;

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    events: Vec<Event>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call_id: Option<&'a str>,
}

impl Problem {
    fn new(status: u16, code: &'static str, message: impl Into<Cow<'static, str>>, outcome: &'static str) -> Self {
        Self {
            status,
            code: Cow::Borrowed(code),
            message: message.into(),
            retry_after: None,
            allow: None,
            cause: None,
            outcome,
            bearing: Bearing::Nothing,
            unsettled: false,
        }
    }

    /// Nothing that a caller could help: worth another try after some seconds.
    fn later(seconds: u32, code: &'static str, message: &'static str, outcome: &'static str) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(503, code, message, outcome) }
    }

    /// A body that is not what it should be. The message may quote from it, and so be as long as it.
    pub(super) fn malformed(message: impl Into<Cow<'static, str>>) -> Self {
        let message = match message.into() {
            Cow::Owned(message) if message.len() > LONGEST_MESSAGE => {
                let end = message.floor_char_boundary(LONGEST_MESSAGE);
                Cow::Owned(format!("{} …", &message[..end]))
            }
            message => message,
        };
        Self::new(400, "HOST_MALFORMED", message, "malformed")
    }

    /// A wrong key or an unknown channel: the same words for both, so that names of customers do not leak.
    pub(super) fn unauthorized() -> Self {
        Self::new(401, "HOST_UNAUTHORIZED", "The key is not valid for this address.", "unauthorized")
    }

    pub(super) fn no_such_path() -> Self {
        Self::new(
            404,
            "HOST_NO_SUCH_PATH",
            "There is nothing at this path. Check the channel's base URL and the interaction's name.",
            "not-found",
        )
    }

    pub(super) fn wrong_method(allow: &'static str) -> Self {
        let message = format!("This path takes {allow} only.");
        Self { allow: Some(allow), ..Self::new(405, "HOST_WRONG_METHOD", message, "malformed") }
    }

    pub(super) fn slow_body(limit: Duration) -> Self {
        Self::new(408, "HOST_SLOW_BODY", format!("The body did not arrive within {} s.", limit.as_secs()), "malformed")
    }

    /// A body that trickles.
    pub(super) fn trickling_body(rate: Size) -> Self {
        Self::new(408, "HOST_SLOW_BODY", format!("The body arrived at less than {rate} per second."), "malformed")
    }

    /// A request that came through more hosts than `limit`.
    pub(super) fn going_round(limit: u32) -> Self {
        let message = format!("The request came through more than {limit} hosts; it seems to go round.");
        Self::new(508, "HOST_LOOP", message, "loop")
    }

    /// The bodies of other requests fill what there is for them.
    pub(super) fn no_room() -> Self {
        Self::later(RETRY_SOON, "HOST_BUSY", "Too many large requests at the same time.", "busy")
    }

    pub(super) fn too_large(limit: Size) -> Self {
        Self::new(413, "HOST_TOO_LARGE", format!("The body is larger than {limit}."), "malformed")
    }

    /// A notification of a type that the platform is not known to send.
    pub(super) fn unknown_event(event: &str) -> Self {
        let event: String = event.chars().take(64).collect();
        Self::new(422, "HOST_UNKNOWN_EVENT", format!("The event type {event:?} is not known."), "malformed")
    }

    /// A notification that could not be made durable.
    pub(super) fn not_stored(cause: String) -> Self {
        let problem =
            Self::new(503, "HOST_UNAVAILABLE", "The notification could not be stored. Send it again.", "unavailable");
        Self { retry_after: Some(RETRY_SOON), cause: Some(cause.into()), ..problem }
    }

    /// What becomes of a call without an answer. `is_read` says that the call only looks, whatever it sent.
    pub(super) fn of_failed(failed: Failed, is_read: bool) -> Self {
        match failed {
            Failed::Request(message) => Self::malformed(message),
            Failed::Missing(path) => {
                let message = format!("The request has no {path}.");
                let refusal = Refusal { code: MISSING.to_owned(), message };
                // A refusal as a guest would give it, though none was asked.
                Self { bearing: Bearing::Nothing, ..Self::of_fault(&Fault::Refused(refusal), false) }
            }
            Failed::Guest { fault, sent, .. } => Self::of_fault(&fault, sent && !is_read),
        }
    }

    /// A bug of ours.
    pub(super) fn host(cause: String) -> Self {
        Self {
            cause: Some(cause.into()),
            ..Self::new(500, "HOST_ERROR", "The host failed; its operator has been told.", HOST_BUG)
        }
    }

    /// The same call was under way and ended without an answer that could be given again.
    pub(super) fn unanswered() -> Self {
        let cause = "the run of the same notification, whose answer it was to get, ended without one";
        Self { unsettled: true, ..Self::host(cause.to_owned()) }
    }

    /// A bug of ours that ended a call.
    pub(super) fn panicked(panicked: &Panicked, call_id: &str) -> Self {
        tracing::error!(call = call_id, %panicked, "a bug of this host");
        Self { unsettled: true, ..Self::host(panicked.to_string()) }
    }

    /// The failure table: what each fault of a guest becomes. `sent` says that requests to the outside had gone out that may
    /// change something there, so that after a fault nobody knows what they did.
    pub(super) fn of_fault(fault: &Fault, sent: bool) -> Self {
        let trap = "The channel's plugin failed while answering.";
        let mut problem = match fault {
            Fault::Trap(_) => Self::new(502, "HOST_TRAP", trap, "trap"),
            Fault::OutOfMemory { .. } => {
                Self::new(502, "HOST_OUT_OF_MEMORY", "The channel's plugin ran out of memory.", "oom")
            }
            Fault::StackOverflow => {
                Self::new(502, "HOST_STACK_OVERFLOW", "The channel's plugin ran out of stack.", "stack")
            }
            Fault::InvalidAnswer(_) => Self::new(
                502,
                "HOST_INVALID_ANSWER",
                "The channel's plugin gave an answer that breaks the platform's rules.",
                "invalid-answer",
            ),
            Fault::AnswerTooLarge { .. } => Self::new(
                502,
                "HOST_INVALID_ANSWER",
                "The channel's plugin gave an answer that is too large.",
                "invalid-answer",
            ),
            Fault::Internal(_) => Self::new(502, "HOST_PLUGIN_FAILED", trap, "internal"),
            Fault::Deadline { .. } => {
                Self::new(504, "HOST_DEADLINE", "The channel's plugin did not answer in time.", "deadline")
            }
            Fault::Cpu { .. } => {
                Self::new(504, "HOST_CPU_DEADLINE", "The channel's plugin computed for too long.", "cpu-deadline")
            }
            Fault::NotImplemented(_) => {
                Self::new(501, "HOST_NOT_IMPLEMENTED", "The channel's plugin does not answer this.", "not-implemented")
            }
            Fault::Refused(refusal) => {
                Self { code: refusal.code.clone().into(), ..Self::new(422, "", refusal.message.clone(), "refused") }
            }
            Fault::RetryLater(seconds) => {
                let message = "The channel asks to be called again later.";
                Self::later(seconds.unwrap_or(RETRY_SOON), "HOST_RETRY_LATER", message, "retry-later")
            }
            Fault::Busy(_) => Self::later(RETRY_SOON, "HOST_BUSY", "Too many calls at the same time.", "busy"),
            Fault::Rate(seconds) => {
                let message = "The channel's calls come too fast.";
                Self { status: 429, ..Self::later(*seconds, "HOST_RATE_LIMITED", message, "rate") }
            }
            Fault::NoRelease => {
                let message = "The channel has nothing deployed that could answer.";
                Self::later(RETRY_SOON, "HOST_UNAVAILABLE", message, "unavailable")
            }
            Fault::Resting(seconds) => {
                let message = "The channel's plugin failed again and again; it is called again soon.";
                Self::later(*seconds, "HOST_BUSY", message, "resting")
            }
            Fault::Replaced(_) => {
                let message = "The channel's plugin was replaced during the call.";
                Self::later(RETRY_SOON, "HOST_REPLACED", message, "replaced")
            }
            Fault::Host(_) => Self::host(fault.to_string()),
        };
        problem.bearing = Bearing::of(fault);
        // Whoever ran out of time was in the middle of something, though it may have been before its first request.
        problem.unsettled = matches!(fault, Fault::Deadline { .. } | Fault::Cpu { .. } | Fault::Replaced(_));
        problem.cause = Some(fault.to_string().into());
        if sent && fault.leaves_unknown() { problem.ambiguous() } else { problem }
    }

    /// It after requests to the outside, of which nobody knows what they did.
    fn ambiguous(self) -> Self {
        // Not 503 with a time to come back: what may have been done must not be done again by itself.
        let status = if self.retry_after.is_some() { 504 } else { self.status };
        Self {
            status,
            retry_after: None,
            unsettled: true,
            code: AMBIGUOUS.into(),
            message: "The channel's plugin failed after it had called other systems; what they did is not known."
                .into(),
            ..self
        }
    }

    /// It as the journal has it, with the status that the caller got.
    pub(super) fn into_outcome(self, status: u16) -> Outcome {
        let Self { code, cause, outcome, bearing, .. } = self;
        let is_shed = matches!(outcome, "busy" | "rate");
        Outcome { status, name: outcome, code: Some(code.into_owned()), detail: cause, bearing, is_shed }
    }

    pub(super) fn status(&self) -> u16 {
        self.status
    }

    /// The SDK's answer to what did not become a call.
    pub(super) fn into_sdk(self, interaction: Interaction, call_id: Option<&str>) -> Response<Full<Bytes>> {
        self.into_sdk_in(FailureMode::Http, interaction, call_id)
    }

    /// The SDK's answer: an `events` array whatever the status, and `status: "fail"` where the interaction has one.
    ///
    /// A guest's refusal travels as HTTP 200 where the answer has events, and so does every other failure of a call where the
    /// channel's callers want that. `order_pull` and `catalog_get_config` have none, and an empty list of orders would end the
    /// platform's paging as if all were well.
    pub(super) fn into_sdk_in(
        self,
        mode: FailureMode,
        interaction: Interaction,
        call_id: Option<&str>,
    ) -> Response<Full<Bytes>> {
        let by_event = self.is_refusal() || mode == FailureMode::Events && !self.is_callers();
        let status = if by_event && interaction.reports_events() { 200 } else { self.status };
        let mut event = self.event();
        event.diagnostic_data = call_id.map(|id| format!("call {id}"));
        let body = Body { status: interaction.reports_status().then_some(Status::Fail), events: vec![event], call_id };
        self.dress(reply::json(status, &body), call_id)
    }

    /// The answer where nobody could be asked: no channel, no such path.
    pub(super) fn into_plain(self) -> Response<Full<Bytes>> {
        let body = Body { status: None, events: vec![self.event()], call_id: None };
        self.dress(reply::json(self.status, &body), None)
    }

    /// It as an event.
    pub(super) fn event(&self) -> Event {
        Event::error(&*self.code, &*self.message)
    }

    /// The envelope's part of the answer to a notification that is not taken: the caller's mistake is an error, ours critical.
    pub(super) fn refusal(&self) -> Verdict {
        let level = if self.status < 500 { ErrorLevel::Error } else { ErrorLevel::Critical };
        Verdict::failed(level, &*self.code, &*self.message)
    }

    /// The part of the answer to a notification of this kind for which no guest gave one: a guest's refusal is an error, everything
    /// else critical. What may have happened all the same is said in words that a cashier can act on.
    pub(super) fn notification_verdict(
        &self,
        kind: EventKind,
        is_read: bool,
        call_id: &str,
        language: Language,
    ) -> Verdict {
        if self.is_refusal() {
            return Verdict::failed(ErrorLevel::Error, &*self.code, &*self.message);
        }
        let level = if self.outcome == "malformed" { ErrorLevel::Error } else { ErrorLevel::Critical };
        let message = words::of_failure(&self.code, self.outcome, language).unwrap_or(&self.message);
        let message = match words::what_then(kind, language).filter(|_| self.unsettled && !is_read) {
            Some(then) => format!("{message} {then} ({call_id})"),
            None => format!("{message} ({call_id})"),
        };
        Verdict::failed(level, &*self.code, message)
    }

    /// Whether the call was stopped at a point where what it was about may have happened or not.
    pub(super) fn is_unsettled(&self) -> bool {
        self.unsettled
    }

    /// Whether the request itself is wrong, so that no call came of it.
    fn is_callers(&self) -> bool {
        self.status < 500 && self.status != 429
    }

    /// Whether a guest has decided it.
    pub(super) fn is_decided(&self) -> bool {
        self.is_refusal() && self.bearing == Bearing::Well
    }

    /// Whether it came after requests to the outside, of which nobody knows what they did.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.code == AMBIGUOUS
    }

    fn is_refusal(&self) -> bool {
        self.outcome == "refused"
    }

    pub(super) fn dress(&self, mut response: Response<Full<Bytes>>, call_id: Option<&str>) -> Response<Full<Bytes>> {
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = self.allow.map(HeaderValue::from_static) {
            headers.insert(header::ALLOW, allow);
        }
        match call_id {
            Some(id) => reply::of_call(response, id),
            None => response,
        }
    }
}

#[cfg(test)]
mod tests;
