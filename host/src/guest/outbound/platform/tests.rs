use super::*;
use crate::config::Config;

fn grant(base_url: &str, header: &str, value: &str) -> PlatformGrant {
    PlatformGrant { base_url: base_url.into(), header: header.into(), value: value.into() }
}

fn api(base_url: &str) -> PlatformApi {
    PlatformApi::read(&grant(base_url, "Authorization", "Bearer {{secret:TOKEN}}")).unwrap()
}

pub(super) fn ask(method: &str, path: &str, query: &[(&str, &str)], body: Option<&str>) -> PlatformRequest {
    let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    PlatformRequest { method: method.into(), path: path.into(), query, body: body.map(str::to_owned) }
}

pub(super) fn made(request: &mut PlatformRequest) -> Result<Request<WasiBody>, &'static str> {
    api("https://erp.example.com/ProdClients/ACME/RESTWS/").request(request, &Config::default().outbound)
}

pub(super) const BASE: &str = "https://erp.example.com/ProdClients/ACME/RESTWS/";

/// Every spelling that is known to lead somewhere else on some server, and others that are no path below.
const ESCAPES: [&str; 58] = [
    "",
    "/",
    "//",
    "//evil.example/x",
    "///x",
    "..",
    "../x",
    "/../x",
    "a/../../x",
    "a/..",
    "./x",
    "a/./x",
    "%2e%2e/x",
    "%2E%2E/x",
    "%2e./x",
    ".%2e/x",
    "a/%2e%2e%2fx",
    "..%2fx",
    "..%5cx",
    "..\\x",
    "\\..\\x",
    "\\\\evil.example\\x",
    "%5c..%5cx",
    "%252e%252e/x",
    "%25252e%25252e/x",
    "%252fx",
    "..;/x",
    "..;a=b/x",
    "%2e%2e;/x",
    "...",
    "a/.../x",
    "..%20/x",
    "%20../x",
    "a/%20/x",
    "..%09/x",
    "%c0%ae%c0%ae/x",
    "%e0%80%ae/x",
    "%u002e%u002e/x",
    "%ef%bc%8e%ef%bc%8e/x",
    "a%ef%bc%8fx",
    "%e2%80%a5/x",
    "https://evil.example/x",
    "https:evil.example",
    "http:/x",
    "javascript:x",
    "a//x",
    "a?x=y",
    "a#x",
    "a%3f?x",
    "a b",
    "a\tb",
    "a\r\nhost: evil.example",
    "a%0d%0ax",
    "a%00",
    "a%",
    "a%zz",
    "é",
    "{{secret:TOKEN}}",
];

#[test]
fn no_path_leads_out_of_the_base() {
    for path in ESCAPES {
        let made = made(&mut ask("GET", path, &[], None));
        assert!(made.is_err(), "{path:?} became {}", made.unwrap().uri());
    }
}

#[test]
fn a_path_stays_as_it_is_below_the_base() {
    for (path, whole) in [
        ("api/externals/v1/projects", "api/externals/v1/projects"),
        ("/api/externals/v1/projects", "api/externals/v1/projects"),
        ("api/externals/v1/signature/pendingList/", "api/externals/v1/signature/pendingList/"),
        ("a.b/..c/d..e/~f", "a.b/..c/d..e/~f"),
        ("caf%C3%A9/a%20b/x:y@z", "caf%C3%A9/a%20b/x:y@z"),
        ("a;b=c/d", "a;b=c/d"),
    ] {
        let request = made(&mut ask("GET", path, &[], None)).unwrap();
        assert_eq!(request.uri().to_string(), format!("{BASE}{whole}"), "{path}");
    }
}

#[test]
fn a_query_is_encoded_whatever_it_holds() {
    let query = [("a b", "c&d=e#f?g/h"), ("é", "+%\r\n"), ("", "")];
    let request = made(&mut ask("GET", "x", &query, None)).unwrap();
    let query = "a%20b=c%26d%3De%23f%3Fg%2Fh&%C3%A9=%2B%25%0D%0A&=";
    assert_eq!(request.uri().to_string(), format!("{BASE}x?{query}"));
}

#[test]
fn a_request_has_the_hosts_headers_alone() {
    let request = made(&mut ask("POST", "x", &[], Some("{\"a\":1}"))).unwrap();
    let headers: Vec<_> =
        request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let json = "application/json";
    let expected = [
        ("accept", json),
        ("content-type", json),
        ("content-length", "7"),
        ("authorization", "Bearer {{secret:TOKEN}}"),
    ];
    assert_eq!(headers, expected);
    let bare = made(&mut ask("DELETE", "x", &[], None)).unwrap();
    assert_eq!(bare.headers().len(), 2, "{:?}", bare.headers());
    assert_eq!(made(&mut ask("PUT", "x", &[], None)).unwrap().headers()["content-length"], "0");
}

