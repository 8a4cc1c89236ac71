//! Hostile guests: what a component can do to its host, written by hand. Each ends as it should, its caller is told so, and a
//! good neighbour answers in between.

mod answers;
mod fuzz;
mod imports;
mod shell;
mod traps;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::admission::Files;
use crate::host::Host;
use crate::trust::rounds;
use crate::wire::Answer;
pub(crate) use shell::Guest;

/// How a call of a hostile guest may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// With its empty report: it did nothing wrong, or was refused and put up with it.
    Answers,
    /// In a trap.
    Traps,
    /// With its stack at an end.
    Stack,
    /// With its memory at an end.
    Memory,
    /// At a limit of time.
    Late,
    /// With an answer that is not sent.
    Illegal,
    /// In any way but a host's fault: which limit is met first is not the point.
    Allowed,
    /// It is not even loaded.
    Refused,
}

/// A hostile component.
#[derive(Clone)]
struct Case {
    name: &'static str,
    ends: Ends,
    bytes: Vec<u8>,
}

impl Case {
    #[expect(clippy::needless_pass_by_value, reason = "a guest is built where it is written")]
    fn new(name: &'static str, ends: Ends, guest: Guest) -> Self {
        Self { name, ends, bytes: guest.build() }
    }

    /// Whether a call may end like this.
    fn allows(&self, answer: &Answer) -> bool {
        let code = if answer.status == 200 { String::new() } else { answer.code() };
        let is = |status: u16, codes: &[&str]| answer.status == status && codes.contains(&code.as_str());
        match self.ends {
            Ends::Answers => answer.status == 200,
            Ends::Traps => is(502, &["HOST_TRAP"]),
            Ends::Stack => is(502, &["HOST_STACK_OVERFLOW"]),
            Ends::Memory => is(502, &["HOST_OUT_OF_MEMORY"]),
            Ends::Late => is(504, &["HOST_DEADLINE", "HOST_CPU_DEADLINE"]),
            Ends::Illegal => is(502, &["HOST_INVALID_ANSWER"]),
            Ends::Allowed => answer.status == 200 || matches!(answer.status, 502 | 504) && code.starts_with("HOST_"),
            Ends::Refused => false,
        }
    }
}

fn push(host: &Host, channel: &str) -> Answer {
    host.sdk(channel, "inventory_push", json!({ "inventory_updates": [{ "sku": "A", "quantity_available": 1 }] }))
}

/// Deploys a hostile component and calls it so often; the neighbour answers in between.
fn suffer(host: &Host, files: &Files, number: usize, case: &Case, calls: u64) {
    let channel = format!("bad-{number}");
    host.channel(&channel);
    let file = files.write(&format!("{number}.wasm"), &case.bytes);
    let args = ["deploy", &channel, &file, "--skip-preflight"];
    if case.ends == Ends::Refused {
        let (code, said) = host.refuses(&args);
        assert_eq!(code, Some(1), "{}: {said}", case.name);
        return;
    }
    host.wharf(&args);
    for _ in 0..calls {
        let began = Instant::now();
        let answer = push(host, &channel);
        assert!(case.allows(&answer), "{}: it should end as {:?}: {answer:?}", case.name, case.ends);
        assert!(began.elapsed() < Duration::from_secs(15), "{}: it took {:?}", case.name, began.elapsed());
        assert!(!answer.body.contains("wasm"), "{}: no guest internals for callers: {}", case.name, answer.body);
        let good = push(host, "good");
        assert_eq!((good.status, good.json()["events"].as_array().map(Vec::len)), (200, Some(1)), "{good:?}");
    }
}

#[test]
fn every_hostile_guest_ends_as_it_should_and_its_neighbour_answers() {
    let cases = [traps::cases(), answers::cases(), imports::cases()].concat();
    let host = Host::with_config(
        "[call]\nsdk-deadline = \"1s\"\n[breaker]\nfaults = 0\n[release]\nautomatic-return = false\n",
    );
    host.serving("good", "echo", &[]);
    let files = Files::new();
    let (next, called) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((number, case)) = {
                    let number = next.fetch_add(1, SeqCst);
                    cases.get(number).map(|case| (number, case))
                } {
                    let calls = if case.ends == Ends::Late { rounds(1, 5) } else { rounds(3, 200) };
                    suffer(&host, &files, number, case, calls);
                    called.fetch_add(usize::try_from(calls).unwrap(), SeqCst);
                }
            });
        }
    });
    let status: Value = host.wharf(&["status"]);
    assert_eq!(status["channels"].as_array().map(Vec::len), Some(cases.len() + 1));
    println!("hostile guests: {} components, {} calls, as many of the neighbour", cases.len(), called.load(SeqCst));
}
