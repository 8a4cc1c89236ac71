use super::*;

fn error<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    result.unwrap_err().to_string()
}

#[tokio::test]
async fn a_call_sends_so_many_requests_and_no_more() {
    let upstream = Upstream::start(say(FINE)).await;
    let rig = Rig::new(|limits| limits.requests = 3).await;
    let mut call = rig.call("acme", &[&upstream.host()]);
    for _ in 0..3 {
        send(&mut call, get(&upstream.url("/"))).await.unwrap();
    }
    assert_eq!(error(send(&mut call, get(&upstream.url("/"))).await), "connection limit reached");
    assert_eq!((call.sent(), upstream.heads().len()), (3, 3));
}

#[tokio::test]
async fn requests_at_the_same_time_wait_for_a_place_or_for_their_calls_end() {
    let rig = Rig::new(|limits| limits.concurrent = 2).await;
    let (upstream, silent) = (Upstream::start(say(FINE)).await, Upstream::start(say("")).await);
    let mut call = rig.call_for(Duration::from_secs(5), "acme", &[&upstream.host()]);
    let mut start = |_| Pin::from(call.send_request(get(&upstream.url("/")), None, Box::new(async { Ok(()) })));
    let waiting: Vec<_> = (0..6).map(&mut start).collect();
    // Answers that nobody has read yet hold no place, in whichever order they come.
    let mut answers = Vec::new();
    for next in waiting.into_iter().rev() {
        answers.push(next.await.unwrap());
    }
    let mut call = rig.call_for(Duration::from_millis(900), "acme", &[&silent.host()]);
    let mut start = |_| Pin::from(call.send_request(get(&silent.url("/")), None, Box::new(async { Ok(()) })));
    let waiting: Vec<_> = (0..3).map(&mut start).map(tokio::spawn).collect();
    let mut told = Vec::new();
    for next in waiting {
        told.push(error(next.await.unwrap().map(|_| ())));
    }
    told.sort();
    assert_eq!(told, ["HTTP response timeout", "HTTP response timeout", "connection limit reached"]);
    assert_eq!(silent.connections(), 2);
}

#[tokio::test]
async fn a_request_body_is_cut_at_its_limit_announced_or_not() {
    let upstream = Upstream::start(say(FINE)).await;
    let rig = Rig::new(|limits| limits.request = config::Size::kib(64)).await;
    let mut call = rig.call("acme", &[&upstream.host()]);
    let size = |bytes: usize| post(&upstream.url("/"), vec![b'x'; bytes]);
    assert_eq!(send(&mut call, size(65536)).await.unwrap().status, 200);
    let mut announced = size(65537);
    announced.headers_mut().insert("content-length", 65537.into());
    assert!(error(send(&mut call, announced).await).contains("request body size"));
    assert!(error(send(&mut call, size(65537)).await).contains("request body size"));
}

#[tokio::test]
async fn heads_are_cut_both_ways() {
    let long = "x".repeat(9000);
    let upstream =
        Upstream::start(say(&format!("HTTP/1.1 200 OK\r\nx-long: {long}\r\ncontent-length: 0\r\n\r\n"))).await;
    let rig = Rig::new(|limits| limits.header_size = config::Size::kib(8)).await;
    let mut call = rig.call("acme", &[&upstream.host()]);
    assert!(error(send(&mut call, get(&upstream.url("/"))).await).contains("response header section"));
    let mut request = get(&upstream.url("/"));
    request.headers_mut().insert("x-long", long.parse().unwrap());
    assert!(error(send(&mut call, request).await).contains("request header section"));
    assert_eq!(upstream.heads().len(), 1);
}

#[tokio::test]
async fn a_request_leaves_its_call_some_time() {
    let silent = Upstream::start(say("")).await;
    let rig = Rig::new(|limits| limits.margin = Duration::from_millis(700)).await;
    let mut call = rig.call_for(Duration::from_millis(1500), "acme", &[&silent.host()]);
    assert_eq!(error(send(&mut call, get(&silent.url("/"))).await), "HTTP response timeout");
    assert!(call.deadline > Instant::now(), "the margin is left");
    let mut late = rig.call_for(Duration::from_millis(700), "acme", &[&silent.host()]);
    assert_eq!(error(send(&mut late, get(&silent.url("/"))).await), "HTTP response timeout");
    assert_eq!((late.sent(), silent.heads().len()), (0, 1), "nothing is sent that cannot be answered in time");
}

