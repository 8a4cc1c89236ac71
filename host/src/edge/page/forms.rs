//! Forms: which of those that are sent came from a page of ours.
//!
//! A form may come twice: by a second click, a reload, after a restart. Its token is not used up by the first, on purpose. A
//! browser shows the answer to the last one it sent, so refusing that one would hide from the user what became of the first;
//! and what a node remembers of used tokens would neither outlive it nor be known to its neighbours. The contract tells guests
//! what a payment goes by, so that the second form finds what the first has booked.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue, header};
use hyper::body::Incoming;
use sha2::Sha256;
use wharf_protocol::notification::payments::FormField;

use super::super::{Edge, body};
use super::notice::Notice;
use crate::store::{Store, Timestamp};

/// The hidden field that proves that a form came from our page.
const FORM_TOKEN: &str = "form-token";
/// What browsers send forms as.
const FORM: &str = "application/x-www-form-urlencoded";
/// Bytes of a token that say when it was made; the rest is its MAC.
const TIME: usize = 8;

/// Makes and checks the tokens of forms.
pub(in crate::edge) struct Forms {
    /// Padded with zeros to a block of the hash.
    key: [u8; 64],
    life: Duration,
}

impl Forms {
    /// With a key of the node's, so that a page that was opened before a restart can be sent after it. An open page may wait
    /// for `life` before its form is sent.
    pub(in crate::edge) fn new(store: &Store, life: Duration) -> Self {
        let mut key = [0; 64];
        key[..32].copy_from_slice(&store.key_for("forms of pages"));
        Self { key, life }
    }

    fn mac(&self, channel: &str, query: &str, time: [u8; TIME]) -> Hmac<Sha256> {
        Hmac::<Sha256>::new(&self.key.into())
            .chain_update(channel.as_bytes())
            .chain_update([0])
            .chain_update(time)
            .chain_update(query.as_bytes())
    }

    /// A token for the page of this channel that is opened with this query.
    pub(super) fn token(&self, channel: &str, query: &str, now: Timestamp) -> String {
        let time = now.0.to_be_bytes();
        let mac = self.mac(channel, query, time).finalize().into_bytes();
        BASE64_URL_SAFE_NO_PAD.encode([&time[..], &mac[..]].concat())
    }

    fn verify(&self, channel: &str, query: &str, token: &str, now: Timestamp) -> bool {
        let Ok(token) = BASE64_URL_SAFE_NO_PAD.decode(token) else { return false };
        let Some((time, mac)) = token.split_first_chunk::<TIME>() else { return false };
        let age = u128::try_from(now.0.saturating_sub(i64::from_be_bytes(*time))).unwrap_or(0);
        self.mac(channel, query, *time).verify_slice(mac).is_ok() && age <= self.life.as_millis()
    }
}

/// The fields of a sent form, less its token; or the status and the page that say why it does not count.
pub(super) async fn read(
    edge: &Edge,
    channel: &str,
    query: &str,
    headers: &HeaderMap,
    incoming: Incoming,
    began: Instant,
) -> Result<Vec<FormField<'static>>, (u16, Notice)> {
    let limits = &edge.config.edge;
    let refused = |incoming, status, notice| {
        body::discard(incoming, limits, began);
        Err((status, notice))
    };
    if is_foreign(headers) {
        return refused(incoming, 403, Notice::ForeignForm);
    }
    if !headers.get(header::CONTENT_TYPE).is_some_and(is_form) {
        return refused(incoming, 415, Notice::UnreadableForm);
    }
    let body = body::read(incoming, limits.form_body, limits, began, None).await;
    let body = body.map_err(|problem| (problem.status(), Notice::UnreadableForm))?;
    let mut fields = fields(&body, limits.form_fields).ok_or((413, Notice::UnreadableForm))?;
    let token = fields.iter().find(|field| &*field.name == FORM_TOKEN).map_or("", |field| &*field.value);
    if !edge.forms.verify(channel, query, token, Timestamp::now()) {
        return Err((403, Notice::ExpiredForm));
    }
    fields.retain(|field| &*field.name != FORM_TOKEN);
    Ok(fields)
}

