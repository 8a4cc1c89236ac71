use super::*;

#[tokio::test]
async fn a_thousand_canaries_go_to_the_granted_host_and_nowhere_else() {
    let (granted, trap) = (Upstream::start(say(FINE)).await, Upstream::start(say(FINE)).await);
    let rig = Rig::new(|limits| limits.requests = 10_000).await;
    let mut call = rig.call_for(Duration::from_mins(5), "acme", &[&granted.host()]);
    for number in 0..1000 {
        if number % 50 == 0 {
            rig.store.put_secret("acme", "KEY", format!("canary-{number}-0123456789")).await.unwrap();
        }
        let canary = format!("canary-{}-0123456789", number / 50 * 50);
        let with = |mut request: Request<WasiBody>| {
            request.headers_mut().insert("authorization", "Bearer {{secret:KEY}}".parse().unwrap());
            request
        };
        // To another host, to the same with another scheme or user, and in the URL: the value goes nowhere.
        let elsewhere = match number % 5 {
            0 => with(get(&trap.url("/"))),
            1 => with(get(&format!("http://{}@{}/", granted.host().replace(':', "%3a"), trap.host()))),
            2 => with(get(&format!("http://localhost:{}/", trap.address.port()))),
            3 => with(get(&format!("https://{}/", trap.host()))),
            _ => get(&trap.url("/%7b%7bsecret:KEY%7d%7d")),
        };
        assert!(send(&mut call, elsewhere).await.is_err());
        if number % 10 == 0 {
            send(&mut call, with(get(&granted.url("/")))).await.unwrap();
            let last = granted.heads().pop().unwrap();
            assert!(last.contains(&format!("authorization: Bearer {canary}\r\n")), "{last}");
        }
    }
    println!("1000 canaries tried elsewhere: {} connections there", trap.connections());
    assert_eq!((trap.connections(), granted.heads().len()), (0, 100));
    assert!(!format!("{:?}", rig.records().await).contains("canary-"));
}

#[tokio::test]
async fn a_secret_stays_with_its_channel_and_its_releases_names() {
    let upstream = Upstream::start(say(FINE)).await;
    let rig = Rig::new(|_| {}).await;
    for name in ["KEY", "HIDDEN"] {
        rig.store.put_secret("acme", name, "s3cret-0123456789".into()).await.unwrap();
    }
    let ask = |value: &str| {
        let mut request = get(&upstream.url("/"));
        request.headers_mut().insert("x-key", value.parse().unwrap());
        request
    };
    let mut other = rig.call("other", &[&upstream.host()]);
    assert!(send(&mut other, ask("{{secret:KEY}}")).await.is_err(), "another channel has no such secret");
    let mut own = rig.call("acme", &[&upstream.host()]);
    for value in [
        "{{secret:HIDDEN}}",
        "{{secret:}}",
        "{{secret:KEY",
        "{{secret:key}}",
        "{{secret:KEY@1}}",
        "{{secret:../acme/KEY}}",
    ] {
        assert!(send(&mut own, ask(value)).await.is_err(), "{value}");
    }
    assert_eq!(upstream.connections(), 0);
    let mut forbidden = ask("x");
    forbidden.headers_mut().insert("x-forwarded-for", "{{secret:KEY}}".parse().unwrap());
    send(&mut own, forbidden).await.unwrap();
    assert!(!upstream.heads()[0].contains("s3cret"));
}

#[tokio::test]
async fn plain_http_carries_no_secret_unless_it_is_allowed() {
    let upstream = Upstream::start(say(FINE)).await;
    let rig = Rig::new(|limits| limits.allow_http = false).await;
    rig.store.put_secret("acme", "KEY", "s3cret-0123456789".into()).await.unwrap();
    let mut request = get(&upstream.url("/"));
    request.headers_mut().insert("x-key", "{{secret:KEY}}".parse().unwrap());
    assert!(send(&mut rig.call("acme", &[&upstream.host()]), request).await.is_err());
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn headers_of_the_connection_are_the_hosts() {
    let upstream = Upstream::start(say(FINE)).await;
    let rig = Rig::new(|_| {}).await;
    let mut call = rig.call("acme", &[&upstream.host()]);
    for name in [
        "host",
        "connection",
        "transfer-encoding",
        "te",
        "upgrade",
        "keep-alive",
        "proxy-authorization",
        "forwarded",
        "x-forwarded-for",
        "wharf-hops",
    ] {
        assert!(call.is_forbidden_header(&name.parse().unwrap()), "{name}");
    }
    let mut request = get(&format!("http://127.0.0.1:{}?a=b", upstream.address.port()));
    request.headers_mut().insert("host", "evil.example".parse().unwrap());
    request.headers_mut().insert("wharf-hops", "-5".parse().unwrap());
    send(&mut call, request).await.unwrap();
    let head = &upstream.heads()[0];
    assert!(head.starts_with("GET /?a=b HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("host: {}\r\n", upstream.host())) && !head.contains("evil"), "{head}");
    assert_eq!(head.matches("wharf-hops: 1\r\n").count(), 1, "{head}");
}
