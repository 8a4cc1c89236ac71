//! The platform's own list of what it has told, looked at again and again: what a lost webhook leaves out is queued.
//!
//! Nothing here is on a caller's way. One look at a channel's list at a time, few at all; what fails is tried again later and
//! later; the notifications of an answer are queued in one transaction with the cursor, so that a crash loses and doubles none.

mod read;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::Edge;
use super::delivery::jittered;
use crate::guest::{PlatformRequest, PlatformResponse};
use crate::store::{DeltaPage, DeltasTaken, Timestamp, new_id};
use crate::table::{Channel, Look, Release, Turn};
use read::Reading;

pub(super) use read::same;

const LATEST: &str = "api/externals/v1/notification/latestCursor";
const LIST: &str = "api/externals/v1/notification/deltaNotification";

/// How often channels are looked for whose time has come; less than any pause that matters.
const TICK: Duration = Duration::from_millis(100);

/// The first look comes within this time.
const FIRST: Duration = Duration::from_secs(10);

/// What is said where nothing can be looked at.
const NO_RELEASE: &str = "there is no release that answers";
const NO_PLATFORM: &str = "the release that answers has no [platform]";

/// The looks of one node.
pub struct Deltas {
    edge: Arc<Edge>,
    places: Arc<Semaphore>,
}

impl Deltas {
    /// Looks over an edge's channels.
    pub fn new(edge: Arc<Edge>) -> Self {
        let places = Arc::new(Semaphore::new(edge.config.deltas.concurrent));
        Self { edge, places }
    }

    /// Looks until `stop`, and breaks off what is under way then: what is not taken is asked for again.
    pub async fn run(self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !stop.is_cancelled() {
            self.begin_what_is_due(&stop);
            tokio::select! {
                _ = tick.tick() => {}
                () = stop.cancelled() => {}
            }
        }
        let all = u32::try_from(self.edge.config.deltas.concurrent).unwrap_or(u32::MAX);
        let _ = tokio::time::timeout(self.edge.config.call.drain, self.places.acquire_many(all)).await;
    }

    /// Begins as many looks as there are places for, the longest due first.
    fn begin_what_is_due(&self, stop: &CancellationToken) {
        let (now, table) = (Instant::now(), self.edge.tables.load());
        let due = |channel: &Arc<Channel>| {
            let pause = channel.deltas.pause?;
            // Spread, so that a node that starts does not ask for thousands of channels at once.
            let due = channel.deltas.polling.due(now, || pause.min(FIRST).mul_f64(fraction()))?;
            Some((due, pause, Arc::clone(channel)))
        };
        let mut due: Vec<_> = table.channels().filter_map(due).collect();
        due.sort_by_key(|(since, ..)| *since);
        for (_, pause, channel) in due {
            let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return };
            let turn = channel.deltas.polling.begin();
            let visit = Visit { edge: Arc::clone(&self.edge), channel, pause };
            tokio::spawn(visit.run(turn, stop.clone(), place));
        }
    }
}

/// One look at one channel's list.
struct Visit {
    edge: Arc<Edge>,
    channel: Arc<Channel>,
    pause: Duration,
}

