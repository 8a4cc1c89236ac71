//! Who waits for a place, and for how long.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::in_u64;
use crate::guest::fault::Fault;
use crate::guest::limits::Limits;

/// After somebody has waited in vain, for as long as callers are told to stay away …
const HOPELESS_TIME: Duration = Duration::from_secs(1);

/// … nobody waits longer than this: more calls come than are answered, and a queue that only ever stands makes each of them late
/// and helps none.
const HOPELESS_WAIT: Duration = Duration::from_millis(2);

/// So many may wait then. Where so many come, a place that becomes free still finds somebody.
const HOPELESS_ROOM: u32 = 1;

/// Where somebody has waited all the time, this part of the places that there are may wait. Measured with ten times too many calls: with
/// a half, the slowest hundredth took 2.1 to 2.3 times as long as with as many calls as there are places.
const STANDING_PART: u32 = 4;

/// For so long after it, no more may wait than will surely be served, as far as that is known: the others are turned away at once, and
/// need not wait to learn the same.
const CAUTIOUS_TIME: Duration = Duration::from_secs(20);

/// Calls that wait for a place.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: AtomicU32,
    most: AtomicU32,
    /// That the channel has for calls under way.
    places: AtomicU32,
    /// Microseconds.
    wait: AtomicU64,
    born: Instant,
    /// Microseconds after `born`.
    hopeless_until: AtomicU64,
    /// Microseconds after `born`.
    cautious_until: AtomicU64,
    /// How many may wait until then.
    room: AtomicU32,
    /// Microseconds after `born` at which the first began to wait of those that have followed each other without a gap.
    stands_since: AtomicU64,
    /// Those that waited and were served.
    served: AtomicU32,
}

impl Queue {
    /// A queue in which nobody waits, without a limit so far.
    pub(super) fn new() -> Self {
        Self {
            waiting: AtomicU32::new(0),
            most: AtomicU32::new(0),
            places: AtomicU32::new(0),
            wait: AtomicU64::new(0),
            born: Instant::now(),
            hopeless_until: AtomicU64::new(0),
            cautious_until: AtomicU64::new(0),
            room: AtomicU32::new(u32::MAX),
            stands_since: AtomicU64::new(0),
            served: AtomicU32::new(0),
        }
    }

    pub(super) fn set(&self, limits: &Limits) {
        self.most.store(limits.queue, Ordering::Relaxed);
        self.places.store(limits.in_flight, Ordering::Relaxed);
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
        let is_hopeless = self.micros(now) < self.hopeless_until.load(Ordering::Relaxed);
        let room = if is_hopeless { HOPELESS_ROOM } else { self.room(now) }.min(self.most.load(Ordering::Relaxed));
        let more = |waiting: u32| (waiting < room).then_some(waiting + 1);
        let joined = self.waiting.fetch_update(Ordering::AcqRel, Ordering::Relaxed, more);
        let before = joined.map_err(|_| Fault::Busy("call.queue"))?;
        if before == 0 {
            self.stands_since.store(self.micros(now), Ordering::Relaxed);
        }
        let patience = Duration::from_micros(self.wait.load(Ordering::Relaxed));
        let wait = if is_hopeless { patience.min(HOPELESS_WAIT) } else { patience };
        let served = self.served.load(Ordering::Relaxed);
        Ok(Waiting { queue: self, before, served, until: now + wait, is_patient: wait == patience })
    }

