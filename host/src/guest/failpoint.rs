//! Panics on purpose, to prove that a bug in a host function ends its call alone. They are not in a release build, and in a
//! debug build only where the environment asks for them.

/// Panics if this is a debug build, `WHARF_FAILPOINTS` is set, and the channel is called `panics-in-POINT`.
#[cfg(debug_assertions)]
pub(super) fn failpoint(channel: &str, point: &str) {
    static ASKED: std::sync::LazyLock<bool> =
        std::sync::LazyLock::new(|| std::env::var_os("WHARF_FAILPOINTS").is_some());
    assert!(!(*ASKED && channel.strip_prefix("panics-in-") == Some(point)), "planted in {point}");
}

/// Nothing.
#[cfg(not(debug_assertions))]
#[inline(always)]
#[expect(clippy::inline_always, reason = "so that nothing of it is left")]
pub(super) fn failpoint(_channel: &str, _point: &str) {}