/// The fields, if there are no more than `most`.
fn fields(body: &Bytes, most: usize) -> Option<Vec<FormField<'static>>> {
    let pairs = form_urlencoded::parse(body).into_owned();
    let fields: Vec<_> =
        pairs.take(most + 1).map(|(name, value)| FormField { name: name.into(), value: value.into() }).collect();
    (fields.len() <= most).then_some(fields)
}

fn is_form(content_type: &HeaderValue) -> bool {
    let kind = content_type.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(FORM.as_bytes())
}

/// Whether the browser says that another origin's page sent the form, which may hold a token that was read off one of ours. A
/// browser that says nothing is left to the token. Our own pages have the origin `null`, because they send no referrer.
fn is_foreign(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    let Some(origin) = headers.get(header::ORIGIN).filter(|origin| *origin != "null") else { return false };
    let host = headers.get(header::HOST).map_or(&b""[..], HeaderValue::as_bytes);
    !["http://", "https://"].iter().any(|scheme| origin.as_bytes().strip_prefix(scheme.as_bytes()) == Some(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn forms(key: u8) -> Forms {
        Forms { key: [key; 64], life: Duration::from_mins(1) }
    }

    #[test]
    fn a_token_is_good_for_its_channel_and_page_only() {
        let token = forms(1).token("acme", "entityID=1", NOW);
        assert!(forms(1).verify("acme", "entityID=1", &token, NOW));
        assert!(!forms(1).verify("acme", "entityID=2", &token, NOW));
        assert!(!forms(1).verify("other", "entityID=1", &token, NOW));
        assert!(!forms(2).verify("acme", "entityID=1", &token, NOW), "another node");
        for bad in ["", "A", "AAAA", &token[1..], &token[..token.len() - 1], &"A".repeat(token.len())] {
            assert!(!forms(1).verify("acme", "entityID=1", bad, NOW), "{bad}");
        }
    }

    #[test]
    fn a_token_is_good_for_its_time_only_and_the_time_is_part_of_it() {
        let after = |ms: i64| Timestamp(NOW.0 + ms);
        let token = forms(1).token("acme", "", NOW);
        for (later, good) in [(0, true), (60_000, true), (60_001, false), (-3_600_000, true), (i64::MIN / 4, true)] {
            assert_eq!(forms(1).verify("acme", "", &token, after(later)), good, "{later} ms later");
        }
        let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(&token).unwrap();
        bytes[TIME - 1] ^= 1;
        assert!(!forms(1).verify("acme", "", &BASE64_URL_SAFE_NO_PAD.encode(bytes), NOW));
    }

    #[test]
    fn a_form_of_another_origin_is_known_by_what_the_browser_says() {
        let foreign = |headers: &[(&'static str, &'static str)]| {
            let pairs = headers
                .iter()
                .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)));
            is_foreign(&pairs.collect())
        };
        for ours in [
            &[][..],
            &[("sec-fetch-site", "same-origin"), ("origin", "null")],
            &[("sec-fetch-site", "none")],
            &[("origin", "null"), ("host", "wharf.example")],
            &[("origin", "https://wharf.example"), ("host", "wharf.example")],
            &[("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:8080")],
        ] {
            assert!(!foreign(ours), "{ours:?}");
        }
        for theirs in [
            &[("sec-fetch-site", "cross-site"), ("origin", "null")][..],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "")],
            &[("origin", "https://evil.example"), ("host", "wharf.example")],
            &[("origin", "https://wharf.example.evil"), ("host", "wharf.example")],
            &[("origin", "wharf.example"), ("host", "wharf.example")],
            &[("origin", "https://evil.example")],
        ] {
            assert!(foreign(theirs), "{theirs:?}");
        }
    }

    #[test]
    fn a_form_has_as_many_fields_as_it_may_and_one_kind() {
        let body = Bytes::from_static(b"a=1&b=2&c=%C3%A9+x");
        assert_eq!(fields(&body, 3).unwrap()[2], FormField { name: "c".into(), value: "é x".into() });
        assert_eq!(fields(&body, 2), None);
        for (kind, good) in [
            ("application/x-www-form-urlencoded", true),
            ("Application/X-WWW-Form-Urlencoded ; charset=utf-8", true),
            ("multipart/form-data; boundary=x", false),
            ("text/plain", false),
        ] {
            assert_eq!(is_form(&HeaderValue::from_static(kind)), good, "{kind}");
        }
    }
}
