//! The automatic return: a new release that fails too often is taken back by the node itself.
//!
//! A canary is watched for as long as it runs, any other new release for its first calls. The edge counts calls and faults
//! behind the release and rings at each fault; who rings is judged here, against the release that answered before.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::Notify;

use super::Control;
use crate::config;
use crate::store::{By, Expected, Move, StoreError, Watch};
use crate::table::{Channel, Release, Score, Table};

/// A watch without traffic ends after this many times its usual time.
const LONGEST: u32 = 10;

/// The releases on trial.
pub(super) struct Watches {
    settings: config::Release,
    alarm: Arc<Notify>,
    /// By channel: the new release, and after it the canary, which may run beside one that is new itself.
    all: Mutex<HashMap<Arc<str>, Vec<Watched>>>,
}

/// One release on trial.
#[derive(Debug, Clone)]
struct Watched {
    release: u64,
    /// Its score when the trial began.
    base: Score,
    /// Faults that it was judged for already: what is newer fell on the trial as it stood then.
    judged: u64,
    against: Against,
    began: Instant,
    thresholds: Thresholds,
    revision: u64,
}

/// What a release on trial is compared with.
#[derive(Debug, Clone, Copy)]
enum Against {
    /// The active release, beside which a canary runs, and its score then.
    Active(u64, Score),
    /// The release that it replaced, and its score at the end.
    Former(u64, Score),
}

impl Against {
    fn number(self) -> u64 {
        match self {
            Self::Active(number, _) | Self::Former(number, _) => number,
        }
    }

    /// Whether both mean the same release in the same role.
    fn is_as(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other) && self.number() == other.number()
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Thresholds {
    automatic: bool,
    calls: u64,
    time: Duration,
    rate: f64,
    factor: f64,
    least: u64,
}

impl Thresholds {
    /// The channel's own, where it has them.
    fn new(own: &Watch, usual: &config::Release) -> Self {
        Self {
            automatic: own.automatic.unwrap_or(usual.automatic_return),
            calls: own.calls.unwrap_or(usual.watch_calls).into(),
            time: own.time_ms.map_or(usual.watch_time, Duration::from_millis),
            rate: own.fault_rate.unwrap_or(usual.fault_rate),
            factor: own.factor.unwrap_or(usual.fault_factor),
            least: own.least_faults.unwrap_or(usual.least_faults).into(),
        }
    }

    /// The faults per call that are too many beside a release with this score.
    fn limit(&self, against: Score) -> f64 {
        self.rate.max(self.factor * against.rate())
    }

    fn too_many(&self, score: Score, against: Score) -> bool {
        self.automatic && score.faults >= self.least && score.rate() > self.limit(against)
    }
}

/// A trial, for administrators.
#[derive(Debug, Serialize)]
pub(super) struct Trial {
    /// The release on trial.
    release: u64,
    /// The one that comes back if it fails.
    against: u64,
    /// Its calls and faults since the trial began.
    #[serde(flatten)]
    score: Score,
    /// Faults per call, 0 to 1.
    fault_rate: f64,
    /// Faults per call above which it is taken back.
    limit: f64,
    /// Whether it would be.
    automatic_return: bool,
    /// Seconds since it began.
    for_s: u64,
}

impl Watches {
    pub(super) fn new(settings: config::Release) -> Self {
        Self { settings, alarm: Arc::default(), all: Mutex::default() }
    }

    /// What a release rings at each fault.
    pub(super) fn alarm(&self) -> Arc<Notify> {
        Arc::clone(&self.alarm)
    }

    /// How long a new release is watched at least, by these thresholds of its channel.
    pub(super) fn time(&self, own: &Watch) -> Duration {
        Thresholds::new(own, &self.settings).time
    }

    /// Waits until some release has failed a call.
    pub(super) async fn rung(&self) {
        self.alarm.notified().await;
    }

    /// Begins, goes on with or ends the trial of a channel that is about to be published as `next`. `previous` is the
    /// release to roll back to: when that is the one which answered until now, what replaces it is new.
    ///
    /// After a restart nothing answered until now; then `newly` says whether `next` has been answering for a short time only.
    pub(super) fn follow(
        &self,
        before: Option<&Channel>,
        next: &Channel,
        previous: Option<u64>,
        own: &Watch,
        newly: bool,
    ) {
        let thresholds = Thresholds::new(own, &self.settings);
        let mut all = self.lock();
        let known = all.remove(&next.name).unwrap_or_default();
        let trials: Vec<_> = wanted(before, next, previous, &known, newly)
            .map(|(release, against)| {
                let same = |known: &&Watched| known.release == release.number && known.against.is_as(against);
                let (thresholds, revision) = (thresholds.clone(), next.revision);
                match known.iter().find(same) {
                    Some(known) => Watched { thresholds, revision, ..known.clone() },
                    None => Watched {
                        release: release.number,
                        base: release.health.score(),
                        judged: 0,
                        against,
                        began: Instant::now(),
                        thresholds,
                        revision,
                    },
                }
            })
            .collect();
        if !trials.is_empty() {
            all.insert(Arc::clone(&next.name), trials);
        }
    }

