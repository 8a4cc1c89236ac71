//! One call: a place, a fresh instance, a deadline, a budget of processor time, a memory cap, an answer.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::SemaphorePermit;
use tokio_util::sync::CancellationToken;
use wasmtime::component::TypedFunc;
use wasmtime::{Store as Instance, UpdateDeadline};
use wharf_protocol::call::Failure;

use super::engine::Runtime;
use super::exports::Function;
use super::fault::Fault;
use super::idle;
use super::lane::{Lane, Place};
use super::limits::{Budget, Class};
use super::pace::{Pace, Timed};
use super::plugin::Plugin;
use super::state::{Body, CallState, Environment};
use crate::store::{LogLine, Timestamp};

/// How long a call without effects waits for a place in a pool that is full of live calls.
const SLOT_WAIT: Duration = Duration::from_secs(10);

/// What a call is about, beside its parameters.
pub struct Call<'a> {
    /// The call's id.
    pub id: &'a str,
    /// What the release gives.
    pub environment: &'a Arc<Environment>,
    /// The channel's places.
    pub lane: &'a Arc<Lane>,
    /// For `raw-request`.
    pub body: Body,
    /// When it began.
    pub began: Instant,
    /// Hosts that its request came through.
    pub hops: u32,
    /// What its time is measured by.
    pub class: Class,
    /// Less time than its class has.
    pub longest: Option<Duration>,
    /// The processor time that it uses.
    pub pace: &'a Arc<Pace>,
    /// Ends the call before its time: its release was replaced.
    pub stop: &'a CancellationToken,
}

impl Call<'_> {
    fn budget(&self) -> Budget {
        let budget = self.environment.limits.budget(self.class);
        Budget { time: self.longest.map_or(budget.time, |longest| longest.min(budget.time)), ..budget }
    }
}

/// What a call used of its limits.
#[derive(Debug, Clone, Default)]
pub struct Spent {
    /// What it had; `None` when no guest ran.
    pub budget: Option<Budget>,
    /// The wait for its place.
    pub queued: Duration,
    /// Processor time.
    pub cpu: Duration,
    /// Bytes of linear memory.
    pub memory: usize,
    /// Requests that it sent to the outside.
    pub sent: u32,
    /// The guest's functions that were running when it failed, the innermost first.
    pub frames: Vec<String>,
}

/// How a call ended, and what it used.
pub struct Ended<A> {
    /// The answer, or why there is none.
    pub result: Result<A, Fault>,
    /// What it used.
    pub spent: Spent,
    /// Bytes that the answer may have when it is written out.
    pub most: usize,
}

impl<A> Ended<A> {
    /// A call for which no guest ran.
    pub fn unasked(fault: Fault) -> Self {
        Self { result: Err(fault), spent: Spent::default(), most: 0 }
    }
}

impl Runtime {
    /// Runs one function in a fresh instance.
    pub async fn call<F: Function>(&self, plugin: &Plugin, call: Call<'_>, params: F::Params<'_>) -> Ended<F::Answer> {
        let Some(index) = plugin.exports.index::<F>() else {
            return Ended::unasked(Fault::NotImplemented(F::NAME));
        };
        let budget = call.budget();
        let arrived = Instant::now();
        let (_place, began) = match self.enter(&call, budget).await {
            Ok(entered) => entered,
            Err(fault) => return Ended::unasked(fault),
        };
        // Not before: to turn away a flood of a channel's calls must not use up the turns of those that are let in.
        call.pace.counts_for(call.lane);
        // A thread of idle priority may not run for long, and the channel's other calls would wait for it.
        if !idle::is_here() {
            call.lane.take_turn(self.turn, Duration::ZERO).await;
        }
        let queued = arrived.elapsed();
        let deadline = began + budget.time;
        let mut instance = self.instance(&call, budget, deadline);
        let run = async {
            let guest = plugin.pre.instantiate_async(&mut instance).await?;
            let function =
                guest.get_func(&mut instance, index).ok_or_else(|| wasmtime::format_err!("{} is gone", F::NAME))?;
            let function = typed::<F>(function);
            function.call_async(&mut instance, params).await
        };
        // The epoch stops a guest that computes; the timer one that waits. The guest is polled first: one that never waits
        // pays nothing for the other branch.
        let outcome = {
            let run = pin!(run);
            tokio::select! {
                biased;
                outcome = tokio::time::timeout_at(deadline.into(), Timed::new(run, call.pace)) => Some(outcome),
                () = call.stop.cancelled() => None,
            }
        };
        let limits = &call.environment.limits;
        let state = instance.data();
        let mut frames = Vec::new();
        let mut result = match outcome {
            None => Err(Fault::Replaced(self.config.call.drain)),
            Some(Err(_)) => Err(Fault::Deadline { limit: budget.time }),
            Some(Ok(Err(error))) => {
                let denied = state.memory.denied.then_some(state.memory.limit);
                let (fault, running) = Fault::of_error(&error, denied, limits.answer);
                frames = running;
                Err(fault)
            }
            Some(Ok(Ok((Err(failure),)))) => Err(Fault::of_failure(failure, F::NAME)),
            Some(Ok(Ok((Ok(answer),)))) => Ok(answer),
        };
        let spent = Spent {
            budget: Some(budget),
            queued,
            cpu: call.pace.used(),
            memory: state.memory.used,
            sent: state.sender.sent(),
            frames,
        };
        self.keep_log(instance.data_mut(), result.as_mut().err());
        drop(instance);
        self.end(&call, spent.cpu, deadline).await;
        Ended { result, spent, most: limits.answer }
    }