impl Visit {
    async fn run(self, turn: Turn, stop: CancellationToken, _place: OwnedSemaphorePermit) {
        let began = Timestamp::now();
        let look = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            look = self.look(&turn) => look.unwrap_or_else(Look::Failed),
        };
        if let Look::Failed(why) = &look {
            let channel = &*self.channel.name;
            tracing::warn!(channel, why, "the platform's list of notifications could not be looked at");
        }
        let (longest, jitter) = (self.edge.config.deltas.longest_pause, self.edge.config.queue.jitter);
        turn.end(began, look, |failures| jittered(backed_off(self.pause, longest, failures), jitter));
    }

    /// Takes what is new. The error is a sentence.
    async fn look(&self, turn: &Turn) -> Result<Look, String> {
        let Some(release) = &self.channel.release else { return Ok(Look::Nothing(NO_RELEASE)) };
        let Some(api) = &release.environment.platform else { return Ok(Look::Nothing(NO_PLATFORM)) };
        let (edge, name, base_url) = (&self.edge, &*self.channel.name, api.base_url());
        let position = edge.store.delta_position(name).map_err(|error| error.to_string())?;
        let Some(position) = position.filter(|position| position.base_url == base_url) else {
            let cursor = read::latest(&self.ask(release, LATEST, None).await?)?;
            edge.store.start_deltas(name, base_url, &cursor).await.map_err(|error| error.to_string())?;
            tracing::info!(channel = name, cursor, "looks at the platform's list of notifications from here on");
            return Ok(Look::Whole);
        };
        // A webhook of what the list tells now came after the last look that reached the list's end.
        let since = turn.reached().unwrap_or(position.moved).before(edge.config.queue.delta_dedupe);
        let mut from = position.cursor;
        for _ in 0..edge.config.deltas.pages {
            if !self.answers_still(release) {
                return Ok(Look::Part);
            }
            let answer = self.ask(release, LIST, Some(&from)).await?;
            let reading = Reading::new(edge, &self.channel.name, since);
            let asked = from.clone();
            // Off the edge's threads: an answer of some megabytes takes some ten milliseconds.
            let page = tokio::task::spawn_blocking(move || reading.page(&answer, &asked)).await;
            let Some(page) = page.map_err(|_| "a bug of this host met it".to_owned())?? else { return Ok(Look::Whole) };
            let (to, skipped) = (page.to.clone(), page.skipped);
            let taking = DeltaPage {
                channel: name.to_owned(),
                base_url: base_url.to_owned(),
                from,
                to: page.to,
                items: page.items,
            };
            let DeltasTaken { taken, duplicates } =
                edge.store.take_deltas(taking).await.map_err(|error| error.to_string())?;
            turn.took(taken, duplicates, skipped);
            if taken + skipped > 0 {
                tracing::info!(
                    channel = name,
                    taken,
                    duplicates,
                    skipped,
                    cursor = to,
                    "took notifications from the platform's list"
                );
            }
            from = to;
        }
        Ok(Look::Part)
    }

    /// Whether the release has not been replaced: another channel of this name has secrets of its own.
    fn answers_still(&self, release: &Arc<Release>) -> bool {
        let table = self.edge.tables.load();
        let now = table.channel(&self.channel.name).and_then(|channel| channel.release.as_ref());
        now.is_some_and(|now| Arc::ptr_eq(now, release))
    }

    /// The body of a good answer.
    async fn ask(&self, release: &Release, path: &str, cursor: Option<&str>) -> Result<String, String> {
        let query = cursor.map(|cursor| ("cursor".to_owned(), cursor.to_owned())).into_iter().collect();
        let request = PlatformRequest { method: "GET".to_owned(), path: path.to_owned(), query, body: None };
        let (runtime, time) = (&self.edge.runtime, self.edge.config.deltas.time);
        let answer = Box::pin(runtime.ask_platform(&release.environment, &new_id(), request, time)).await;
        let PlatformResponse { status, body } = answer.map_err(|error| error.to_string())?;
        if status != 200 {
            return Err(format!("the platform answers {status} to GET {path}"));
        }
        super::body::text(body.as_bytes(), &self.edge.config.edge)
            .map_err(|_| "the answer is larger than edge.json-depth and edge.json-tokens allow".to_owned())?;
        Ok(body)
    }
}

/// The pause after so many failures in a row: twice as long after each, up to the longest.
fn backed_off(pause: Duration, longest: Duration, failures: u32) -> Duration {
    pause.saturating_mul(1 << failures.min(20)).min(longest.max(pause))
}

/// Evenly from 0 to 1.
fn fraction() -> f64 {
    let mut byte = [0_u8; 1];
    let _ = getrandom::fill(&mut byte);
    f64::from(byte[0]) / 255.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_with_each_failure_up_to_the_longest() {
        let pause = |seconds: u64, failures| {
            backed_off(Duration::from_secs(seconds), Duration::from_hours(1), failures).as_secs()
        };
        assert_eq!([0, 1, 2, 5, 6, 99].map(|failures| pause(60, failures)), [60, 120, 240, 1920, 3600, 3600]);
        assert_eq!([0, 9].map(|failures| pause(7200, failures)), [7200, 7200], "one that is longer stays");
    }
}
