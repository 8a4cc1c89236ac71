//! The failure table, row by row.

use super::*;
use http_body_util::BodyExt;
use wharf_protocol::Breach;

fn told(fault: &Fault, interaction: Interaction) -> (u16, serde_json::Value, Option<String>) {
    told_in(FailureMode::Http, &Problem::of_fault(fault, false), interaction)
}

fn told_in(mode: FailureMode, problem: &Problem, interaction: Interaction) -> (u16, serde_json::Value, Option<String>) {
    let response = problem.clone().into_sdk_in(mode, interaction, Some("01CALL"));
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
        (Fault::Cpu { limit: Duration::from_secs(1) }, 504, "HOST_CPU_DEADLINE", None, true),
        (Fault::Rate(3), 429, "HOST_RATE_LIMITED", Some("3"), false),
        (Fault::AnswerTooLarge { limit: 1 }, 502, "HOST_INVALID_ANSWER", None, true),
        (Fault::Internal("secret".into()), 502, "HOST_PLUGIN_FAILED", None, true),
        (Fault::NotImplemented("orders.pull"), 501, "HOST_NOT_IMPLEMENTED", None, false),
        (Fault::RetryLater(Some(30)), 503, "HOST_RETRY_LATER", Some("30"), false),
        (Fault::RetryLater(None), 503, "HOST_RETRY_LATER", Some("1"), false),
        (Fault::Busy("call.in-flight"), 503, "HOST_BUSY", Some("1"), false),
        (Fault::NoRelease, 503, "HOST_UNAVAILABLE", Some("1"), false),
        (Fault::Resting(7), 503, "HOST_BUSY", Some("7"), false),
        (Fault::Replaced(Duration::from_secs(20)), 503, "HOST_REPLACED", Some("1"), false),
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
        let verdict = Problem::of_fault(&fault, false).notification_verdict(
            EventKind::DocumentPricing,
            true,
            "01CALL",
            Language::En,
        );
        assert_eq!((verdict.success, verdict.level, verdict.code.as_str()), (false, ErrorLevel::Critical, code));
        assert!(verdict.message.contains("01CALL") && !verdict.message.contains("secret"));
    }
    let verdict = Problem::of_fault(&refusal(), false).notification_verdict(
        EventKind::DocumentPricing,
        true,
        "01CALL",
        Language::En,
    );
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

#[test]
fn by_events_every_failure_of_a_call_is_a_200_where_the_answer_has_events() {
    for (fault, status, code, retry, _) in table() {
        for sent in [false, true] {
            let problem = Problem::of_fault(&fault, sent);
            // What may have been done is not to be done again by itself.
            let told = if sent && matches!(fault, Fault::Replaced(_)) { (504, None) } else { (status, retry) };
            let (status, retry) = told;
            for interaction in Interaction::ALL {
                let (got, body, after) = told_in(FailureMode::Events, &problem, interaction);
                let expected = if interaction.reports_events() { 200 } else { status };
                assert_eq!((got, after.as_deref()), (expected, retry), "{} {fault:?}", interaction.name());
                let code = if sent && fault.leaves_unknown() { "HOST_AMBIGUOUS" } else { code };
                assert_eq!(
                    (&body["events"][0]["code"], &body["events"][0]["event_type"]),
                    (&code.into(), &"error".into())
                );
                assert_eq!(body.get("status").cloned(), interaction.reports_status().then(|| "fail".into()));
                assert!(body.get("orders").is_none() && !body.to_string().contains("secret"), "{body}");
            }
        }
    }
    let mistakes = [
        (Problem::malformed("x"), 400),
        (Problem::unauthorized(), 401),
        (Problem::no_such_path(), 404),
        (Problem::slow_body(Duration::from_secs(10)), 408),
        (Problem::too_large(Size::mib(4)), 413),
    ];
    for (problem, status) in mistakes {
        for interaction in Interaction::ALL {
            assert_eq!(told_in(FailureMode::Events, &problem, interaction).0, status, "a mistake of the caller's");
        }
    }
}

#[test]
fn what_may_have_happened_all_the_same_is_said_so_that_nobody_does_it_twice() {
    use EventKind::{Contact, DocumentPricing, DocumentValidation, PaymentValidation};
    let warns = |verdict: &Verdict| {
        let texts = ["may have been recorded", "before paying again", "may have been changed"];
        texts.iter().position(|text| verdict.message.contains(text))
    };
    for (fault, _, code, _, _) in table() {
        for sent in [false, true] {
            let problem = Problem::of_fault(&fault, sent);
            let stopped = matches!(fault, Fault::Deadline { .. } | Fault::Cpu { .. } | Fault::Replaced(_));
            let unknown = stopped || sent && fault.leaves_unknown();
            let code = if sent && fault.leaves_unknown() { "HOST_AMBIGUOUS" } else { code };
            for (place, kind) in [DocumentValidation, PaymentValidation, Contact].into_iter().enumerate() {
                let verdict = problem.notification_verdict(kind, false, "01CALL", Language::En);
                assert_eq!(warns(&verdict), unknown.then_some(place), "{kind:?} {fault:?}: {}", verdict.message);
                assert_eq!((verdict.success, verdict.level, &*verdict.code), (false, ErrorLevel::Critical, code));
                assert!(verdict.message.ends_with("(01CALL)"), "{}", verdict.message);
            }
            for kind in [Contact, DocumentPricing] {
                assert_eq!(
                    warns(&problem.notification_verdict(kind, true, "01CALL", Language::En)),
                    None,
                    "{kind:?} only looks"
                );
            }
        }
    }
    let panicked = Problem { unsettled: true, ..Problem::host("secret".to_owned()) };
    let verdict = panicked.notification_verdict(PaymentValidation, false, "01CALL", Language::En);
    assert!(warns(&verdict) == Some(1) && !verdict.message.contains("secret"), "{}", verdict.message);
}

#[test]
fn a_call_that_only_looks_leaves_nothing_unknown_whatever_it_sent() {
    let failed = || Failed::Guest { fault: Fault::Trap("x".into()), sent: true, answer: None };
    assert_eq!(Problem::of_failed(failed(), true).code, "HOST_TRAP");
    assert_eq!(Problem::of_failed(failed(), false).code, "HOST_AMBIGUOUS");
}

#[test]
fn every_failure_has_its_sentence_in_french_and_a_guests_refusal_stays_its_own() {
    let told = |fault: &Fault, sent, kind| {
        Problem::of_fault(fault, sent).notification_verdict(kind, false, "01CALL", Language::Fr)
    };
    for (fault, ..) in table() {
        let english = Problem::of_fault(&fault, false).message.clone();
        let verdict = told(&fault, false, EventKind::DocumentPricing);
        assert!(!verdict.message.contains(&*english) && verdict.message.ends_with(" (01CALL)"), "{}", verdict.message);
    }
    let late = Fault::Deadline { limit: Duration::from_secs(8) };
    for (kind, then) in [
        (EventKind::DocumentValidation, "vérifiez avant de l'enregistrer à nouveau"),
        (EventKind::PaymentValidation, "vérifiez avant de payer à nouveau"),
    ] {
        assert!(told(&late, true, kind).message.contains(then));
    }
    assert_eq!(told(&refusal(), false, EventKind::PaymentValidation).message, "The shop is closed.");
}
