//! What an author adds to the conformance cases: replies to requests, and cases of the plugin's own.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wharf_protocol::examples::Call;
use wharf_protocol::notification::EventKind;
use wharf_protocol::sdk::Interaction;
use wharf_protocol::sdk::envelope::KEY_MEMBER;

use crate::guest::RecordedReply;

/// Most cases of a release, beside the conformance cases: each may take as long as a call.
const MOST_CASES: usize = 100;
/// Bytes of all cases and replies together, as JSON.
const LARGEST: usize = 1024 * 1024;
/// Longest name of a case.
const LONGEST_NAME: usize = 200;
/// The member of a notification that says what it is.
const EVENT_TYPE: &str = "eventType";

/// What a release is tried with before it is published, beside the conformance cases.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpecPreflight {
    /// What its requests to the outside are answered with; the first that fits. All others are refused.
    pub replies: Vec<RecordedReply>,
    /// Cases of its own, run in this order after the conformance cases.
    pub cases: Vec<SpecCase>,
}

/// A request and what is expected of its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpecCase {
    /// How the author calls it.
    pub name: String,
    /// An interaction such as `inventory_push`, or an event type such as `document.pricing`.
    pub call: String,
    /// The request's JSON object, without a key.
    pub request: Value,
    /// How the call must end.
    #[serde(default)]
    pub outcome: CaseOutcome,
    /// Values that the answer must have: by JSON pointer. `null` stands for none at all too.
    #[serde(default)]
    pub expect: BTreeMap<String, Value>,
}

/// How a call ends, in the component's own words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseOutcome {
    /// With an answer.
    #[default]
    Ok,
    /// With a business no, which has a `code` and a `message`.
    Refused,
    /// The component does not do this.
    Unsupported,
    /// With the wish to be called later, perhaps after some `seconds`.
    RetryLater,
    /// With the component's word that it failed, which has a `message`.
    Internal,
}

impl CaseOutcome {
    /// All of them, by name.
    pub const ALL: [(&str, Self); 5] = [
        ("ok", Self::Ok),
        ("refused", Self::Refused),
        ("unsupported", Self::Unsupported),
        ("retry-later", Self::RetryLater),
        ("internal", Self::Internal),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, outcome)| *outcome == self).map_or("ok", |(name, _)| name)
    }
}

impl SpecPreflight {
    /// Everything that is not well-formed.
    pub(in crate::control) fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        for reply in &self.replies {
            mistakes.extend(reply.check().err().map(|error| format!("preflight reply {:?}: {error}", reply.url)));
        }
        let mut names = BTreeSet::new();
        for case in &self.cases {
            let label = format!("preflight case {:?}", case.name);
            mistakes.extend(case.mistakes().into_iter().map(|mistake| format!("{label}: {mistake}")));
            if !names.insert(&case.name) {
                mistakes.push(format!("{label}: another case has the same name"));
            }
        }
        if self.cases.len() > MOST_CASES {
            mistakes.push(format!("there are {} preflight cases; the limit is {MOST_CASES}", self.cases.len()));
        }
        let size = serde_json::to_vec(self).map_or(usize::MAX, |json| json.len());
        if size > LARGEST {
            mistakes
                .push(format!("preflight's requests and replies have {size} bytes together; the limit is {LARGEST}"));
        }
        mistakes
    }
}

