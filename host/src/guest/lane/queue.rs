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

/// For so long after it, no more may wait than will be served, as far as that is known: the others are turned away at once, and need
/// not wait to learn the same.
const CAUTIOUS_TIME: Duration = Duration::from_secs(5);

/// So many that were served in time make room for one more.
const SERVED: u32 = 8;

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
    /// Microseconds after `born`.
    cautious_until: AtomicU64,
    /// How many may wait until then.
    room: AtomicU32,
    /// Those that waited and were served.
    served: AtomicU32,
}

impl Queue {
    /// A queue in which nobody waits, without a limit so far.
    pub(super) fn new() -> Self {
        Self {
            waiting: AtomicU32::new(0),
            most: AtomicU32::new(0),
            wait: AtomicU64::new(0),
            born: Instant::now(),
            hopeless_until: AtomicU64::new(0),
            cautious_until: AtomicU64::new(0),
            room: AtomicU32::new(u32::MAX),
            served: AtomicU32::new(0),
        }
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
        let room = self.room(now);
        let more = |waiting: u32| (waiting < room).then_some(waiting + 1);
        let joined = self.waiting.fetch_update(Ordering::AcqRel, Ordering::Relaxed, more);
        let before = joined.map_err(|_| Fault::Busy("call.queue"))?;
        let patience = Duration::from_micros(self.wait.load(Ordering::Relaxed));
        let is_hopeless = self.micros(now) < self.hopeless_until.load(Ordering::Relaxed);
        let wait = if is_hopeless { patience.min(HOPELESS_WAIT) } else { patience };
        let served = self.served.load(Ordering::Relaxed);
        Ok(Waiting { queue: self, before, served, until: now + wait, is_patient: wait == patience })
    }

    /// How many may wait.
    fn room(&self, now: Instant) -> u32 {
        let most = self.most.load(Ordering::Relaxed);
        let is_cautious = self.micros(now) < self.cautious_until.load(Ordering::Relaxed);
        if is_cautious { most.min(self.room.load(Ordering::Relaxed)) } else { most }
    }

    fn micros(&self, now: Instant) -> u64 {
        in_u64(now.saturating_duration_since(self.born).as_micros())
    }
}

/// Somebody in the queue.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    queue: &'a Queue,
    /// Those that waited already when it came.
    before: u32,
    /// Those that had been served by then.
    served: u32,
    /// For how long.
    pub(super) until: Instant,
    is_patient: bool,
}

impl Waiting<'_> {
    /// Says what was missing in the end, if anything was.
    pub(super) fn ended(&self, fault: Option<&Fault>, now: Instant) {
        let queue = self.queue;
        // Who hardly waited, because of this or because its own deadline was close, has learnt nothing.
        if !self.is_patient || (fault.is_some() && now < self.until) {
            return;
        }
        let Some(fault) = fault else {
            if queue.served.fetch_add(1, Ordering::Relaxed) % SERVED == SERVED - 1 {
                // Where it is without a limit, it needs no more.
                let more = |room: u32| room.checked_add(1);
                let _ = queue.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
            }
            return;
        };
        queue.hopeless_until.store(queue.micros(now + HOPELESS_TIME), Ordering::Relaxed);
        // Not the channel's own queue is too long when the node has no instance for it.
        if *fault == Fault::Busy("call.in-flight") {
            let meanwhile = queue.served.load(Ordering::Relaxed).wrapping_sub(self.served);
            // One moment in which nobody was served is not the rule.
            queue.room.store(meanwhile.max(self.before / 2).max(1), Ordering::Relaxed);
            queue.cautious_until.store(queue.micros(now + CAUTIOUS_TIME), Ordering::Relaxed);
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

    const FULL: Option<&Fault> = Some(&Fault::Busy("call.in-flight"));

    /// A queue for nine, who wait for 50 ms.
    fn nine() -> Queue {
        let queue = Queue::new();
        queue.most.store(9, Ordering::Relaxed);
        queue.wait.store(50_000, Ordering::Relaxed);
        queue
    }

    #[test]
    fn for_a_second_after_somebody_waited_in_vain_nobody_waits_long() {
        let queue = nine();
        let at = |ms| queue.born + Duration::from_millis(ms);
        let wait = |ms| queue.join(at(ms)).unwrap().until.duration_since(at(ms));
        let patience = Duration::from_millis(50);
        let crowd: Vec<_> = (0..8).map(|_| queue.join(at(0)).unwrap()).collect();
        let first = queue.join(at(0)).unwrap();
        drop(crowd);
        assert_eq!(wait(40), patience, "that somebody waits is no reason");
        first.ended(FULL, at(50));
        assert_eq!(wait(51), HOPELESS_WAIT);
        queue.join(at(1000)).unwrap().ended(FULL, at(1002));
        first.ended(FULL, at(49));
        assert_eq!((wait(1049), wait(1050)), (HOPELESS_WAIT, patience));
        queue.wait.store(1_000, Ordering::Relaxed);
        first.ended(FULL, at(2000));
        assert_eq!(wait(2001), Duration::from_millis(1), "never longer than one may");
    }

    #[test]
    fn after_a_wait_in_vain_no_more_may_wait_than_are_served_in_time_until_it_is_forgotten() {
        let queue = nine();
        let at = |ms| queue.born + Duration::from_millis(ms);
        let room = |ms| std::iter::from_fn(|| queue.join(at(ms)).ok()).collect::<Vec<_>>().len();
        let mut all: Vec<_> = std::iter::from_fn(|| queue.join(at(0)).ok()).collect();
        assert_eq!(all.len(), 9);
        for waiting in &all[..5] {
            waiting.ended(None, at(10));
        }
        let last = all.pop().unwrap();
        last.ended(FULL, at(50));
        drop(last);
        all.clear();
        assert_eq!((room(51), room(2000)), (5, 5), "while the last waited, so many were served");
        let early = queue.join(at(2000)).unwrap();
        for served in 0..SERVED {
            assert_eq!(room(2000), if served < 3 { 4 } else { 5 }, "{served} more were served");
            early.ended(None, at(2010));
        }
        drop(early);
        assert_eq!((room(5_049), room(5_050)), (6, 9));
        queue.join(at(5_050)).unwrap().ended(Some(&Fault::Busy("guest.instances")), at(5_100));
        assert_eq!(room(5_101), 9, "it was not for the channel's own places");
        queue.join(at(6_101)).unwrap().ended(FULL, at(6_151));
        assert_eq!(room(6_152), 1, "one may always wait");
    }
}
