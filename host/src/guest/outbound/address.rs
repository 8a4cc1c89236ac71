//! Which addresses a guest may connect to: the public internet, and what the operator allows by name; never this node itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{PoisonError, RwLock};

use ipnet::IpNet;

/// What is not the public internet: IANA's special-purpose registries, whole blocks even where a few addresses in them are
/// global, and of IPv6 all that is not given out (`2000::/3` is). NAT64's `64:ff9b::/96` counts as the IPv4 address in it.
const SPECIAL: [&str; 27] = [
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
    // ::/3 holds loopback, unspecified, compatible, translated, local NAT64, discard-only; 4000::/2 segment routing;
    // 8000::/1 unique local, link local, site local, multicast.
    "::/3",
    "4000::/2",
    "8000::/1",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "2620:4f:8000::/48",
    "3fff::/20",
    // The first network of 6bone, returned and never given out again.
    "3ffe::/16",
];

/// Where clouds keep the credentials of their machines. A range that happens to hold one does not open it.
const METADATA: [&str; 9] = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
];

/// The addresses that may be connected to.
#[derive(Debug)]
pub(super) struct AddressFilter {
    special: Vec<IpNet>,
    metadata: Vec<IpAddr>,
    allowed: Vec<IpNet>,
    own: RwLock<Vec<SocketAddr>>,
}

impl AddressFilter {
    pub(super) fn new(allowed: &[IpNet]) -> Self {
        Self {
            special: SPECIAL.iter().filter_map(|range| range.parse().ok()).collect(),
            metadata: METADATA.iter().filter_map(|address| address.parse().ok()).collect(),
            allowed: allowed.to_vec(),
            own: RwLock::default(),
        }
    }

    /// Where this node listens; an address `0.0.0.0` or `::` is every address of this machine.
    pub(super) fn own_listeners(&self, own: Vec<SocketAddr>) {
        *self.own.write().unwrap_or_else(PoisonError::into_inner) = own;
    }

    /// Whether it may be connected to.
    pub(super) fn allows(&self, address: SocketAddr) -> bool {
        self.allows_ip(address.ip()) && !self.is_own(address)
    }

    /// Whether an address is public, or allowed by the operator. An IPv4 address inside an IPv6 one counts as well.
    pub(super) fn allows_ip(&self, address: IpAddr) -> bool {
        let (address, inner) = match address {
            IpAddr::V4(_) => (address, [None; 3]),
            IpAddr::V6(v6) => unwrapped(v6).map_or_else(|| (address, embedded(v6)), |v4| (v4.into(), [None; 3])),
        };
        self.allows_one(address)
            && inner.into_iter().flatten().all(|v4| self.allows_one(v4.into()) || self.names(address))
    }

    fn allows_one(&self, address: IpAddr) -> bool {
        if self.names(address) {
            return true;
        }
        let within = |ranges: &[IpNet]| ranges.iter().any(|range| range.contains(&address));
        !self.metadata.contains(&address) && (within(&self.allowed) || !within(&self.special))
    }

    /// Whether the operator has allowed exactly this address.
    fn names(&self, address: IpAddr) -> bool {
        self.allowed.iter().any(|range| range.prefix_len() == range.max_prefix_len() && range.addr() == address)
    }

    fn is_own(&self, address: SocketAddr) -> bool {
        let own = self.own.read().unwrap_or_else(PoisonError::into_inner);
        let ip = match address.ip() {
            IpAddr::V6(v6) => unwrapped(v6).map_or(IpAddr::V6(v6), IpAddr::V4),
            v4 @ IpAddr::V4(_) => v4,
        };
        own.iter().filter(|own| own.port() == address.port()).any(|own| {
            // To connect to 0.0.0.0 or :: is to connect to this machine.
            own.ip().to_canonical() == ip || ip.is_unspecified() || (own.ip().is_unspecified() && is_local(ip))
        })
    }
}

/// Whether an address is one of this machine's: only those can be bound.
fn is_local(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}

/// The IPv4 address that is really connected to: of a mapped (`::ffff:a.b.c.d`) or a NAT64 (`64:ff9b::a.b.c.d`) one.
fn unwrapped(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => Some(last_32(v6)),
        _ => v6.to_ipv4_mapped(),
    }
}

/// IPv4 addresses that a gateway on the way may take out of an IPv6 one.
fn embedded(v6: Ipv6Addr) -> [Option<Ipv4Addr>; 3] {
    let o = v6.octets();
    let last = last_32(v6);
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => [None; 3],
        // Local NAT64 with a prefix of 48, 56 or 64 bits, which leaves the end empty, or of 96 (RFC 6052). Bits 64 to 71 are
        // none of the address's.
        [0x64, 0xff9b, 1, ..] if o[13..] == [0; 3] => [
            Some(Ipv4Addr::new(o[6], o[7], o[9], o[10])),
            Some(Ipv4Addr::new(o[7], o[9], o[10], o[11])),
            Some(Ipv4Addr::new(o[9], o[10], o[11], o[12])),
        ],
        // 6to4.
        [0x2002, ..] => [Some(Ipv4Addr::new(o[2], o[3], o[4], o[5])), None, None],
        // Teredo: the server, and the client's address with its bits turned.
        [0x2001, 0, ..] => [Some(Ipv4Addr::new(o[4], o[5], o[6], o[7])), Some(Ipv4Addr::from(!u32::from(last))), None],
        // And compatible (::a.b.c.d), translated (::ffff:0:a.b.c.d), ISATAP under any prefix.
        [0x64, 0xff9b, 1, ..] | [0, 0, 0, 0, 0 | 0xffff, 0, _, _] | [_, _, _, _, 0 | 0x200, 0x5efe, _, _] => {
            [Some(last), None, None]
        }
        _ => [None; 3],
    }
}

fn last_32(v6: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = v6.octets();
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests;
