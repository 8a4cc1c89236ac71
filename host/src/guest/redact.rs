//! Takes secrets out of what a guest says.
//!
//! A guest never has a secret's value, but whom it calls may send it back, and from then on it is in the guest's hands: in a
//! log line, in a panic's message, in a pair that a later call reads. It is found as it is and in the encodings that programs
//! commonly write; a guest that means to hide it can.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem::Finder;

use super::secrets::placeholder;

/// Bytes of the shortest value that is looked for; shorter ones are too likely to be part of other text.
pub const SHORTEST_REDACTED: usize = 4;
/// Of a value's base64 within a longer one, this much must be there.
const SHORTEST_BASE64: usize = 6;

/// Takes the values of some secrets out of texts.
pub(super) struct Redactor {
    forms: Vec<Form>,
}

/// One spelling of a value.
struct Form {
    finder: Finder<'static>,
    placeholder: String,
}

impl Redactor {
    /// For these secrets: names with values.
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let mut forms = BTreeMap::new();
        for (name, value) in secrets.into_iter().filter(|(_, value)| value.len() >= SHORTEST_REDACTED) {
            forms.extend(spellings(&value).into_iter().map(|text| (text, name)));
        }
        let form = |(text, name): (String, &str)| Form {
            finder: Finder::new(text.as_bytes()).into_owned(),
            placeholder: placeholder(name),
        };
        Self { forms: forms.into_iter().map(form).collect() }
    }

    /// Whether there is nothing to look for.
    pub(super) fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// Replaces every value in `text` by `{{secret:NAME}}`. Of a text that was cut, the beginning of a value at its end too.
    pub(super) fn redact(&self, text: &mut String, cut: bool) {
        let mut found: Vec<(Range<usize>, &str)> = Vec::new();
        for form in &self.forms {
            let size = form.finder.needle().len();
            let places = form.finder.find_iter(text.as_bytes()).map(|at| at..at + size);
            found.extend(places.map(|place| (place, form.placeholder.as_str())));
            if cut && let Some(at) = form.begun(text) {
                found.push((at..text.len(), form.placeholder.as_str()));
            }
        }
        if found.is_empty() {
            return;
        }
        // Where two overlap, what is left of either goes with the other.
        found.sort_by_key(|(place, _)| (place.start, std::cmp::Reverse(place.end)));
        let (mut redacted, mut end) = (String::with_capacity(text.len()), 0);
        for (place, placeholder) in found {
            if place.start >= end {
                redacted.push_str(&text[end..place.start]);
                redacted.push_str(placeholder);
            }
            end = end.max(place.end);
        }
        redacted.push_str(&text[end..]);
        *text = redacted;
    }
}

impl Form {
    /// Where the form begins that `text` breaks off in.
    fn begun(&self, text: &str) -> Option<usize> {
        let needle = self.finder.needle();
        let longest = needle.len().saturating_sub(1).min(text.len());
        (SHORTEST_REDACTED..=longest)
            .rev()
            .find(|size| text.as_bytes().ends_with(&needle[..*size]))
            .map(|size| text.len() - size)
    }
}

/// A value as it may stand in a text.
fn spellings(value: &str) -> BTreeSet<String> {
    let mut forms = BTreeSet::from([value.to_owned()]);
    if let Ok(json) = serde_json::to_string(value) {
        let json = &json[1..json.len() - 1];
        forms.insert(json.to_owned());
        // Some writers escape slashes as well.
        forms.insert(json.replace('/', "\\/"));
    }
    // What a log line makes of control characters.
    forms.insert(super::imports::logging::clean(value));
    // Unreserved in RFC 3986, in a form, and in a browser's encodeURIComponent.
    for unreserved in ["-._~", "*-._", "-._~!*'()"] {
        forms.insert(percent(value, unreserved, "0123456789ABCDEF"));
        forms.insert(percent(value, unreserved, "0123456789abcdef"));
    }
    forms.insert(form_urlencoded::byte_serialize(value.as_bytes()).collect());
    forms.insert(STANDARD.encode(value));
    forms.extend(within_base64(value));
    forms
}

