//! Circuit breakers: a component that fails again and again gets a rest, and its callers an answer at once.
//!
//! One for each kind of work of a published release, so that a new release begins with all of them closed. A breaker opens
//! after some faults in a row, or when a share of the calls of a window fails; it then lets one probe through, and stays open
//! for twice as long each time the probe fails.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{Release, Work};
use crate::config;

/// The breakers of one release.
#[derive(Debug)]
pub struct Breakers {
    settings: config::Breaker,
    began: Instant,
    /// Made with the first call: most channels of a node are idle, and all breakers of one take more than a kilobyte.
    all: OnceLock<Box<[Breaker; Work::COUNT]>>,
}

/// How a call came past a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// It is closed.
    Freely,
    /// It is open, and the end of this call decides whether it stays so.
    Probe,
}

/// A call that is a probe. When nothing was told of its end, the next call may be one at once.
pub struct Probe {
    release: Arc<Release>,
    work: Work,
}

impl Probe {
    /// A call that passed so.
    pub fn new(release: Arc<Release>, work: Work) -> Self {
        Self { release, work }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.release.breakers.give_back(self.work);
    }
}

/// How a breaker stands, for administrators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenBreaker {
    /// What is not called at present.
    pub interaction: &'static str,
    /// When the next probe may pass, in milliseconds from now; 0 = the next call is one.
    pub probe_in_ms: u64,
    /// How often it opened without a success in between.
    pub openings: u32,
}

/// Buckets of the window.
const BUCKETS: usize = 6;
const CALLS: u32 = 20;
const STAMP: u32 = 40;
const FIELD: u64 = (1 << CALLS) - 1;

#[derive(Debug, Default)]
struct Breaker {
    /// Milliseconds since `began` until which nobody passes; 0 = closed. The one word that every call reads.
    open_until: AtomicU64,
    /// Faults without a success in between.
    in_a_row: AtomicU32,
    /// Whether a probe is under way whose end was not told yet.
    probing: AtomicBool,
    /// Each the calls and faults of one part of the window: stamp, calls, faults. One word, so that they change together.
    window: [AtomicU64; BUCKETS],
    opened: Mutex<u32>,
}

impl Breakers {
    /// Closed breakers.
    pub fn new(settings: config::Breaker) -> Self {
        Self { settings, began: Instant::now(), all: OnceLock::new() }
    }

    /// Whether work may be done now, and how; if not, the whole seconds after which it is worth another try.
    pub fn pass(&self, work: Work) -> Result<Pass, u32> {
        let Some(breaker) = self.known(work) else { return Ok(Pass::Freely) };
        let until = breaker.open_until.load(Ordering::Relaxed);
        if until == 0 {
            return Ok(Pass::Freely);
        }
        let now = self.now();
        if now >= until {
            // One probe. Whoever moves the word is it; should its end never be told, the next one may try as much later.
            let next = now + self.pause(*breaker.opened()).max(1);
            let moved = breaker.open_until.compare_exchange(until, next, Ordering::AcqRel, Ordering::Relaxed);
            if moved.is_ok() {
                breaker.probing.store(true, Ordering::Release);
                return Ok(Pass::Probe);
            }
        }
        let wait = until.saturating_sub(now).div_ceil(1000).max(1);
        Err(u32::try_from(wait).unwrap_or(u32::MAX))
    }

    /// A probe came to nothing: no guest was asked, or nobody learned how it did. The next call may be one.
    fn give_back(&self, work: Work) {
        let Some(breaker) = self.known(work) else { return };
        if breaker.probing.swap(false, Ordering::AcqRel) {
            let now = self.now().max(1);
            let open = |until: u64| (until != 0).then_some(now);
            let _ = breaker.open_until.fetch_update(Ordering::AcqRel, Ordering::Relaxed, open);
        }
    }

    /// Tells how a call ended that passed so; true when its fault opened the breaker. While it is open, only the end of a probe
    /// counts, not that of calls that had begun before.
    pub fn tell(&self, work: Work, pass: Pass, fault: bool) -> bool {
        let settings = &self.settings;
        if settings.faults == 0 {
            return false;
        }
        let breaker = &self.all.get_or_init(Box::default)[work.index()];
        let now = self.now();
        let slot = now / self.bucket();
        breaker.count(slot, fault);
        if breaker.open_until.load(Ordering::Relaxed) != 0 {
            let probe = pass == Pass::Probe && breaker.probing.swap(false, Ordering::AcqRel);
            if probe && fault {
                self.rest(breaker, now);
            } else if probe {
                breaker.close();
            }
            return probe && fault;
        }
        if !fault {
            if breaker.in_a_row.load(Ordering::Relaxed) != 0 {
                breaker.in_a_row.store(0, Ordering::Relaxed);
            }
            return false;
        }
        let in_a_row = breaker.in_a_row.fetch_add(1, Ordering::AcqRel) + 1;
        let (calls, faults) = breaker.sum(slot);
        let often = calls >= u64::from(settings.calls) && share(faults, calls) >= settings.rate;
        let opens = in_a_row >= settings.faults || often;
        if opens {
            self.rest(breaker, now);
        }
        opens
    }