#[tokio::test]
async fn connecting_has_a_time_of_its_own() {
    // A listener whose queue of connections is full takes no more.
    let full = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = full.local_addr().unwrap();
    let rig = Rig::new(|limits| limits.connect_time = Duration::from_millis(300)).await;
    let mut queue = Vec::new();
    for _ in 0..5000 {
        let connecting = tokio::net::TcpStream::connect(address);
        match tokio::time::timeout(Duration::from_millis(200), connecting).await {
            Ok(stream) => queue.push(stream.unwrap()),
            Err(_) => break,
        }
    }
    let mut call = rig.call("acme", &[&address.to_string()]);
    let began = Instant::now();
    assert_eq!(error(send(&mut call, get(&format!("http://{address}/"))).await), "connection timeout");
    assert!(began.elapsed() < Duration::from_secs(5));
    // TLS counts: this one takes connections and says nothing.
    let silent = Upstream::start(say("")).await;
    let url = format!("https://{}/", silent.address);
    assert_eq!(error(send(&mut rig.call("acme", &[&silent.host()]), get(&url)).await), "connection timeout");
}

#[tokio::test]
async fn a_guest_may_ask_for_less_time_and_not_for_more() {
    let silent = Upstream::start(say("")).await;
    let rig = Rig::new(|limits| limits.first_byte_time = Duration::from_millis(400)).await;
    for asked in
        [Duration::ZERO, Duration::from_nanos(1), Duration::from_millis(50), Duration::from_hours(1), Duration::MAX]
    {
        let options = RequestOptions { first_byte_timeout: Some(asked), ..RequestOptions::default() };
        let mut call = rig.call("acme", &[&silent.host()]);
        let began = Instant::now();
        assert_eq!(error(head(&mut call, get(&silent.url("/")), Some(options)).await), "connection read timeout");
        assert!(began.elapsed() < Duration::from_secs(4), "{asked:?}");
    }
    let none = RequestOptions { connect_timeout: Some(Duration::ZERO), ..RequestOptions::default() };
    let tls = format!("https://{}/", silent.address);
    assert_eq!(
        error(head(&mut rig.call("acme", &[&silent.host()]), get(&tls), Some(none)).await),
        "connection timeout"
    );
}

#[tokio::test]
async fn what_comes_in_a_circle_ends() {
    for most in [4, 2] {
        let upstream = Upstream::start(say(FINE)).await;
        let rig = Rig::new(|limits| limits.hops = most).await;
        for hops in 0..6 {
            let mut call = rig.call("acme", &[&upstream.host()]);
            call.hops = hops;
            let sent = send(&mut call, get(&upstream.url("/"))).await;
            assert_eq!(sent.is_ok(), hops < most, "{sent:?}");
        }
        let counted: Vec<_> = upstream.heads().iter().map(|head| head.contains("wharf-hops: ")).collect();
        assert_eq!(counted, vec![true; most as usize]);
        assert!(upstream.heads().last().unwrap().contains(&format!("wharf-hops: {most}\r\n")));
    }
}

#[tokio::test]
async fn a_request_that_is_never_finished_ends_with_its_call() {
    let upstream = Upstream::start(say("")).await;
    let rig = Rig::new(|_| {}).await;
    let mut call = rig.call_for(Duration::from_millis(800), "acme", &[&upstream.host()]);
    let body = http_body_util::StreamBody::new(futures_util::stream::pending::<Result<_, Error>>()).boxed_unsync();
    let request = Request::builder().method("POST").uri(upstream.url("/")).body(body).unwrap();
    assert_eq!(error(send(&mut call, request).await), "HTTP response timeout");
}
