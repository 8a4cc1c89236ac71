//! The host of a URL or of a grant, read strictly: what two programs could read differently is no host here.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Of a name, and of each of its labels (RFC 1035).
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

/// A host in its one spelling: lower case, no final dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Host {
    Name(String),
    Address(IpAddr),
}

/// Why text is not a host: the end of a sentence that begins with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoHost {
    #[error("has letters beyond ASCII: write the name in punycode (xn--…)")]
    NotAscii,
    #[error("looks like a number: write an IPv4 address as four decimal numbers, such as 192.0.2.1")]
    Number,
    #[error("is not an IPv6 address: write it in brackets and without a zone, such as [2001:db8::1]")]
    V6,
    #[error("is not a host's name: letters, digits, '-' and '_' between single dots")]
    Name,
}

impl FromStr for Host {
    type Err = NoHost;

    fn from_str(text: &str) -> Result<Self, NoHost> {
        if !text.is_ascii() {
            return Err(NoHost::NotAscii);
        }
        if let Some(inner) = text.strip_prefix('[') {
            let v6 = inner.strip_suffix(']').and_then(|inner| inner.parse::<Ipv6Addr>().ok());
            return v6.map(|v6| Self::Address(v6.into())).ok_or(NoHost::V6);
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let label = |label: &str| {
            (1..=LONGEST_LABEL).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        if name.len() > LONGEST_NAME || !name.split('.').all(label) {
            return Err(NoHost::Name);
        }
        if !ends_in_a_number(name) {
            return Ok(Self::Name(name.to_ascii_lowercase()));
        }
        // The resolvers of some systems take `127.1`, `0x7f000001` and `2130706433` for 127.0.0.1.
        let address = text.parse::<Ipv4Addr>().map_err(|_| NoHost::Number)?;
        Ok(Self::Address(address.into()))
    }
}

/// Whether other programs may take a name for an IPv4 address, as the URL standard does.
fn ends_in_a_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let digits = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    last.bytes().all(|byte| byte.is_ascii_digit())
        || digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(v4)) => v4.fmt(f),
            Self::Address(IpAddr::V6(v6)) => write!(f, "[{v6}]"),
        }
    }
}

/// Parts `host:port`, without looking into the host; a port is 1 to 65535 in decimal, without a sign or zeros before it.
/// `None` when there is a colon but no such port.
pub(super) fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let after_host = authority.rfind(']').map_or(0, |end| end + 1);
    let Some(colon) = authority[after_host..].find(':') else { return Some((authority, None)) };
    let (host, port) = (&authority[..after_host + colon], &authority[after_host + colon + 1..]);
    if port.starts_with('0') || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((host, Some(port.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        text.parse::<Host>().map_or_else(|why| format!("{why:?}"), |host| host.to_string())
    }

    #[test]
    fn a_host_has_one_spelling() {
        for (text, host) in [
            ("API.Example.com.", "api.example.com"),
            ("localhost", "localhost"),
            ("a_b.c-d", "a_b.c-d"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("127.0.0.1", "127.0.0.1"),
            ("1.example", "1.example"),
            ("[2001:DB8::0:1]", "[2001:db8::1]"),
            ("[::ffff:127.0.0.1]", "[::ffff:127.0.0.1]"),
        ] {
            assert_eq!(read(text), host, "{text}");
        }
    }

    #[test]
    fn what_others_may_read_as_an_address_is_none() {
        for text in [
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0X7F.1",
            "0177.0.0.1",
            "0",
            "0x",
            "127.0.0.0x1",
            "127.0.0.01",
            "127.0.0.1.",
            "256.0.0.1",
            "1.2.3.4.5",
            "a.1",
            "example.0x7f",
            "00000000.00000000.00000000.00000000",
        ] {
            assert_eq!(read(text), "Number", "{text}");
        }
    }

    #[test]
    fn what_is_no_host_is_told_why() {
        for (text, why) in [
            ("bücher.example", "NotAscii"),
            ("a。b", "NotAscii"),
            ("[::1%eth0]", "V6"),
            ("[fe80::1%25lo]", "V6"),
            ("[::1", "V6"),
            ("[127.0.0.1]", "V6"),
            ("::1", "Name"),
            ("", "Name"),
            (".", "Name"),
            ("a..b", "Name"),
            (".a", "Name"),
            ("a..", "Name"),
            ("a b", "Name"),
            ("a%2eb", "Name"),
            ("a/b", "Name"),
            ("a\\b", "Name"),
            ("a@b", "Name"),
            ("a\0b", "Name"),
            ("*.a", "Name"),
        ] {
            assert_eq!(read(text), why, "{text:?}");
        }
        assert_eq!(read(&"a".repeat(64)), "Name");
        assert_eq!(read(&["a"; 127].join(".")), ["a"; 127].join("."));
        assert_eq!(read(&["a"; 128].join(".")), "Name");
    }

    #[test]
    fn a_port_is_a_plain_number() {
        assert_eq!(split_port("a"), Some(("a", None)));
        assert_eq!(split_port("a:8443"), Some(("a", Some(8443))));
        assert_eq!(split_port("[::1]"), Some(("[::1]", None)));
        assert_eq!(split_port("[::1]:65535"), Some(("[::1]", Some(65535))));
        for text in ["a:", "a:0", "a:080", "a:+80", "a:-1", "a:65536", "a:8a", "a:1:2", "::1", "[::1]:"] {
            assert_eq!(split_port(text), None, "{text}");
        }
    }
}
