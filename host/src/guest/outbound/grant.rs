//! Which hosts a release may reach, and what of them.

use std::fmt;
use std::str::FromStr;

use http::Method;

use super::host::{Host, split_port};
use super::path;
use super::target::Target;

/// What a release may call: `[METHOD,… ]HOST[:PORT][/PATH]`. The host is exact, or `*.DOMAIN` for all of its subdomains;
/// without methods all are granted, without a path all of it, without a port the scheme's usual one. A path stands for itself
/// and for all that lies below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    methods: Vec<Method>,
    host: Host,
    subdomains: bool,
    port: Option<u16>,
    /// Normal and without a slash at its end; empty = all.
    path: String,
}

/// Why text is not a granted host.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{text:?} is not a host to grant: {why}; expected such as api.example.com, *.example.com, api.example.com:8443 or GET,POST api.example.com/v2"
)]
pub struct HostPatternError {
    text: String,
    why: String,
}

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, HostPatternError> {
        read(text).map_err(|why| HostPatternError { text: text.to_owned(), why })
    }
}

fn read(text: &str) -> Result<HostPattern, String> {
    if text.contains("://") {
        return Err("it has a scheme, which outbound.allow-http decides".to_owned());
    }
    let (methods, place) = match text.split_once(' ') {
        Some((methods, place)) => (methods.split(',').map(method).collect::<Result<_, _>>()?, place),
        None => (Vec::new(), text),
    };
    let (authority, path) = place.find('/').map_or((place, ""), |slash| place.split_at(slash));
    let (name, port) = split_port(authority).ok_or("its port is not a number from 1 to 65535")?;
    let (name, subdomains) = name.strip_prefix("*.").map_or((name, false), |domain| (domain, true));
    let host: Host = name.parse().map_err(|why| format!("{name:?} {why}"))?;
    if subdomains && matches!(host, Host::Address(_)) {
        return Err("an address has no subdomains".to_owned());
    }
    if path.contains(['?', '#']) || path.chars().any(|c| !c.is_ascii_graphic()) {
        return Err("its path has a query, a fragment, or what must be percent-encoded".to_owned());
    }
    let path = if path.is_empty() { String::new() } else { path::normal(path).ok_or("its path leads elsewhere")? };
    Ok(HostPattern { methods, host, subdomains, port, path: path.trim_end_matches('/').to_owned() })
}

fn method(name: &str) -> Result<Method, String> {
    let is_method = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
    let method = Method::from_bytes(name.as_bytes()).ok().filter(|_| is_method);
    method.ok_or_else(|| format!("{name:?} is not a method in capitals"))
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.methods.is_empty() {
            let names: Vec<_> = self.methods.iter().map(Method::as_str).collect();
            write!(f, "{} ", names.join(","))?;
        }
        write!(f, "{}{}", if self.subdomains { "*." } else { "" }, self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))?;
        f.write_str(&self.path)
    }
}

impl HostPattern {
    /// Whether a request there is granted.
    pub(super) fn grants(&self, target: &Target) -> bool {
        self.names(&target.host)
            && target.port == self.port.unwrap_or(target.usual_port())
            && (self.methods.is_empty() || self.methods.contains(&target.method))
            && (self.path.is_empty() || path::normal(&target.path).is_some_and(|path| path::below(&path, &self.path)))
    }

    fn names(&self, host: &Host) -> bool {
        match (self.subdomains, &self.host, host) {
            (false, own, host) => own == host,
            (true, Host::Name(domain), Host::Name(name)) => {
                name.strip_suffix(domain.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            (true, ..) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn grants(pattern: &str, request: &str) -> bool {
        let (method, url) = request.split_once(' ').unwrap_or(("GET", request));
        let request = Request::builder().method(method).uri(format!("https://{url}")).body(()).unwrap();
        pattern.parse::<HostPattern>().unwrap().grants(&Target::of(&request).unwrap())
    }

    #[test]
    fn a_host_is_granted_by_its_name_and_port() {
        assert!(grants("api.example.com", "API.example.com./x"));
        assert!(grants("Api.Example.com.", "api.example.com"));
        assert!(!grants("api.example.com", "api.example.com:8443"));
        assert!(grants("api.example.com:8443", "api.example.com:8443"));
        assert!(!grants("api.example.com:8443", "api.example.com"));
        assert!(!grants("api.example.com", "api.example.com.evil.net"));
        assert!(!grants("api.example.com", "xapi.example.com"));
        assert!(grants("[2001:db8::1]:8443", "[2001:0DB8::0001]:8443"));
        assert!(!grants("127.0.0.1", "[::ffff:127.0.0.1]"));
    }

    #[test]
    fn a_star_grants_subdomains_and_not_the_domain_itself() {
        assert!(grants("*.example.com", "a.example.com"));
        assert!(grants("*.example.com", "a.b.example.com"));
        assert!(!grants("*.example.com", "example.com"));
        assert!(!grants("*.example.com", "badexample.com"));
    }

    #[test]
    fn methods_are_granted_one_by_one() {
        assert!(grants("GET,POST a.b", "POST a.b/x"));
        assert!(!grants("GET,POST a.b", "DELETE a.b/x"));
        assert!(!grants("GET a.b", "get a.b/x"));
        assert!(grants("a.b", "PURGE a.b"));
    }

    #[test]
    fn a_path_is_granted_with_all_below_it() {
        for pattern in ["a.b/v2", "a.b/v2/", "a.b/%762/"] {
            for path in ["/v2", "/v2/", "/v2/x?y=/../", "/v2/x/y", "/%762/x"] {
                assert!(grants(pattern, &format!("a.b{path}")), "{pattern} {path}");
            }
            for path in [
                "/",
                "/v1",
                "/v20",
                "/V2/x",
                "//v2/x",
                "/x/v2",
                "/v2/../v1",
                "/v2/%2e%2e/v1",
                "/v2/..%2fv1",
                "/v2/..\\v1",
            ] {
                assert!(!grants(pattern, &format!("a.b{path}")), "{pattern} {path}");
            }
        }
        assert!(grants("a.b/", "a.b/x/../y"), "all of a host is no prefix");
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            "https://a.b",
            "*",
            "*.",
            "a b",
            "GET  a.b",
            "get a.b",
            "GET, a.b",
            ",GET a.b",
            "GET a.b POST",
            "a:0",
            "a:99999",
            "a:",
            "user@a",
            "a.b?x",
            "a.b/x?y",
            "a.b/x#y",
            "a.b/../x",
            "a.b/%2e%2e/x",
            "a.b/é",
            "bücher.example",
            "127.1",
            "0x7f.1",
            "2130706433",
            "*.127.0.0.1",
            "[::1%lo]",
            "::1",
            "a..b",
            "*.*.b",
            "a.*.b",
            "a*.b",
            " a.b",
            "a.b ",
        ] {
            assert!(text.parse::<HostPattern>().is_err(), "{text:?}");
        }
        let told = "bücher.example".parse::<HostPattern>().unwrap_err().to_string();
        assert!(told.contains("punycode"), "{told}");
    }

    #[test]
    fn a_grant_is_shown_as_it_is_read() {
        for (text, shown) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("*.Example.com.", "*.example.com"),
            ("GET,POST api.example.com:8443/v2/", "GET,POST api.example.com:8443/v2"),
            ("[2001:DB8::1]", "[2001:db8::1]"),
        ] {
            assert_eq!(text.parse::<HostPattern>().unwrap().to_string(), shown);
        }
    }
}
