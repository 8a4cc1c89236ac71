use super::*;
use crate::guest::outbound::target::Target;

/// What a guest may write for a trap on this machine or for a host that it was not granted; `PORT` is the trap's.
const SPELLINGS: [&str; 96] = [
    "http://localhost:PORT/",
    "http://LOCALHOST:PORT/",
    "http://localhost.:PORT/",
    "http://LocalHost.:PORT/",
    "http://localhost..:PORT/",
    "http://ip6-localhost:PORT/",
    "http://127.1:PORT/",
    "http://127.0.1:PORT/",
    "http://2130706433:PORT/",
    "http://0x7f000001:PORT/",
    "http://0X7F000001:PORT/",
    "http://0x7f.0x0.0x0.0x1:PORT/",
    "http://0x7f.1:PORT/",
    "http://0177.0.0.1:PORT/",
    "http://0177.1:PORT/",
    "http://017700000001:PORT/",
    "http://127.0.0.01:PORT/",
    "http://127.0.0.001:PORT/",
    "http://127.000.000.001:PORT/",
    "http://00127.0.0.1:PORT/",
    "http://127.0.0.1.:PORT/",
    "http://127.0.0.1..:PORT/",
    "http://.127.0.0.1:PORT/",
    "http://0:PORT/",
    "http://0.0.0.0:PORT/",
    "http://0.:PORT/",
    "http://00:PORT/",
    "http://0x0:PORT/",
    "http://127.0.0.2:PORT/",
    "http://127.127.127.127:PORT/",
    "http://[::1]:PORT/",
    "http://[::]:PORT/",
    "http://[0:0:0:0:0:0:0:1]:PORT/",
    "http://[::ffff:127.0.0.1]:PORT/",
    "http://[::ffff:7f00:1]:PORT/",
    "http://[::FFFF:7F00:1]:PORT/",
    "http://[::127.0.0.1]:PORT/",
    "http://[64:ff9b::127.0.0.1]:PORT/",
    "http://[64:ff9b:1::127.0.0.1]:PORT/",
    "http://[2002:7f00:1::]:PORT/",
    "http://[2001:0:7f00:1::]:PORT/",
    "http://[fe80::5efe:127.0.0.1]:PORT/",
    "http://[fe80::1%25lo]:PORT/",
    "http://[::1%lo]:PORT/",
    "http://[::1%25]:PORT/",
    "http://[::1",
    "http://::1:PORT/",
    "http://[127.0.0.1]:PORT/",
    "http://[v1.127.0.0.1]:PORT/",
    "http://[]:PORT/",
    "http://user@localhost:PORT/",
    "http://user:pass@localhost:PORT/",
    "http://granted.example@localhost:PORT/",
    "http://granted.example:80@localhost:PORT/",
    "http://granted.example%40localhost:PORT/",
    "http://localhost:PORT@granted.example/",
    "http://@localhost:PORT/",
    "http://granted.example#@localhost:PORT/",
    "http://granted.example\\@localhost:PORT/",
    "http://localhost:PORT\\.granted.example/",
    "http://granted.example%00.localhost:PORT/",
    "http://granted.example\0.localhost:PORT/",
    "http://localhost%2egranted.example:PORT/",
    "http://granted.example%0d%0a.localhost:PORT/",
    "http://granted.example\r\nhost:localhost/",
    "http://granted.example /",
    "http://granted.example\t/",
    "http://granted。example/",
    "http://granted．example/",
    "http://ｇranted.example/",
    "http://grɑnted.example/",
    "http://①②⑦.⓪.⓪.①:PORT/",
    "http://localhost:/",
    "http://granted.example:/",
    "http://granted.example:0/",
    "http://granted.example:65536/",
    "http://granted.example:+80/",
    "http://granted.example:080/",
    "http://granted.example:-1/",
    "http://granted.example:8o/",
    "http://granted.example:81/",
    "http://granted.example:80:80/",
    "http://granted.example:0x50/",
    "http://granted..example/",
    "http://.granted.example/",
    "http://-granted.example/",
    "http://granted.example.evil.example/",
    "http://evilgranted.example/",
    "file:///etc/passwd",
    "gopher://granted.example/",
    "ftp://granted.example/",
    "unix:///run/x.sock",
    "ws://granted.example/",
    "data:text/plain,x",
    "javascript:alert(1)",
    "http:granted.example",
];

#[tokio::test]
async fn no_spelling_of_a_url_reaches_what_was_not_granted() {
    let trap = Upstream::start(say(FINE)).await;
    let port = trap.address.port().to_string();
    // The operator's ranges are closed; every host that reads is granted, so that the address alone is between them.
    let rig = Rig::new(|limits| limits.allow_private = Vec::new()).await;
    let (mut unread, mut refused) = (0, 0);
    for spelling in SPELLINGS {
        let url = spelling.replace("PORT", &port);
        let body = http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync();
        let Ok(request) = Request::builder().uri(&url).body(body) else {
            unread += 1;
            continue;
        };
        let granted = Target::of(&request).ok().filter(|target| !target.host.to_string().contains("example"));
        let grant = granted.map_or_else(|| "granted.example".to_owned(), |target| target.to_string());
        let mut call = rig.call("acme", &[&grant, "granted.example"]);
        let error = send(&mut call, request).await.expect_err(&url);
        refused += 1;
        let wanted = matches!(
            error,
            Error::HttpRequestUriInvalid
                | Error::HttpRequestDenied
                | Error::DestinationIpProhibited
                | Error::DnsError { .. }
        );
        assert!(wanted, "{url}: {error}");
    }
    println!(
        "{} spellings: {unread} are no URL, {refused} were refused, {} connections",
        SPELLINGS.len(),
        trap.connections()
    );
    assert!(refused >= 60 && trap.connections() == 0);
}

#[tokio::test]
async fn methods_for_proxies_are_refused() {
    let upstream = Upstream::start(say(FINE)).await;
    let rig = Rig::new(|_| {}).await;
    for method in ["CONNECT", "TRACE"] {
        let mut request = get(&upstream.url("/"));
        *request.method_mut() = method.parse().unwrap();
        let sent = send(&mut rig.call("acme", &[&upstream.host()]), request).await;
        assert!(matches!(sent, Err(Error::HttpRequestMethodInvalid)), "{method}");
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn this_nodes_own_listeners_are_closed_to_its_guests() {
    let own = Upstream::start(say(FINE)).await;
    let rig = Rig::new(|limits| limits.allow_private.push("127.0.0.1/32".parse().unwrap())).await;
    let names = [own.host(), format!("localhost:{}", own.address.port())];
    let mut call = rig.call("acme", &[&names[0], &names[1]]);
    assert!(send(&mut call, get(&own.url("/"))).await.is_ok());
    rig.shared.own_listeners(vec![own.address]);
    rig.shared.pool.forget();
    for name in names {
        let sent = send(&mut call, get(&format!("http://{name}/"))).await;
        assert!(matches!(sent, Err(Error::DestinationIpProhibited)), "{name}: {sent:?}");
    }
    assert_eq!(own.connections(), 1);
}
