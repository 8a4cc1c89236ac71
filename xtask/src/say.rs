//! What a person sees while a chore runs.

use std::time::Instant;

/// Says what begins, and when dropped how long it took.
pub(crate) struct Step {
    began: Instant,
}

/// Announces a step.
#[expect(clippy::print_stderr, reason = "a chore talks to the person who started it")]
pub(crate) fn step(what: &str) -> Step {
    eprintln!("==> {what}");
    Step { began: Instant::now() }
}

/// A line for people.
#[expect(clippy::print_stderr, reason = "a chore talks to the person who started it")]
pub(crate) fn line(text: &str) {
    eprintln!("{text}");
}

impl Drop for Step {
    fn drop(&mut self) {
        line(&format!("    {:.1} s", self.began.elapsed().as_secs_f32()));
    }
}
