//! Keys never reach a screen or a report.

use serde_json::Value;

/// What stands where a key stood.
const STARS: &str = "***";

/// Hides keys in texts, also as they are spelled inside JSON and inside a URL.
#[derive(Debug, Clone, Default)]
pub struct Mask {
    spellings: Vec<String>,
}

impl Mask {
    /// Hides each of `secrets`; an empty one is no secret.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut spellings: Vec<String> =
            secrets.into_iter().filter(|secret| !secret.is_empty()).flat_map(spellings).collect();
        spellings.sort_by_key(|spelling| std::cmp::Reverse(spelling.len()));
        spellings.dedup();
        Self { spellings }
    }

    /// `text` with stars for keys.
    pub fn hide(&self, text: &str) -> String {
        self.spellings.iter().fold(text.to_owned(), |text, spelling| text.replace(spelling, STARS))
    }
}

/// As it is, in JSON, in JSON inside JSON (an echo of a request), with escaped slashes, in a URL and in a form.
fn spellings(secret: &str) -> Vec<String> {
    let in_json = quoted(secret);
    let in_url: String = secret.bytes().map(percent).collect();
    let slashes = in_json.replace('/', "\\/");
    vec![secret.to_owned(), quoted(&in_json), in_json, slashes, in_url.replace("%20", "+"), in_url]
}

fn quoted(text: &str) -> String {
    let json = Value::from(text).to_string();
    json[1..json.len() - 1].to_owned()
}

fn percent(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_hidden_however_it_is_spelled() {
        let mask = Mask::new(["a/b+c\"d", ""]);
        for text in [
            "a/b+c\"d",
            r#"{"k":"a/b+c\"d"}"#,
            r#"{"k":"a\/b+c\"d"}"#,
            r#"{"echo":"{\"k\":\"a/b+c\\\"d\"}"}"#,
            "?k=a%2Fb%2Bc%22d&x",
        ] {
            let hidden = mask.hide(text);
            assert!(hidden.contains(STARS) && !hidden.contains("b+c") && !hidden.contains("b%2Bc"), "{hidden}");
        }
        assert_eq!(Mask::new(["a b"]).hide("a+b a%20b a b"), "*** *** ***");
        assert_eq!(mask.hide("nothing here"), "nothing here");
    }
}
