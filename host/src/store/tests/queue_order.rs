use std::collections::BTreeMap;

use wharf_fuzz::Seeded;

use super::*;

const LEASE: Duration = Duration::from_mins(2);
const ENTITIES: u64 = 4;

/// What the queue must hold, by the order in which it came in.
#[derive(Debug, Default)]
struct Model(BTreeMap<u64, Known>);

#[derive(Debug, Clone)]
struct Known {
    id: String,
    entity: u64,
    state: State,
    /// When a lease ends.
    until: Timestamp,
}

impl Model {
    fn number(&self, id: &str) -> u64 {
        *self.0.iter().find(|(_, known)| known.id == id).unwrap().0
    }

    fn set(&mut self, id: &str, state: State) {
        let number = self.number(id);
        self.0.get_mut(&number).unwrap().state = state;
    }

    /// What is leased is the oldest of its entity that is open, and alone at work; but one whose lease ran out may come back
    /// although an older one was replayed meanwhile.
    fn lease(&mut self, id: &str, now: Timestamp, seed: u64) {
        let number = self.number(id);
        let mine = self.0[&number].clone();
        let again = mine.state == State::Running;
        assert!(!again || mine.until <= now, "seed {seed}: leased twice: {mine:?}");
        for (other, known) in self.0.iter().filter(|(_, known)| known.entity == mine.entity && known.id != mine.id) {
            assert_ne!(known.state, State::Running, "seed {seed}: {mine:?} beside {known:?}");
            assert!(again || known.state != State::Queued || *other > number, "seed {seed}: {mine:?} before {known:?}");
        }
        let known = self.0.get_mut(&number).unwrap();
        (known.state, known.until) = (State::Running, now.after(LEASE));
    }

    fn of(&self, state: State) -> Vec<String> {
        self.0.values().filter(|known| known.state == state).map(|known| known.id.clone()).collect()
    }
}

/// What a worker does with what it has leased.
async fn settle(store: &Store, model: &mut Model, leased: &Leased, now: Timestamp, dice: &mut Seeded) {
    let later = now.after(Duration::from_secs(dice.below(300)));
    let state = match dice.below(7) {
        0 => store.retry(leased, now, later, "x").await.map(|()| State::Queued),
        1 => store.postpone(leased, later).await.map(|()| State::Queued),
        2 => store.interrupt(leased, now, later, "x").await.map(|()| State::Queued),
        3 | 4 => store.bury(leased, now, "x").await.map(|()| State::Dead),
        _ => store.finish(leased, now).await.map(|()| State::Done),
    };
    match state {
        Ok(state) => model.set(&leased.id, state),
        Err(StoreError::NotLeased(_)) => {}
        Err(error) => panic!("{error}"),
    }
}

async fn put(store: &Store, model: &mut Model, now: Timestamp, dice: &mut Seeded) {
    let (entity, number) = (dice.below(ENTITIES), model.0.len() as u64);
    let body = format!("{entity} {}", number - dice.below(3).min(number));
    let event = Event {
        channel: "acme".into(),
        event_type: "workflow.validation".into(),
        entity_type_id: Some(0),
        entity_id: i64::try_from(entity).ok(),
        dedupe: Digest::of(body.as_bytes()),
        body,
        same: None,
        at: now,
    };
    let queued = store.enqueue(event, LEASE).await.unwrap();
    if !queued.duplicate {
        let next = model.0.keys().last().map_or(0, |last| last + 1);
        model.0.insert(next, Known { id: queued.id, entity, state: State::Queued, until: now });
    }
}

/// Replays one of the dead, or all.
async fn replay(store: &Store, model: &mut Model, now: Timestamp, dice: &mut Seeded) {
    let mut dead = model.of(State::Dead);
    if dice.below(2) == 0 {
        store.sweep("acme", Filter::default(), 0, Sweep::Replay, now).await.unwrap();
    } else {
        dead.truncate(1);
        for id in &dead {
            store.replay(id, now).await.unwrap();
        }
    }
    for id in dead {
        model.set(&id, State::Queued);
    }
}

/// What is counted is what is there.
fn hold_counts(store: &Store, model: &Model, now: Timestamp, seed: u64) {
    let depth = store.queue_depths(now).unwrap().get("acme").copied().unwrap_or_default();
    let counted = [depth.queued, depth.running, depth.dead];
    let there = [State::Queued, State::Running, State::Dead].map(|state| model.of(state).len() as u64);
    assert_eq!(counted, there, "seed {seed}");
}

#[tokio::test]
async fn the_order_of_an_entity_holds_under_retries_duplicates_replays_and_several_workers() {
    let runs = if std::env::var_os("WHARF_TEST_LONG").is_some() { 300 } else { 12 };
    let first = u64::from(std::process::id());
    for seed in first..first + runs {
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let store = open(&dir);
        store.create_channel(channel("acme")).await.unwrap();
        let (mut dice, mut model, mut now) = (Seeded::new(seed), Model::default(), Timestamp(1_000_000_000_000));
        let mut held: Vec<Leased> = Vec::new();
        for _ in 0..200 {
            now = now.after(Duration::from_millis(dice.below(20_000)));
            match dice.below(10) {
                0..=3 => put(&store, &mut model, now, &mut dice).await,
                4 | 5 => {
                    let limit = 1 + usize::try_from(dice.below(3)).unwrap();
                    for leased in store.lease(now, limit, 3, LEASE, Resting::default()).await.unwrap() {
                        model.lease(&leased.id, now, seed);
                        held.push(leased);
                    }
                }
                6 | 7 if !held.is_empty() => {
                    let index = usize::try_from(dice.below(held.len() as u64)).unwrap();
                    settle(&store, &mut model, &held.swap_remove(index), now, &mut dice).await;
                }
                8 => replay(&store, &mut model, now, &mut dice).await,
                _ => {
                    let open = model.of(State::Queued);
                    if let Some(id) = open.get(usize::try_from(dice.below(8)).unwrap()) {
                        store.drop_event(id).await.unwrap();
                        let number = model.number(id);
                        model.0.remove(&number);
                    }
                }
            }
            hold_counts(&store, &model, now, seed);
        }
        // In the end everything can be handled, one entity after the other's turn.
        while let Some(due) = store.next_due().unwrap() {
            now = Timestamp(now.0.max(due.0));
            for leased in store.lease(now, 10, 10, LEASE, Resting::default()).await.unwrap() {
                model.lease(&leased.id, now, seed);
                store.finish(&leased, now).await.unwrap();
                model.set(&leased.id, State::Done);
            }
        }
        assert_eq!(
            model.of(State::Queued).len() + model.of(State::Running).len(),
            0,
            "seed {seed}: none is left behind"
        );
    }
}
