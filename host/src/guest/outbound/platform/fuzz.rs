//! Paths that are nearly within the platform's base URL: refused, or within it for the most generous of servers.

use bolero::check;
use percent_encoding::percent_decode_str;

use super::tests::{BASE, ask, made};

#[test]
fn whatever_is_taken_is_below_the_base_for_the_most_generous_of_servers() {
    check!().for_each(|bytes: &[u8]| {
        // Few letters, so that chance writes dots, slashes and percent signs.
        const LETTERS: &[u8] = b"./%2eEfF5cC;a: \\?#";
        let path: Vec<_> = bytes.iter().map(|byte| LETTERS[usize::from(*byte) % LETTERS.len()]).collect();
        let path = String::from_utf8_lossy(&path).into_owned();
        let Ok(request) = made(&mut ask("GET", &path, &[], None)) else { return };
        let mut read = request.uri().to_string();
        for _ in 0..4 {
            read = percent_decode_str(&read).decode_utf8_lossy().replace('\\', "/");
        }
        let rest = read.strip_prefix(BASE).unwrap_or_else(|| panic!("{path:?} became {read:?}"));
        let climbs = |segment: &str| segment.split(';').next().unwrap().trim_matches(['.', ' ']).is_empty();
        let inner = rest.strip_suffix('/').unwrap_or(rest);
        assert!(!inner.split('/').any(climbs), "{path:?} became {read:?}");
    });
}
