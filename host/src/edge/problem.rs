//! What a caller is told when something fails: the only place that decides it.
//!
//! Errors have two readers. The caller gets a status, a stable code, one plain sentence and the call's id; the cause goes
//! to the journal and the log. Never success for what a guest did not decide: a guest that decided speaks through the
//! platform's own error channel, everything else through HTTP (SDK) or the level *critical* (notifications).

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body_util::Full;
use serde::Serialize;
use wharf_protocol::call::Refusal;
use wharf_protocol::notification::{ErrorLevel, Verdict};
use wharf_protocol::sdk::Interaction;
use wharf_protocol::sdk::reports::{Event, Outcome as Status};

use super::{Outcome, reply};
use crate::call::Failed;
use crate::config::Size;
use crate::guest::Fault;

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

/// Longest message, in bytes, about what a caller sent.
const LONGEST_MESSAGE: usize = 350;

/// Seconds after which a busy or stopping node is worth another try.
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

    /// What becomes of a call without an answer.
    pub(super) fn of_failed(failed: Failed) -> Self {
        match failed {
            Failed::Request(message) => Self::malformed(message),
            Failed::Missing(path) => {
                let message = format!("The request has no {path}.");
                let refusal = Refusal { code: MISSING.to_owned(), message };
                // A refusal as a guest would give it, though none was asked.
                Self { bearing: Bearing::Nothing, ..Self::of_fault(&Fault::Refused(refusal), false) }
            }
            Failed::Guest { fault, sent, .. } => Self::of_fault(&fault, sent),
        }
    }

    /// A bug of ours.
    pub(super) fn host(cause: String) -> Self {
        Self {
            cause: Some(cause.into()),
            ..Self::new(500, "HOST_ERROR", "The host failed; its operator has been told.", "host-bug")
        }
    }

    /// The failure table: what each fault of a guest becomes. `sent` says that requests to the outside had gone out, so that
    /// after a fault nobody knows what they did.
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
            Fault::Draining => Self::later(RETRY_SOON, "HOST_UNAVAILABLE", "This node is stopping.", "unavailable"),
            Fault::Host(_) => Self::host(fault.to_string()),
        };
        problem.bearing = Bearing::of(fault);
        if sent && fault.leaves_unknown() {
            problem.code = "HOST_AMBIGUOUS".into();
            problem.message =
                "The channel's plugin failed after it had called other systems; what they did is not known.".into();
        }
        problem.cause = Some(fault.to_string().into());
        problem
    }

    /// It as the journal has it, with the status that the caller got.
    pub(super) fn into_outcome(self, status: u16) -> Outcome {
        let Self { code, cause, outcome, bearing, .. } = self;
        Outcome { status, name: outcome, code: Some(code.into_owned()), detail: cause, bearing }
    }

    pub(super) fn status(&self) -> u16 {
        self.status
    }

    /// The SDK's answer: an `events` array whatever the status, and `status: "fail"` where the interaction has one.
    ///
    /// A guest's refusal travels as HTTP 200 where the answer has events; `order_pull` and `catalog_get_config` have none, and an
    /// empty list of orders would end the platform's paging as if all were well.
    pub(super) fn into_sdk(self, interaction: Interaction, call_id: Option<&str>) -> Response<Full<Bytes>> {
        let status = if self.is_refusal() && interaction.reports_events() { 200 } else { self.status };
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

    /// The envelope's part of a notification's answer: a guest's refusal is an error, everything else critical.
    pub(super) fn verdict(&self, call_id: &str) -> Verdict {
        if self.is_refusal() {
            return Verdict::failed(ErrorLevel::Error, &*self.code, &*self.message);
        }
        Verdict::failed(ErrorLevel::Critical, &*self.code, format!("{} ({call_id})", self.message))
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
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use wharf_protocol::Breach;

    fn told(fault: &Fault, interaction: Interaction) -> (u16, serde_json::Value, Option<String>) {
        let response = Problem::of_fault(fault, false).into_sdk(interaction, Some("01CALL"));
        let (head, body) = response.into_parts();
        let bytes =
            tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(body.collect()).unwrap().to_bytes();
        let retry = head.headers.get(header::RETRY_AFTER).map(|value| value.to_str().unwrap().to_owned());
        (head.status.as_u16(), serde_json::from_slice(&bytes).unwrap(), retry)
    }

    fn refusal() -> Fault {
        Fault::Refused(Refusal { code: "CLOSED".into(), message: "The shop is closed.".into() })
    }

    /// One row for each fault: status, code, whether to try again, whether the guest is to blame.
    fn table() -> Vec<(Fault, u16, &'static str, Option<&'static str>, bool)> {
        vec![
            (Fault::Trap("unreachable at secret_function".into()), 502, "HOST_TRAP", None, true),
            (Fault::OutOfMemory { limit: 1, cause: String::new() }, 502, "HOST_OUT_OF_MEMORY", None, true),
            (Fault::StackOverflow, 502, "HOST_STACK_OVERFLOW", None, true),
            (Fault::Deadline { limit: Duration::from_secs(12) }, 504, "HOST_DEADLINE", None, true),
            (
                Fault::InvalidAnswer(Breach::new("orders[0].currency_code", "is wrong")),
                502,
                "HOST_INVALID_ANSWER",
                None,
                true,
            ),
            (Fault::AnswerTooLarge { limit: 1 }, 502, "HOST_INVALID_ANSWER", None, true),
            (Fault::Internal("secret".into()), 502, "HOST_PLUGIN_FAILED", None, true),
            (Fault::NotImplemented("orders.pull"), 501, "HOST_NOT_IMPLEMENTED", None, false),
            (Fault::RetryLater(Some(30)), 503, "HOST_RETRY_LATER", Some("30"), false),
            (Fault::RetryLater(None), 503, "HOST_RETRY_LATER", Some("1"), false),
            (Fault::Busy("call.in-flight"), 503, "HOST_BUSY", Some("1"), false),
            (Fault::NoRelease, 503, "HOST_UNAVAILABLE", Some("1"), false),
            (Fault::Resting(7), 503, "HOST_BUSY", Some("7"), false),
            (Fault::Replaced(Duration::from_secs(20)), 503, "HOST_REPLACED", Some("1"), false),
            (Fault::Draining, 503, "HOST_UNAVAILABLE", Some("1"), false),
            (Fault::Host("secret".into()), 500, "HOST_ERROR", None, false),
        ]
    }

    #[test]
    fn every_fault_has_its_row_and_never_looks_like_success() {
        for (fault, status, code, retry, guests) in table() {
            for interaction in Interaction::ALL {
                let (got, body, after) = told(&fault, interaction);
                assert_eq!((got, after.as_deref()), (status, retry), "{fault:?}");
                assert_eq!(body["events"][0]["code"], code, "{fault:?}");
                assert_eq!(body["events"][0]["event_type"], "error");
                assert_eq!(body["call_id"], "01CALL");
                assert!(!body.to_string().contains("secret"), "a cause reached the caller: {body}");
                assert_eq!(body.get("status").is_some(), interaction.reports_status());
                assert!(body.get("orders").is_none(), "a failed pull must not look like an empty one");
            }
            assert_eq!(fault.is_guests(), guests, "{fault:?}");
        }
    }

    #[test]
    fn a_refusal_is_an_event_under_200_where_the_answer_has_events() {
        for interaction in Interaction::ALL {
            let (status, body, _) = told(&refusal(), interaction);
            let expected = if interaction.reports_events() { 200 } else { 422 };
            assert_eq!(status, expected, "{}", interaction.name());
            assert_eq!(
                (&body["events"][0]["code"], &body["events"][0]["message"]),
                (&"CLOSED".into(), &"The shop is closed.".into())
            );
            assert_eq!(body.get("status").cloned(), interaction.reports_status().then(|| "fail".into()));
        }
    }

    #[test]
    fn after_requests_to_the_outside_a_fault_is_ambiguous_and_a_refusal_is_not() {
        let deadline = Fault::Deadline { limit: Duration::from_secs(1) };
        assert_eq!(
            (Problem::of_fault(&deadline, true).code.as_ref(), Problem::of_fault(&deadline, true).status()),
            ("HOST_AMBIGUOUS", 504)
        );
        assert_eq!(Problem::of_fault(&refusal(), true).code.as_ref(), "CLOSED");
        assert_eq!(Problem::of_fault(&Fault::Busy("x"), true).code.as_ref(), "HOST_BUSY");
        assert_eq!(Problem::of_fault(&Fault::Replaced(Duration::ZERO), true).code.as_ref(), "HOST_AMBIGUOUS");
    }

    #[test]
    fn notifications_hear_critical_for_faults_and_error_for_refusals() {
        for (fault, _, code, _, _) in table() {
            let verdict = Problem::of_fault(&fault, false).verdict("01CALL");
            assert_eq!((verdict.success, verdict.level, verdict.code.as_str()), (false, ErrorLevel::Critical, code));
            assert!(verdict.message.contains("01CALL") && !verdict.message.contains("secret"));
        }
        let verdict = Problem::of_fault(&refusal(), false).verdict("01CALL");
        assert_eq!(
            (verdict.level, verdict.code.as_str(), verdict.message.as_str()),
            (ErrorLevel::Error, "CLOSED", "The shop is closed.")
        );
    }

    #[test]
    fn what_is_wrong_with_a_request_has_a_status_of_its_own() {
        let statuses = [
            (Problem::malformed("x"), 400),
            (Problem::unauthorized(), 401),
            (Problem::no_such_path(), 404),
            (Problem::wrong_method("POST"), 405),
            (Problem::slow_body(Duration::from_secs(10)), 408),
            (Problem::too_large(Size::mib(4)), 413),
            (Problem::unknown_event("x"), 422),
            (Problem::not_stored(String::new()), 503),
        ];
        for (problem, status) in statuses {
            assert_eq!(problem.status(), status);
            assert!(problem.code.starts_with("HOST_"));
        }
    }
}
