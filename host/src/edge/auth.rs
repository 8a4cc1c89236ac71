//! Whether a caller may speak to a channel. An unknown channel and a wrong key take the same work and get the same answer; the log says
//! which it was.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderMap;
use subtle::{Choice, ConstantTimeEq};
use wharf_protocol::sdk::TEST_KEY;

use crate::store::{Digest, KeyKind, Mode, Timestamp};
use crate::table::{Channel, NO_KEY};

/// The header that carries a notification's key.
const KEY_HEADER: &str = "x-api-key";

static TEST_DIGEST: LazyLock<Digest> = LazyLock::new(|| Digest::of(TEST_KEY.as_bytes()));

/// The channel, if `key` is one of its SDK keys; in testing mode the public test key is one too.
pub(super) fn sdk(channel: Option<&Arc<Channel>>, key: Option<&str>) -> Option<Arc<Channel>> {
    let testing = channel.is_some_and(|channel| channel.mode == Mode::Testing);
    let extra = if testing { *TEST_DIGEST } else { NO_KEY };
    admit(channel, KeyKind::Sdk, key, extra)
}

/// The channel, if the request's `X-API-KEY` is one of its notification keys and it does not want signatures instead.
pub(super) fn notification(channel: Option<&Arc<Channel>>, headers: &HeaderMap) -> Option<Arc<Channel>> {
    let mut keys = headers.get_all(KEY_HEADER).iter();
    let key = keys.next().and_then(|key| key.to_str().ok());
    // Two keys in one request are nobody's.
    let key = if keys.next().is_some() { None } else { key };
    admit(channel, KeyKind::Notification, key, NO_KEY).filter(|channel| !channel.webhook.required)
}

/// The channel, if the path's token is one of its payment tokens.
pub(super) fn payment(channel: Option<&Arc<Channel>>, token: &str) -> Option<Arc<Channel>> {
    admit(channel, KeyKind::Payment, Some(token), NO_KEY)
}

/// Compares digests, so that the time depends neither on the key's length nor on where it differs; always all three of them.
fn admit(channel: Option<&Arc<Channel>>, kind: KeyKind, key: Option<&str>, extra: Digest) -> Option<Arc<Channel>> {
    let presented = Digest::of(key.unwrap_or_default().as_bytes());
    let [current, older] = channel.map_or([NO_KEY; 2], |channel| channel.keys.valid(kind, Timestamp::now()));
    let known =
        [current, older, extra].iter().fold(Choice::from(0), |known, digest| known | presented.0.ct_eq(&digest.0));
    let given = Choice::from(u8::from(key.is_some_and(|key| !key.is_empty())));
    if bool::from(known & given) { channel.cloned() } else { None }
}

/// Lines of the log in a second about callers that were turned away: anybody can send such requests.
const LINES: u64 = 10;

/// The requests that were turned away since its beginning, for about a second.
struct Second {
    began: Instant,
    requests: u64,
}

impl Second {
    /// Counts a request: whether it gets a line, and how many of the second before had none.
    fn count(&mut self, now: Instant) -> (bool, u64) {
        let mut untold = 0;
        if now.saturating_duration_since(self.began) >= Duration::from_secs(1) {
            untold = self.requests.saturating_sub(LINES);
            *self = Self { began: now, requests: 0 };
        }
        self.requests += 1;
        (self.requests <= LINES, untold)
    }
}

