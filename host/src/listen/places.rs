//! Who may be connected: so many at all, and so many from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The connections of one listener.
pub(super) struct Places {
    all: Arc<Semaphore>,
    each: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// A place for one connection. Free again when dropped.
pub(super) struct Place {
    places: Arc<Places>,
    from: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    /// `all` connections at the same time, `each` of them from one address.
    pub(super) fn new(all: usize, each: usize) -> Arc<Self> {
        Arc::new(Self { all: Arc::new(Semaphore::new(all)), each, taken: Mutex::default() })
    }

    /// Waits until there is room for one more.
    pub(super) async fn room(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.all).acquire_owned().await.ok()
    }

    /// A place for a peer, unless its address has all that it may have.
    pub(super) fn take(self: &Arc<Self>, room: OwnedSemaphorePermit, peer: IpAddr) -> Option<Place> {
        let from = one_party(peer);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(from).or_default();
        if *count >= self.each {
            return None;
        }
        *count += 1;
        drop(taken);
        Some(Place { places: Arc::clone(self), from, _permit: room })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.from) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.from);
            }
        }
    }
}

/// What counts as one address: of IPv6 the network, because a /64 is what a single customer gets.
fn one_party(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        four @ IpAddr::V4(_) => four,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_address_has_its_own_places_and_gets_them_back() {
        let places = Places::new(10, 2);
        let take = async |peer: &str| places.take(places.room().await.unwrap(), peer.parse().unwrap());
        let first = take("192.0.2.1").await.unwrap();
        let second = take("::ffff:192.0.2.1").await.unwrap();
        assert!(take("192.0.2.1").await.is_none());
        let other = take("192.0.2.2").await.unwrap();
        drop(first);
        let third = take("192.0.2.1").await.unwrap();
        assert!(take("192.0.2.1").await.is_none());
        drop((second, third, other));
        assert!(places.taken.lock().unwrap().is_empty());
        assert_eq!(places.all.available_permits(), 10);
    }

    #[tokio::test]
    async fn a_whole_v6_network_is_one_address() {
        let places = Places::new(10, 1);
        let take = async |peer: &str| places.take(places.room().await.unwrap(), peer.parse().unwrap());
        let one = take("2001:db8::1").await;
        assert!(one.is_some());
        assert!(take("2001:db8::ffff:1").await.is_none());
        assert!(take("2001:db8:0:1::1").await.is_some());
    }
}