    /// Forgets channels that are gone.
    pub(super) fn forget_all_but(&self, table: &Table) {
        self.lock().retain(|name, _| table.channel(name).is_some());
    }

    /// How the trial of a channel stands, if there is one; of two, that of the canary.
    pub(super) fn trial(&self, channel: &Channel) -> Option<Trial> {
        let all = self.lock();
        all.get(&channel.name)?.iter().rev().find_map(|watched| {
            let (score, against) = watched.scores(channel)?;
            (!watched.is_over(score)).then(|| Trial {
                release: watched.release,
                against: watched.against.number(),
                score,
                fault_rate: score.rate(),
                limit: watched.thresholds.limit(against),
                automatic_return: watched.thresholds.automatic,
                for_s: watched.began.elapsed().as_secs(),
            })
        })
    }

    /// The channels whose release on trial has failed too often, and why.
    fn failing(&self, table: &Table) -> Vec<(Arc<str>, Watched, String)> {
        let mut failing = Vec::new();
        self.lock().retain(|name, trials| {
            trials.retain_mut(|watched| {
                // It is about to be published, and nobody has called it yet.
                if watched.revision > table.revision {
                    return true;
                }
                let Some((score, against)) = table.channel(name).and_then(|channel| watched.scores(channel)) else {
                    return false;
                };
                if watched.was_over(score) {
                    return false;
                }
                if watched.thresholds.too_many(score, against) {
                    failing.push((Arc::clone(name), watched.clone(), watched.reason(score, against)));
                } else {
                    watched.judged = score.faults;
                }
                true
            });
            !trials.is_empty()
        });
        failing
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Arc<str>, Vec<Watched>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The releases that should be on trial, and against which: a new one, then a canary.
fn wanted<'a>(
    before: Option<&Channel>,
    next: &'a Channel,
    previous: Option<u64>,
    known: &[Watched],
    newly: bool,
) -> impl Iterator<Item = (&'a Release, Against)> {
    let active = next.release.as_deref();
    let new = active.and_then(|active| Some((active, former(before, active, previous, known, newly)?)));
    let canary = next.canary.as_ref().zip(active);
    let canary = canary.map(|(canary, active)| {
        let against = Against::Active(active.number, active.health.score());
        (&*canary.release, against)
    });
    new.into_iter().chain(canary)
}

/// What an active release is compared with, if it is new.
fn former(
    before: Option<&Channel>,
    active: &Release,
    previous: Option<u64>,
    known: &[Watched],
    newly: bool,
) -> Option<Against> {
    if let (true, None, Some(previous)) = (newly, before, previous) {
        return Some(Against::Former(previous, Score::default()));
    }
    let replaced = before.and_then(|before| before.release.as_deref()).filter(|old| old.number != active.number);
    match replaced {
        Some(old) if previous == Some(old.number) => Some(Against::Former(old.number, old.health.score())),
        // Going back is no trial: what comes back is known.
        Some(_) => None,
        None => known
            .iter()
            .find(|known| known.release == active.number && matches!(known.against, Against::Former(..)))
            .map(|known| known.against),
    }
}

impl Watched {
    /// Its score since the trial began, and that of what it is compared with.
    fn scores(&self, channel: &Channel) -> Option<(Score, Score)> {
        let of = |number| channel.releases().find(|release| release.number == number);
        let score = of(self.release)?.health.score().since(self.base);
        let against = match self.against {
            Against::Active(number, base) => of(number)?.health.score().since(base),
            Against::Former(_, score) => score,
        };
        Some((score, against))
    }

    /// Whether a new release has passed: after enough calls and time, or after a long time without enough calls.
    fn is_over(&self, score: Score) -> bool {
        let (time, limits) = (self.began.elapsed(), &self.thresholds);
        let enough = score.calls >= limits.calls && time >= limits.time;
        matches!(self.against, Against::Former(..)) && (enough || time >= limits.time * LONGEST)
    }

    /// Whether it had passed before its newest faults. They ring, and nothing else does: a release that has passed unseen must
    /// not be taken back days later.
    fn was_over(&self, score: Score) -> bool {
        let new = score.faults.saturating_sub(self.judged);
        self.is_over(Score { calls: score.calls.saturating_sub(new), faults: score.faults - new })
    }