    /// A place for the call and one in the pool, and from when on the call's time counts. A call without effects has no caller:
    /// it may wait longer, and its time begins when it has its place.
    async fn enter<'a>(
        &'a self,
        call: &Call<'a>,
        budget: Budget,
    ) -> Result<((Place<'a>, SemaphorePermit<'a>), Instant), Fault> {
        if call.environment.effects.scratch().is_none() {
            let entered = call.lane.enter(&self.slots, call.began + budget.time).await?;
            return Ok((entered, call.began));
        }
        let entered = call.lane.enter_patiently(&self.slots, SLOT_WAIT).await?;
        Ok((entered, Instant::now()))
    }

    /// Lets others go first once more. Who has computed for long has much to say, and to write it is another piece of work, which
    /// nothing interrupts: up to 1 ms for 1 MiB.
    async fn end(&self, call: &Call<'_>, computed: Duration, deadline: Instant) {
        // Who burns may move where nobody may wait for it; and whose time is over has no turn to wait for.
        let stays = !idle::is_here() && !call.pace.burns();
        if stays && computed >= self.piece && Instant::now() < deadline {
            let turn = call.lane.take_turn(self.turn, computed);
            let _ = tokio::time::timeout_at(deadline.into(), turn).await;
        }
    }

    fn instance(&self, call: &Call<'_>, budget: Budget, deadline: Instant) -> Instance<CallState> {
        let (limits, guest) = (&call.environment.limits, &self.config.guest);
        let mut instance = Instance::new(&self.engine, CallState::new(self, call, deadline));
        instance.limiter(|state| {
            state.failpoint("memory-grow");
            &mut state.memory
        });
        instance.set_hostcall_fuel(guest.host_call_fuel.len().max(limits.answer));
        instance.set_max_component_handles(guest.handles);
        instance.set_epoch_deadline(1);
        call.pace.restart(guest.tick);
        let (pace, lane, slice, turn) = (Arc::clone(call.pace), Arc::clone(call.lane), guest.slice, self.turn);
        instance.epoch_deadline_callback(move |store| {
            store.data().failpoint("epoch");
            let used = pace.used_now();
            if used >= budget.cpu {
                return Err(Fault::Cpu { limit: budget.cpu }.into());
            }
            if Instant::now() >= deadline {
                return Err(Fault::Deadline { limit: budget.time }.into());
            }
            if used >= slice {
                pace.burn();
            }
            if pace.burns() || idle::is_here() {
                return Ok(UpdateDeadline::YieldCustom(1, Box::pin(idle::give_way())));
            }
            // All of a channel's calls together compute for a turn, then everybody else goes first: with a tick for each call that is
            // under way, who comes in would wait for as many ticks.
            let (lane, so_far) = (Arc::clone(&lane), pace.under_way());
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(async move { lane.take_turn(turn, so_far).await })))
        });
        instance
    }

    /// Hands the guest's lines to the journal, with no secret in them, nor in what the guest says of its failure.
    fn keep_log(&self, state: &mut CallState, fault: Option<&mut Fault>) {
        let mut lines = state.take_lines();
        let environment = &state.environment;
        let said = fault.map(Fault::texts).unwrap_or_default();
        if (!lines.is_empty() || !said.is_empty())
            && let Some(redactor) = environment.redactor(&self.store, state.sender.handed_out())
        {
            for text in said {
                redactor.redact(text, false);
            }
            for line in &mut lines {
                redactor.redact(&mut line.message, line.cut);
                redactor.redact(&mut line.context, true);
            }
        }
        let at = Timestamp::now();
        for line in lines {
            let line = LogLine {
                channel: environment.owner.channel.to_string(),
                call: state.call_id.clone(),
                at,
                level: line.level.to_owned(),
                context: line.context,
                message: line.message,
            };
            match environment.effects.scratch() {
                None => self.store.record_log(line),
                Some(scratch) => scratch.keep(line),
            }
        }
    }

    /// A text of a guest's without the values of the release's secrets.
    pub fn redacted(&self, environment: &Environment, mut text: String) -> String {
        if let Some(redactor) = environment.redactor(&self.store, &BTreeSet::new()) {
            redactor.redact(&mut text, false);
        }
        text
    }
}

/// Names the type of a function that was checked when its component was loaded.
#[expect(unsafe_code, reason = "checking the type again costs more than a small call")]
fn typed<'a, F: Function>(
    function: wasmtime::component::Func,
) -> TypedFunc<F::Params<'a>, (Result<F::Answer, Failure>,)> {
    // SAFETY: `Exports::resolve` has checked this very export of this component against exactly these types.
    unsafe { TypedFunc::new_unchecked(function) }
}
