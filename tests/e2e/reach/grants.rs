use super::*;
use crate::upstream::{FINE, Upstream};

#[test]
fn a_method_and_a_path_are_granted_and_no_other() {
    let upstream = Upstream::plain(FINE);
    let host = node("requests = 100\n");
    let grant = format!("GET,PUT {}/v2/", upstream.address);
    let granted = ["/v2", "/v2/", "/v2/orders?x=/../y", "/%762/orders"];
    let refused = [
        "/",
        "/v1",
        "/v20",
        "/V2/",
        "//v2/x",
        "/v2/../v1",
        "/v2/./x",
        "/v2/%2e%2e/v1",
        "/v2/%2E%2E%2Fv1",
        "/v2/..%5cv1",
        "/v2/..;/v1",
        "/v2/%252e%252e/v1",
        "/v2\\..\\v1",
    ];
    let urls: Vec<_> =
        granted.iter().chain(&refused).map(|path| format!("http://{}{path}", upstream.address)).collect();
    let setting = format!("url={}", urls.join(" "));
    fetching(&host, "acme", &[&grant], &[&setting]);
    let told = notes(&host, "acme");
    assert_eq!(told.len(), urls.len());
    for (url, told) in urls.iter().zip(&told) {
        let path = url.strip_prefix(&format!("http://{}", upstream.address)).unwrap();
        assert_eq!(told.starts_with("status 200"), granted.contains(&path), "{url}: {told}");
    }
    assert_eq!(upstream.seen().len(), granted.len());
    for (method, goes) in [("PUT", true), ("POST", false), ("DELETE", false)] {
        fetching(
            &host,
            "acme",
            &[&grant],
            &[&format!("url=http://{}/v2/x", upstream.address), &format!("method={method}")],
        );
        let told = notes(&host, "acme");
        assert_eq!(told[0].starts_with("status"), goes, "{method}: {told:?}");
    }
    let shown = host.wharf(&["releases", "acme"]).to_string();
    assert!(shown.contains(&grant), "{shown}");
    println!("{} paths and 3 methods: {} let through", urls.len(), upstream.seen().len());
}

#[test]
fn a_grant_that_cannot_be_meant_is_refused_with_its_remedy() {
    let host = node("");
    let file = plugin("chaos");
    for (grant, told) in [
        ("bücher.example", "punycode"),
        ("https://a.example", "scheme"),
        ("a.example/v2/../v1", "leads elsewhere"),
        ("a.example:0", "1 to 65535"),
        ("get a.example", "capitals"),
        ("[fe80::1%25lo]", "without a zone"),
        ("*.127.0.0.1", "no subdomains"),
        ("0x7f.1", "four decimal numbers"),
    ] {
        let (_, why) = host.refuses(&["deploy", "acme", file.to_str().unwrap(), "--allow", grant]);
        assert!(why.contains(told), "{grant}: {why}");
    }
}

#[test]
fn the_nodes_own_listeners_are_closed_to_its_guests() {
    let host = node("");
    let ports = [&host.edge, &host.admin].map(|address| address.rsplit(':').next().unwrap().to_owned());
    let mut urls = Vec::new();
    for port in &ports {
        urls.extend(["127.0.0.1", "localhost", "0.0.0.0"].map(|name| format!("{name}:{port}")));
    }
    let setting =
        format!("url={}", urls.iter().map(|place| format!("http://{place}/healthz")).collect::<Vec<_>>().join(" "));
    let grants: Vec<_> = urls.iter().map(String::as_str).collect();
    fetching(&host, "acme", &grants, &[&setting]);
    let told = notes(&host, "acme");
    assert_eq!(told.len(), 6);
    assert!(told.iter().all(|told| told.contains("forbidden")), "{told:?}");
}