    fn reason(&self, score: Score, against: Score) -> String {
        let percent = |rate: f64| format!("{:.1} %", rate * 100.0);
        format!(
            "release {} failed {} of {} calls ({}); more than {} is too much beside release {} with {}",
            self.release,
            score.faults,
            score.calls,
            percent(score.rate()),
            percent(self.thresholds.limit(against)),
            self.against.number(),
            percent(against.rate()),
        )
    }
}

impl Control {
    /// Puts the release before back wherever the one on trial fails too often.
    pub(super) async fn take_back_what_fails(self: &Arc<Self>) {
        for (channel, watched, reason) in self.watches.failing(&self.tables.load()) {
            let (from, to) = (watched.release, watched.against.number());
            tracing::error!(%channel, from, to, reason, "a release is taken back");
            let by = By { who: "wharf".to_owned(), reason, expected: Expected::Revision(watched.revision) };
            if let Err(error) = self.take_back(&channel, from, to, by).await {
                tracing::error!(%channel, from, to, %error, "the release could not be taken back");
            }
        }
    }

    async fn take_back(self: &Arc<Self>, channel: &str, from: u64, to: u64, by: By) -> Result<(), super::ControlError> {
        let release = self.store.release(channel, to)?;
        let no_release = || StoreError::NoRelease { channel: channel.to_owned(), number: to };
        let plugin = self.load_plugin(&release.ok_or_else(no_release)?.spec.digest).await?;
        let swapped = self.store.swap(channel, Move::Return { from, to }, by).await;
        let receipt = match swapped {
            // An administrator was faster. If that was no change of this release, the next look takes it back.
            Err(StoreError::Conflict { .. }) => {
                self.publish().await?;
                self.watches.alarm.notify_one();
                return Ok(());
            }
            swapped => swapped?.receipt,
        };
        self.publish().await?;
        drop(plugin);
        self.settled(receipt, false).await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn watched(against: Against) -> Watched {
        let thresholds = Thresholds::new(&Watch::default(), &Config::default().release);
        let (base, began) = (Score::default(), Instant::now());
        Watched { release: 2, base, judged: 0, against, began, thresholds, revision: 1 }
    }

    fn score(calls: u64, faults: u64) -> Score {
        Score { calls, faults }
    }

    #[test]
    fn a_release_may_fail_two_percent_or_three_times_as_often_as_the_one_before() {
        let limits = watched(Against::Former(1, Score::default())).thresholds;
        let good = score(1000, 0);
        assert!(limits.too_many(score(100, 3), good) && limits.too_many(score(3, 3), good));
        assert!(!limits.too_many(score(150, 3), good), "two percent are allowed");
        assert!(!limits.too_many(score(2, 2), good), "two faults decide nothing");
        let bad = score(100, 10);
        assert!(!limits.too_many(score(100, 30), bad) && limits.too_many(score(100, 31), bad));
    }

    #[test]
    fn a_channels_own_thresholds_go_over_the_nodes() {
        let own = Watch { fault_rate: Some(0.5), automatic: Some(true), ..Watch::default() };
        let limits = Thresholds::new(&own, &Config::default().release);
        assert!(!limits.too_many(score(100, 50), score(0, 0)) && limits.too_many(score(100, 51), score(0, 0)));
        let off = Watch { automatic: Some(false), ..Watch::default() };
        assert!(!Thresholds::new(&off, &Config::default().release).too_many(score(9, 9), score(0, 0)));
    }

    #[test]
    fn a_new_release_passes_after_enough_calls_and_time_and_a_canary_never_by_itself() {
        let (former, active) = (Against::Former(1, score(0, 0)), Against::Active(1, score(0, 0)));
        let minutes = |minutes: u64, watched: Watched| Watched {
            began: Instant::now().checked_sub(Duration::from_secs(minutes * 60)).unwrap(),
            ..watched
        };
        assert!(!watched(former).is_over(score(1000, 0)), "too early");
        assert!(!minutes(2, watched(former)).is_over(score(49, 0)), "too few calls");
        assert!(minutes(2, watched(former)).is_over(score(50, 0)));
        assert!(minutes(11, watched(former)).is_over(score(0, 0)), "nobody calls");
        assert!(!minutes(11, watched(active)).is_over(score(1000, 0)));
    }

    #[test]
    fn what_has_passed_is_not_judged_by_what_comes_later() {
        let days_later = |judged| Watched {
            judged,
            began: Instant::now().checked_sub(Duration::from_hours(1)).unwrap(),
            ..watched(Against::Former(1, score(0, 0)))
        };
        assert!(days_later(0).was_over(score(63, 3)), "it had passed with 60 calls");
        assert!(days_later(0).was_over(score(5, 3)), "nobody had called for ten times its time");
        let young = |judged| Watched {
            judged,
            began: Instant::now().checked_sub(Duration::from_mins(2)).unwrap(),
            ..watched(Against::Former(1, score(0, 0)))
        };
        assert!(!young(0).was_over(score(52, 3)), "49 calls were too few");
        assert!(young(1).was_over(score(53, 3)), "51 calls with a fault that was too little were enough");
    }

    #[test]
    fn the_reason_tells_both_rates_and_the_limit() {
        let told = watched(Against::Former(1, Score::default())).reason(score(60, 5), score(100, 0));
        assert_eq!(
            told,
            "release 2 failed 5 of 60 calls (8.3 %); more than 2.0 % is too much beside release 1 with 0.0 %"
        );
    }
}
