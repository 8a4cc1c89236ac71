//! Text that borrows from the request body where it can.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

/// Text out of a JSON document. A string with escapes cannot be borrowed, so it is owned then; a guest sees a `string` either way.
///
/// JSON numbers and booleans are read as their text, since reference numbers come as numbers at times; null is empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text<'a>(Cow<'a, str>);

impl Text<'_> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the platform means "nothing": blank, or the word `null` (retailops-sdk: both were seen).
    pub fn is_absent(&self) -> bool {
        self.0.is_empty() || self.0 == "null"
    }
}

impl Deref for Text<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

/// From so many bytes on, to write a text takes longer than to ask whether it [`is_plain`].
const LONG: usize = 4 << 10;

/// By this name `serde_json` knows its `RawValue`, whose parts it copies into the document. It is the library's own, and a test holds it:
/// a `RawValue` proper would be a copy with quotation marks, and new memory costs more than the copy, 0.2 ms for 256 KiB.
const RAW: &str = "$serde_json::private::RawValue";

/// Writes a text into a document, for `serde_json`'s writers alone. They look at each byte by itself, and nothing interrupts that: 0.5 to
/// 1 ms for 1 MiB. A long one that is plain, such as an encoded file, is copied instead.
pub(crate) fn write<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    if text.len() < LONG || !is_plain(text) {
        return serializer.serialize_str(text);
    }
    // Between quotation marks, a text that is plain is a JSON string.
    let mut raw = serializer.serialize_struct(RAW, 1)?;
    for part in ["\"", text, "\""] {
        raw.serialize_field(RAW, part)?;
    }
    raw.end()
}

/// Writes a text that may be absent.
#[expect(clippy::ref_option, reason = "serde gives the field")]
pub(crate) fn write_some<S: Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    match text {
        Some(text) => write(text, serializer),
        None => serializer.serialize_none(),
    }
}

/// Whether nothing in it must be escaped in JSON (RFC 8259, section 7).
fn is_plain(text: &str) -> bool {
    // To the end of a piece, whatever is found on the way: so the compiler takes 16 bytes and more at a time.
    let special = |byte: &u8| u8::from(*byte < 0x20) | u8::from(*byte == b'"') | u8::from(*byte == b'\\');
    text.as_bytes().chunks(256).all(|piece| piece.iter().fold(0, |found, byte| found | special(byte)) == 0)
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or a number")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(text.into())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(text.to_owned().into())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(text.into())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(number.to_string().into())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(number.to_string().into())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(number.to_string().into())
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(Text::from(if truth { "true" } else { "false" }))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Text::default())
    }
}

impl schemars::JsonSchema for Text<'_> {
    fn schema_name() -> Cow<'static, str> {
        str::schema_name()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        str::json_schema(generator)
    }
    fn inline_schema() -> bool {
        true
    }
}

#[cfg(feature = "component")]
#[expect(unsafe_code, reason = "wasmtime has no component traits for Cow<str>")]
mod boundary {
    use std::mem::MaybeUninit;

    use wasmtime::Result;
    use wasmtime::component::__internal::{CanonicalAbiInfo, InstanceType, InterfaceType, LowerContext};
    use wasmtime::component::{ComponentType, Lower};

    use super::Text;

    // SAFETY: every item is `str`'s own, so the type has exactly the layout and the checks of a `string`.
    unsafe impl ComponentType for Text<'_> {
        type Lower = <str as ComponentType>::Lower;
        const ABI: CanonicalAbiInfo = <str as ComponentType>::ABI;
        const MAY_REQUIRE_REALLOC: bool = <str as ComponentType>::MAY_REQUIRE_REALLOC;

        fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
            <str as ComponentType>::typecheck(ty, types)
        }
    }

    // SAFETY: both ways of lowering are `str`'s own, given the same arguments.
    unsafe impl Lower for Text<'_> {
        fn linear_lower_to_flat<T>(
            &self,
            cx: &mut LowerContext<'_, T>,
            ty: InterfaceType,
            dst: &mut MaybeUninit<Self::Lower>,
        ) -> Result<()> {
            self.as_str().linear_lower_to_flat(cx, ty, dst)
        }

        fn linear_lower_to_memory<T>(
            &self,
            cx: &mut LowerContext<'_, T>,
            ty: InterfaceType,
            offset: usize,
        ) -> Result<()> {
            self.as_str().linear_lower_to_memory(cx, ty, offset)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Note {
        #[serde(serialize_with = "write")]
        text: String,
        #[serde(serialize_with = "write_some")]
        more: Option<String>,
    }

    #[test]
    fn a_text_is_written_as_json_has_it_whatever_its_length_and_its_characters() {
        let characters =
            (0..0x100).map(|code| char::from(u8::try_from(code).unwrap())).chain(['\u{2028}', '\u{10ffff}']);
        for character in characters {
            for (before, after) in [(0, 0), (LONG, 0), (LONG - 1, 1), (LONG - 2, 300), (0, LONG)] {
                let text = ["a".repeat(before), character.to_string(), "z".repeat(after)].concat();
                let note = Note { text: text.clone(), more: Some(text.clone()) };
                let written = serde_json::to_string(&note).unwrap();
                let expected = serde_json::to_string(&text).unwrap();
                assert_eq!(written, format!("{{\"text\":{expected},\"more\":{expected}}}"), "{character:?}");
            }
        }
    }
}
