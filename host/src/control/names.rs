//! What names may look like.

use super::ControlError;

/// Fails unless `name` is a slug: `[a-z0-9][a-z0-9-]{0,62}`.
pub(super) fn slug(name: &str) -> Result<(), ControlError> {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let good = (1..=63).contains(&name.len()) && name.bytes().all(legal) && !name.starts_with('-');
    expect(good, || format!("{name:?} is not a channel's name: take 1 to 63 of a-z, 0-9 and -, not beginning with -"))
}

/// Fails unless `name` is a host name in lower case, without a port.
pub(super) fn host(name: &str) -> Result<(), ControlError> {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(legal) && !label.starts_with('-') && !label.ends_with('-')
    };
    expect(name.len() <= 253 && name.split('.').all(label), || {
        format!(
            "{name:?} is not a host name: write it in lower case, such as acme.example.com, without a scheme, a port or a final dot"
        )
    })
}

/// Fails unless `name` is `[A-Z0-9_]{1,64}`.
pub(super) fn secret(name: &str) -> Result<(), ControlError> {
    let legal = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    expect((1..=64).contains(&name.len()) && name.bytes().all(legal), || {
        format!("{name:?} is not a secret's name: take 1 to 64 of A-Z, 0-9 and _")
    })
}

fn expect(good: bool, message: impl FnOnce() -> String) -> Result<(), ControlError> {
    if good { Ok(()) } else { Err(ControlError::Invalid(message())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_lower_case_digits_and_dashes() {
        for name in ["a", "acme", "0-1", "a--b", &"a".repeat(63)] {
            assert!(slug(name).is_ok(), "{name}");
        }
        for name in ["", "-a", "Acme", "a_b", "a.b", "a/b", "ä", " a", &"a".repeat(64)] {
            assert!(slug(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_host_name_has_no_port_no_scheme_and_no_capitals() {
        for name in ["acme.example.com", "localhost", "a-1.b", "xn--bcher-kva.example"] {
            assert!(host(name).is_ok(), "{name}");
        }
        for name in
            ["", "acme.example.com:443", "https://a.b", "A.b", "a..b", "a.b.", "-a.b", "a-.b", "a b", "*.a.b", "a/b"]
        {
            assert!(host(name).is_err(), "{name}");
        }
        assert!(host(&["a".repeat(60).as_str(); 5].join(".")).is_err());
    }

    #[test]
    fn a_secret_is_named_like_an_environment_variable() {
        assert!(secret("API_KEY_2").is_ok());
        for name in ["", "api_key", "A-B", "A B", "{{", &"A".repeat(65)] {
            assert!(secret(name).is_err(), "{name}");
        }
    }
}
