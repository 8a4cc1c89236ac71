//! Whether a call ended as it should.

use serde_json::{Value, json};

use super::{CaseOutcome, SpecCase};
use crate::call::Failed;
use crate::config::Size;
use crate::guest::Fault;

/// How a call ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// As the component said, and in which words.
    Said(CaseOutcome, Value),
    /// In a way that no component may end in.
    Broke(Broken),
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Broken {
    pub(super) why: String,
    pub(super) path: Option<String>,
    pub(super) answer: Option<String>,
    pub(super) fault: Option<String>,
    /// Whether every case after it would take its time and end alike.
    pub(super) stops: bool,
}

/// What is to be made of a case.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    Passed,
    Skipped,
    Declared(CaseOutcome, Value),
    Failed(Broken),
}

impl Broken {
    fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), path: None, answer: None, fault: None, stops: false }
    }

    fn answered(self, answer: &Value) -> Self {
        Self { answer: (!answer.is_null()).then(|| answer.to_string()), ..self }
    }
}

impl Ending {
    pub(super) fn of(result: Result<Vec<u8>, Failed>) -> Self {
        match result {
            Ok(answer) => match serde_json::from_slice(&answer) {
                Ok(answer) => Self::Said(CaseOutcome::Ok, answer),
                Err(error) => Self::Broke(Broken::new(format!("the answer is not JSON: {error}"))),
            },
            Err(Failed::Request(message)) => {
                Self::Broke(Broken::new(format!("the platform's request cannot be read: {message}")))
            }
            // What the edge tells the caller then.
            Err(Failed::Missing(path)) => {
                let message = format!("The request has no {path}.");
                Self::Said(CaseOutcome::Refused, json!({"code": "HOST_MISSING_FIELD", "message": message}))
            }
            Err(Failed::Guest { fault, answer, .. }) => Self::of_fault(&fault, answer),
        }
    }

    fn of_fault(fault: &Fault, answer: Option<Box<str>>) -> Self {
        let said = match fault {
            Fault::NotImplemented(_) => Some((CaseOutcome::Unsupported, Value::Null)),
            Fault::Refused(refusal) => {
                Some((CaseOutcome::Refused, json!({"code": refusal.code, "message": refusal.message})))
            }
            Fault::RetryLater(seconds) => Some((CaseOutcome::RetryLater, json!({"seconds": seconds}))),
            Fault::Internal(message) => Some((CaseOutcome::Internal, json!({"message": message}))),
            _ => None,
        };
        if let Some((outcome, answer)) = said {
            return Self::Said(outcome, answer);
        }
        // A trap's own words are lines of addresses.
        let (why, words) = match fault {
            Fault::Trap(cause) => ("the component crashed".to_owned(), Some(cause.clone())),
            Fault::OutOfMemory { limit, cause } => {
                let size = Size(*limit as u64);
                (
                    format!("the component crashed when it had no memory left; its limit is {size} (guest.memory)"),
                    Some(cause.clone()),
                )
            }
            Fault::InvalidAnswer(breach) => (format!("the answer breaks a rule of the platform: {breach}"), None),
            Fault::Busy(_) => {
                ("this node had no place free for it; deploy again when fewer calls run".to_owned(), None)
            }
            other => (other.to_string(), None),
        };
        let path = if let Fault::InvalidAnswer(breach) = fault { Some(breach.path.clone()) } else { None };
        let stops = matches!(fault, Fault::Deadline { .. } | Fault::Cpu { .. } | Fault::Busy(_));
        Self::Broke(Broken { why, path, answer: answer.map(String::from), fault: words, stops })
    }

    /// For a case of the platform's: the component need not do everything, but what it does must be right.
    pub(super) fn conformance(self) -> Verdict {
        match self {
            Self::Said(CaseOutcome::Ok, _) => Verdict::Passed,
            Self::Said(CaseOutcome::Unsupported, _) => Verdict::Skipped,
            Self::Said(outcome, answer) => Verdict::Declared(outcome, answer),
            Self::Broke(broken) => Verdict::Failed(broken),
        }
    }

    /// For a case of the author's, who says what must come.
    pub(super) fn expected(self, case: &SpecCase) -> Verdict {
        let (outcome, answer) = match self {
            Self::Said(outcome, answer) => (outcome, answer),
            Self::Broke(broken) => return Verdict::Failed(broken),
        };
        if outcome != case.outcome {
            let why = format!("expected the outcome {}, found {}", case.outcome.name(), outcome.name());
            return Verdict::Failed(Broken::new(why).answered(&answer));
        }
        for (pointer, expected) in &case.expect {
            let found = answer.pointer(pointer);
            if !same(expected, found.unwrap_or(&Value::Null)) {
                let found = found
                    .map_or_else(|| "nothing there".to_owned(), |found| super::report::cut(&found.to_string(), 200));
                let why = format!("expected {expected} at {pointer:?}, found {found}");
                let broken = Broken { path: Some(pointer.clone()), ..Broken::new(why) };
                return Verdict::Failed(broken.answered(&answer));
            }
        }
        Verdict::Passed
    }
}

