use super::tls::issued;
use super::*;
use crate::store::PlatformGrant;

/// The outbound side of a call whose release has a platform there.
fn asking(rig: &Rig, time: Duration, base_url: &str, hosts: &[&str]) -> Sender {
    let grant = PlatformGrant {
        base_url: base_url.to_owned(),
        header: "authorization".to_owned(),
        value: "Bearer {{secret:KEY}}".to_owned(),
    };
    let owner = Owner { channel: "acme".into(), created: Timestamp(0) };
    rig.call_with(owner, time, hosts, Some(PlatformApi::read(&grant).unwrap()))
}

fn get_of(path: &str) -> PlatformRequest {
    PlatformRequest { method: "GET".to_owned(), path: path.to_owned(), ..PlatformRequest::default() }
}

async fn ask(sender: &mut Sender, path: &str) -> Result<PlatformResponse, PlatformError> {
    sender.ask(get_of(path), 1 << 20).await
}

const TIME: Duration = Duration::from_secs(10);

#[tokio::test]
async fn the_platform_is_asked_over_tls_if_its_certificate_is_trusted() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    let (authority, acceptor) = issued(&["localhost"]);
    std::fs::write(&file, authority).unwrap();
    let upstream = Upstream::at("127.0.0.1:0", say(FINE), Some(acceptor)).await;
    let base = format!("https://localhost:{}/RESTWS/", upstream.address.port());
    let trusting = Rig::new(|limits| {
        limits.ca_file = file.to_str().unwrap().to_owned();
        (limits.allow_http, limits.allow_private) =
            (false, vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
    })
    .await;
    trusting.store.put_secret("acme", "KEY", "canary-0123456789".into()).await.unwrap();
    let answer = ask(&mut asking(&trusting, TIME, &base, &[]), "api/x").await;
    assert_eq!(answer, Ok(PlatformResponse { status: 200, body: "ok".to_owned() }));
    let head = &upstream.heads()[0];
    assert!(head.starts_with("GET /RESTWS/api/x HTTP/1.1\r\n") && head.contains("Bearer canary-0123456789"), "{head}");
    let plain = Rig::new(|limits| limits.allow_private.push("::1/128".parse().unwrap())).await;
    plain.store.put_secret("acme", "KEY", "canary-0123456789".into()).await.unwrap();
    let refused = ask(&mut asking(&plain, TIME, &base, &[]), "api/x").await;
    assert_eq!(refused, Err(PlatformError::Unreachable("its certificate is not trusted")));
    assert_eq!(upstream.heads().len(), 1);
    // What was checked at the deploy is checked again: a node's settings change.
    let http = base.replace("https", "http");
    let refused = ask(&mut asking(&trusting, TIME, &http, &[]), "api/x").await;
    assert!(matches!(refused, Err(PlatformError::Denied(_))), "{refused:?}");
}

#[tokio::test]
async fn the_platform_and_granted_hosts_are_apart() {
    let upstream = Upstream::start(say(FINE)).await;
    let rig = Rig::new(|_| {}).await;
    rig.store.put_secret("acme", "KEY", "canary-0123456789".into()).await.unwrap();
    let base = upstream.url("/RESTWS");
    let mut ungranted = asking(&rig, TIME, &base, &[]);
    assert!(
        send(&mut ungranted, get(&upstream.url("/RESTWS/api/x"))).await.is_err(),
        "the platform is no granted host"
    );
    ask(&mut ungranted, "api/x").await.unwrap();
    assert_eq!(ungranted.sent(), 1);
    let mut granted = asking(&rig, TIME, &base, &[&upstream.host()]);
    let mut request = get(&upstream.url("/RESTWS/api/x"));
    send(&mut granted, get(&upstream.url("/RESTWS/api/x"))).await.unwrap();
    request.headers_mut().insert("authorization", "Bearer {{secret:KEY}}".parse().unwrap());
    assert!(send(&mut granted, request).await.is_err(), "its secret goes nowhere else");
    let why: Vec<_> = rig.records().await.into_iter().filter_map(|row| row.refused).collect();
    assert!(why.len() == 2 && why[1].contains("is for the platform's API alone"), "{why:?}");
    let with_credential = upstream.heads().iter().filter(|head| head.contains("canary")).count();
    assert_eq!((with_credential, upstream.heads().len()), (1, 2));
}

#[tokio::test]
async fn requests_to_the_platform_end_at_the_limits_of_their_call() {
    let (upstream, silent) = (Upstream::start(say(FINE)).await, Upstream::start(say("")).await);
    let rig = Rig::new(|limits| {
        limits.requests = 2;
        limits.first_byte_time = Duration::from_millis(100);
    })
    .await;
    rig.store.put_secret("acme", "KEY", "canary-0123456789".into()).await.unwrap();
    let mut call = asking(&rig, TIME, &upstream.url("/"), &[&upstream.host()]);
    ask(&mut call, "a").await.unwrap();
    send(&mut call, get(&upstream.url("/b"))).await.unwrap();
    assert!(matches!(ask(&mut call, "c").await, Err(PlatformError::Denied(why)) if why.contains("all the requests")));
    let mut late = asking(&rig, Duration::from_millis(150), &upstream.url("/"), &[]);
    assert_eq!(ask(&mut late, "a").await, Err(PlatformError::Timeout), "nothing is left of the call's time");
    assert_eq!(ask(&mut asking(&rig, TIME, &silent.url("/"), &[]), "a").await, Err(PlatformError::Timeout));
    let small = asking(&rig, TIME, &upstream.url("/"), &[]).ask(get_of("a"), 1).await;
    assert_eq!(small, Err(PlatformError::TooLarge(1)));
    let mut looping = asking(&rig, TIME, &upstream.url("/"), &[]);
    looping.hops = 4;
    assert!(matches!(ask(&mut looping, "a").await, Err(PlatformError::Denied(why)) if why.contains("too many calls")));
    let mut nowhere = rig.call("acme", &[]);
    assert_eq!(ask(&mut nowhere, "a").await, Err(PlatformError::NotConfigured));
    let mut escaping = asking(&rig, TIME, &upstream.url("/RESTWS/"), &[]);
    assert!(matches!(ask(&mut escaping, "../a\n").await, Err(PlatformError::Invalid(_))));
    let last = rig.records().await.pop().unwrap();
    assert_eq!((last.path.as_str(), last.error.as_deref()), ("../a\\n", Some("refused")));
}