    /// How many may wait, as far as there is hope. A queue is for calls that come all at once: where somebody has been waiting all the time
    /// for as long as one may, no more may wait than a quarter of those that are under way, so that nobody is late by much.
    fn room(&self, now: Instant) -> u32 {
        let load = |value: &AtomicU64| value.load(Ordering::Relaxed);
        let now = self.micros(now);
        let stands = self.waiting() > 0 && now.saturating_sub(load(&self.stands_since)) >= load(&self.wait);
        let some = if stands { (self.places.load(Ordering::Relaxed) / STANDING_PART).max(1) } else { u32::MAX };
        let is_cautious = now < load(&self.cautious_until);
        if is_cautious { some.min(self.room.load(Ordering::Relaxed)) } else { some }
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
            queue.served.fetch_add(1, Ordering::Relaxed);
            return;
        };
        queue.hopeless_until.store(queue.micros(now + HOPELESS_TIME), Ordering::Relaxed);
        // Not the channel's own queue is too long when the node has no instance for it.
        if *fault == Fault::Busy("call.in-flight") {
            let meanwhile = queue.served.load(Ordering::Relaxed).wrapping_sub(self.served);
            // One moment in which nobody was served is not the rule; and who waits behind half of those that were is served in half
            // the time.
            let surely = meanwhile.max(self.before / 2) / 2;
            queue.room.store(surely.max(1), Ordering::Relaxed);
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

    /// A queue for nine, who wait for 50 ms for one of eight places.
    fn nine() -> Queue {
        let queue = Queue::new();
        queue.places.store(8, Ordering::Relaxed);
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
        drop(first);
        assert_eq!(wait(51), HOPELESS_WAIT);
        queue.join(at(1000)).unwrap().ended(FULL, at(1002));
        assert_eq!((wait(1049), wait(1050)), (HOPELESS_WAIT, patience), "who waited for less has learnt nothing");
        queue.join(at(1050)).unwrap().ended(FULL, at(1099));
        assert_eq!(wait(1100), patience, "nor has one whose own time was over earlier");
        queue.wait.store(1_000, Ordering::Relaxed);
        queue.join(at(2000)).unwrap().ended(FULL, at(2001));
        assert_eq!(wait(2001), Duration::from_millis(1), "never longer than one may");
    }

    #[test]
    fn after_a_wait_in_vain_no_more_may_wait_than_are_served_in_time_until_it_is_forgotten() {
        let queue = nine();
        let at = |ms| queue.born + Duration::from_millis(ms);
        let room = |ms| std::iter::from_fn(|| queue.join(at(ms)).ok()).collect::<Vec<_>>().len();
        // How many may wait after one has waited in vain while so many were served.
        let cautious = |ms, served| {
            let mut all: Vec<_> = std::iter::from_fn(|| queue.join(at(ms)).ok()).collect();
            for waiting in &all[..served] {
                waiting.ended(None, at(ms + 10));
            }
            all.pop().unwrap().ended(FULL, at(ms + 50));
            drop(all);
            assert_eq!((room(ms + 51), room(ms + 1049)), (1, 1), "there is little hope");
            room(ms + 1050)
        };
        assert_eq!(cautious(0, 5), 2, "five were served, so two surely will be");
        assert_eq!((room(20_049), room(20_050)), (2, 9));
        assert_eq!(cautious(21_000, 8), 4);
        assert_eq!(cautious(23_000, 0), 1, "one may always wait");
        assert_eq!((room(43_049), room(43_050)), (1, 9));
        queue.join(at(50_000)).unwrap().ended(Some(&Fault::Busy("guest.instances")), at(50_050));
        assert_eq!((room(50_051), room(51_050)), (1, 9), "it was not for the channel's own places");
    }

    #[test]
    fn where_somebody_waits_all_the_time_no_more_may_wait_than_a_quarter_of_those_under_way() {
        let queue = nine();
        let at = |ms| queue.born + Duration::from_millis(ms);
        let room = |ms| std::iter::from_fn(|| queue.join(at(ms)).ok()).collect::<Vec<_>>().len();
        let mut last = queue.join(at(500)).unwrap();
        for ms in [510, 530, 549] {
            last = queue.join(at(ms)).unwrap();
        }
        assert_eq!((room(549), room(550)), (8, 1), "one of two waits");
        drop(last);
        assert_eq!((room(551), room(552)), (9, 9), "nobody waited");
    }
}
