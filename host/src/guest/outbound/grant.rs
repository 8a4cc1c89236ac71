//! Which hosts a release may reach.

use std::fmt;
use std::str::FromStr;

/// A granted host: `api.example.com`, `*.example.com` for its subdomains, either with `:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    host: String,
    subdomains: bool,
    port: Option<u16>,
}

/// Why text is not a granted host.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{text:?} is not a host to grant: expected HOST, HOST:PORT or *.DOMAIN, without a scheme or a path")]
pub struct HostPatternError {
    text: String,
}

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, HostPatternError> {
        let error = || HostPatternError { text: text.to_owned() };
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) if !name.ends_with(':') && !port.ends_with(']') => {
                (name, Some(port.parse().map_err(|_| error())?))
            }
            _ => (text, None),
        };
        let (host, subdomains) = match name.strip_prefix("*.") {
            Some(domain) => (domain, true),
            None => (name, false),
        };
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '[' | ']' | ':');
        if host.is_empty() || host.starts_with('.') || !host.chars().all(legal) || port == Some(0) {
            return Err(error());
        }
        Ok(Self { host: canonical(host), subdomains, port })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.subdomains { "*." } else { "" }, self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl HostPattern {
    /// Whether a request to `host` and `port` is granted. Without a port of its own a pattern means the scheme's usual one.
    pub fn grants(&self, host: &str, port: u16, usual: u16) -> bool {
        let host = canonical(host);
        let named = if self.subdomains {
            host.strip_suffix(&self.host).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
        } else {
            host == self.host
        };
        named && port == self.port.unwrap_or(usual)
    }
}

/// Lower case, without the final dot of a fully qualified name.
fn canonical(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(pattern: &str, host: &str, port: u16) -> bool {
        pattern.parse::<HostPattern>().unwrap().grants(host, port, 443)
    }

    #[test]
    fn a_host_is_granted_by_its_name_and_port() {
        assert!(grants("api.example.com", "API.example.com.", 443));
        assert!(!grants("api.example.com", "api.example.com", 8443));
        assert!(grants("api.example.com:8443", "api.example.com", 8443));
        assert!(!grants("api.example.com", "api.example.com.evil.net", 443));
        assert!(!grants("api.example.com", "xapi.example.com", 443));
    }

    #[test]
    fn a_star_grants_subdomains_and_not_the_domain_itself() {
        assert!(grants("*.example.com", "a.example.com", 443));
        assert!(grants("*.example.com", "a.b.example.com", 443));
        assert!(!grants("*.example.com", "example.com", 443));
        assert!(!grants("*.example.com", "badexample.com", 443));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in ["", "https://a.b", "a/b", "*", "*.", "a b", "a:0", "a:99999", "user@a"] {
            assert!(text.parse::<HostPattern>().is_err(), "{text}");
        }
        assert!("127.0.0.1:8080".parse::<HostPattern>().is_ok());
    }
}
