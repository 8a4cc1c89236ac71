//! What is printed, and how.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use super::{Done, Failure, preflight};

/// Where answers go: as JSON, or as text for people.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    pub(super) json: bool,
}

impl Output {
    /// Prints the API's answer as it is, or what `people` makes of it.
    pub(super) fn answer(self, value: &Value, people: impl FnOnce(&Value) -> String) -> Done {
        self.line(&if self.json { value.to_string() } else { people(value) })
    }

    /// Prints text on stdout, with a line's end.
    pub(super) fn line(self, text: &str) -> Done {
        let text = if self.json { text.to_owned() } else { printable(text) };
        let mut out = io::stdout().lock();
        match writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush()) {
            // Whoever reads has seen enough, such as `head`.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            done => Ok(done?),
        }
    }

    /// Says on stderr why a command did not do what it should.
    pub(super) fn failure(self, failure: &Failure) {
        let code = failure.code();
        let message = failure.to_string();
        let details = failure.details();
        let text = if self.json {
            let mut error = json!({"code": code, "message": message});
            if !details.is_null() {
                error["details"] = details.clone();
            }
            json!({ "error": error }).to_string()
        } else {
            let lines = std::iter::once(format!("error: {message}")).chain(preflight::failures(details));
            printable(&lines.collect::<Vec<_>>().join("\n"))
        };
        progress(&text);
    }
}

/// Says something on stderr. Nothing depends on it being read.
pub(super) fn progress(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Whether somebody would type into this process.
pub(super) fn at_a_terminal() -> bool {
    io::stdin().is_terminal()
}

/// Log lines come from strangers' components: none may steer the reader's terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// A table with a heading, or `none` when it has no rows.
pub(super) fn table<const N: usize>(heading: [&str; N], rows: &[[String; N]], none: &str) -> String {
    if rows.is_empty() {
        return none.to_owned();
    }
    let heading = heading.map(str::to_owned);
    let mut widths = [0; N];
    for row in std::iter::once(&heading).chain(rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    std::iter::once(&heading).chain(rows).map(line).collect::<Vec<_>>().join("\n")
}

/// The rows of an answer that is a list.
pub(super) fn rows<const N: usize>(list: &Value, row: impl Fn(&Value) -> [String; N]) -> Vec<[String; N]> {
    list.as_array().map(|list| list.iter().map(row).collect()).unwrap_or_default()
}

/// A field as text; `-` when it is absent.
pub(super) fn field(value: &Value, name: &str) -> String {
    text(&value[name])
}

/// A value as text; `-` for none.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Array(list) if list.is_empty() => "-".to_owned(),
        Value::Array(list) => list.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// A field of milliseconds since 1970 as a time of day (UTC).
pub(super) fn time(value: &Value, name: &str) -> String {
    let Some(ms) = value[name].as_u64() else { return "-".to_owned() };
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(ms)).to_string()
}

/// The first digits of a digest: enough to tell two apart.
pub(super) fn short_digest(value: &Value) -> String {
    text(&value["digest"]).chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_as_wide_as_its_widest_cells() {
        let rows = [["acme".to_owned(), "1".to_owned()], ["a".to_owned(), "-".to_owned()]];
        assert_eq!(table(["NAME", "RELEASE"], &rows, "none"), "NAME  RELEASE\nacme  1\na     -");
        assert_eq!(table(["NAME", "RELEASE"], &[], "none"), "none");
    }

    #[test]
    fn nothing_printed_can_steer_a_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\n\tc\r"), "a\u{fffd}[2Jb\n\tc\u{fffd}");
    }

    #[test]
    fn values_read_well() {
        assert_eq!(text(&json!(null)), "-");
        assert_eq!(text(&json!(["a", "b"])), "a,b");
        assert_eq!(time(&json!({"t": 1_700_000_000_123_u64}), "t"), "2023-11-14T22:13:20.123Z");
    }
}
