//! Answers that are given again: an identical validation or payment that is under way, or was just answered, is not run anew.
//!
//! What is identical, the keys say: what it is about and its content ([`call::same`](crate::call::same)), and the id that a signed
//! request bears. A swap does not matter to them: the user who presses twice does not know of it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use crate::call::same::Same;
use crate::config;
use crate::table::Channel;

/// Channels are spread over so many shelves, each with its part of the room: one that fills its shelf pushes out the answers
/// of a sixteenth of the channels, and nobody waits for a lock that all channels share.
const SHELVES: usize = 16;

/// The largest part of a shelf that one answer may have.
const PART: usize = 8;

/// What a kept answer takes beside its body: its head, and its places in the tables.
const OVERHEAD: usize = 1024;

/// What an answer is found by.
type Name = [u8; 32];

/// What repetitions of one notification have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Keys(Vec<Key>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    /// One answer is known under each: that of the last which had it.
    name: Name,
    /// What else must be the same.
    content: [u8; 32],
    /// How long the answer is kept.
    life: Duration,
}

/// An answer as it was given.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) response: Response<Full<Bytes>>,
    /// The id of the call that it is the answer of.
    pub(super) call: String,
    /// Bytes of its body.
    pub(super) size: usize,
}

/// A run that others may wait for.
pub(super) type Running = watch::Receiver<Option<Arc<Given>>>;

/// What there is for a notification.
pub(super) enum Found {
    /// Its answer.
    Given(Arc<Given>),
    /// A run that will have it.
    Running(Running),
    /// Nothing: it is to be run, and others wait for it.
    Yours(Turn),
    /// Nothing, and nobody is to wait for it.
    Alone,
}

/// The answers of one node.
pub(super) struct Answers {
    shelves: [Arc<Mutex<Shelf>>; SHELVES],
    settings: config::Notification,
}

#[derive(Default)]
struct Shelf {
    known: HashMap<Name, Entry>,
    /// The kept ones in the order in which they came. Each has one place here.
    order: VecDeque<Name>,
    bytes: usize,
    /// Runs that there have been.
    turns: u64,
}

/// What is known under a name.
struct Entry {
    content: [u8; 32],
    state: State,
}

enum State {
    /// The run with this number.
    Running(u64, Running),
    Kept {
        given: Arc<Given>,
        until: Instant,
    },
}

impl Answers {
    pub(super) fn new(settings: &config::Notification) -> Self {
        Self { shelves: std::array::from_fn(|_| Arc::default()), settings: settings.clone() }
    }

    /// The keys of a notification on this channel: of its content, where that tells repetitions apart, and of the id of a signed
    /// one. That id is the sender's own word for a repetition, so it holds as long as its signature would.
    pub(super) fn keys(&self, channel: &Channel, same: Option<Same>, id: Option<&str>) -> Keys {
        let same = same.filter(|_| !self.settings.same_answer.is_zero()).map(|same| Key {
            name: name(channel, b"about ", &same.about),
            content: same.content,
            life: self.settings.same_answer,
        });
        let life = 2 * self.settings.signature_tolerance;
        let id = id.map(|id| Key { name: name(channel, b"id ", id.as_bytes()), content: [0; 32], life });
        Keys(same.into_iter().chain(id).collect())
    }

    /// What there is for a notification with these keys.
    pub(super) fn find(&self, channel: &Channel, keys: Keys) -> Found {
        if keys.0.is_empty() {
            return Found::Alone;
        }
        let place = self.place(channel);
        let mut open = lock(place);
        let now = Instant::now();
        for key in &keys.0 {
            match open.known.get(&key.name).filter(|entry| entry.content == key.content).map(|entry| &entry.state) {
                Some(State::Kept { given, until }) if *until > now => return Found::Given(Arc::clone(given)),
                Some(State::Running(_, running)) => return Found::Running(running.clone()),
                Some(State::Kept { .. }) | None => {}
            }
        }
        open.turns += 1;
        let number = open.turns;
        let (tell, running) = watch::channel(None);
        for Key { name, content, .. } in &keys.0 {
            open.forget(name);
            let state = State::Running(number, running.clone());
            open.known.insert(*name, Entry { content: *content, state });
        }
        drop(open);
        let most = self.settings.answers.div_ceil(SHELVES);
        let bytes = self.settings.answers_size.len() / SHELVES;
        Found::Yours(Turn { shelf: Arc::clone(place), number, keys, tell, most, bytes })
    }

    /// Forgets what was answered about this: it is no longer as it was.
    pub(super) fn forget(&self, channel: &Channel, about: &[u8; 32]) {
        lock(self.place(channel)).forget(&name(channel, b"about ", about));
    }

