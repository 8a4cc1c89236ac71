//! Standard output and standard error, by the line. A reader who went away is no failure of ours, so that `| head` works.

use std::fmt::Display;
use std::io::Write;

/// A line of the result. Colours are left out unless standard output is a terminal that has them, and with `NO_COLOR`.
pub(crate) fn line(text: &dyn Display) {
    drop(writeln!(anstream::stdout(), "{text}"));
}

/// A line beside the result, on standard error.
pub(crate) fn aside(text: &dyn Display) {
    drop(writeln!(anstream::stderr(), "{text}"));
}

/// Text without a line end on standard error, shown at once.
pub(crate) fn live(text: &dyn Display) {
    let mut stderr = std::io::stderr().lock();
    drop(write!(stderr, "{text}").and_then(|()| stderr.flush()));
}
