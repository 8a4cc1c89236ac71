//! A run as `JUnit` XML, which build servers read.

use std::time::Duration;

use quick_junit::{NonSuccessKind, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::{Case, Outcome, Report};

/// The XML: one suite for each interaction and event, and one that holds the verdict of the run as a whole.
///
/// # Errors
/// The XML cannot be written.
pub fn xml(report: &Report) -> Result<String, SerializeError> {
    let mut out = quick_junit::Report::new("wharf-verify");
    out.set_time(milliseconds(report.milliseconds));
    let mut groups: Vec<&str> = Vec::new();
    for case in &report.cases {
        if !groups.contains(&case.group.as_str()) {
            groups.push(&case.group);
        }
    }
    for group in groups {
        let cases: Vec<&Case> = report.cases.iter().filter(|case| case.group == group).collect();
        let mut suite = TestSuite::new(group);
        suite.set_time(milliseconds(cases.iter().map(|case| case.milliseconds).sum()));
        suite.add_test_cases(cases.into_iter().map(test_case));
        out.add_test_suite(suite);
    }
    let mut run = TestSuite::new("run");
    let mut status = TestCaseStatus::success();
    if let Err(why) = report.verdict() {
        status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_message(why);
    }
    run.add_test_case(TestCase::new("the run as a whole", status));
    out.add_test_suite(run);
    out.to_string()
}

fn test_case(case: &Case) -> TestCase {
    let mut status = match case.outcome {
        Outcome::Ok => TestCaseStatus::success(),
        Outcome::Failed => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Outcome::Skipped => TestCaseStatus::skipped(),
    };
    if let Some(why) = case.why() {
        status.set_message(why);
    }
    let mut out = TestCase::new(case.name.as_str(), status);
    out.set_classname(case.group.as_str());
    out.set_time(milliseconds(case.milliseconds));
    out
}

fn milliseconds(count: f64) -> Duration {
    Duration::try_from_secs_f64(count / 1000.0).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Flaw;

    #[test]
    fn the_xml_is_read_back_with_its_reasons_escaped() {
        let mut report = Report::new("http://h");
        let mut bad = Case::new("order_pull", "a <case> & \"more\"", Duration::from_millis(12));
        bad.ended(Outcome::Failed, &Flaw::at("orders[0].tags", "is <wrong> & \u{1b}[31m ]]> \"bad\""));
        let mut skipped = Case::new("order_cancel", "plain", Duration::ZERO);
        skipped.ended(Outcome::Skipped, &Flaw::new("not implemented"));
        report.cases = vec![Case::new("order_pull", "plain", Duration::from_millis(3)), bad, skipped];
        let text = xml(&report).unwrap();
        let read = quick_junit::Report::deserialize_from_str(&text).unwrap();
        assert_eq!((read.tests, read.failures), (4, 2), "{text}");
        let suite = &read.test_suites[0];
        assert_eq!((suite.name.as_str(), suite.failures), ("order_pull", 1));
        let TestCaseStatus::NonSuccess { message, .. } = &suite.test_cases[1].status else { panic!("{text}") };
        assert!(message.as_ref().unwrap().as_str().starts_with("orders[0].tags is <wrong> & "), "{text}");
    }
}
