//! What every SDK request carries beside its payload.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::Text;
use crate::lenient::{Lenient, Object};

/// The member that carries the shared key.
pub const KEY_MEMBER: &str = "integration_auth_token";

/// The envelope's members as they stand in the body; nothing is interpreted before the key is checked.
#[derive(Debug, Default, Clone, Copy)]
pub struct Envelope<'a> {
    token: Option<&'a RawValue>,
    action: Option<&'a RawValue>,
    client_id: Option<&'a RawValue>,
    channel_info: Option<&'a RawValue>,
}

#[derive(serde::Deserialize)]
struct ChannelInfo {
    #[serde(default, deserialize_with = "crate::lenient::field")]
    id: Option<i64>,
}

impl<'a> Envelope<'a> {
    /// Finds the envelope. Reading stops when all its members were seen: the platform sends them first or sorted by name,
    /// so that the payload is not walked twice.
    ///
    /// # Errors
    /// The body is not a JSON object, as far as it was read.
    pub fn find(body: &'a str) -> Result<Self, serde_json::Error> {
        let mut envelope = Self::default();
        let mut reader = serde_json::Deserializer::from_str(body);
        match (Finder { envelope: &mut envelope }).deserialize(&mut reader) {
            Err(_) if envelope.is_complete() => Ok(envelope),
            Err(error) => Err(error),
            Ok(()) => reader.end().map(|()| envelope),
        }
    }

    /// The shared key; none when it is missing, null or not a string.
    pub fn token(&self) -> Option<Cow<'a, str>> {
        let raw = self.token?.get();
        match serde_json::from_str::<Borrowable<'a>>(raw) {
            Ok(text) => Some(text.0),
            Err(_) => None,
        }
    }

    /// The caller's name of the action; empty when there is none.
    ///
    /// # Errors
    /// It is neither text nor a number.
    pub fn action(&self) -> Result<Text<'a>, serde_json::Error> {
        self.action.map_or_else(|| Ok(Text::default()), |raw| serde_json::from_str(raw.get()))
    }

    /// The RetailOps tenant; 0 when it is missing.
    ///
    /// # Errors
    /// It is not an integer of 64 bits.
    pub fn client_id(&self) -> Result<i64, serde_json::Error> {
        self.client_id.map_or(Ok(0), |raw| i64::lenient(&mut serde_json::Deserializer::from_str(raw.get())))
    }

    /// The channel's id inside RetailOps.
    ///
    /// # Errors
    /// `channel_info` is not an object, or its `id` no integer of 64 bits.
    pub fn channel_id(&self) -> Result<Option<i64>, serde_json::Error> {
        let Some(raw) = self.channel_info.filter(|raw| raw.get() != "\"\"") else { return Ok(None) };
        Ok(serde_json::from_str::<Option<Object<ChannelInfo>>>(raw.get())?.and_then(|Object(info)| info.id))
    }

    fn is_complete(&self) -> bool {
        self.token.is_some() && self.action.is_some() && self.client_id.is_some() && self.channel_info.is_some()
    }

    fn slot(&mut self, member: &str) -> Option<&mut Option<&'a RawValue>> {
        match member {
            KEY_MEMBER => Some(&mut self.token),
            "action" => Some(&mut self.action),
            "client_id" => Some(&mut self.client_id),
            "channel_info" => Some(&mut self.channel_info),
            _ => None,
        }
    }
}

/// The body without the shared key, for `raw-request`.
///
/// # Errors
/// The body is not a JSON object.
pub fn without_key(body: &str) -> Result<String, serde_json::Error> {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = String;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<String, A::Error> {
            let mut out = String::from("{");
            while let Some(name) = map.next_key::<Text<'de>>()? {
                let value = map.next_value::<&RawValue>()?;
                if name.as_str() != KEY_MEMBER {
                    if out.len() > 1 {
                        out.push(',');
                    }
                    out.push_str(&serde_json::to_string(&name).map_err(A::Error::custom)?);
                    out.push(':');
                    out.push_str(value.get());
                }
            }
            out.push('}');
            Ok(out)
        }
    }
    serde_json::Deserializer::from_str(body).deserialize_map(Members)
}

struct Finder<'e, 'a> {
    envelope: &'e mut Envelope<'a>,
}

impl<'de> DeserializeSeed<'de> for Finder<'_, 'de> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Finder<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Text<'de>>()? {
            let Some(slot) = self.envelope.slot(&name) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if slot.is_some() {
                return Err(A::Error::custom(format_args!("duplicate field `{name}`")));
            }
            *slot = Some(map.next_value()?);
            if self.envelope.is_complete() {
                return Err(A::Error::custom("the envelope is complete"));
            }
        }
        Ok(())
    }
}

/// A string that is borrowed unless it has escapes.
#[derive(serde::Deserialize)]
struct Borrowable<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_no_string_is_no_key() {
        for body in [
            r"{}",
            r#"{"integration_auth_token":null}"#,
            r#"{"integration_auth_token":5}"#,
            r#"{"integration_auth_token":["x"]}"#,
        ] {
            assert_eq!(Envelope::find(body).unwrap().token(), None, "{body}");
        }
        assert_eq!(Envelope::find(r#"{"integration_auth_token":""}"#).unwrap().token().unwrap(), "");
        assert_eq!(Envelope::find("{\"integration_auth_token\":\"a\\u0062\"}").unwrap().token().unwrap(), "ab");
    }

    #[test]
    fn reading_stops_when_the_envelope_is_complete() {
        let body = r#"{"action":"x","channel_info":{"id":7},"client_id":"497","integration_auth_token":"k","orders":[this is not JSON"#;
        let envelope = Envelope::find(body).unwrap();
        assert_eq!(envelope.token().unwrap(), "k");
        assert_eq!(envelope.client_id().unwrap(), 497);
        assert_eq!(envelope.channel_id().unwrap(), Some(7));
    }

    #[test]
    fn a_body_that_is_no_object_is_refused() {
        for body in ["", "[]", "null", "5", "{", "{\"a\":1}x", "{\"a\":NaN}"] {
            assert!(Envelope::find(body).is_err(), "{body}");
        }
    }

    #[test]
    fn a_member_that_comes_twice_is_refused() {
        let error = Envelope::find(r#"{"client_id":1,"client_id":2}"#).unwrap_err();
        assert!(error.to_string().contains("duplicate field `client_id`"), "{error}");
    }

    #[test]
    fn the_key_is_taken_out_and_all_else_is_kept() {
        let body = r#"{ "a" : 1.50, "integration_auth_token":"secret", "x\"y": {"deep": [1, 2]} }"#;
        assert_eq!(without_key(body).unwrap(), r#"{"a":1.50,"x\"y":{"deep": [1, 2]}}"#);
    }
}
