//! The filter against another one, which is slow and plain: addresses as text of ones and zeros, URLs read letter by letter.

use std::net::IpAddr;

use bolero::check;

use super::*;
use crate::guest::outbound::address::AddressFilter;
use crate::guest::outbound::target::Target;

/// Networks that are not the public internet, as their registries write them.
const CLOSED_4: &str = "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.31.196.0/24 \
     192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 \
     168.63.129.16/32";
const CLOSED_6: &str = "2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20 3ffe::/16";

fn bits(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => format!("{:032b}", u32::from(v4)),
        IpAddr::V6(v6) => format!("{:0128b}", u128::from(v6)),
    }
}

fn within(address: &str, networks: &str) -> bool {
    networks.split_whitespace().any(|network| {
        let (first, length) = network.split_once('/').unwrap();
        let first = bits(first.parse().unwrap());
        address.len() == first.len() && address.starts_with(&first[..length.parse::<usize>().unwrap()])
    })
}

fn public(address: IpAddr) -> bool {
    let IpAddr::V6(v6) = address else { return !within(&bits(address), CLOSED_4) };
    let (hex, inner) = (
        format!("{:032x}", u128::from(v6)),
        IpAddr::V4(std::net::Ipv4Addr::from_octets(*v6.octets().last_chunk().unwrap())),
    );
    if hex.starts_with("00000000000000000000ffff") || hex.starts_with("0064ff9b0000000000000000") {
        return public(inner);
    }
    let isatap = ["00005efe", "02005efe"].contains(&&hex[16..24]);
    let text = bits(address);
    text.starts_with("001") && !within(&text, CLOSED_6) && (!isatap || public(inner))
}

/// Beginnings that random bytes would hardly ever have.
const BEGINNINGS: [&[u8]; 12] = [
    &[],
    &[0; 10],
    &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
    &[0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0],
    &[0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0],
    &[0, 0x64, 0xff, 0x9b, 0, 1],
    &[0x20, 1, 0, 0],
    &[0x20, 2],
    &[0x20, 1, 0xd, 0xb8],
    &[0x2a, 0, 1, 2, 3, 4, 5, 6, 0, 0, 0x5e, 0xfe],
    &[0x2a, 0, 1, 2, 3, 4, 5, 6, 2, 0, 0x5e, 0xfe],
    &[0x3f, 0xff],
];

#[test]
fn addresses_are_judged_as_the_reference_does() {
    let filter = AddressFilter::new(&[]);
    check!().with_type::<(u8, [u8; 16])>().for_each(|(kind, bytes)| {
        let v4 = IpAddr::from([bytes[0], bytes[1], bytes[2], bytes[3]]);
        assert_eq!(filter.allows_ip(v4), public(v4), "{v4}");
        let mut bytes = *bytes;
        let beginning = BEGINNINGS[usize::from(*kind) % BEGINNINGS.len()];
        bytes[..beginning.len()].copy_from_slice(beginning);
        let v6 = IpAddr::from(bytes);
        assert_eq!(filter.allows_ip(v6), public(v6), "{v6}");
    });
}

/// Pieces that URLs are made of here.
const PIECES: [&str; 40] = [
    "a",
    "b",
    "example",
    "com",
    "127",
    "0",
    "1",
    "0x7f",
    "00",
    "localhost",
    ".",
    ".",
    ".",
    ":",
    "80",
    "443",
    "8080",
    "@",
    "[",
    "]",
    "::1",
    "/",
    "/",
    "v2",
    "..",
    "%2e",
    "%2f",
    "\\",
    ";",
    "?",
    "#",
    "%",
    "-",
    "_",
    "*",
    "A",
    "api.example.com",
    "api.example.com:8080",
    "//",
    "é",
];

/// What is granted below: all of one host, a part of another.
const GRANTS: [&str; 3] = ["api.example.com", "*.b.com:8080", "GET a.example.com/v2"];

/// Whether the grants allow a GET of this URL.
fn reference(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://") else { return false };
    let letters: Vec<char> = rest.chars().collect();
    let end = letters.iter().position(|c| matches!(c, '/' | '?' | '#')).unwrap_or(letters.len());
    let authority: String = letters[..end].iter().collect::<String>().to_lowercase();
    let path: String = letters[end..].iter().take_while(|c| !matches!(c, '?' | '#')).collect();
    let (name, port) = match authority.split(':').collect::<Vec<_>>()[..] {
        [name] => (name, "443"),
        [name, port] => (name, port),
        _ => return false,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    let legal = !name.is_empty()
        && name.split('.').all(|label| {
            !label.is_empty()
                && label.len() < 64
                && label.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-' | '_'))
        });
    if !legal {
        return false;
    }
    let below_v2 = path.split('/').collect::<Vec<_>>().get(1) == Some(&"v2")
        && !path.to_lowercase().contains("%2e")
        && !path.to_lowercase().contains("%2f")
        && !path.contains('\\')
        && path.split('%').skip(1).all(|code| code.len() >= 2 && code.chars().take(2).all(|c| c.is_ascii_hexdigit()))
        && !path.split('/').any(|segment| [".", ".."].contains(&segment.split(';').next().unwrap()));
    match (name, port) {
        ("api.example.com", "443") => true,
        ("a.example.com", "443") => below_v2,
        (name, "8080") => name.ends_with(".b.com") && name != ".b.com",
        _ => false,
    }
}

#[test]
fn urls_are_granted_as_the_reference_does() {
    let grants: Vec<HostPattern> = GRANTS.iter().map(|grant| grant.parse().unwrap()).collect();
    let hosts = ["", "api.example.com", "x.b.com:8080", "a.example.com/v2", "a.example.com"];
    let (granted, tried) = (AtomicUsize::new(0), AtomicUsize::new(0));
    check!().with_type::<(u8, Vec<u8>)>().for_each(|(start, pieces)| {
        let pieces = pieces.iter().take(12).map(|piece| PIECES[usize::from(*piece) % PIECES.len()]);
        let url = format!("https://{}{}", hosts[usize::from(*start) % hosts.len()], pieces.collect::<String>());
        // What is no URL at all never comes here.
        let Ok(request) = Request::builder().uri(&url).body(()) else { return };
        let ours = Target::of(&request).is_ok_and(|target| grants.iter().any(|grant| grant.grants(&target)));
        assert_eq!(ours, reference(&url), "{url}");
        tried.fetch_add(1, Ordering::Relaxed);
        granted.fetch_add(usize::from(ours), Ordering::Relaxed);
    });
    println!("{tried:?} URLs, {granted:?} granted");
}
