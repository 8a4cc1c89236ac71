//! Connections that wait for their channel's next request. They are never shared between channels: what an upstream knows of
//! a connection, and what it left in it, stays with the one that opened it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::connect::Connection;
use super::host::Host;
use super::target::Target;
use crate::guest::state::Owner;

/// Over all channels: each is an open file.
const MOST_IDLE: usize = 512;
/// How long a connection may take to be free after its answer was read.
const SETTLE: Duration = Duration::from_secs(1);

/// Where a connection leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    tls: bool,
    host: Host,
    port: u16,
}

impl From<&Target> for Place {
    fn from(target: &Target) -> Self {
        Self { tls: target.tls, host: target.host.clone(), port: target.port }
    }
}

struct Idle {
    place: Place,
    since: Instant,
    connection: Connection,
}

/// The idle connections of all channels.
pub(super) struct Pool {
    most: usize,
    time: Duration,
    idle: Mutex<State>,
}

#[derive(Default)]
struct State {
    owners: HashMap<Owner, Vec<Idle>>,
    total: usize,
    sweeping: bool,
}

impl Pool {
    /// Keeps `most` connections of each channel, each for `time`.
    pub(super) fn new(most: usize, time: Duration) -> Self {
        Self { most, time, idle: Mutex::default() }
    }

    /// A connection of this channel's to this place, if one is open.
    pub(super) fn take(&self, owner: &Owner, place: &Place) -> Option<Connection> {
        let mut state = self.state();
        let own = state.owners.get_mut(owner)?;
        let before = own.len();
        own.retain(|idle| idle.lives(self.time));
        let newest = own.iter().rposition(|idle| idle.place == *place).map(|index| own.remove(index));
        let (gone, empty) = (before - own.len(), own.is_empty());
        state.total -= gone;
        if empty {
            state.owners.remove(owner);
        }
        newest.map(|idle| idle.connection)
    }

    /// Keeps a connection whose last answer was read to its end, once it is free.
    pub(super) fn give(self: &Arc<Self>, owner: Owner, place: Place, mut connection: Connection) {
        if self.most == 0 || connection.sender.is_closed() {
            return;
        }
        if connection.sender.is_ready() {
            return self.put(owner, place, connection);
        }
        let pool = Arc::clone(self);
        tokio::spawn(async move {
            if matches!(tokio::time::timeout(SETTLE, connection.sender.ready()).await, Ok(Ok(()))) {
                pool.put(owner, place, connection);
            }
        });
    }

    fn put(self: &Arc<Self>, owner: Owner, place: Place, connection: Connection) {
        let mut state = self.state();
        let full = state.total >= MOST_IDLE;
        let count = state.owners.get(&owner).map_or(0, Vec::len);
        if full && count == 0 {
            return;
        }
        let oldest_goes = full || count >= self.most;
        let own = state.owners.entry(owner).or_default();
        if oldest_goes {
            own.remove(0);
        }
        own.push(Idle { place, since: Instant::now(), connection });
        state.total += usize::from(!oldest_goes);
        if !std::mem::replace(&mut state.sweeping, true) {
            let (pool, pause) = (Arc::downgrade(self), self.time / 2);
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(pause.max(Duration::from_millis(10))).await;
                    if !pool.upgrade().is_some_and(|pool| pool.sweep()) {
                        return;
                    }
                }
            });
        }
    }

    /// Closes what has waited too long; tells whether anything is left.
    fn sweep(&self) -> bool {
        let mut state = self.state();
        state.owners.retain(|_, own| {
            own.retain(|idle| idle.lives(self.time));
            !own.is_empty()
        });
        state.total = state.owners.values().map(Vec::len).sum();
        state.sweeping = state.total > 0;
        state.sweeping
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn forget(&self) {
        let mut state = self.state();
        (state.total, state.owners) = (0, HashMap::new());
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        let state = self.state();
        assert_eq!(state.total, state.owners.values().map(Vec::len).sum::<usize>());
        state.total
    }
}

impl Idle {
    fn lives(&self, time: Duration) -> bool {
        self.since.elapsed() < time && self.connection.sender.is_ready()
    }
}
