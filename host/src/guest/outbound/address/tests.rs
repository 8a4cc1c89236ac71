use super::*;

/// First, last and, where there are such, the neighbours outside that are public. `-` = the neighbour is special as well.
const BLOCKS: [[&str; 4]; 27] = [
    ["-", "0.0.0.0", "0.255.255.255", "1.0.0.0"],
    ["9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"],
    ["100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"],
    ["126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"],
    ["169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"],
    ["172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"],
    ["191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"],
    ["192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"],
    ["192.31.195.255", "192.31.196.0", "192.31.196.255", "192.31.197.0"],
    ["192.52.192.255", "192.52.193.0", "192.52.193.255", "192.52.194.0"],
    ["192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"],
    ["192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"],
    ["192.175.47.255", "192.175.48.0", "192.175.48.255", "192.175.49.0"],
    ["198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"],
    ["198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"],
    ["203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"],
    ["223.255.255.255", "224.0.0.0", "239.255.255.255", "-"],
    ["-", "240.0.0.0", "255.255.255.255", "-"],
    ["-", "::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::"],
    ["3fff:1000::", "4000::", "7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-"],
    ["-", "8000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-"],
    ["2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"],
    ["2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"],
    ["2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::"],
    [
        "2620:4f:7fff:ffff:ffff:ffff:ffff:ffff",
        "2620:4f:8000::",
        "2620:4f:8000:ffff:ffff:ffff:ffff:ffff",
        "2620:4f:8001::",
    ],
    ["3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"],
    ["3ffd:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3ffe::", "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-"],
];

/// Special addresses by name, the first and last of blocks that lie within larger ones among them.
const SPECIAL_ONES: [&str; 66] = [
    "::1",
    "::2",
    "::ffff:0:0",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:0:7f00:1",
    "::ffff:0:808:808",
    "64:ff9a:ffff::",
    "64:ff9b:0:0:0:1::",
    "64:ff9b:1::",
    "64:ff9b:1::808:808",
    "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
    "64:ff9b:2::",
    "100::",
    "100::ffff:ffff:ffff:ffff",
    "100:0:0:1::",
    "100:0:0:1:ffff:ffff:ffff:ffff",
    "100:0:0:2::",
    "2001:0:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:1::",
    "2001:1::1",
    "2001:1::2",
    "2001:1::3",
    "2001:2::",
    "2001:2:0:ffff:ffff:ffff:ffff:ffff",
    "2001:3::",
    "2001:3:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:4:112::",
    "2001:4:112:ffff:ffff:ffff:ffff:ffff",
    "2001:10::",
    "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:20::",
    "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:30::",
    "2001:3f:ffff:ffff:ffff:ffff:ffff:ffff",
    "5f00::",
    "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "fbff:ffff::",
    "fc00::",
    "fd00::1",
    "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "fe00::",
    "fe80::",
    "fe80::1",
    "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "fec0::",
    "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "ff00::",
    "ff02::1",
    "ff0e::1",
    "192.0.0.8",
    "192.0.0.9",
    "192.0.0.10",
    "192.0.0.170",
    "192.0.0.171",
    "192.88.99.2",
    "0.0.0.1",
    "10.1.2.3",
    "100.100.100.200",
    "127.0.0.1",
    "169.254.169.254",
    "172.20.0.1",
    "192.168.1.1",
    "255.255.255.254",
    "168.63.129.16",
    "fd00:ec2::254",
];

const PUBLIC_ONES: [&str; 10] = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "168.63.129.15",
    "168.63.129.17",
    "2606:4700::1111",
    "2a00:1450::1",
    "2000::1",
    "2c0f::1",
    "3000::1",
];

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// An IPv4 address in every IPv6 one that leads to it: those that are it, and those that are refused whatever is in them.
fn wrapped(v4: Ipv4Addr) -> ([IpAddr; 2], [Ipv6Addr; 9]) {
    let [a, b, c, d] = v4.octets().map(u16::from);
    let (high, low) = (a << 8 | b, c << 8 | d);
    let same = [[0, 0, 0, 0, 0, 0xffff, high, low], [0x64, 0xff9b, 0, 0, 0, 0, high, low]];
    let others = [
        [0, 0, 0, 0, 0, 0, high, low],
        [0, 0, 0, 0, 0xffff, 0, high, low],
        [0x64, 0xff9b, 1, 0, 0, 0, high, low],
        [0x64, 0xff9b, 1, high, c, d << 8, 0, 0],
        [0x64, 0xff9b, 1, a, b, c << 8 | d, 0, 0],
        [0x64, 0xff9b, 1, 0, a, b << 8 | c, d << 8, 0],
        [0x2002, high, low, 0, 0, 0, 0, 1],
        [0x2001, 0, high, low, 0, 0, 0, 0],
        [0x2001, 0, 0x0808, 0x0808, 0, 0, !high, !low],
    ];
    (same.map(|segments| Ipv6Addr::from(segments).into()), others.map(Ipv6Addr::from))
}

fn isatap(v4: Ipv4Addr, bit: u16) -> IpAddr {
    let [a, b, c, d] = v4.octets().map(u16::from);
    Ipv6Addr::from([0x2a00, 1, 2, 3, bit, 0x5efe, a << 8 | b, c << 8 | d]).into()
}

#[test]
fn every_special_range_parses() {
    let filter = AddressFilter::new(&[]);
    assert_eq!((filter.special.len(), filter.metadata.len()), (SPECIAL.len(), METADATA.len()));
    let covered = |block: &[&str; 4]| {
        filter.special.iter().any(|range| range.addr() == ip(block[1]) && range.broadcast() == ip(block[2]))
    };
    assert!(BLOCKS.iter().all(covered), "each block of the table is a range of the filter");
}

