//! Types of notifications that rest: an attempt found nobody to ask, and another a moment later would find nobody either.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::store::{Leased, Resting};

/// Until when each rests, by channel and type. It is asked for at least every few seconds, and what is over is forgotten then.
#[derive(Debug, Default)]
pub(super) struct Rests(Mutex<HashMap<(String, String), Instant>>);

impl Rests {
    /// Lets the type of this one rest.
    pub(super) fn add(&self, leased: &Leased, pause: Duration) {
        let until = Instant::now() + pause;
        let mut rests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rests.insert((leased.channel.clone(), leased.event_type.clone()), until);
    }

    /// Those that rest now.
    pub(super) fn now(&self) -> Resting {
        let mut rests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        rests.retain(|_, until| *until > now);
        let mut resting = Resting::default();
        for (channel, event_type) in rests.keys() {
            resting.add(channel.clone(), event_type.clone());
        }
        resting
    }
}
