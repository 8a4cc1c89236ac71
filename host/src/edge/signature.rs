//! Signed notifications, after Standard Webhooks 1.0: a MAC over the request's id, its time and its body.
//!
//! Only signatures with a shared secret (`v1`) are known. Those with a public key (`v1a`) are passed over, as any other.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use crate::store::Timestamp;
use crate::table::Channel;

const ID: &str = "webhook-id";
const TIME: &str = "webhook-timestamp";
const SIGNATURES: &str = "webhook-signature";

/// Longest id, in bytes.
const LONGEST_ID: usize = 256;

/// The key of a signature that is held against a secret that is not there, so that a check does the same work.
const NO_SECRET: [u8; 32] = [0; 32];

/// What the head of a signed request says, before anybody has seen its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    /// What the sender calls the notification, however often it sends it.
    pub(super) id: String,
    time: i64,
    macs: Vec<[u8; 32]>,
}

impl Claim {
    /// Reads the headers; none unless each is there once and in its form, a signature is of the kind that we know, and the time
    /// is no further than `tolerance` from `now`.
    pub(super) fn of(headers: &HeaderMap, tolerance: Duration, now: Timestamp) -> Option<Self> {
        let id = only(headers, ID)?;
        // A dot would let the id's end pass for the time.
        if !(1..=LONGEST_ID).contains(&id.len()) || !id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'.') {
            return None;
        }
        let text = only(headers, TIME)?;
        let time: i64 = text.parse().ok().filter(|time: &i64| *time >= 0 && time.to_string() == text)?;
        let apart = Duration::from_secs((now.0 / 1000).abs_diff(time));
        if apart > tolerance {
            return None;
        }
        let given = only(headers, SIGNATURES)?.split(' ').filter_map(|signature| signature.strip_prefix("v1,"));
        let macs: Vec<_> = given.filter_map(|mac| BASE64_STANDARD.decode(mac).ok()?.try_into().ok()).collect();
        (!macs.is_empty()).then(|| Self { id: id.to_owned(), time, macs })
    }

    /// The channel, if it wants signatures and one of these was made with a secret of its own over this body. Does the same work
    /// for any channel and for none.
    pub(super) fn admit(&self, channel: Option<&Arc<Channel>>, body: &[u8], now: Timestamp) -> Option<Arc<Channel>> {
        let signed = channel.filter(|channel| channel.webhook.required);
        let mut known = Choice::from(0);
        for secret in signed.map_or([None; 2], |channel| channel.webhook.valid(now)) {
            let expected = mac(secret.map_or(&NO_SECRET, |secret| &secret.key), &self.id, self.time, body);
            let is_there = Choice::from(u8::from(secret.is_some()));
            known |= is_there & self.macs.iter().fold(Choice::from(0), |known, mac| known | mac.ct_eq(&expected));
        }
        if bool::from(known) { signed.cloned() } else { None }
    }
}

/// A header that is there once, as text.
fn only<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?.to_str().ok()?;
    if all.next().is_some() { None } else { Some(first) }
}