/// Tells the log why a request was turned away, which its caller does not hear: by the id that the caller gave it, if any.
pub(super) fn tell(channel: Option<&Arc<Channel>>, door: &'static str, request: Option<&str>) {
    static LAST: LazyLock<Mutex<Second>> = LazyLock::new(|| Mutex::new(Second { began: Instant::now(), requests: 0 }));
    let (is_told, untold) = LAST.lock().unwrap_or_else(PoisonError::into_inner).count(Instant::now());
    if untold > 0 {
        tracing::info!(untold, "more requests had no valid key");
    }
    match channel {
        _ if !is_told => {}
        Some(channel) => tracing::info!(channel = &*channel.name, door, request, "a request has no valid key"),
        None => tracing::info!(door, request, "a request is for a channel that does not exist"),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::{Config, FailureMode};
    use crate::guest::{Lane, Limits};
    use crate::store::{KeyRecord, LimitOverrides};
    use crate::table::{Deltas, Keys, Webhook};

    pub(in crate::edge) fn channel(mode: Mode, keys: &[(KeyKind, &str, Option<i64>)]) -> Arc<Channel> {
        let keys = keys
            .iter()
            .map(|(kind, key, expires)| KeyRecord {
                kind: *kind,
                digest: Digest::of(key.as_bytes()),
                created: Timestamp(0),
                expires: expires.map(Timestamp),
            })
            .collect();
        let none = LimitOverrides::default();
        let limits = Limits::of(&Config::default(), 8, &none, &none);
        Arc::new(Channel {
            name: "acme".into(),
            mode,
            keys: Keys::new(keys),
            lane: Arc::new(Lane::new(&limits)),
            notice: Arc::default(),
            failure_mode: FailureMode::Http,
            deltas: Deltas::default(),
            notification: Arc::new(Config::default().notification),
            webhook: Webhook::default(),
            release: None,
            hosts: Vec::new(),
            created: Timestamp(0),
            canary: None,
            revision: 0,
        })
    }

    #[test]
    fn the_public_test_key_opens_a_testing_channel_only() {
        let testing = channel(Mode::Testing, &[(KeyKind::Sdk, "own", None)]);
        let production = channel(Mode::Production, &[(KeyKind::Sdk, "own", None)]);
        assert!(sdk(Some(&testing), Some(TEST_KEY)).is_some());
        assert!(sdk(Some(&production), Some(TEST_KEY)).is_none());
        assert!(sdk(Some(&testing), Some("own")).is_some());
        assert!(sdk(Some(&production), Some("own")).is_some());
    }

    #[test]
    fn a_flood_of_wrong_keys_is_no_flood_of_the_log() {
        let began = Instant::now();
        let mut second = Second { began, requests: 0 };
        let mut at = |ms| second.count(began + Duration::from_millis(ms));
        let told = (0..100).filter(|_| at(999) == (true, 0)).count();
        assert_eq!((told, at(1000), at(1001), at(2500)), (10, (true, 90), (true, 0), (true, 0)));
    }

    #[test]
    fn missing_empty_and_wrong_keys_open_nothing() {
        let acme = channel(Mode::Testing, &[(KeyKind::Sdk, "own", None)]);
        for key in [None, Some(""), Some("Own"), Some("ow"), Some("own "), Some("RETAILOPS_SDK ")] {
            assert!(sdk(Some(&acme), key).is_none(), "{key:?}");
        }
        assert!(sdk(None, Some("own")).is_none());
        assert!(sdk(None, None).is_none());
    }

    #[test]
    fn two_keys_are_valid_during_a_rotation_and_an_expired_one_is_not() {
        let far = Timestamp::now().0 + 60_000;
        let acme = channel(
            Mode::Production,
            &[(KeyKind::Sdk, "new", None), (KeyKind::Sdk, "old", Some(far)), (KeyKind::Sdk, "gone", Some(1))],
        );
        assert!(sdk(Some(&acme), Some("new")).is_some());
        assert!(sdk(Some(&acme), Some("old")).is_some());
        assert!(sdk(Some(&acme), Some("gone")).is_none());
    }

    #[test]
    fn a_key_opens_only_the_door_it_was_made_for() {
        let acme = channel(
            Mode::Production,
            &[(KeyKind::Sdk, "s", None), (KeyKind::Notification, "n", None), (KeyKind::Payment, "p", None)],
        );
        let mut headers = HeaderMap::new();
        headers.insert(KEY_HEADER, "s".parse().unwrap());
        assert!(notification(Some(&acme), &headers).is_none());
        headers.insert(KEY_HEADER, "n".parse().unwrap());
        assert!(notification(Some(&acme), &headers).is_some());
        headers.append(KEY_HEADER, "n".parse().unwrap());
        assert!(notification(Some(&acme), &headers).is_none());
        assert!(payment(Some(&acme), "p").is_some());
        assert!(payment(Some(&acme), "n").is_none());
    }
}
