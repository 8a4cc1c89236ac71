//! One call at the edge: which release answers it, and what became of it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use super::Edge;
use super::problem::Bearing;
use crate::call::{Ids, Runner, Subject};
use crate::guest::{Body, Call, Class, Ended, Fault, Function, Pace, Spent};
use crate::store::{CallRecord, Timestamp, new_id};
use crate::table::{Channel, Release, Running, Tables, Work};

/// A call that is being answered.
pub(super) struct Ticket {
    pub(super) id: String,
    channel: Arc<Channel>,
    work: Work,
    action: String,
    began: Instant,
    started: Timestamp,
    release: OnceLock<Arc<Release>>,
    spent: OnceLock<Spent>,
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

impl Outcome {
    /// The guest answered.
    pub(super) const WELL: Self =
        Self { status: 200, name: "ok", code: None, detail: None, bearing: Bearing::Well, is_shed: false };
}

impl Ticket {
    pub(super) fn new(channel: Arc<Channel>, work: Work, action: impl Into<String>, began: Instant) -> Self {
        let (id, action, started) = (new_id(), action.into(), Timestamp::now());
        let (release, spent, pace) = (OnceLock::new(), OnceLock::new(), Arc::default());
        Self { id, channel, work, action, began, started, release, spent, pace }
    }

    /// Counts the call against its channel's rate.
    ///
    /// # Errors
    /// [`Fault::Rate`]
    pub(super) fn count(&self) -> Result<(), Fault> {
        self.channel.lane.count()
    }

    pub(super) fn ids(&self) -> Ids<'_> {
        Ids { call: &self.id, channel: &self.channel.name, action: &self.action }
    }

    /// The release that answers, once it is known.
    pub(super) fn answering(&self) -> Option<&Release> {
        self.release.get().map(AsRef::as_ref)
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
                release.breakers.pass(self.work).map_err(Fault::Resting)?;
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
                began: ticket.began,
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
    pub(super) fn record(&self, ticket: Ticket, outcome: Outcome) {
        if outcome.is_shed {
            // A flood must not push what the journal keeps of other channels out of it.
            return;
        }
        let Ticket { id, channel, work, action, began, started, release, spent: _, pace: _ } = ticket;
        let release = release.into_inner();
        if outcome.status == 500 {
            tracing::error!(call = id, channel = %channel.name, detail = outcome.detail, "a bug of this host");
        }
        if let Some(release) = release.as_ref().filter(|_| outcome.bearing != Bearing::Nothing) {
            let fault = outcome.bearing == Bearing::Fault;
            release.health.tell(fault);
            if release.breakers.tell(work, fault) {
                let (channel, number, interaction) = (&channel.name, release.number, work.name());
                tracing::warn!(%channel, release = number, interaction, "the breaker opened: its calls failed again and again");
            }
        }
        self.store.record_call(CallRecord {
            id,
            channel: channel.name.to_string(),
            release: release.map(|release| release.number),
            action,
            outcome: outcome.name.to_owned(),
            code: outcome.code,
            status: outcome.status,
            started,
            duration_us: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
            detail: outcome.detail.map(String::from),
        });
    }
}
