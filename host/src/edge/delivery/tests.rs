//! Flaky components against the real store and the real schedule, on a clock that is moved by hand: 76 hours in seconds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::*;
use crate::config::{Config, Queue};
use crate::store::{Digest, Event, Mode, NewChannel, Resting, Retention, State, Store, Timestamp};

const START: Timestamp = Timestamp(1_700_000_000_000);
const LEASE: Duration = Duration::from_secs(90);

/// What comes of an attempt.
enum Try {
    Well,
    Fails(Fault),
    /// It never ends, as if the node had died over it.
    Never,
}

/// What a component does at each try, from 1.
type Script = fn(u32) -> Try;

/// A component, and what must become of each of its notifications: the state, the attempts that count, part of the reason.
struct Profile {
    name: &'static str,
    script: Script,
    becomes: (State, u32, &'static str),
}

fn profiles() -> [Profile; 10] {
    let dead = |attempts, reason| (State::Dead, attempts, reason);
    let done = |attempts| (State::Done, attempts, "");
    let profile = |name, script: Script, becomes| Profile { name, script, becomes };
    [
        profile("traps", |_| Try::Fails(Fault::Trap("unreachable".into())), dead(10, "unreachable")),
        profile("loops", |_| Try::Fails(Fault::Cpu { limit: Duration::from_secs(2) }), dead(10, "computed for longer")),
        profile("never answers", |_| Try::Fails(Fault::Deadline { limit: LEASE }), dead(10, "did not end within")),
        profile(
            "refuses",
            |_| {
                let refusal = wharf_protocol::call::Refusal { code: "NO".into(), message: "no".into() };
                Try::Fails(Fault::Refused(refusal))
            },
            dead(1, "refused: NO"),
        ),
        profile(
            "answers nothing of it",
            |_| Try::Fails(Fault::NotImplemented("events.handle")),
            dead(1, "does not answer"),
        ),
        profile(
            "asks for later",
            |try_| match try_ {
                1..=4 => Try::Fails(Fault::RetryLater([None, Some(0), Some(3600), Some(u32::MAX)][try_ as usize - 1])),
                _ => Try::Well,
            },
            done(5),
        ),
        profile(
            "alternates",
            |try_| if try_ % 2 == 1 { Try::Fails(Fault::Internal("flaky".into())) } else { Try::Well },
            done(2),
        ),
        profile(
            "is overloaded, rests, and is swapped",
            |try_| match try_ {
                1..=3 => Try::Fails(Fault::Busy("call.in-flight")),
                4 | 5 => Try::Fails(Fault::Resting(300)),
                6 => Try::Fails(Fault::NoRelease),
                7 => Try::Fails(Fault::Replaced(Duration::from_secs(20))),
                _ => Try::Well,
            },
            done(1),
        ),
        profile(
            "learns at the last moment",
            |try_| if try_ < 10 { Try::Fails(Fault::StackOverflow) } else { Try::Well },
            done(10),
        ),
        profile("brings the node down", |_| Try::Never, dead(11, "did not end")),
    ]
}

/// What is known of one notification.
#[derive(Debug, Default)]
struct Seen {
    tries: u32,
    /// When its next attempt may begin, where it has had one.
    due: Option<Timestamp>,
    closed: bool,
}

struct Bench {
    store: Store,
    queue: Queue,
    seen: Mutex<HashMap<String, Seen>>,
}

impl Bench {
    /// An attempt as a worker makes it, at `now`.
    async fn attempt(&self, script: Script, leased: &Leased, now: Timestamp) {
        let tries = {
            let mut seen = self.seen.lock().unwrap();
            let seen = seen.get_mut(&leased.id).unwrap();
            seen.tries += 1;
            assert!(!seen.closed && seen.due.is_none_or(|due| due <= now), "not before its time: {seen:?} at {now:?}");
            seen.tries
        };
        let fate = match fate::worn_out(&self.queue, leased) {
            Some(fate) => fate,
            None => match script(tries) {
                Try::Well => Fate::Done,
                Try::Fails(fault) => {
                    let fate = fate::of(&self.queue, leased, &fault);
                    self.hold(leased, &fault, &fate);
                    fate
                }
                Try::Never => {
                    self.seen.lock().unwrap().get_mut(&leased.id).unwrap().due = Some(now.after(LEASE));
                    return;
                }
            },
        };
        fate.settle(&self.store, leased, now).await.unwrap();
        let mut seen = self.seen.lock().unwrap();
        let seen = seen.get_mut(&leased.id).unwrap();
        match fate {
            Fate::Again(pause, _) | Fate::Interrupted(pause, _) | Fate::Later(pause) => {
                seen.due = Some(now.after(pause));
            }
            Fate::Done | Fate::Dead(_) => seen.closed = true,
        }
    }

