//! One call at the edge: which release answers it, and what became of it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::Edge;
use super::origin::Arrival;
use super::problem::{Bearing, HOST_BUG};
use crate::call::{Ids, Runner, Subject};
use crate::config::{self, FailureMode};
use crate::guest::{Abandoned, Body, Call, Class, Ended, Fault, Function, Pace, Spent};
use crate::store::{CallRecord, Timestamp, Trace, Used, new_id};
use crate::table::{Channel, Pass, Probe, Release, Running, Tables, Tight, Work};

/// Actions that only look.
const READS: [&str; 5] = ["catalog_get_config", "order_pull", "document.pricing", "contact.search", "contact.details"];

/// A call that is being answered.
pub(super) struct Ticket {
    pub(super) id: String,
    channel: Arc<Channel>,
    work: Work,
    action: String,
    arrival: Arrival,
    started: Timestamp,
    release: OnceLock<Arc<Release>>,
    spent: OnceLock<Spent>,
    /// Held when the call probes an open breaker.
    probe: OnceLock<Probe>,
    /// The processor time that it uses.
    pub(super) pace: Arc<Pace>,
}

/// How a call ended, for the journal.
pub(super) struct Outcome {
    pub(super) status: u16,
    pub(super) name: &'static str,
    pub(super) code: Option<String>,
    pub(super) detail: Option<Box<str>>,
    pub(super) bearing: Bearing,
    /// Whether the call was turned away because there were too many: it is counted, and not written down.
    pub(super) is_shed: bool,
}

/// A ticket that is recorded whatever becomes of its call: dropped before its end, its caller has gone away, or we have a bug.
pub(super) struct Held {
    edge: Arc<Edge>,
    pub(super) ticket: Ticket,
    outcome: Option<Outcome>,
}

impl Held {
    pub(super) fn new(edge: Arc<Edge>, ticket: Ticket) -> Self {
        Self { edge, ticket, outcome: None }
    }

    /// Records how the call ended.
    pub(super) fn end(mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let outcome = self.outcome.take().unwrap_or_else(|| {
            let name = if std::thread::panicking() { HOST_BUG } else { "abandoned" };
            Outcome { status: ABANDONED, name, bearing: Bearing::Nothing, ..Outcome::WELL }
        });
        self.edge.write_down(&mut self.ticket, outcome);
    }
}

/// The status of a call whose caller went away before its end: nobody was told one.
const ABANDONED: u16 = 499;

impl Outcome {
    /// The guest answered.
    pub(super) const WELL: Self =
        Self { status: 200, name: "ok", code: None, detail: None, bearing: Bearing::Well, is_shed: false };
}

impl Ticket {
    pub(super) fn new(channel: Arc<Channel>, work: Work, action: impl Into<String>, arrival: Arrival) -> Self {
        let (id, action, started) = (new_id(), action.into(), Timestamp::now());
        let (release, spent, probe, pace) = (OnceLock::new(), OnceLock::new(), OnceLock::new(), Arc::default());
        Self { id, channel, work, action, arrival, started, release, spent, probe, pace }
    }

    /// Counts the call against its channel's rate.
    ///
    /// # Errors
    /// [`Fault::Rate`]
    pub(super) fn count(&self) -> Result<(), Fault> {
        self.channel.lane.count().inspect_err(|_| self.turned_away())
    }

    /// How the channel's callers are told that a call failed.
    pub(super) fn failure_mode(&self) -> FailureMode {
        self.channel.failure_mode
    }

    /// How the channel's notifications are answered.
    pub(super) fn notification(&self) -> &Arc<config::Notification> {
        &self.channel.notification
    }

    /// Until when a notification that somebody waits for must be answered, and how long that is in all; `usual` while there is
    /// no release that would say.
    pub(super) fn patience(&self, usual: Duration) -> (Instant, Duration) {
        let release = self.channel.release.as_ref();
        let time = release.map_or(usual, |release| release.environment.limits.budget(Class::Notification).time);
        (self.arrival.began + time, time)
    }

    /// Whether the call changes nothing anywhere, so that a failure leaves nothing unknown.
    pub(super) fn is_read(&self) -> bool {
        READS.contains(&self.action.as_str())
    }

    /// What becomes of the call when its caller goes away.
    pub(super) fn when_abandoned(&self) -> Abandoned {
        if self.is_read() { Abandoned::Dropped } else { Abandoned::Finished }
    }

    /// Turns the call away: there is no room for it in the queue of notifications.
    pub(super) fn turn_away(&self) {
        self.channel.lane.turn_away();
        self.turned_away();
    }

    /// Says that calls are being turned away, unless that was said a moment ago.
    fn turned_away(&self) {
        let all = self.channel.lane.turned_away();
        if let Some(calls) = self.channel.notice.due(all) {
            let channel = &self.channel.name;
            tracing::warn!(%channel, calls, since_start = all, "calls were turned away: too fast, too many at the same time, or more than the queue may keep");
        }
    }

    /// Tells the release how the call went.
    fn judge(&self, outcome: &Outcome, took: Duration) {
        let Some(release) = self.release.get().filter(|_| outcome.bearing != Bearing::Nothing) else { return };
        let (channel, number, interaction) = (&self.channel.name, release.number, self.work.name());
        let fault = outcome.bearing == Bearing::Fault;
        release.health.tell(fault);
        let pass = if self.probe.get().is_some() { Pass::Probe } else { Pass::Freely };
        if release.breakers.tell(self.work, pass, fault) {
            tracing::warn!(%channel, release = number, interaction, "the breaker opened: its calls failed again and again");
        }
        let Some(spent) = self.spent.get() else { return };
        let memory = release.environment.limits.memory;
        for Tight { limit, over, calls } in release.headroom.tell(spent, took, memory, release.health.score()) {
            tracing::warn!(%channel, release = number, limit, over, calls, "more than one call in a hundred uses over 80 % of this limit");
        }
    }

