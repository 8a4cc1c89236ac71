//! What the plugin may be told to do.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::hint::black_box;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use wharf_sdk::{CallContext, Failure, config, kv, log};

use crate::fetch::fetch;
use crate::platform;

/// Where `repeat` keeps what it was told.
const TOLD: &str = "told";

/// The choice, by its name in the setting `behaviour`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// `answer`: a plain legal answer.
    Answer,
    /// `trap`: an unreachable instruction.
    Trap,
    /// `spin`: an endless loop.
    Spin,
    /// `recurse`: calls itself until the stack ends.
    Recurse,
    /// `grow`: takes memory until there is none, then traps.
    Grow,
    /// `work`: computes for so many thousand `turns`, then answers.
    Work,
    /// `hold`: takes so many `pages` of 64 KiB, then answers with how many it has.
    Hold,
    /// `sleep`: sleeps `sleep_ms` milliseconds, then answers.
    Sleep,
    /// `fetch`: asks `url` and answers with the last status, or with the error's text; see [`fetch`] for what else it may be told.
    Fetch,
    /// `platform`: asks the platform's API, and answers with the statuses; see [`platform::ask`] for what it may be told.
    Platform,
    /// `repeat`: fetches like `fetch`, then says the last answer's body everywhere: in the log, on stderr, in the key-value store,
    /// and in a refusal.
    Repeat,
    /// `recall`: logs what `repeat` has kept, and panics with it.
    Recall,
    /// `forward`: calls the host's functions as the bytes in the request's member `script` say, then answers, legally or not.
    Forward,
    /// `count`: counts its calls in the key-value store, sleeps `then_sleep_ms` milliseconds, and answers with their number.
    Count,
    /// `effect`: keeps the call's id in the key-value store, as `effect-ID`, and counts its calls like `count`.
    Effect,
    /// `raw`: answers with the request as it came.
    Raw,
    /// `flood-log`: logs `lines` lines of a kilobyte, then answers.
    FloodLog,
    /// `huge-answer`: answers with so many `kilobytes` of text.
    HugeAnswer,
    /// `illegal-answer`: breaks a rule of the platform.
    IllegalAnswer,
    /// `leak`: answers with what an earlier call left in a static variable.
    Leak,
    /// `panic`: panics.
    Panic,
    /// `random`: asks for `bytes` random bytes at once, then answers.
    Random,
    /// `sometimes`: does `other` in `share` percent of the calls and in those of the client `client`, answers the rest.
    Sometimes,
    /// `unsupported`: fails so.
    Unsupported,
    /// `refuse`: fails as refused, with the code `CHAOS`.
    Refuse,
    /// `retry-later`: fails so, naming 7 seconds.
    RetryLater,
    /// `internal`: fails so.
    Internal,
}

impl FromStr for Behaviour {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Ok(match name {
            "answer" => Self::Answer,
            "trap" => Self::Trap,
            "spin" => Self::Spin,
            "recurse" => Self::Recurse,
            "grow" => Self::Grow,
            "work" => Self::Work,
            "hold" => Self::Hold,
            "sleep" => Self::Sleep,
            "fetch" => Self::Fetch,
            "platform" => Self::Platform,
            "repeat" => Self::Repeat,
            "recall" => Self::Recall,
            "forward" => Self::Forward,
            "count" => Self::Count,
            "effect" => Self::Effect,
            "raw" => Self::Raw,
            "flood-log" => Self::FloodLog,
            "huge-answer" => Self::HugeAnswer,
            "illegal-answer" => Self::IllegalAnswer,
            "leak" => Self::Leak,
            "panic" => Self::Panic,
            "random" => Self::Random,
            "sometimes" => Self::Sometimes,
            "unsupported" => Self::Unsupported,
            "refuse" => Self::Refuse,
            "retry-later" => Self::RetryLater,
            "internal" => Self::Internal,
            other => return Err(format!("no behaviour `{other}`")),
        })
    }
}

