//! Who waits for a place, and for how long.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::in_u64;
use crate::guest::fault::Fault;
use crate::guest::limits::Limits;

/// After somebody has waited in vain, for as long as callers are told to stay away …
const HOPELESS_TIME: Duration = Duration::from_secs(1);

/// … nobody waits longer than this: more calls come than are answered, and a queue that only ever stands makes each of them late
/// and helps none. Where so many come, a place that becomes free still finds somebody.
const HOPELESS_WAIT: Duration = Duration::from_millis(2);

/// Calls that wait for a place.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: AtomicU32,
    most: AtomicU32,
    /// Microseconds.
    wait: AtomicU64,
    born: Instant,
    /// Microseconds after `born`.
    hopeless_until: AtomicU64,
}

impl Queue {
    /// A queue in which nobody waits, without a limit so far.
    pub(super) fn new() -> Self {
        let (waiting, most, wait, hopeless_until) = Default::default();
        Self { waiting, most, wait, born: Instant::now(), hopeless_until }
    }

    pub(super) fn set(&self, limits: &Limits) {
        self.most.store(limits.queue, Ordering::Relaxed);
        self.wait.store(in_u64(limits.queue_wait.as_micros()), Ordering::Relaxed);
    }

    pub(super) fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Takes one of the queue's places.
    ///
    /// # Errors
    /// All are taken.
    pub(super) fn join(&self, now: Instant) -> Result<Waiting<'_>, Fault> {
        let room = |waiting: u32| (waiting < self.most.load(Ordering::Relaxed)).then_some(waiting + 1);
        let joined = self.waiting.fetch_update(Ordering::AcqRel, Ordering::Relaxed, room);
        joined.map_err(|_| Fault::Busy("call.queue"))?;
        let patience = Duration::from_micros(self.wait.load(Ordering::Relaxed));
        let is_hopeless = self.micros(now) < self.hopeless_until.load(Ordering::Relaxed);
        let wait = if is_hopeless { patience.min(HOPELESS_WAIT) } else { patience };
        Ok(Waiting { queue: self, until: now + wait, is_patient: wait == patience })
    }

    fn micros(&self, now: Instant) -> u64 {
        in_u64(now.saturating_duration_since(self.born).as_micros())
    }
}

/// Somebody in the queue.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    queue: &'a Queue,
    /// For how long.
    pub(super) until: Instant,
    is_patient: bool,
}

impl Waiting<'_> {
    /// Says that there was no place.
    pub(super) fn was_in_vain(&self, now: Instant) {
        // Who hardly waited, because of this or because its own deadline was close, has learnt nothing.
        if self.is_patient && now >= self.until {
            let until = self.queue.micros(now + HOPELESS_TIME);
            self.queue.hopeless_until.store(until, Ordering::Relaxed);
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.queue.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_a_second_after_somebody_waited_in_vain_nobody_waits_long() {
        let queue = Queue::new();
        queue.most.store(9, Ordering::Relaxed);
        queue.wait.store(50_000, Ordering::Relaxed);
        let at = |ms| queue.born + Duration::from_millis(ms);
        let wait = |ms| queue.join(at(ms)).unwrap().until.duration_since(at(ms));
        let patience = Duration::from_millis(50);
        let first = queue.join(at(0)).unwrap();
        assert_eq!(wait(40), patience, "that somebody waits is no reason");
        first.was_in_vain(at(50));
        assert_eq!(wait(51), HOPELESS_WAIT);
        queue.join(at(1000)).unwrap().was_in_vain(at(1002));
        first.was_in_vain(at(49));
        assert_eq!((wait(1049), wait(1050)), (HOPELESS_WAIT, patience));
        queue.wait.store(1_000, Ordering::Relaxed);
        first.was_in_vain(at(2000));
        assert_eq!(wait(2001), Duration::from_millis(1), "never longer than one may");
    }
}
