use std::net::Ipv4Addr;

use super::*;
use crate::guest::outbound::failed::Failed;
use crate::guest::outbound::resolve::Addresses;
use crate::guest::outbound::target::Target;

/// Answers each query with the next of these lists of addresses.
struct Flipping {
    answers: Vec<Vec<IpAddr>>,
    queries: AtomicUsize,
}

use std::net::IpAddr;

impl Resolve for Flipping {
    fn resolve(&self, _channel: &Arc<str>, _name: &str, port: u16) -> Addresses {
        let query = self.queries.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers[query % self.answers.len()].iter().map(|ip| SocketAddr::new(*ip, port)).collect();
        Box::pin(async move { Ok(answer) })
    }
}

/// What stands for the public internet: an address of this machine that the operator allows, beside one that is a trap.
const GOOD: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const TRAP: Ipv4Addr = Ipv4Addr::LOCALHOST;

fn node(answers: Vec<Vec<IpAddr>>) -> Outbound {
    let limits = limits(|limits| {
        limits.allow_private = vec!["127.0.0.2/32".parse().unwrap()];
        limits.idle_connections = 0;
    });
    Outbound::with_resolver(&limits, Box::new(Flipping { answers, queries: AtomicUsize::new(0) })).unwrap()
}

#[tokio::test]
async fn ten_thousand_queries_that_flip_never_reach_a_private_address() {
    let good = Upstream::at(&format!("{GOOD}:0"), say(FINE), None).await;
    let trap = Upstream::at(&format!("{TRAP}:{}", good.address.port()), say(FINE), None).await;
    let (good_ip, trap_ip) = (IpAddr::V4(GOOD), IpAddr::V4(TRAP));
    let mapped = IpAddr::V6(TRAP.to_ipv6_mapped());
    let answers = vec![
        vec![good_ip],
        vec![trap_ip],
        vec![good_ip, trap_ip],
        vec![trap_ip, good_ip],
        vec![mapped],
        vec![good_ip, mapped],
        vec![good_ip, good_ip],
        vec![good_ip, "169.254.169.254".parse().unwrap()],
        vec!["::1".parse().unwrap()],
        vec![],
    ];
    let node = node(answers);
    let (channel, url): (Arc<str>, _) = ("acme".into(), format!("http://api.example.com:{}/", good.address.port()));
    let target = Target::of(&get(&url)).unwrap();
    let (mut connected, mut refused, mut nowhere) = (0, 0, 0);
    for _ in 0..10_000 {
        match node.connect(&channel, &target).await {
            Ok(_) => connected += 1,
            Err(Failed::Address) => refused += 1,
            Err(Failed::Dns) => nowhere += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    println!("10000 queries: {connected} connected, {refused} refused, {nowhere} without an address");
    assert_eq!((connected, refused, nowhere), (2000, 7000, 1000));
    assert_eq!(trap.connections(), 0);
}

#[tokio::test]
async fn each_connection_asks_again_and_an_open_one_stays_where_it_was_checked() {
    let good = Upstream::at(&format!("{GOOD}:0"), say(FINE), None).await;
    let trap = Upstream::at(&format!("{TRAP}:{}", good.address.port()), say(FINE), None).await;
    let mut rig = Rig::new(|_| {}).await;
    let mut limits = limits(|limits| limits.allow_private = vec!["127.0.0.2/32".parse().unwrap()]);
    let answers = || vec![vec![IpAddr::V4(GOOD)], vec![IpAddr::V4(TRAP)]];
    let resolver = || Box::new(Flipping { answers: answers(), queries: AtomicUsize::new(0) });
    rig.shared = Arc::new(Outbound::with_resolver(&limits, resolver()).unwrap());
    let (host, url) =
        (format!("a.example:{}", good.address.port()), format!("http://a.example:{}/", good.address.port()));
    let mut call = rig.call("acme", &[&host]);
    for _ in 0..3 {
        assert_eq!(send(&mut call, get(&url)).await.unwrap().status, 200);
        settled(&rig).await;
    }
    assert_eq!((good.connections(), trap.connections()), (1, 0));
    limits.idle_connections = 0;
    rig.shared = Arc::new(Outbound::with_resolver(&limits, resolver()).unwrap());
    let mut call = rig.call("acme", &[&host]);
    assert!(send(&mut call, get(&url)).await.is_ok());
    assert!(matches!(send(&mut call, get(&url)).await, Err(Error::DestinationIpProhibited)));
    assert_eq!((good.connections(), trap.connections()), (2, 0));
}

/// Waits until the connection is back in the pool.
async fn settled(rig: &Rig) {
    super::pooling::until(|| rig.shared.pool.count() == 1).await;
}
