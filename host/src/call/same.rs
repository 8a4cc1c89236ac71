//! What makes two notifications the same one, told twice.

use sha2::{Digest as _, Sha256};
use wharf_protocol::Decimal;
use wharf_protocol::lenient::Object;
use wharf_protocol::notification::payments::PaymentRequest;
use wharf_protocol::notification::{Entity, EventKind, Notification};

/// What a notification and its repetitions have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Same {
    /// What it is about: of two that are about the same, the later one takes the place of the earlier.
    pub about: [u8; 32],
    /// What it says of it; only with the same content is one the repetition of another.
    pub content: [u8; 32],
}

/// What makes a notification the same as another one on its channel. None for one that only looks, for one that is not known to
/// be repeated, and for one that cannot be read.
///
/// The platform sends no id of an attempt, so it is the content that tells. Of a document that is all of it: a changed line is
/// another save, after which the one before is to be saved again. Of a payment it is who pays what, how: the document, the
/// method (unique within a document), the amount and the currency. Another amount is another payment; another description,
/// store or unknown member beside the same ones is the same payment, because to pay twice costs money and to hear the same
/// answer twice costs nothing.
pub fn same(notification: &Notification<'_>, json: &str) -> Option<Same> {
    let entity = notification.entity();
    match EventKind::of(&notification.event_type)? {
        EventKind::DocumentValidation => {
            let content = Sha256::digest(canonical(json)?).into();
            // Without its id, a document is known by its content alone.
            let about = if entity.entity_id.is_some() { document(entity) } else { content };
            Some(Same { about, content })
        }
        EventKind::PaymentValidation => {
            let ids = format!("payment {} {:?} ", entity.entity_type_id, entity.entity_id);
            let hash = Sha256::new().chain_update(ids);
            let about = match payment(notification)? {
                Some(payment) => hash.chain_update(payment),
                None => hash.chain_update(canonical(json)?),
            };
            Some(Same { about: about.finalize().into(), content: [0; 32] })
        }
        _ => None,
    }
}

/// What a document is known by.
pub fn document(entity: Entity) -> [u8; 32] {
    Sha256::digest(format!("document {} {:?}", entity.entity_type_id, entity.entity_id)).into()
}

/// What a payment is known by; none if it names no document, so that only all of its content tells it from others.
#[expect(clippy::option_option, reason = "what cannot be read is no payment")]
fn payment(notification: &Notification<'_>) -> Option<Option<String>> {
    let Object(request) = serde_json::from_str::<Object<PaymentRequest<'_>>>(notification.data_text()?).ok()?;
    if request.document_id.or(notification.entity_id).is_none() {
        return Some(None);
    }
    let method = request.payment_method.as_ref().and_then(|method| method.id);
    let Decimal { mut units, mut scale } = request.amount;
    while scale > 0 && units % 10 == 0 {
        (units, scale) = (units / 10, scale - 1);
    }
    let (kind, document) = (request.document_type_id, request.document_id);
    let currency = request.currency_code.as_deref().unwrap_or_default();
    Some(Some(format!("{kind:?} {document:?} {method:?} {units} {scale} {currency}")))
}

/// Valid JSON in one form: without blanks, and members by their names. Texts and numbers stay as they are written: `1` and `1.0`
/// are then two documents, and the component is asked twice, which is the safe way to be wrong. None for what is no JSON.
fn canonical(json: &str) -> Option<Vec<u8>> {
    let mut reader = Reader { json: json.as_bytes(), at: 0 };
    let mut out = Vec::with_capacity(json.len());
    reader.value(&mut out)?;
    Some(out)
}