    /// The pause is the schedule's, within its jitter, or the component's own.
    fn hold(&self, leased: &Leased, fault: &Fault, fate: &Fate) {
        let Fate::Again(pause, _) = fate else { return };
        let planned = self.queue.schedule[leased.attempts as usize];
        if let Fault::RetryLater(Some(wish)) = fault {
            let wish = Duration::from_secs(u64::from(*wish));
            assert_eq!(*pause, wish.clamp(Duration::from_secs(1), Duration::from_hours(24)));
        } else {
            let (least, most) = (planned.mul_f64(0.8), planned.mul_f64(1.2));
            assert!((least..=most).contains(pause), "{pause:?} for {planned:?}");
        }
    }
}

/// A store on a disk of memory where there is one: what is measured here is no disk.
async fn bench(events: i64) -> (TempDir, Arc<Bench>) {
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let store = Store::open(dir.path(), Retention::from(&Config::default())).unwrap();
    let new = NewChannel { name: "acme".into(), mode: Mode::Testing, hosts: Vec::new(), keys: Vec::new() };
    store.create_channel(new).await.unwrap();
    let sent: Vec<_> = (0..events)
        .map(|number| {
            let store = store.clone();
            let event = Event {
                channel: "acme".into(),
                event_type: "workflow.validation".into(),
                entity_type_id: Some(0),
                // Two for each.
                entity_id: Some(number / 2),
                body: number.to_string(),
                dedupe: Digest::of(&number.to_le_bytes()),
                same: None,
                at: START,
            };
            tokio::spawn(async move { store.enqueue(event, Duration::from_hours(24)).await.unwrap().id })
        })
        .collect();
    let mut seen = HashMap::new();
    for sent in sent {
        seen.insert(sent.await.unwrap(), Seen::default());
    }
    (dir, Arc::new(Bench { store, queue: Config::default().queue, seen: Mutex::new(seen) }))
}

#[tokio::test]
async fn every_notification_of_a_flaky_component_is_done_or_dead_with_its_reason_and_on_schedule() {
    let each = if std::env::var_os("WHARF_TEST_LONG").is_some() { 10_000 } else { 200 };
    let (profiles, began) = (profiles(), std::time::Instant::now());
    let kinds = i64::try_from(profiles.len()).unwrap();
    let of = |entity: Option<i64>| usize::try_from(entity.unwrap() % kinds).unwrap();
    let (_dir, bench) = bench(each * kinds).await;
    let (mut now, mut attempts) = (START, 0);
    while let Some(due) = bench.store.next_due().unwrap() {
        // A little further than it must, as a busy node would: a hundredth of what has passed.
        now = Timestamp(now.0.max(due.0) + (due.0 - START.0).max(0) / 100);
        let before = attempts;
        loop {
            let leased = bench.store.lease(now, 256, 256, LEASE, Resting::default()).await.unwrap();
            if leased.is_empty() {
                break;
            }
            let entities: std::collections::HashSet<_> = leased.iter().map(|one| one.entity_id).collect();
            assert_eq!(entities.len(), leased.len(), "never two of one entity");
            attempts += leased.len();
            let work: Vec<_> = leased
                .into_iter()
                .map(|leased| {
                    let (bench, script) = (Arc::clone(&bench), profiles[of(leased.entity_id)].script);
                    tokio::spawn(async move { bench.attempt(script, &leased, now).await })
                })
                .collect();
            for work in work {
                work.await.unwrap();
            }
        }
        if attempts == before {
            // Attempts that never end hold the channel's whole share, until their leases run out.
            now = now.after(LEASE);
        }
    }
    let mut told: HashMap<&str, i64> = HashMap::new();
    for id in bench.seen.lock().unwrap().keys() {
        let (event, _, history) = bench.store.queue_event(id).unwrap().unwrap();
        let Profile { name, becomes: (state, counted, reason), .. } = &profiles[of(event.entity_id)];
        assert_eq!((event.state, event.attempts), (*state, *counted), "{name}: {event:?} {history:?}");
        assert!(event.reason.clone().unwrap_or_default().contains(reason), "{name}: {event:?}");
        assert!(
            history.iter().all(|attempt| attempt.ended.is_some() && attempt.result.is_some()),
            "{name}: {history:?}"
        );
        *told.entry(name).or_default() += 1;
    }
    assert!(told.len() == profiles.len() && told.values().all(|count| *count == each), "{told:?}");
    let depth = bench.store.queue_depths(now).unwrap()["acme"];
    let dead = profiles.iter().filter(|profile| profile.becomes.0 == State::Dead).count() as u64 * each.cast_unsigned();
    assert_eq!((depth.queued, depth.running, depth.dead, depth.deaths), (0, 0, dead, dead));
    println!(
        "flaky components: {} profiles, {each} notifications each, {attempts} attempts over {} h in {:?}",
        profiles.len(),
        (now.0 - START.0) / 3_600_000,
        began.elapsed()
    );
}