#[test]
fn what_cannot_be_sent_is_told() {
    let long = "x".repeat(40_000);
    let large = format!("\"{}\"", "x".repeat(5 << 20));
    for (request, told) in [
        (ask("get", "x", &[], None), "its method"),
        (ask("CONNECT", "x", &[], None), "its method"),
        (ask("GET x HTTP/1.1\r\n", "x", &[], None), "its method"),
        (ask("POST", "x", &[], Some("{")), "not JSON"),
        (ask("POST", "x", &[], Some("")), "not JSON"),
        (ask("POST", "x", &[], Some(&large)), "outbound.request"),
        (ask("GET", &long, &[], None), "outbound.header-size"),
        (ask("GET", "x", &[("a", &long)], None), "outbound.header-size"),
    ] {
        let why = made(&mut request.clone()).unwrap_err();
        assert!(why.contains(told), "{told}: {why}");
    }
}

#[test]
fn a_base_url_has_one_spelling() {
    for (text, base, authority) in [
        ("https://ERP.example.com/RESTWS", "https://erp.example.com/RESTWS/", "erp.example.com"),
        ("https://erp.example.com", "https://erp.example.com/", "erp.example.com"),
        ("https://erp.example.com/", "https://erp.example.com/", "erp.example.com"),
        ("http://[::1]:8080/a/b/", "http://[::1]:8080/a/b/", "[::1]:8080"),
    ] {
        let api = api(text);
        assert_eq!((api.base_url(), api.authority()), (base, authority), "{text}");
    }
}

#[test]
fn what_is_no_base_url_is_told() {
    for (text, told) in [
        ("", "https://"),
        ("erp.example.com/RESTWS", "https://"),
        ("ftp://erp.example.com/", "https://"),
        ("HTTPS://erp.example.com/", "https://"),
        ("https://", "host"),
        ("https:///x", "host"),
        ("https://user:pass@erp.example.com/", "names a user"),
        ("https://erp.example.com:0/", "port"),
        ("https://erp.example.com:99999/", "port"),
        ("https://127.1/", "host"),
        ("https://erp.example.com/?a=b", "query"),
        ("https://erp.example.com?a=b", "query"),
        ("https://erp.example.com/#a", "fragment"),
        ("https://erp.example.com/a/../b/", "elsewhere"),
        ("https://erp.example.com/%2e%2e/", "elsewhere"),
        ("https://erp.example.com//a/", "elsewhere"),
        ("https://erp.example.com/a//b/", "elsewhere"),
        ("https://erp.example.com/a//", "elsewhere"),
        ("https://erp.example.com/a b/", "elsewhere"),
        ("https://erp.example.com\\@evil.example/", "names a user"),
        ("https://erp.example.com\\evil.example/", "host"),
    ] {
        let why = PlatformApi::read(&grant(text, "authorization", "{{secret:A}}")).unwrap_err();
        assert!(why.starts_with("platform.base-url: ") && why.contains(told), "{text}: {why}");
    }
}

#[test]
fn a_credential_is_a_secret_in_a_header_of_its_own() {
    for header in ["", "a b", "host", "Content-Type", "accept", "content-length", "x-forwarded-for", "wharf-hops"] {
        let why = PlatformApi::read(&grant(BASE, header, "{{secret:A}}")).unwrap_err();
        assert!(why.starts_with("platform.header: "), "{header}: {why}");
    }
    for value in ["", "Bearer s3cret", "{{secret:A", "{{secret:A}}\r\nx: y"] {
        let why = PlatformApi::read(&grant(BASE, "x-token", value)).unwrap_err();
        assert!(why.starts_with("platform.value: ") && !why.contains("s3cret"), "{value}: {why}");
    }
    let both = grant("http://erp.example.com/", "x-token", "{{secret:A}} {{secret:B}}");
    let told = PlatformApi::mistakes(&both, false, |name| name == "A");
    assert!(told.len() == 2 && told[0].contains("outbound.allow-http") && told[1].contains("secret B"), "{told:?}");
    assert_eq!(PlatformApi::mistakes(&both, true, |_| true), Vec::<String>::new());
    let api = PlatformApi::read(&both).unwrap();
    assert!(api.uses("A") && api.uses("B") && !api.uses("C"));
}