/// Reads what a parser has found to be JSON, nested no deeper than edge.json-depth allows.
struct Reader<'a> {
    json: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// The next byte that is no blank.
    fn peek(&mut self) -> Option<u8> {
        while self.json.get(self.at)?.is_ascii_whitespace() {
            self.at += 1;
        }
        self.json.get(self.at).copied()
    }

    fn value(&mut self, out: &mut Vec<u8>) -> Option<()> {
        match self.peek()? {
            b'{' => self.object(out),
            b'[' => self.array(out),
            b'"' => {
                out.extend_from_slice(self.text()?);
                Some(())
            }
            _ => {
                let rest = &self.json[self.at..];
                let length =
                    rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)).count();
                out.extend_from_slice(&rest[..length]);
                self.at += length;
                (length > 0).then_some(())
            }
        }
    }

    fn object(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let mut members = Vec::new();
        self.at += 1;
        loop {
            match self.peek()? {
                b'}' => break,
                b',' => self.at += 1,
                _ => {
                    let name = self.text()?;
                    if self.peek()? != b':' {
                        return None;
                    }
                    self.at += 1;
                    let mut value = Vec::new();
                    self.value(&mut value)?;
                    members.push((name, value));
                }
            }
        }
        self.at += 1;
        members.sort_unstable();
        out.push(b'{');
        for (name, value) in members {
            out.extend_from_slice(name);
            out.push(b':');
            out.extend_from_slice(&value);
            out.push(b',');
        }
        out.push(b'}');
        Some(())
    }

    fn array(&mut self, out: &mut Vec<u8>) -> Option<()> {
        self.at += 1;
        out.push(b'[');
        loop {
            match self.peek()? {
                b']' => break,
                b',' => self.at += 1,
                _ => {
                    self.value(out)?;
                    out.push(b',');
                }
            }
        }
        self.at += 1;
        out.push(b']');
        Some(())
    }

    /// A text with its quotes, as it is written.
    fn text(&mut self) -> Option<&'a [u8]> {
        let begin = self.at;
        if self.json.get(begin) != Some(&b'"') {
            return None;
        }
        self.at += 1;
        loop {
            let found = memchr::memchr2(b'"', b'\\', self.json.get(self.at..)?)?;
            self.at += found;
            if self.json[self.at] == b'"' {
                self.at += 1;
                return Some(&self.json[begin..self.at]);
            }
            self.at += 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::notification::parse;
    use super::*;

    fn of(json: &str) -> Option<Same> {
        same(&parse(json).unwrap(), json)
    }

    fn payment(data: &str) -> Option<Same> {
        of(&format!(r#"{{"eventType":"payment.validation","entityTypeID":2,"entityID":7,"data":{data}}}"#))
    }

    #[test]
    fn one_form_has_no_blanks_and_members_by_name() {
        let form = |json: &str| canonical(json).map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(
            form(r#" { "b" : [ 1 , 2.0e+5,true ], "a":"x\"} y", "c":{} } "#).unwrap(),
            r#"{"a":"x\"} y","b":[1,2.0e+5,true,],"c":{},}"#
        );
        assert_eq!(form("[[],{},[{}]]").unwrap(), "[[],{},[{},],]");
        for broken in ["", "{", "[", "\"x", "{\"a\"", "{\"a\":", "{a:1}", "[1,,?]"] {
            assert_eq!(form(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_document_is_the_same_only_with_all_of_its_content() {
        let first = of(r#"{"eventType":"document.validation","entityTypeID":2,"entityID":7,"data":{"a":1,"b":"x"}}"#);
        assert!(first.is_some());
        assert_eq!(
            first,
            of(
                "{\"data\":{\"b\":\"x\",\n\"a\":1},\"entityID\":7,\"entityTypeID\":2,\"eventType\":\"document.validation\"}"
            )
        );
        for other in [
            r#"{"eventType":"document.validation","entityTypeID":2,"entityID":8,"data":{"a":1,"b":"x"}}"#,
            r#"{"eventType":"document.validation","entityTypeID":3,"entityID":7,"data":{"a":1,"b":"x"}}"#,
            r#"{"eventType":"document.validation","entityTypeID":2,"entityID":7,"data":{"a":1,"b":"y"}}"#,
            r#"{"eventType":"document.validation","entityTypeID":2,"entityID":7,"data":{"a":1,"b":"x","c":null}}"#,
            r#"{"eventType":"document.validation","entityTypeID":2,"entityID":7,"data":{"a":1.0,"b":"x"}}"#,
        ] {
            assert_ne!(first, of(other), "{other}");
        }
        let changed =
            of(r#"{"eventType":"document.validation","entityTypeID":2,"entityID":7,"data":{"a":2,"b":"x"}}"#).unwrap();
        assert_eq!(changed.about, first.unwrap().about, "it is about the same document");
        assert_eq!(changed.about, document(Entity { entity_type_id: 2, entity_id: Some(7) }));
        for read in ["document.pricing", "contact.search", "contact.validation", "document.cancellation", "workflow.x"]
        {
            assert_eq!(of(&format!(r#"{{"eventType":"{read}","data":{{}}}}"#)), None, "{read}");
        }
    }

    #[test]
    fn a_payment_is_who_pays_what_how() {
        let method = r#""paymentMethod":{"id":3,"description":"Card"}"#;
        let first =
            payment(&format!(r#"{{"documentTypeID":2,"documentID":7,"currencyCode":"EUR","amount":64.90,{method}}}"#));
        assert!(first.is_some());
        for same in [
            format!(r#"{{"documentTypeID":2,"documentID":7,"currencyCode":"EUR","amount":"64.9",{method},"storeID":9}}"#),
            r#"{"amount":6490e-2,"documentTypeID":2,"documentID":7,"currencyCode":"EUR","paymentMethod":{"id":"3"},"note":"again"}"#.to_owned(),
        ] {
            assert_eq!(first, payment(&same), "{same}");
        }
        for other in [
            format!(r#"{{"documentTypeID":2,"documentID":7,"currencyCode":"EUR","amount":64.91,{method}}}"#),
            format!(r#"{{"documentTypeID":2,"documentID":7,"currencyCode":"USD","amount":64.90,{method}}}"#),
            format!(r#"{{"documentTypeID":2,"documentID":8,"currencyCode":"EUR","amount":64.90,{method}}}"#),
            format!(r#"{{"documentTypeID":1,"documentID":7,"currencyCode":"EUR","amount":64.90,{method}}}"#),
            r#"{"documentTypeID":2,"documentID":7,"currencyCode":"EUR","amount":64.90,"paymentMethod":{"id":4}}"#
                .to_owned(),
        ] {
            assert_ne!(first, payment(&other), "{other}");
        }
        assert_eq!(payment(r#"{"amount":"ten"}"#), None);
    }

    #[test]
    fn payments_without_a_document_are_told_apart_by_all_of_their_content() {
        let anonymous = |data: &str| of(&format!(r#"{{"eventType":"payment.validation","data":{data}}}"#));
        assert!(anonymous(r#"{"amount":5}"#).is_some());
        assert_ne!(anonymous(r#"{"amount":5,"storeID":1}"#), anonymous(r#"{"amount":5,"storeID":2}"#));
    }
}