fn mac(key: &[u8], id: &str, time: i64, body: &[u8]) -> [u8; 32] {
    // Any length is a key's.
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(key) else { return NO_SECRET };
    mac.chain_update(format!("{id}.{time}.")).chain_update(body).finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::super::auth::tests::channel;
    use super::*;
    use crate::store::{Mode, WebhookSecret};
    use crate::table::Webhook;

    const NOW: Timestamp = Timestamp(1_614_265_330_000);
    const TOLERANCE: Duration = Duration::from_mins(5);

    fn signed_with(secrets: &[(&[u8], Option<Timestamp>)], required: bool) -> Arc<Channel> {
        let mut channel = Arc::into_inner(channel(Mode::Testing, &[])).unwrap();
        let secret = |(key, expires): &(&[u8], Option<Timestamp>)| WebhookSecret {
            key: Zeroizing::new(key.to_vec()),
            expires: *expires,
        };
        channel.webhook = Webhook { required, secrets: secrets.iter().map(secret).collect() };
        Arc::new(channel)
    }

    fn headers(id: &str, time: &str, signatures: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [(ID, id), (TIME, time), (SIGNATURES, signatures)] {
            headers.insert(name, value.parse().unwrap());
        }
        headers
    }

    /// The example of the reference libraries.
    #[test]
    fn the_published_example_is_good_and_any_change_to_it_is_not() {
        let secret = BASE64_STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let (id, time, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#);
        let good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let acme = signed_with(&[(&secret, None)], true);
        let admitted = |headers: &HeaderMap, body: &[u8]| {
            let claim = Claim::of(headers, TOLERANCE, NOW);
            claim.is_some_and(|claim| claim.admit(Some(&acme), body, NOW).is_some())
        };
        assert!(admitted(&headers(id, time, good), body));
        let bad = format!("v1,{}", BASE64_STANDARD.encode([7; 32]));
        for several in [format!("{bad} {good}"), format!("v1a,xyz v2,{} {good} {bad}", &good[3..]), format!("{good} ")]
        {
            assert!(admitted(&headers(id, time, &several), body), "{several}");
        }
        for (id, time, signatures) in [
            ("msg_other", time, good),
            (id, "1614265331", good),
            (id, time, bad.as_str()),
            (id, time, &good[..good.len() - 4]),
            (id, time, &good[3..]),
            (id, time, "v1,"),
            (id, time, &format!("v1a,{}", &good[3..])),
            (id, time, ""),
            (id, "+1614265330", good),
            (id, "01614265330", good),
            (id, "1614265330.0", good),
            (id, "-1", good),
            ("", time, good),
            ("a.1614265330", time, good),
            (id, "1614265029", good),
            (id, "1614265631", good),
        ] {
            assert!(!admitted(&headers(id, time, signatures), body), "{id} {time} {signatures}");
        }
        assert!(!admitted(&headers(id, time, good), br#"{"test": 2432232315}"#));
        let mut twice = headers(id, time, good);
        twice.append(SIGNATURES, good.parse().unwrap());
        assert!(!admitted(&twice, body), "two headers are nobody's");
        for missing in [ID, TIME, SIGNATURES] {
            let mut headers = headers(id, time, good);
            headers.remove(missing);
            assert_eq!(Claim::of(&headers, TOLERANCE, NOW), None, "{missing}");
        }
    }

    #[test]
    fn a_signature_is_good_for_a_channel_that_wants_it_with_a_secret_that_is_valid() {
        let (id, time) = ("m1", "1614265330");
        let good = |key: &[u8]| {
            let signature = format!("v1,{}", BASE64_STANDARD.encode(mac(key, id, 1_614_265_330, b"{}")));
            Claim::of(&headers(id, time, &signature), TOLERANCE, NOW).unwrap()
        };
        let (later, past) = (Timestamp(NOW.0 + 1), Timestamp(NOW.0 - 1));
        let acme = signed_with(&[(b"new", None), (b"old", Some(later)), (b"older", Some(past))], true);
        assert!(good(b"new").admit(Some(&acme), b"{}", NOW).is_some());
        assert!(good(b"old").admit(Some(&acme), b"{}", NOW).is_some());
        assert!(good(b"older").admit(Some(&acme), b"{}", NOW).is_none());
        assert!(good(b"another").admit(Some(&acme), b"{}", NOW).is_none());
        assert!(good(&NO_SECRET).admit(Some(&acme), b"{}", NOW).is_none());
        assert!(good(&NO_SECRET).admit(Some(&signed_with(&[], true)), b"{}", NOW).is_none());
        assert!(good(&NO_SECRET).admit(None, b"{}", NOW).is_none());
        assert!(good(b"new").admit(Some(&signed_with(&[(b"new", None)], false)), b"{}", NOW).is_none());
    }
}
