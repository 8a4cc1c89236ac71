//! Why a guest gave no answer.

use std::time::Duration;

use wasmtime::{Trap, WasmBacktrace};
use wharf_protocol::Breach;
use wharf_protocol::call::{Failure, Refusal};

use super::imports::logging::{clean, cut};

/// Why a guest gave no answer. The caller learns a code and one sentence of it (`edge`), the log learns the cause.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Fault {
    /// The guest trapped.
    #[error("the component trapped: {0}")]
    Trap(String),
    /// The guest asked for more memory than its limit, and trapped over it.
    #[error("the component ran out of memory: the limit is {limit} bytes (guest.memory); {cause}")]
    OutOfMemory {
        /// The limit in bytes.
        limit: usize,
        /// The trap that followed.
        cause: String,
    },
    /// The guest's stack overflowed.
    #[error("the component's stack overflowed; the limit is guest.stack")]
    StackOverflow,
    /// The call did not end in time.
    #[error("the call did not end within {limit:?}")]
    Deadline {
        /// The whole time that the call had.
        limit: Duration,
    },
    /// The call used up its processor time.
    #[error(
        "the component computed for longer than a call may: the limit is {limit:?} of processor time (call.cpu, call.push-cpu, call.async-cpu)"
    )]
    Cpu {
        /// The processor time that the call had.
        limit: Duration,
    },
    /// The answer breaks a rule of the platform.
    #[error("the component's answer breaks a rule: {0}")]
    InvalidAnswer(#[from] Breach),
    /// The answer is larger than it may be.
    #[error("the component's answer is too large; the limit is {limit} bytes (call.answer)")]
    AnswerTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The component has no such function, or says `unsupported`.
    #[error("the component does not answer {0}")]
    NotImplemented(&'static str),
    /// The guest says no, as business.
    #[error("the component refused: {}: {}", .0.code, .0.message)]
    Refused(Refusal),
    /// The guest wants the call again later.
    #[error("the component asks to be called again later")]
    RetryLater(Option<u32>),
    /// The guest says that it failed.
    #[error("the component failed: {0}")]
    Internal(String),
    /// All of the channel's or of the node's places are taken.
    #[error("too many calls at the same time; the limit is {0}")]
    Busy(&'static str),
    /// The channel's calls come faster than its rate: seconds until one is allowed again.
    #[error("calls come too fast; the limits are call.rate and call.burst")]
    Rate(u32),
    /// The channel has no active release.
    #[error("the channel has no active release")]
    NoRelease,
    /// The component failed again and again, and rests: seconds until it is worth another try.
    #[error("the breaker is open: the component failed again and again, and rests for {0} s more (breaker)")]
    Resting(u32),
    /// The call's release was replaced, and the time that its calls then have is over.
    #[error("the call was ended because its release had gone and the time to drain was over (call.drain is {} s)", .0.as_secs())]
    Replaced(Duration),
    /// A bug of Wharf's own.
    #[error("host error: {0}")]
    Host(String),
}

impl Fault {
    /// What a guest's own word means.
    pub(crate) fn of_failure(failure: Failure, function: &'static str) -> Self {
        match failure {
            Failure::Unsupported => Self::NotImplemented(function),
            Failure::Refused(refusal) => Self::Refused(refusal),
            Failure::RetryLater(seconds) => Self::RetryLater(seconds),
            Failure::Internal(message) => Self::Internal(message),
        }
    }

    /// What an error of wasmtime's means, and the guest's functions that were running, the innermost first. `denied` says that
    /// a growth of memory was refused during the call, `answer` is the limit on what crosses the boundary.
    pub(crate) fn of_error(error: &wasmtime::Error, denied: Option<usize>, answer: usize) -> (Self, Vec<String>) {
        let frames = error.downcast_ref::<WasmBacktrace>().map(frames).unwrap_or_default();
        if let Some(fault) = error.downcast_ref::<Fault>() {
            return (fault.clone(), frames);
        }
        // Without the frames, which are kept apart.
        let parts = error.chain().map(ToString::to_string).filter(|part| !part.starts_with(BACKTRACE));
        let cause = parts.collect::<Vec<_>>().join(": ");
        let fault = match (error.downcast_ref::<Trap>(), denied) {
            (Some(Trap::StackOverflow), _) => Self::StackOverflow,
            (_, Some(limit)) => Self::OutOfMemory { limit, cause },
            // The answer is read when no function of the guest runs any more.
            _ if cause.contains("fuel allocated for hostcalls") && frames.is_empty() => {
                Self::AnswerTooLarge { limit: answer }
            }
            _ => Self::Trap(cause),
        };
        (fault, frames)
    }

    /// The texts in it that are a guest's, or that may quote one.
    pub(super) fn texts(&mut self) -> Vec<&mut String> {
        match self {
            Self::Trap(cause) | Self::OutOfMemory { cause, .. } | Self::Internal(cause) | Self::Host(cause) => {
                vec![cause]
            }
            Self::Refused(refusal) => vec![&mut refusal.code, &mut refusal.message],
            Self::InvalidAnswer(breach) => vec![&mut breach.path, &mut breach.rule],
            Self::StackOverflow
            | Self::Deadline { .. }
            | Self::Cpu { .. }
            | Self::Rate(_)
            | Self::AnswerTooLarge { .. }
            | Self::NotImplemented(_)
            | Self::RetryLater(_)
            | Self::Busy(_)
            | Self::NoRelease
            | Self::Resting(_)
            | Self::Replaced(_) => Vec::new(),
        }
    }

    /// Whether the guest was stopped in the middle, so that nobody knows what its requests to the outside did.
    pub fn leaves_unknown(&self) -> bool {
        self.is_guests() || matches!(self, Self::Replaced(_))
    }

    /// Whether a guest was asked at all, and had its say or its end.
    pub fn was_asked(&self) -> bool {
        self.is_guests() || matches!(self, Self::Refused(_) | Self::RetryLater(_))
    }

    /// Whether the component is to blame: what a breaker and a canary count.
    pub fn is_guests(&self) -> bool {
        matches!(
            self,
            Self::Trap(_)
                | Self::OutOfMemory { .. }
                | Self::StackOverflow
                | Self::Deadline { .. }
                | Self::Cpu { .. }
                | Self::InvalidAnswer(_)
                | Self::AnswerTooLarge { .. }
                | Self::Internal(_)
        )
    }
}

/// How the engine begins the part of an error that lists the frames.
const BACKTRACE: &str = "error while executing at wasm backtrace";

/// Longest name of a function that is kept, in bytes: generic Rust names can fill pages.
const LONGEST_NAME: usize = 200;

fn frames(trace: &WasmBacktrace) -> Vec<String> {
    let frame = |frame: &wasmtime::FrameInfo| {
        let offset = frame.func_offset().unwrap_or_default();
        match frame.func_name() {
            None => format!("<function {}> + {offset:#x}", frame.func_index()),
            Some(name) => {
                let name = clean(&format!("{:#}", rustc_demangle::demangle(name)));
                format!("{} + {offset:#x}", cut(&name, LONGEST_NAME))
            }
        }
    };
    trace.frames().iter().map(frame).collect()
}