    fn place(&self, channel: &Channel) -> &Arc<Mutex<Shelf>> {
        let hash = Sha256::digest(channel.name.as_bytes());
        &self.shelves[usize::from(hash[0]) % SHELVES]
    }
}

/// The name of a key on its channel. A channel that is made again under its name is another one.
fn name(channel: &Channel, kind: &[u8], key: &[u8]) -> Name {
    let hash = Sha256::new().chain_update(format!("{} {} ", channel.name, channel.created.0));
    hash.chain_update(kind).chain_update(key).finalize().into()
}

/// Never held over anything that waits.
fn lock(shelf: &Mutex<Shelf>) -> MutexGuard<'_, Shelf> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shelf {
    fn forget(&mut self, name: &Name) {
        if let Some(Entry { state: State::Kept { given, .. }, .. }) = self.known.remove(name) {
            self.bytes -= given.size + OVERHEAD;
            self.order.retain(|kept| kept != name);
        }
    }

    /// Whether what is known under this name is the run with this number, and nothing that came after it.
    fn runs(&self, name: &Name, number: u64) -> bool {
        matches!(self.known.get(name), Some(Entry { state: State::Running(known, _), .. }) if *known == number)
    }

    /// Makes room: the old ones go, and then the oldest.
    fn clear(&mut self, most: usize, bytes: usize, now: Instant) {
        while let Some(first) = self.order.front() {
            let state = self.known.get(first).map(|entry| &entry.state);
            let is_over = matches!(state, Some(State::Kept { until, .. }) if *until <= now);
            if !is_over && self.order.len() <= most && self.bytes <= bytes {
                return;
            }
            let first = *first;
            self.order.pop_front();
            if let Some(Entry { state: State::Kept { given, .. }, .. }) = self.known.remove(&first) {
                self.bytes -= given.size + OVERHEAD;
            }
        }
    }
}

/// A run whose answer others wait for. Dropped without one, it lets them go and leaves nothing behind.
pub(super) struct Turn {
    shelf: Arc<Mutex<Shelf>>,
    number: u64,
    keys: Keys,
    tell: watch::Sender<Option<Arc<Given>>>,
    most: usize,
    bytes: usize,
}