#[test]
fn each_block_is_refused_from_its_first_to_its_last_address_and_no_further() {
    let filter = AddressFilter::new(&[]);
    let mut tried = 0;
    let mut check = |address: IpAddr, public: bool| {
        tried += 1;
        assert_eq!(filter.allows_ip(address), public, "{address}");
    };
    let blocks = BLOCKS
        .iter()
        .flat_map(|[before, first, last, after]| [(before, true), (first, false), (last, false), (after, true)]);
    // Each neighbour is public itself, but for 6bone's, which is next to documentation.
    let edges = blocks
        .filter(|(text, _)| **text != "-" && !text.starts_with("3ffe:ffff"))
        .map(|(text, public)| (*text, public));
    let named =
        SPECIAL_ONES.into_iter().map(|text| (text, false)).chain(PUBLIC_ONES.into_iter().map(|text| (text, true)));
    for (text, public) in edges.chain(named) {
        check(ip(text), public);
        let IpAddr::V4(v4) = ip(text) else { continue };
        let (same, never) = wrapped(v4);
        let through = same.into_iter().chain([isatap(v4, 0), isatap(v4, 0x200)]).map(|address| (address, public));
        for (address, public) in through.chain(never.map(|address| (address.into(), false))) {
            check(address, public);
        }
    }
    println!("{tried} addresses");
    assert!(tried >= 200);
}

#[test]
fn an_operator_allows_a_private_range_by_name() {
    let filter = AddressFilter::new(&["127.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]);
    for allowed in ["127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1", "fd12::1", "2a00:1:2:3:0:5efe:7f00:1"] {
        assert!(filter.allows_ip(ip(allowed)), "{allowed}");
    }
    for refused in ["10.0.0.1", "::127.0.0.1", "2002:7f00:1::1", "::1", "fc00::1"] {
        assert!(!filter.allows_ip(ip(refused)), "{refused}");
    }
}

#[test]
fn a_range_of_wrapped_addresses_opens_no_private_address_in_it() {
    let ranges = ["2002::/16", "64:ff9b:1::/48", "2001::/32", "::/96"];
    let filter = AddressFilter::new(&ranges.map(|range| range.parse().unwrap()));
    for allowed in ["2002:808:808::1", "64:ff9b:1::808:808", "64:ff9b:1::8.8.4.4", "::8.8.8.8", "::1"] {
        assert!(filter.allows_ip(ip(allowed)), "{allowed}");
    }
    for private in ["10.0.0.1", "127.0.0.1", "169.254.169.254", "192.168.0.9"] {
        let (same, others) = wrapped(private.parse().unwrap());
        for address in same.into_iter().chain(others.map(IpAddr::V6)) {
            assert!(!filter.allows_ip(address), "{private} in {address}");
        }
    }
}

#[test]
fn a_clouds_metadata_is_open_only_to_an_operator_who_names_it() {
    let wide = ["0.0.0.0/0", "::/0"].map(|range| range.parse().unwrap());
    let filter = AddressFilter::new(&wide);
    assert!(filter.allows_ip(ip("10.0.0.1")) && filter.allows_ip(ip("fd00:ec2::253")));
    for text in METADATA {
        assert!(!filter.allows_ip(ip(text)), "{text}");
        if let IpAddr::V4(v4) = ip(text) {
            let (same, others) = wrapped(v4);
            for address in same.into_iter().chain(others.map(IpAddr::V6)) {
                assert!(!filter.allows_ip(address), "{text} in {address}");
            }
        }
        let named = AddressFilter::new(&[IpNet::from(ip(text))]);
        assert!(named.allows_ip(ip(text)), "{text}");
        let next: IpNet = format!("{text}/{}", if ip(text).is_ipv4() { 31 } else { 127 }).parse().unwrap();
        assert!(!AddressFilter::new(&[next]).allows_ip(ip(text)), "{text}");
    }
}

#[test]
fn this_nodes_own_listeners_are_refused_whatever_is_allowed() {
    let filter =
        AddressFilter::new(&["0.0.0.0/0", "::/0", "127.0.0.1/32", "::1/128"].map(|range| range.parse().unwrap()));
    let allows = |text: &str| filter.allows(text.parse().unwrap());
    assert!(allows("127.0.0.1:8080"));
    filter.own_listeners(vec!["127.0.0.1:8080".parse().unwrap(), "[::1]:8081".parse().unwrap()]);
    for own in [
        "127.0.0.1:8080",
        "[::ffff:127.0.0.1]:8080",
        "[64:ff9b::7f00:1]:8080",
        "0.0.0.0:8080",
        "[::]:8080",
        "[::1]:8081",
        "0.0.0.0:8081",
    ] {
        assert!(!allows(own), "{own}");
    }
    for other in ["127.0.0.1:8082", "127.0.0.2:8080", "10.0.0.1:8080"] {
        assert!(allows(other), "{other}");
    }
    for any in ["0.0.0.0:8080", "[::]:8080"] {
        filter.own_listeners(vec![any.parse().unwrap()]);
        for own in ["127.0.0.1:8080", "127.9.9.9:8080", "[::ffff:127.0.0.1]:8080", "0.0.0.0:8080"] {
            assert!(!allows(own), "{any}: {own}");
        }
        assert!(allows("192.0.2.1:8080") && allows("127.0.0.1:8081"), "{any}");
    }
}
