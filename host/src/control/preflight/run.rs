//! Runs the cases one after the other, each as the edge would run it, but without effects.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use wharf_protocol::examples::{self, Call};

use super::judge::{Broken, Ending, Verdict};
use super::report::{self, DeclaredCase, FailedCase, Preflight};
use super::{SpecCase, SpecPreflight};
use crate::call::{self, Failed, Ids, Runner, Subject};
use crate::config::{Config, Notification};
use crate::guest::{self, Body, Class, Effects, Ended, Environment, Function, Lane, Pace, Plugin, Runtime, Scratch};
use crate::store::new_id;

/// A component that is tried out, and what it would be given.
pub(super) struct Trial {
    pub(super) config: Arc<Config>,
    /// How the channel's notifications are answered.
    pub(super) notification: Notification,
    pub(super) runtime: Arc<Runtime>,
    pub(super) plugin: Arc<Plugin>,
    pub(super) environment: Environment,
    /// The processor time of the case that runs.
    pub(super) pace: Arc<Pace>,
}

/// Runs the conformance cases, then the author's, over one scratch. Nothing outside changes, whatever the component does.
pub(super) async fn run(trial: Trial, spec: SpecPreflight) -> Preflight {
    let began = Instant::now();
    let examples = examples::all();
    let cases = examples.len() + spec.cases.len();
    let mut series = Series::new(trial, &spec, began);
    for example in examples {
        let case = Case { name: example.name, call: example.call, body: example.body.to_owned(), spec: None };
        series.take(case).await;
    }
    for case in &spec.cases {
        // `SpecPreflight::mistakes` has seen that there is such a call.
        let Some(call) = case.call() else { continue };
        series.take(Case { name: &case.name, call, body: case.body(), spec: Some(case) }).await;
    }
    let mut report = series.report;
    report.cases = cases;
    report.ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    report
}

struct Case<'a> {
    name: &'a str,
    call: Call,
    body: String,
    /// The author's, which says how it must end.
    spec: Option<&'a SpecCase>,
}

struct Series {
    config: Arc<Config>,
    notification: Notification,
    runtime: Arc<Runtime>,
    plugin: Arc<Plugin>,
    environment: Arc<Environment>,
    scratch: Arc<Scratch>,
    pace: Arc<Pace>,
    /// When the cases must be done.
    until: Instant,
    lane: Arc<Lane>,
    never: CancellationToken,
    stopped: bool,
    report: Preflight,
}

impl Series {
    fn new(trial: Trial, spec: &SpecPreflight, began: Instant) -> Self {
        let Trial { config, notification, runtime, plugin, environment, pace } = trial;
        let scratch = Arc::new(Scratch::new(spec.replies.clone()));
        let environment = Environment { effects: Effects::Scratch(Arc::clone(&scratch)), ..environment };
        Self {
            until: began + config.preflight.time,
            lane: Arc::new(Lane::new(&environment.limits)),
            config,
            notification,
            runtime,
            plugin,
            environment: Arc::new(environment),
            scratch,
            pace,
            never: CancellationToken::new(),
            stopped: false,
            report: Preflight::default(),
        }
    }

    /// Runs one case and writes down what became of it.
    async fn take(&mut self, case: Case<'_>) {
        if self.stopped {
            self.report.not_run += 1;
            return;
        }
        let id = new_id();
        let live = self.time(case.call);
        let left = self.until.saturating_duration_since(Instant::now());
        let time = live.min(left);
        let ending = Ending::of(self.call(&id, &case, time).await);
        let verdict = match case.spec {
            None => ending.conformance(),
            Some(spec) => ending.expected(spec),
        };
        let report = &mut self.report;
        match verdict {
            Verdict::Passed => report.passed += 1,
            Verdict::Skipped => report.skipped += 1,
            Verdict::Declared(outcome, answer) => {
                report.declared.push(DeclaredCase { case: case.name.to_owned(), outcome, answer });
            }
            Verdict::Failed(mut broken) => {
                if broken.stops && left < live {
                    let whole = self.config.preflight.time;
                    broken.why = format!("the cases did not end within {whole:?} together (preflight.time)");
                }
                self.stopped = broken.stops;
                let failed = self.failed(&id, &case, broken);
                self.report.failed.push(failed);
            }
        }
    }

    /// The time that such a call has when it is live.
    fn time(&self, call: Call) -> Duration {
        let class = match call {
            Call::Sdk(_) => Class::Sdk,
            Call::Notification(kind) if kind.is_synchronous() => Class::Notification,
            Call::Notification(_) => Class::Background,
        };
        self.environment.limits.budget(class).time
    }

    async fn call(&self, id: &str, case: &Case<'_>, time: Duration) -> Result<Vec<u8>, Failed> {
        let body = Bytes::from(case.body.clone());
        let runner = SandboxRunner { series: self, id, time };
        let ids = |action| Ids { call: id, channel: &self.environment.owner.channel, action };
        let kind = match case.call {
            Call::Sdk(interaction) => {
                return call::sdk::answer(&runner, ids(interaction.name()), interaction, &body).await;
            }
            Call::Notification(kind) => kind,
        };
        let notification = call::notification::parse(&case.body).map_err(Failed::Request)?;
        let ids = ids(notification.event_type.as_str());
        if kind.is_synchronous() {
            return call::notification::answer(&runner, ids, &self.notification, &notification, &body).await;
        }
        // Nobody looks at the answer.
        let delivered = call::notification::deliver(&runner, ids, &notification, Body::Whole(body.clone())).await;
        delivered.map(|()| b"null".to_vec())
    }

    fn failed(&self, id: &str, case: &Case<'_>, broken: Broken) -> FailedCase {
        let clean = |text: String| self.runtime.redacted(&self.environment, text);
        let call = match (case.spec, case.call) {
            (Some(spec), _) => spec.call.clone(),
            (None, Call::Sdk(interaction)) => interaction.name().to_owned(),
            (None, Call::Notification(_)) => {
                call::notification::parse(&case.body).map(|read| read.event_type.to_string()).unwrap_or_default()
            }
        };
        let log = self.scratch.log(id, report::SHOWN_LINES);
        FailedCase {
            case: case.name.to_owned(),
            call,
            request: report::shown(&case.body),
            answer: broken.answer.map(|answer| report::shown(&clean(answer))),
            path: broken.path.map(clean),
            why: clean(broken.why),
            fault: broken.fault.map(|fault| clean(report::cut(&fault, 4096))),
            log: log.iter().map(report::line).collect(),
        }
    }
}

/// Runs the functions of one case.
struct SandboxRunner<'a> {
    series: &'a Series,
    id: &'a str,
    /// What is left for it.
    time: Duration,
}

impl Runner for SandboxRunner<'_> {
    fn run<'a, F: Function>(
        &'a self,
        _subject: Subject<'a>,
        body: Body,
        class: Class,
        params: F::Params<'a>,
    ) -> Pin<Box<dyn Future<Output = Ended<F::Answer>> + Send + 'a>> {
        let series = self.series;
        let call = guest::Call {
            id: self.id,
            environment: &series.environment,
            lane: &series.lane,
            body,
            began: Instant::now(),
            hops: 0,
            class,
            longest: Some(self.time),
            pace: &series.pace,
            stop: &series.never,
        };
        Box::pin(series.runtime.call::<F>(&series.plugin, call, params))
    }
}
