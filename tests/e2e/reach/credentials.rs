use std::io::Write;

use super::*;
use crate::upstream::{FINE, Upstream};

#[test]
fn a_secret_goes_to_its_host_alone_however_it_is_asked_for() {
    const SECRET: &str = "canary-0123456789-abcdef";
    let trap = Upstream::plain(FINE);
    let to_trap = format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", trap.url());
    let granted = Upstream::start(move |stream| {
        let _ = stream.write_all(to_trap.as_bytes());
    });
    let host = node("requests = 100\n");
    host.wharf(&["secret", "set", "acme", "API_KEY", "--value", SECRET]);
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("wharf.toml");
    std::fs::write(&manifest, "secrets = [\"API_KEY\"]\n").unwrap();
    let file = plugin("chaos");
    let deploy = |header: &str, url: &str| {
        let (header, url) = (format!("header={header}"), format!("url={url}"));
        let args = [
            "deploy",
            "acme",
            file.to_str().unwrap(),
            "--manifest",
            manifest.to_str().unwrap(),
            "--allow",
            &granted.address,
        ];
        host.wharf(
            &[&args[..], &["--set", "behaviour=fetch", "--set", &header, "--set", &url, "--set", "show=body"]].concat(),
        );
        notes(&host, "acme")
    };
    let urls = [
        granted.url(),
        trap.url(),
        format!("http://{}@{}/", granted.address.replace(':', "."), trap.address),
        format!("{}{{{{secret:API_KEY}}}}", granted.url()),
    ];
    let told = deploy("authorization: Bearer {{secret:API_KEY}}", &urls.join(" "));
    assert_eq!(told[0], "status 307: ", "a redirect is an answer");
    assert!(told[1..3].iter().all(|told| !told.starts_with("status")), "{told:?}");
    let seen = granted.seen();
    assert!(seen[0].contains(&format!("authorization: Bearer {SECRET}\r\n")), "{seen:?}");
    assert!(
        seen.iter().all(|head| !head.lines().next().unwrap().contains("canary")),
        "a URL is no place for a secret: {seen:?}"
    );
    let before = seen.len();
    for header in [
        "host",
        "connection",
        "x-forwarded-for",
        "forwarded",
        "proxy-authorization",
        "transfer-encoding",
        "wharf-hops",
        "te",
    ] {
        let told = deploy(&format!("{header}: {{{{secret:API_KEY}}}}"), &granted.url());
        assert!(told[0].contains("cannot be sent"), "{header}: {told:?}");
    }
    assert_eq!((granted.seen().len(), trap.seen().len()), (before, 0));
    assert!(!host.log().contains("canary-") && !host.wharf(&["logs", "acme"]).to_string().contains("canary-"));
}
