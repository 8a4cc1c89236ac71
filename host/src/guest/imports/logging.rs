//! `wasi:logging`: lines into the channel's log, bounded per call.

use wasmtime::Result;

use super::bindings::wasi::logging::logging::{Host, Level};
use crate::guest::state::{CallState, Line};

impl Host for CallState {
    fn log(&mut self, level: Level, context: String, message: String) -> Result<()> {
        self.failpoint("logging-log");
        let limits = &self.environment.limits;
        let kept = cut(&message, self.log_line);
        let (message, is_cut) = (clean(kept), kept.len() < message.len());
        let context = clean(cut(&context, 128));
        let size = message.len() + context.len();
        let log = &mut self.log;
        if log.lines.len() >= limits.log_lines || log.bytes + size > limits.log_bytes {
            log.dropped += 1;
            return Ok(());
        }
        log.bytes += size;
        log.lines.push(Line { level: name(level), context, message, cut: is_cut });
        Ok(())
    }
}

fn name(level: Level) -> &'static str {
    match level {
        Level::Trace => "trace",
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
        Level::Critical => "critical",
    }
}

/// The text's beginning, at most `limit` bytes of it.
pub(in crate::guest) fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

/// The text with control characters escaped, so that a guest cannot forge lines or move a terminal's cursor.
pub(in crate::guest) fn clean(text: &str) -> String {
    if text.chars().any(char::is_control) {
        text.chars()
            .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
            .collect()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_other_text_is_not() {
        assert_eq!(clean("a\n2026 ERROR forged\u{1b}[2J"), "a\\n2026 ERROR forged\\u{1b}[2J");
        assert_eq!(clean("prix: 5 €"), "prix: 5 €");
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        assert_eq!(cut("añb", 2), "a");
        assert_eq!(cut("abc", 10), "abc");
    }
}
