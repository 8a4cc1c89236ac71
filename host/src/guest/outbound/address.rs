//! Which addresses a guest may connect to: the public internet, and what the operator allows by name.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

/// Ranges of IANA's special-purpose registries that are not the public internet (RFC 6890 and its updates).
const SPECIAL: [&str; 33] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "100:0:0:1::/64",
    "2001::/23",
    "2001:db8::/32",
    "2620:4f:8000::/48",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
    "2002::/16",
    "::ffff:0:0:0/96",
];

/// The addresses that may be connected to.
#[derive(Debug)]
pub(super) struct AddressFilter {
    special: Vec<IpNet>,
    allowed: Vec<IpNet>,
}

impl AddressFilter {
    pub(super) fn new(allowed: &[IpNet]) -> Self {
        Self { special: SPECIAL.iter().filter_map(|range| range.parse().ok()).collect(), allowed: allowed.to_vec() }
    }

    /// Whether an address is public, or allowed by the operator. An IPv4 address inside an IPv6 one counts as itself.
    pub(super) fn allows(&self, address: IpAddr) -> bool {
        let address = unwrapped(address);
        self.allowed.iter().any(|range| range.contains(&address))
            || !self.special.iter().any(|range| range.contains(&address))
    }
}

/// The IPv4 address inside a mapped (`::ffff:a.b.c.d`) or a NAT64 (`64:ff9b::a.b.c.d`) one.
fn unwrapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => IpAddr::V4(last_32(v6)),
        _ => v6.to_canonical(),
    }
}

fn last_32(v6: Ipv6Addr) -> std::net::Ipv4Addr {
    let [.., a, b, c, d] = v6.octets();
    std::net::Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_special_range_parses() {
        assert_eq!(AddressFilter::new(&[]).special.len(), SPECIAL.len());
    }

    #[test]
    fn private_addresses_are_refused_in_every_wrapping() {
        let filter = AddressFilter::new(&[]);
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.31.255.255",
            "192.168.0.1",
            "169.254.169.254",
            "100.100.100.200",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "::1",
            "::",
            "fd00:ec2::254",
            "fe80::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "::127.0.0.1",
            "ff02::1",
        ] {
            assert!(!filter.allows(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn public_addresses_pass_just_outside_the_ranges() {
        let filter = AddressFilter::new(&[]);
        for address in [
            "9.255.255.255",
            "11.0.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "223.255.255.255",
            "2606:4700::1111",
            "64:ff9b::808:808",
        ] {
            assert!(filter.allows(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn an_operator_allows_a_private_range_by_name() {
        let filter = AddressFilter::new(&["127.0.0.0/8".parse().unwrap()]);
        assert!(filter.allows("127.0.0.1".parse().unwrap()));
        assert!(filter.allows("::ffff:127.0.0.1".parse().unwrap()));
        assert!(!filter.allows("10.0.0.1".parse().unwrap()));
    }
}
