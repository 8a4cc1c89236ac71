//! One call: a place, a fresh instance, a deadline, a memory cap, an answer.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;
use wasmtime::component::TypedFunc;
use wasmtime::{Store as Instance, UpdateDeadline};
use wharf_protocol::call::Failure;

use super::engine::Runtime;
use super::exports::Function;
use super::fault::Fault;
use super::plugin::Plugin;
use super::state::{Body, CallState, Environment};
use crate::store::{LogLine, Timestamp};

/// How long a call without effects waits for a place in a pool that is full of live calls.
const SLOT_WAIT: Duration = Duration::from_secs(10);

/// A channel's places. They outlive its releases, so that a swap does not lift the limit.
#[derive(Debug)]
pub struct Lane {
    places: Semaphore,
}

impl Lane {
    /// A lane for so many calls at the same time.
    pub fn new(in_flight: u32) -> Self {
        Self { places: Semaphore::new(in_flight as usize) }
    }

    /// How many places are free.
    pub fn free(&self) -> usize {
        self.places.available_permits()
    }

    fn enter(&self) -> Result<SemaphorePermit<'_>, Fault> {
        self.places.try_acquire().map_err(|_| Fault::Busy("call.in-flight"))
    }
}

/// What a call is about, beside its parameters.
pub struct Call<'a> {
    /// The call's id.
    pub id: &'a str,
    /// What the release gives.
    pub environment: &'a Arc<Environment>,
    /// The channel's places.
    pub lane: &'a Lane,
    /// For `raw-request`.
    pub body: Body,
    /// When it began.
    pub began: Instant,
    /// The whole time that it has.
    pub time: Duration,
    /// The guest's memory in bytes.
    pub memory: usize,
    /// Ends the call before its time: its release was replaced.
    pub stop: &'a CancellationToken,
}

/// How a call ended, and whether requests to the outside had been sent by then.
pub struct Ended<A> {
    /// The answer, or why there is none.
    pub result: Result<A, Fault>,
    /// Requests that the guest sent out.
    pub sent: u32,
}

impl Runtime {
    /// Runs one function in a fresh instance.
    pub async fn call<F: Function>(&self, plugin: &Plugin, call: Call<'_>, params: F::Params<'_>) -> Ended<F::Answer> {
        let Some(index) = plugin.exports.index::<F>() else {
            return Ended { result: Err(Fault::NotImplemented(F::NAME)), sent: 0 };
        };
        let _place = match call.lane.enter() {
            Ok(place) => place,
            Err(fault) => return Ended { result: Err(fault), sent: 0 },
        };
        let (_slot, began) = match self.slot(&call).await {
            Ok(slot) => slot,
            Err(fault) => return Ended { result: Err(fault), sent: 0 },
        };
        let deadline = began + call.time;
        let mut instance = self.instance(&call, deadline);
        let run = async {
            let guest = plugin.pre.instantiate_async(&mut instance).await?;
            let function =
                guest.get_func(&mut instance, index).ok_or_else(|| wasmtime::format_err!("{} is gone", F::NAME))?;
            let function = typed::<F>(function);
            function.call_async(&mut instance, params).await
        };
        // The epoch stops a guest that computes; the timer one that waits. The guest is polled first: one that never waits
        // pays nothing for the other branch.
        let outcome = tokio::select! {
            biased;
            outcome = tokio::time::timeout_at(deadline.into(), run) => Some(outcome),
            () = call.stop.cancelled() => None,
        };
        let state = instance.data();
        let denied = state.memory.denied.then_some(state.memory.limit);
        let mut result = match outcome {
            None => Err(Fault::Replaced(self.config.call.drain)),
            Some(Err(_)) => Err(Fault::Deadline { limit: call.time }),
            Some(Ok(Err(error))) => Err(self.fault(&error, denied, &call)),
            Some(Ok(Ok((Err(failure),)))) => Err(Fault::of_failure(failure, F::NAME)),
            Some(Ok(Ok((Ok(answer),)))) => Ok(answer),
        };
        let sent = state.sender.sent();
        self.keep_log(instance.data_mut(), result.as_mut().err());
        Ended { result, sent }
    }

    /// A place in the pool, and from when on the call's time counts. Nobody waits for it but a call without effects, which
    /// has no caller, and whose time begins when it has its place.
    async fn slot(&self, call: &Call<'_>) -> Result<(SemaphorePermit<'_>, Instant), Fault> {
        let busy = || Fault::Busy("guest.instances");
        if let Ok(slot) = self.slots.try_acquire() {
            return Ok((slot, call.began));
        }
        if call.environment.effects.scratch().is_none() {
            return Err(busy());
        }
        let slot = tokio::time::timeout(SLOT_WAIT, self.slots.acquire()).await;
        let slot = slot.ok().and_then(Result::ok).ok_or_else(busy)?;
        Ok((slot, Instant::now()))
    }

    fn instance(&self, call: &Call<'_>, deadline: Instant) -> Instance<CallState> {
        let mut instance = Instance::new(&self.engine, CallState::new(self, call, deadline));
        instance.limiter(|state| &mut state.memory);
        instance.set_hostcall_fuel(self.config.call.answer.len());
        instance.set_epoch_deadline(1);
        instance.epoch_deadline_callback(move |_| {
            if Instant::now() >= deadline {
                return Err(Fault::Deadline { limit: Duration::ZERO }.into());
            }
            // The engine's own yield wakes itself, so that tokio never polls for I/O beside a busy guest; measured, a
            // neighbour then waits seconds instead of milliseconds.
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
        });
        instance
    }

    fn fault(&self, error: &wasmtime::Error, denied: Option<usize>, call: &Call<'_>) -> Fault {
        match Fault::of_error(error, denied, self.config.call.answer.len()) {
            Fault::Deadline { .. } => Fault::Deadline { limit: call.time },
            fault => fault,
        }
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
                channel: environment.channel.to_string(),
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