    /// Opens it, for longer each time.
    fn rest(&self, breaker: &Breaker, now: u64) {
        let mut opened = breaker.opened();
        breaker.open_until.store(now + self.pause(*opened).max(1), Ordering::Release);
        *opened = opened.saturating_add(1);
    }

    /// Closes one breaker, or all; gives how many were open.
    pub fn reset(&self, work: Option<Work>) -> usize {
        let chosen = Work::all().filter(|candidate| work.is_none_or(|work| work == *candidate));
        chosen.filter_map(|work| self.known(work)).filter(|breaker| breaker.close()).count()
    }

    /// Those that are open.
    pub fn open(&self) -> Vec<OpenBreaker> {
        let now = self.now();
        let all = Work::all().filter_map(|work| {
            let breaker = self.known(work)?;
            let until = breaker.open_until.load(Ordering::Relaxed);
            (until != 0).then(|| OpenBreaker {
                interaction: work.name(),
                probe_in_ms: until.saturating_sub(now),
                openings: *breaker.opened(),
            })
        });
        all.collect()
    }

    fn known(&self, work: Work) -> Option<&Breaker> {
        self.all.get().map(|all| &all[work.index()])
    }

    fn now(&self) -> u64 {
        millis(self.began.elapsed())
    }

    /// Milliseconds of one part of the window.
    fn bucket(&self) -> u64 {
        (millis(self.settings.window) / BUCKETS as u64).max(1)
    }

    /// How long it stays open after so many openings before.
    fn pause(&self, openings: u32) -> u64 {
        let first = millis(self.settings.open);
        first.saturating_mul(1 << openings.min(16)).min(millis(self.settings.longest).max(first))
    }
}

impl Breaker {
    fn opened(&self) -> std::sync::MutexGuard<'_, u32> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it was open.
    fn close(&self) -> bool {
        let mut opened = self.opened();
        *opened = 0;
        self.in_a_row.store(0, Ordering::Relaxed);
        self.probing.store(false, Ordering::Relaxed);
        for bucket in &self.window {
            bucket.store(0, Ordering::Relaxed);
        }
        self.open_until.swap(0, Ordering::AcqRel) != 0
    }