impl Turn {
    /// Gives the answer to all who wait, and keeps it for those who come, if it is one to `keep`. What was changed meanwhile is
    /// not answered by it.
    pub(super) fn give(self, given: Given, keep: bool) {
        let given = Arc::new(given);
        let size = given.size + OVERHEAD;
        if keep && size <= self.bytes / PART {
            let now = Instant::now();
            let mut open = lock(&self.shelf);
            for Key { name, content, life } in &self.keys.0 {
                if open.runs(name, self.number) {
                    let state = State::Kept { given: Arc::clone(&given), until: now + *life };
                    open.known.insert(*name, Entry { content: *content, state });
                    open.order.push_back(*name);
                    open.bytes += size;
                }
            }
            open.clear(self.most, self.bytes, now);
        }
        // Nobody may wait.
        let _ = self.tell.send(Some(given));
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut open = lock(&self.shelf);
        for key in &self.keys.0 {
            if open.runs(&key.name, self.number) {
                open.known.remove(&key.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::auth::tests::channel;
    use super::*;
    use crate::config::{Config, Size};
    use crate::store::{Mode, Timestamp};

    fn answers(change: impl FnOnce(&mut config::Notification)) -> Answers {
        let mut settings = Config::default().notification;
        change(&mut settings);
        Answers::new(&settings)
    }

    fn given(call: &str, size: usize) -> Given {
        Given { response: Response::new(Full::new(Bytes::new())), call: call.to_owned(), size }
    }

    /// What says this of what it alone is about.
    fn about(content: u8) -> Same {
        Same { about: [content; 32], content: [content; 32] }
    }

    /// What there is for a content or an id, in one word; a turn that is found is answered.
    fn ask(answers: &Answers, channel: &Channel, content: u8, id: Option<&str>, call: &str) -> String {
        let keys = answers.keys(channel, Some(about(content)), id);
        match answers.find(channel, keys) {
            Found::Given(given) => given.call.clone(),
            Found::Running(_) => "running".to_owned(),
            Found::Alone => "alone".to_owned(),
            Found::Yours(turn) => {
                turn.give(given(call, 100), true);
                "run".to_owned()
            }
        }
    }

    #[test]
    fn an_answer_is_found_by_its_content_or_its_id_on_its_channel_alone() {
        let answers = answers(|_| {});
        let acme = channel(Mode::Testing, &[]);
        let mut again = Arc::into_inner(channel(Mode::Testing, &[])).unwrap();
        again.created = Timestamp(1);
        assert_eq!(ask(&answers, &acme, 1, Some("a"), "one"), "run");
        assert_eq!(ask(&answers, &acme, 1, None, "two"), "one");
        assert_eq!(ask(&answers, &acme, 2, Some("a"), "two"), "one", "the same id with another content");
        assert_eq!(ask(&answers, &acme, 2, Some("b"), "two"), "run");
        assert_eq!(ask(&answers, &acme, 1, Some("c"), "three"), "one", "another id with the same content");
        assert_eq!(ask(&answers, &again, 1, Some("a"), "other"), "run");
    }

    #[test]
    fn those_who_come_meanwhile_wait_and_nothing_is_left_of_a_run_without_an_answer() {
        let answers = answers(|_| {});
        let acme = channel(Mode::Testing, &[]);
        let find = || answers.find(&acme, answers.keys(&acme, Some(about(1)), None));
        let Found::Yours(turn) = find() else { panic!("it is new") };
        let Found::Running(waits) = find() else { panic!("it is under way") };
        drop(turn);
        assert!(waits.has_changed().is_err() && waits.borrow().is_none(), "those who wait are let go");
        let Found::Yours(turn) = find() else { panic!("it is new again") };
        let Found::Running(waits) = find() else { panic!("it is under way") };
        turn.give(given("one", 1), false);
        assert_eq!(waits.borrow().as_ref().unwrap().call, "one");
        assert!(matches!(find(), Found::Yours(_)), "what is not to be kept is run again");
        assert!(matches!(answers.find(&acme, Keys::default()), Found::Alone));
    }

    #[test]
    fn what_was_changed_meanwhile_is_not_answered_by_what_was_said_before() {
        let answers = answers(|_| {});
        let acme = channel(Mode::Testing, &[]);
        let find = |content: u8| {
            let same = Same { about: [1; 32], content: [content; 32] };
            answers.find(&acme, answers.keys(&acme, Some(same), None))
        };
        let Found::Yours(first) = find(1) else { panic!("it is new") };
        let Found::Yours(second) = find(2) else { panic!("it is another content") };
        first.give(given("first", 1), true);
        assert!(matches!(find(2), Found::Running(_)), "the later one stands");
        second.give(given("second", 1), true);
        assert!(matches!(find(2), Found::Given(given) if given.call == "second"));
        let Found::Yours(third) = find(1) else { panic!("it was changed since") };
        third.give(given("third", 1), true);
        assert!(matches!(find(1), Found::Given(given) if given.call == "third"));
        answers.forget(&acme, &[1; 32]);
        let Found::Yours(fourth) = find(1) else { panic!("it was forgotten") };
        answers.forget(&acme, &[1; 32]);
        fourth.give(given("fourth", 1), true);
        assert!(matches!(find(1), Found::Yours(_)), "it was forgotten while it ran");
        let mut shelves = answers.shelves.iter().map(|shelf| lock(shelf));
        assert!(shelves.all(|shelf| shelf.known.is_empty() && shelf.order.is_empty() && shelf.bytes == 0));
    }

    #[test]
    fn an_answer_is_kept_for_its_time_and_not_at_all_when_it_is_turned_off() {
        let short = answers(|settings| settings.same_answer = Duration::from_nanos(1));
        let off = answers(|settings| settings.same_answer = Duration::ZERO);
        let acme = channel(Mode::Testing, &[]);
        for (answers, found) in [(&short, "run"), (&off, "alone")] {
            assert_eq!(ask(answers, &acme, 1, None, "one"), found);
            assert_eq!(ask(answers, &acme, 1, None, "two"), found);
        }
        assert_eq!(ask(&off, &acme, 2, Some("a"), "one"), "run");
        assert_eq!(ask(&off, &acme, 3, Some("a"), "two"), "one", "a signed one's id holds all the same");
        let shelf = short.shelves.iter().map(|shelf| lock(shelf)).find(|shelf| !shelf.known.is_empty()).unwrap();
        assert_eq!((shelf.known.len(), shelf.order.len(), shelf.bytes), (1, 1, 100 + OVERHEAD));
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many_or_they_are_too_large() {
        let few = answers(|settings| settings.answers = 2 * SHELVES);
        let small = answers(|settings| settings.answers_size = Size::mib(1));
        let acme = channel(Mode::Testing, &[]);
        for content in 1..=3 {
            assert_eq!(ask(&few, &acme, content, None, "one"), "run");
        }
        assert_eq!(ask(&few, &acme, 3, None, "two"), "one");
        assert_eq!(ask(&few, &acme, 2, None, "two"), "one");
        assert_eq!(ask(&few, &acme, 1, None, "two"), "run");

        let Found::Yours(turn) = small.find(&acme, small.keys(&acme, Some(about(9)), None)) else {
            panic!("it is new")
        };
        turn.give(given("large", 8 << 10), true);
        assert!(
            small.shelves.iter().all(|shelf| lock(shelf).known.is_empty()),
            "one answer does not take the room of all"
        );
    }
}