impl SpecCase {
    fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        if self.name.is_empty() || self.name.len() > LONGEST_NAME {
            mistakes.push(format!("its name must have 1 to {LONGEST_NAME} bytes"));
        }
        if self.call().is_none() {
            let expected = "an interaction such as inventory_push, or an event type such as document.pricing";
            mistakes.push(format!("its call {:?} is not known; expected {expected}", self.call));
        }
        match &self.request {
            Value::Object(request) if request.contains_key(KEY_MEMBER) => {
                mistakes.push(format!("its request has a key; leave {KEY_MEMBER} out"));
            }
            Value::Object(request) if self.is_notification() => {
                mistakes.extend(
                    request
                        .get(EVENT_TYPE)
                        .filter(|event| **event != self.call.as_str())
                        .map(|event| format!("its call is {:?}, but its request's {EVENT_TYPE} is {event}", self.call)),
                );
            }
            Value::Object(_) => {}
            _ => mistakes.push("its request is not a JSON object".to_owned()),
        }
        for pointer in self.expect.keys().filter(|pointer| !is_pointer(pointer)) {
            mistakes.push(format!("its expectation {pointer:?} is not a JSON pointer such as \"/events/0/code\""));
        }
        if self.outcome == CaseOutcome::Unsupported && !self.expect.is_empty() {
            mistakes.push("the outcome unsupported has no answer in which something could be expected".to_owned());
        }
        mistakes
    }

    /// What it calls.
    pub(super) fn call(&self) -> Option<Call> {
        let interaction = Interaction::ALL.into_iter().find(|interaction| interaction.name() == self.call);
        interaction.map(Call::Sdk).or_else(|| EventKind::of(&self.call).map(Call::Notification))
    }

    fn is_notification(&self) -> bool {
        matches!(self.call(), Some(Call::Notification(_)))
    }

    /// The request as it is sent: a notification says what it is.
    pub(super) fn body(&self) -> String {
        let mut request = self.request.clone();
        if self.is_notification()
            && let Value::Object(members) = &mut request
        {
            members.entry(EVENT_TYPE).or_insert_with(|| self.call.as_str().into());
        }
        request.to_string()
    }
}

fn is_pointer(text: &str) -> bool {
    let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    escapes && (text.is_empty() || text.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(json: Value) -> SpecPreflight {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn every_mistake_of_every_case_is_told() {
        let mistakes = spec(json!({
            "replies": [{"url": "a.b"}],
            "cases": [
                {"name": "a", "call": "inventory_pull", "request": [], "expect": {"events": 1, "/~2": 1}},
                {"name": "a", "call": "document.pricing", "request": {"eventType": "document.validation"}},
                {"name": "", "call": "order_pull", "request": {"integration_auth_token": "k"}, "outcome": "unsupported",
                 "expect": {"": {}}},
            ],
        }))
        .mistakes();
        for part in [
            "reply \"a.b\": its url",
            "\"inventory_pull\" is not known",
            "not a JSON object",
            "\"events\" is not a JSON pointer",
            "\"/~2\" is not a JSON pointer",
            "another case has the same name",
            "its request's eventType is \"document.validation\"",
            "1 to 200 bytes",
            "leave integration_auth_token out",
            "unsupported has no answer",
        ] {
            assert_eq!(mistakes.iter().filter(|mistake| mistake.contains(part)).count(), 1, "{part}: {mistakes:#?}");
        }
        assert_eq!(mistakes.len(), 10, "{mistakes:#?}");
    }

    #[test]
    fn too_many_and_too_large_name_their_limits() {
        let case = |number: usize| json!({"name": number.to_string(), "call": "order_pull", "request": {}});
        let many = spec(json!({"cases": (0..101).map(case).collect::<Vec<_>>()})).mistakes();
        assert_eq!(many, ["there are 101 preflight cases; the limit is 100"]);
        let large = spec(json!({"replies": [{"url": "https://a.b", "body": "x".repeat(LARGEST)}]})).mistakes();
        assert!(large[0].ends_with("the limit is 1048576"), "{large:?}");
    }

    #[test]
    fn a_notification_says_what_it_is() {
        let mut case = SpecCase {
            name: "n".to_owned(),
            call: "workflow.done".to_owned(),
            request: json!({"entityID": 5}),
            outcome: CaseOutcome::Ok,
            expect: BTreeMap::new(),
        };
        assert_eq!(case.body(), r#"{"entityID":5,"eventType":"workflow.done"}"#);
        case.call = "order_pull".to_owned();
        assert_eq!(case.body(), r#"{"entityID":5}"#);
    }

    #[test]
    fn an_outcome_has_the_same_name_everywhere() {
        for (name, outcome) in CaseOutcome::ALL {
            assert_eq!(serde_json::to_value(outcome).unwrap(), name);
            assert_eq!(outcome.name(), name);
        }
    }
}
