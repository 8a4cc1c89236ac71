//! Names to addresses. Each connection asks anew; the system's own cache is the only one.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Semaphore;

/// Addresses of one name, in the order in which they are tried.
pub(super) type Addresses = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Looks names up.
pub(super) trait Resolve: Send + Sync {
    /// All addresses of `name`, for a guest of `channel`.
    fn resolve(&self, channel: &Arc<str>, name: &str, port: u16) -> Addresses;
}

/// Threads that may wait for a name server at the same time, of the runtime's 512. A lookup cannot be given up before the
/// system does.
const LOOKUPS: usize = 64;
/// And those of one channel, whose name server may be slow on purpose.
const LOOKUPS_OF_A_CHANNEL: usize = 8;

/// The system's resolver.
pub(super) struct System {
    all: Arc<Semaphore>,
    channels: Mutex<HashMap<Arc<str>, Weak<Semaphore>>>,
}

impl Default for System {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(LOOKUPS)), channels: Mutex::default() }
    }
}

impl System {
    fn of_channel(&self, channel: &Arc<str>) -> Arc<Semaphore> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = channels.get(channel).and_then(Weak::upgrade) {
            return places;
        }
        channels.retain(|_, places| places.strong_count() > 0);
        let places = Arc::new(Semaphore::new(LOOKUPS_OF_A_CHANNEL));
        channels.insert(Arc::clone(channel), Arc::downgrade(&places));
        places
    }
}

impl Resolve for System {
    fn resolve(&self, channel: &Arc<str>, name: &str, port: u16) -> Addresses {
        let (own, all, name) = (self.of_channel(channel), Arc::clone(&self.all), name.to_owned());
        Box::pin(async move {
            let own = own.acquire_owned().await.map_err(io::Error::other)?;
            let all = all.acquire_owned().await.map_err(io::Error::other)?;
            let lookup = move || {
                // Held by the thread: who asked may be gone long before it is done.
                let _places = (own, all);
                (name.as_str(), port).to_socket_addrs().map(Iterator::collect)
            };
            tokio::task::spawn_blocking(lookup).await.map_err(io::Error::other)?
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_channel_has_places_of_its_own_while_it_uses_them() {
        let system = System::default();
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let held = system.of_channel(&a);
        assert!(Arc::ptr_eq(&held, &system.of_channel(&a)) && !Arc::ptr_eq(&held, &system.of_channel(&b)));
        assert_eq!(system.channels.lock().unwrap().len(), 2);
        let found = system.resolve(&b, "localhost", 5).await.unwrap();
        assert!(found.iter().all(|address| address.ip().is_loopback() && address.port() == 5), "{found:?}");
        assert_eq!(system.all.available_permits(), LOOKUPS);
    }
}