impl Behaviour {
    /// Does it, and gives a note for the answer, if an answer is still due.
    ///
    /// # Errors
    /// For `unsupported`, `refuse`, `retry-later` and `internal`; and for settings that do not read.
    ///
    /// # Panics
    /// For `panic` and `recall`.
    #[expect(clippy::disallowed_methods, clippy::panic, reason = "to sleep and to panic is what it may be told")]
    pub fn perform(self, context: &CallContext) -> Result<String, Failure> {
        match self {
            Self::Answer | Self::HugeAnswer | Self::IllegalAnswer | Self::Forward => {}
            Self::Trap => trap(),
            Self::Spin => spin(),
            Self::Recurse => return Ok(recurse(0).to_string()),
            Self::Grow => grow(),
            Self::Work => work(config::parse("turns")?.unwrap_or(1000)),
            Self::Hold => return Ok(hold(config::parse("pages")?.unwrap_or(1))),
            Self::Sleep => {
                let milliseconds = config::parse("sleep_ms")?.unwrap_or(60_000);
                std::thread::sleep(Duration::from_millis(milliseconds));
            }
            Self::Fetch => return then_sleep(fetch()?.0),
            Self::Platform => return then_sleep(platform::ask()?),
            Self::Repeat => return repeat(),
            Self::Recall => panic!("chaos recalls {}", recall()?),
            Self::Count => return then_sleep(kv::increment("count", 1)?.to_string()),
            Self::Effect => {
                kv::set(&format!("effect-{}", context.call_id), "")?;
                return Ok(kv::increment("count", 1)?.to_string());
            }
            Self::Raw => return Ok(wharf_sdk::host::raw_request()),
            Self::FloodLog => flood(config::parse("lines")?.unwrap_or(100_000)),
            Self::Leak => return Ok(leak(&context.call_id)),
            Self::Panic => panic!("chaos was asked to panic"),
            Self::Random => return Ok(random(config::parse("bytes")?.unwrap_or(32))),
            Self::Sometimes => return sometimes(context),
            Self::Unsupported => return Err(Failure::Unsupported),
            Self::Refuse => return Err(Failure::refused("CHAOS", "chaos refuses")),
            Self::RetryLater => return Err(Failure::retry_after(7)),
            Self::Internal => return Err(Failure::internal("chaos fails on purpose")),
        }
        Ok(String::new())
    }
}

#[expect(clippy::disallowed_methods, reason = "to sleep is what it may be told")]
fn then_sleep(note: String) -> Result<String, Failure> {
    std::thread::sleep(Duration::from_millis(config::parse("then_sleep_ms")?.unwrap_or(0)));
    Ok(note)
}

fn sometimes(context: &CallContext) -> Result<String, Failure> {
    let other = config::get("other")?.unwrap_or_else(|| "trap".to_owned());
    let other: Behaviour = other.parse().map_err(Failure::internal)?;
    if other == Behaviour::Sometimes {
        return Err(Failure::internal("`other` is `sometimes` again"));
    }
    let share = config::parse("share")?.unwrap_or(0);
    let meant = config::parse::<i64>("client")?.is_some_and(|client| client == context.client_id);
    if meant || percentile(&context.call_id) < share { other.perform(context) } else { Ok(String::new()) }
}

/// 0 to 99, evenly over the ids of many calls.
fn percentile(call_id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    call_id.hash(&mut hasher);
    hasher.finish() % 100
}

fn trap() -> ! {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    std::process::abort();
}

fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

fn work(turns: u64) {
    let mut sum = 0_u64;
    for turn in 0..turns * 1000 {
        sum = black_box(sum.wrapping_add(turn));
    }
}

fn hold(pages: usize) -> String {
    #[cfg(target_arch = "wasm32")]
    let got = if core::arch::wasm32::memory_grow::<0>(pages) == usize::MAX { 0 } else { pages };
    #[cfg(not(target_arch = "wasm32"))]
    let got = pages;
    format!("{got} more pages")
}

#[expect(unconditional_recursion, reason = "the stack is meant to end")]
fn recurse(depth: u64) -> u64 {
    recurse(depth + 1) + black_box(depth)
}

fn random(bytes: u64) -> String {
    #[cfg(target_arch = "wasm32")]
    let got = wasip2::random::random::get_random_bytes(bytes).len();
    #[cfg(not(target_arch = "wasm32"))]
    let got = bytes;
    format!("{got} random bytes")
}

fn grow() -> ! {
    loop {
        // Written to, since untouched pages may cost the host nothing.
        let block = vec![1_u8; 4 << 20];
        std::mem::forget(black_box(block));
    }
}

fn repeat() -> Result<String, Failure> {
    let (_, body) = fetch()?;
    log::info(&body);
    #[expect(clippy::print_stderr, reason = "what a guest prints goes to its log as well")]
    {
        eprintln!("{body}");
    }
    kv::set(TOLD, &body)?;
    Err(Failure::refused("CHAOS", body))
}

fn recall() -> Result<String, Failure> {
    let told = kv::get(TOLD)?.unwrap_or_default();
    let told = String::from_utf8_lossy(&told).into_owned();
    log::info(&told);
    Ok(told)
}

fn flood(lines: u32) {
    let text = "x".repeat(1000);
    for line in 0..lines {
        log::info(format_args!("{line} {text}"));
    }
}

static LEFT_BEHIND: Mutex<Option<String>> = Mutex::new(None);

fn leak(call_id: &str) -> String {
    let mut left_behind = LEFT_BEHIND.lock().unwrap_or_else(PoisonError::into_inner);
    match left_behind.replace(call_id.to_owned()) {
        Some(earlier) => format!("found {earlier}"),
        None => "found nothing".to_owned(),
    }
}