fn percent(value: &str, unreserved: &str, digits: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || unreserved.as_bytes().contains(&byte) {
            text.push(char::from(byte));
        } else {
            let digit = |half: u8| char::from(digits.as_bytes()[usize::from(half)]);
            text.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    text
}

/// A value's base64, and what is sure of it where other bytes stand around it, as in `user:password`.
fn within_base64(value: &str) -> impl Iterator<Item = String> {
    let inner = [STANDARD_NO_PAD, URL_SAFE_NO_PAD].map(|engine| {
        (0..3_usize).map(move |before| {
            let bytes = [&[0; 2][..before.min(2)], value.as_bytes()].concat();
            let text = engine.encode(&bytes);
            // Characters that the bytes around have a part in are not sure.
            text[(before * 8).div_ceil(6)..bytes.len() * 8 / 6].to_owned()
        })
    });
    let inner: Vec<_> = inner.into_iter().flatten().filter(|text| text.len() >= SHORTEST_BASE64).collect();
    [STANDARD_NO_PAD.encode(value), URL_SAFE_NO_PAD.encode(value)].into_iter().chain(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(value: &str, text: &str) -> String {
        let mut text = text.to_owned();
        Redactor::new([("KEY", value.to_owned())]).redact(&mut text, false);
        text
    }

    #[test]
    fn a_value_is_replaced_wherever_it_stands() {
        assert_eq!(redacted("s3cret", "a s3cret, s3cret"), "a {{secret:KEY}}, {{secret:KEY}}");
        assert_eq!(redacted("s3cret", "Bearer s3cre t"), "Bearer s3cre t");
        assert_eq!(
            redacted("secret", "a secret"),
            "a {{secret:KEY}}",
            "a name's own placeholder is not searched again"
        );
    }

    #[test]
    fn the_usual_encodings_of_a_value_are_found() {
        let value = "p\"w\\1/ä+ =&'";
        let json = serde_json::to_string(value).unwrap();
        for text in [
            json[1..json.len() - 1].to_owned(),
            json[1..json.len() - 1].replace('/', "\\/"),
            form_urlencoded::byte_serialize(value.as_bytes()).collect(),
            "p%22w%5C1%2F%C3%A4%2B%20%3D%26%27".to_owned(),
            "p%22w%5c1%2f%c3%a4%2b%20%3d%26'".to_owned(),
            base64::engine::general_purpose::URL_SAFE.encode(value),
            STANDARD.encode(value),
        ] {
            let left = redacted(value, &format!("<{text}>"));
            // Of a padded spelling only the padding may be left.
            assert_eq!(left.replace('=', ""), "<{{secret:KEY}}>", "{text}");
        }
    }

    #[test]
    fn a_password_within_base64_is_found_wherever_it_begins() {
        for user in ["", "a", "ab", "abc", "anna"] {
            for after in ["", "x", "yz"] {
                let text = STANDARD.encode(format!("{user}:correct horse{after}"));
                let left = redacted("correct horse", &text);
                assert!(left.contains("{{secret:KEY}}"), "{user:?} {after:?}: {left}");
                assert!(left.len() <= "{{secret:KEY}}".len() + 16, "{left}");
            }
        }
    }

    #[test]
    fn a_short_value_is_left_alone() {
        assert_eq!(redacted("abc", "abc"), "abc");
    }

    #[test]
    fn two_values_that_overlap_leave_nothing() {
        let mut text = "x12345678x".to_owned();
        Redactor::new([("A", "123456".to_owned()), ("B", "345678".to_owned())]).redact(&mut text, false);
        assert_eq!(text, "x{{secret:A}}x");
    }

    #[test]
    fn what_a_cut_left_of_a_value_is_found() {
        let redactor = Redactor::new([("KEY", "s3cret-0123456789".to_owned())]);
        let mut text = "token s3cret-01".to_owned();
        redactor.redact(&mut text, true);
        assert_eq!(text, "token {{secret:KEY}}");
        let mut whole = "token s3cret-01".to_owned();
        redactor.redact(&mut whole, false);
        assert_eq!(whole, "token s3cret-01");
    }
}