/// Whether two values are the same, however a number is written.
fn same(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| same(value, other)))
        }
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use wharf_protocol::Breach;
    use wharf_protocol::call::Refusal;

    use super::*;

    fn guest(fault: Fault) -> Ending {
        Ending::of(Err(Failed::Guest { fault, sent: false, answer: Some("{\"a\":1}".into()) }))
    }

    fn refused() -> Fault {
        Fault::Refused(Refusal { code: "SOLD_OUT".to_owned(), message: "None left.".to_owned() })
    }

    fn case(outcome: CaseOutcome, expect: Value) -> SpecCase {
        let expect = serde_json::from_value(expect).unwrap();
        SpecCase { name: "n".to_owned(), call: "order_pull".to_owned(), request: json!({}), outcome, expect }
    }

    fn failed(verdict: Verdict) -> Broken {
        match verdict {
            Verdict::Failed(broken) => broken,
            other => panic!("it did not fail: {other:?}"),
        }
    }

    #[test]
    fn a_component_may_leave_out_and_decline_but_not_break() {
        assert_eq!(Ending::of(Ok(b"{}".to_vec())).conformance(), Verdict::Passed);
        assert_eq!(guest(Fault::NotImplemented("orders.pull")).conformance(), Verdict::Skipped);
        for fault in [refused(), Fault::RetryLater(Some(7)), Fault::Internal("no".to_owned())] {
            assert!(matches!(guest(fault).conformance(), Verdict::Declared(..)));
        }
        for fault in [
            Fault::Trap("at 0x1".to_owned()),
            Fault::OutOfMemory { limit: 1, cause: String::new() },
            Fault::StackOverflow,
            Fault::AnswerTooLarge { limit: 1 },
            Fault::Host("bug".to_owned()),
        ] {
            assert!(!failed(guest(fault).conformance()).stops);
        }
        for fault in [Fault::Deadline { limit: std::time::Duration::from_secs(1) }, Fault::Busy("guest.instances")] {
            assert!(failed(guest(fault).conformance()).stops);
        }
    }

    #[test]
    fn an_illegal_answer_shows_itself_and_its_path() {
        let breach = Breach::new("orders[0].currency", "is no currency");
        let broken = failed(guest(Fault::InvalidAnswer(breach)).conformance());
        assert_eq!((broken.path.as_deref(), broken.answer.as_deref()), (Some("orders[0].currency"), Some("{\"a\":1}")));
        assert_eq!(broken.why, "the answer breaks a rule of the platform: orders[0].currency is no currency");
    }

    #[test]
    fn a_case_of_the_authors_must_end_as_it_says() {
        let refused = |expect| guest(refused()).expected(&case(CaseOutcome::Refused, expect));
        assert_eq!(refused(json!({"/code": "SOLD_OUT"})), Verdict::Passed);
        let broken = failed(refused(json!({"/code": "OTHER"})));
        assert_eq!(broken.why, "expected \"OTHER\" at \"/code\", found \"SOLD_OUT\"");
        assert_eq!(broken.path.as_deref(), Some("/code"));
        assert!(broken.answer.unwrap().contains("None left."));
        let broken = failed(guest(self::refused()).expected(&case(CaseOutcome::Ok, json!({}))));
        assert_eq!(broken.why, "expected the outcome ok, found refused");
        let unsupported = guest(Fault::NotImplemented("orders.pull"));
        assert_eq!(unsupported.expected(&case(CaseOutcome::Unsupported, json!({}))), Verdict::Passed);
        let crashed = guest(Fault::StackOverflow).expected(&case(CaseOutcome::Internal, json!({})));
        assert!(failed(crashed).why.contains("stack overflowed"));
    }

    #[test]
    fn values_are_found_by_pointer_and_numbers_by_value() {
        let answer = || Ending::of(Ok(br#"{"a":{"b":[10.0,"x"]},"c":null}"#.to_vec()));
        for expect in
            [json!({"/a/b/0": 10}), json!({"/a": {"b": [10, "x"]}}), json!({"/c": null, "/d": null}), json!({})]
        {
            assert_eq!(answer().expected(&case(CaseOutcome::Ok, expect.clone())), Verdict::Passed, "{expect}");
        }
        for expect in
            [json!({"/a/b/0": 11}), json!({"/a/b": [10]}), json!({"/a": {}}), json!({"/d": 1}), json!({"/a": null})]
        {
            assert!(
                matches!(answer().expected(&case(CaseOutcome::Ok, expect.clone())), Verdict::Failed(_)),
                "{expect}"
            );
        }
    }
}