    /// What the call used of its limits, if a guest was asked.
    fn used(&self) -> Option<Used> {
        let spent = self.spent.get().filter(|spent| spent.budget.is_some())?;
        Some(Used {
            cpu_us: micros(spent.cpu),
            memory: spent.memory as u64,
            queued_us: micros(spent.queued),
            requests: spent.sent,
        })
    }

    /// What its author wants to see of a call that failed.
    fn trace(&self, outcome: &Outcome) -> Option<Trace> {
        let (spent, release) = (self.spent.get()?, self.release.get()?);
        let budget = spent.budget.filter(|_| outcome.name != Outcome::WELL.name)?;
        let limits = &release.environment.limits;
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Some(Trace {
            time_ms: ms(budget.time),
            cpu_ms: ms(budget.cpu),
            memory: limits.memory as u64,
            requests: limits.requests,
            frames: spent.frames.clone(),
        })
    }

    pub(super) fn ids(&self) -> Ids<'_> {
        Ids { call: &self.id, channel: &self.channel.name, action: &self.action }
    }

    /// The origin of the platform's pages, as the release has it that answers or, while none does, the channel's.
    pub(super) fn origin(&self) -> Option<&str> {
        let release = self.release.get().or(self.channel.release.as_ref());
        release.and_then(|release| release.platform_origin.as_deref())
    }

    /// Finds the call's release and enters it. The table that the request was routed by may be old by now (its body had to
    /// arrive first), and a retired release lets nobody in: then the newest table names its successor.
    fn enter(&self, tables: &Tables, subject: Subject<'_>) -> Result<Running, Fault> {
        let mut newest;
        let mut channel = &self.channel;
        loop {
            let picked = match subject {
                Subject::Nothing => channel.pick(&self.id),
                subject => channel.pick(subject),
            };
            let release = picked.ok_or(Fault::NoRelease)?;
            if let Some(running) = Running::enter(release) {
                let _ = self.release.set(Arc::clone(release));
                if release.breakers.pass(self.work).map_err(Fault::Resting)? == Pass::Probe {
                    let _ = self.probe.set(Probe::new(Arc::clone(release), self.work));
                }
                return Ok(running);
            }
            newest = tables.load();
            let same = |next: &&Arc<Channel>| next.created == self.channel.created;
            channel = newest.channel(&self.channel.name).filter(same).ok_or(Fault::NoRelease)?;
        }
    }
}

/// Runs functions for one call, in the release that the call belongs to.
pub(super) struct TicketRunner<'a> {
    edge: &'a Edge,
    ticket: &'a Ticket,
}

impl Runner for TicketRunner<'_> {
    fn run<'a, F: Function>(
        &'a self,
        subject: Subject<'a>,
        body: Body,
        class: Class,
        params: F::Params<'a>,
    ) -> Pin<Box<dyn Future<Output = Ended<F::Answer>> + Send + 'a>> {
        let ticket = self.ticket;
        Box::pin(async move {
            let running = match ticket.enter(&self.edge.tables, subject) {
                Ok(running) => running,
                Err(fault) => return Ended::unasked(fault),
            };
            let release = running.release();
            let call = Call {
                id: &ticket.id,
                environment: &release.environment,
                lane: &ticket.channel.lane,
                body,
                began: ticket.arrival.began,
                hops: ticket.arrival.origin.hops,
                class,
                longest: None,
                pace: &ticket.pace,
                stop: release.traffic.stop(),
            };
            let ended = self.edge.runtime.call::<F>(&release.plugin, call, params).await;
            let _ = ticket.spent.set(ended.spent.clone());
            ended
        })
    }
}

impl Edge {
    /// What runs the functions of a call.
    pub(super) fn runner<'a>(&'a self, ticket: &'a Ticket) -> TicketRunner<'a> {
        TicketRunner { edge: self, ticket }
    }

    /// Writes the call into the journal, which never waits, and tells the release how it went.
    pub(super) fn record(&self, mut ticket: Ticket, outcome: Outcome) {
        self.write_down(&mut ticket, outcome);
    }

    fn write_down(&self, ticket: &mut Ticket, outcome: Outcome) {
        if outcome.is_shed {
            // A flood must not push what the journal keeps of other channels out of it.
            ticket.turned_away();
            return;
        }
        let took = ticket.arrival.began.elapsed();
        if outcome.name == HOST_BUG {
            let (call, channel) = (&ticket.id, &ticket.channel.name);
            tracing::error!(call, %channel, detail = outcome.detail, "a bug of this host");
        }
        ticket.judge(&outcome, took);
        let (used, trace) = (ticket.used(), ticket.trace(&outcome));
        let request_id = ticket.arrival.origin.request_id().map(str::to_owned);
        self.store.record_call(CallRecord {
            id: std::mem::take(&mut ticket.id),
            channel: ticket.channel.name.to_string(),
            release: ticket.release.get().map(|release| release.number),
            action: std::mem::take(&mut ticket.action),
            outcome: outcome.name.to_owned(),
            code: outcome.code,
            status: outcome.status,
            started: ticket.started,
            duration_us: micros(took),
            detail: outcome.detail.map(String::from),
            used,
            trace,
            request_id,
        });
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