    fn count(&self, slot: u64, fault: bool) {
        let stamp = slot & ((1 << (64 - STAMP)) - 1);
        let bucket = &self.window[usize::try_from(slot % BUCKETS as u64).unwrap_or_default()];
        let _ = bucket.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
            let word = if word >> STAMP == stamp { word } else { stamp << STAMP };
            // A full field stays full: a share of a million is good enough.
            (word & FIELD < FIELD).then_some(word + 1 + (u64::from(fault) << CALLS))
        });
    }

    /// Calls and faults of the window that ends with this slot.
    fn sum(&self, slot: u64) -> (u64, u64) {
        let oldest = slot.saturating_sub(BUCKETS as u64 - 1);
        let words = self.window.iter().map(|bucket| bucket.load(Ordering::Relaxed));
        let recent = words.filter(|word| (oldest..=slot).any(|slot| word >> STAMP == slot & ((1 << (64 - STAMP)) - 1)));
        recent.fold((0, 0), |(calls, faults), word| (calls + (word & FIELD), faults + (word >> CALLS & FIELD)))
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a share of at most some millions")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharf_protocol::sdk::Interaction;

    const PAGE: Work = Work::PAYMENT_PAGE;

    fn breakers(faults: u32, open_ms: u64) -> Breakers {
        Breakers::new(config::Breaker {
            faults,
            rate: 0.5,
            calls: 20,
            window: Duration::from_secs(30),
            open: Duration::from_millis(open_ms),
            longest: Duration::from_mins(5),
        })
    }

    /// Asks until a probe passes.
    fn probe(all: &Breakers) {
        let until = Instant::now() + Duration::from_secs(10);
        while all.pass(PAGE) != Ok(Pass::Probe) {
            assert!(Instant::now() < until, "no probe passes");
            std::thread::yield_now();
        }
    }

    #[test]
    fn it_opens_after_faults_in_a_row_and_for_its_own_work_alone() {
        let all = breakers(5, 60_000);
        for _ in 0..4 {
            assert!(!all.tell(PAGE, Pass::Freely, true));
        }
        assert!(!all.tell(PAGE, Pass::Freely, false), "a success begins anew");
        for _ in 0..4 {
            assert!(!all.tell(PAGE, Pass::Freely, true));
        }
        assert!(all.tell(PAGE, Pass::Freely, true));
        assert_eq!(all.pass(PAGE), Err(60));
        assert_eq!(all.pass(Work::sdk(Interaction::OrderPull)), Ok(Pass::Freely));
        assert_eq!(all.open()[0].interaction, "payment.page");
        assert!(
            !all.tell(PAGE, Pass::Freely, true) && !all.tell(PAGE, Pass::Freely, false),
            "calls that had begun before neither open nor close it"
        );
        assert_eq!(all.pass(PAGE), Err(60));
        assert_eq!((all.reset(None), all.pass(PAGE)), (1, Ok(Pass::Freely)));
        assert!(all.open().is_empty());
    }

    #[test]
    fn it_opens_when_half_of_twenty_calls_fail() {
        let all = breakers(5, 60_000);
        let mut opened = false;
        for call in 0..20 {
            opened |= all.tell(PAGE, Pass::Freely, call % 2 == 0 || call == 19);
        }
        assert!(opened && all.pass(PAGE).is_err());
        let all = breakers(5, 60_000);
        for call in 0..2000 {
            assert!(!all.tell(PAGE, Pass::Freely, call % 3 == 0), "a third is not half");
        }
    }

    #[test]
    fn one_probe_passes_and_its_fault_doubles_the_rest() {
        let all = breakers(1, 1);
        assert!(all.tell(PAGE, Pass::Freely, true));
        probe(&all);
        assert!(all.tell(PAGE, Pass::Probe, true), "the probe's fault opens it again");
        assert_eq!(all.pause(0) * 2, all.pause(1));
        assert_eq!(breakers(1, 60_000).pause(40), 300_000, "but never for longer than the longest");
        probe(&all);
        assert!(!all.tell(PAGE, Pass::Probe, false));
        assert!(all.open().is_empty(), "the probe's success closes it");
    }

    #[test]
    fn a_probe_that_came_to_nothing_lets_the_next_call_be_one_at_once() {
        let all = breakers(1, 500);
        assert!(all.tell(PAGE, Pass::Freely, true));
        probe(&all);
        assert!(all.pass(PAGE).is_err(), "one at a time");
        assert!(!all.tell(PAGE, Pass::Freely, false), "the end of an older call is not the probe's");
        assert!(all.pass(PAGE).is_err());
        all.give_back(PAGE);
        assert_eq!(all.pass(PAGE), Ok(Pass::Probe));
        assert_eq!(all.open()[0].openings, 1, "it was no fault");
        assert!(!all.tell(PAGE, Pass::Probe, false));
        all.give_back(PAGE);
        assert_eq!((all.pass(PAGE), all.open()), (Ok(Pass::Freely), Vec::new()), "what was told is not given back");
    }

    #[test]
    fn it_opens_by_its_own_figures_and_stays_open_no_longer_than_the_longest() {
        let settings = |calls, rate, window_ms, longest_ms| {
            Breakers::new(config::Breaker {
                faults: 100,
                rate,
                calls,
                window: Duration::from_millis(window_ms),
                open: Duration::from_secs(1),
                longest: Duration::from_millis(longest_ms),
            })
        };
        let faults_until_open =
            |all: &Breakers| (1..=100).find(|call| all.tell(PAGE, Pass::Freely, call % 2 == 0)).unwrap_or_default();
        assert_eq!(faults_until_open(&settings(6, 0.5, 30_000, 9000)), 6, "so many calls");
        assert_eq!(faults_until_open(&settings(12, 0.5, 30_000, 9000)), 12);
        assert_eq!(faults_until_open(&settings(6, 0.6, 30_000, 9000)), 0, "so large a share");
        assert_eq!((settings(6, 0.5, 1, 9000).bucket(), settings(6, 0.5, 60_000, 9000).bucket()), (1, 10_000));
        let short = settings(6, 0.5, 12, 9000);
        for _ in 0..5 {
            assert!(!short.tell(PAGE, Pass::Freely, true));
        }
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(30) {
            std::thread::yield_now();
        }
        assert!(!short.tell(PAGE, Pass::Freely, true), "the five before have left the window");
        assert_eq!((short.pause(0), short.pause(1), short.pause(9)), (1000, 2000, 9000));
    }

    #[test]
    fn without_a_number_of_faults_it_is_off() {
        let all = breakers(0, 60_000);
        for _ in 0..100 {
            assert!(!all.tell(PAGE, Pass::Freely, true));
        }
        assert_eq!(all.pass(PAGE), Ok(Pass::Freely));
    }
}
