//! How requests are read: leniently, since the platform is (retailops-sdk sections 3, 5 and 6).
//!
//! null, `""` and `"null"` are absent. Numbers may come as strings, integers as `1.0`, reference numbers as numbers, a
//! boolean in any spelling. Lists are never absent, only empty.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::{Decimal, Text};

/// A value that is read leniently.
pub trait Lenient<'de>: Sized {
    /// Reads the value; what the platform means as "nothing" becomes the type's empty value.
    fn lenient<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

/// The reader of ordinary fields.
pub fn field<'de, D: Deserializer<'de>, T: Lenient<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::lenient(deserializer)
}

/// Reads a RetailOps order id, where 0 means "not supplied".
pub fn order_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(Option::<i64>::lenient(deserializer)?.filter(|id| *id != 0))
}

/// Reads `catalog_push`'s free-form member: any JSON object as its text.
pub fn json_object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'de str, D::Error> {
    let text = <&RawValue>::deserialize(deserializer)?.get();
    match text {
        "null" | "\"\"" => Ok(EMPTY_OBJECT),
        _ if text.starts_with('{') => Ok(text),
        _ => Err(D::Error::custom("expected a JSON object")),
    }
}

/// The JSON object without members.
pub const EMPTY_OBJECT: &str = "{}";

/// The text of a JSON value that may be absent.
pub fn json_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de str>, D::Error> {
    let text = <&RawValue>::deserialize(deserializer)?.get();
    Ok((text != "null").then_some(text))
}

impl<'de: 'a, 'a> Lenient<'de> for Text<'a> {
    fn lenient<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?;
        Ok(if text.is_absent() { Text::default() } else { text })
    }
}

impl<'de: 'a, 'a> Lenient<'de> for Option<Text<'a>> {
    fn lenient<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Some(Text::deserialize(deserializer)?).filter(|text| !text.is_absent()))
    }
}

impl<'de> Lenient<'de> for Option<i64> {
    fn lenient<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IntegerVisitor)
    }
}

impl<'de> Lenient<'de> for i64 {
    fn lenient<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<i64>::lenient(deserializer)?.unwrap_or(0))
    }
}

impl<'de> Lenient<'de> for Option<f64> {
    fn lenient<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Option::<Text<'de>>::lenient(deserializer)? {
            None => Ok(None),
            Some(text) => match text.trim().parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(Some(number)),
                _ => Err(D::Error::custom("expected a finite number")),
            },
        }
    }
}

impl<'de> Lenient<'de> for Option<Decimal> {
    fn lenient<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let token = <&RawValue>::deserialize(deserializer)?.get();
        let inner = token.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(token).trim();
        match inner {
            "" | "null" => Ok(None),
            number => number.parse().map(Some).map_err(D::Error::custom),
        }
    }
}

impl<'de> Lenient<'de> for bool {
    fn lenient<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?;
        if text.is_absent() || ["false", "0", "no"].iter().any(|no| text.eq_ignore_ascii_case(no)) {
            Ok(false)
        } else if ["true", "1", "yes"].iter().any(|yes| text.eq_ignore_ascii_case(yes)) {
            Ok(true)
        } else {
            Err(D::Error::custom("expected true or false"))
        }
    }
}

/// Reads one case of an enum; an unknown spelling is absent, since the request stays readable as it came.
pub fn case<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    use serde::de::IntoDeserializer;
    let text = Text::deserialize(deserializer)?;
    Ok(T::deserialize(IntoDeserializer::<serde::de::value::Error>::into_deserializer(text.as_str())).ok())
}

struct IntegerVisitor;

/// 2^53: below it a float is the very integer that was written.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl Visitor<'_> for IntegerVisitor {
    type Value = Option<i64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer of at most 64 bits")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        i64::try_from(number)
            .map(Some)
            .map_err(|_| E::custom(format_args!("{number} is more than 9223372036854775807")))
    }

    #[expect(clippy::cast_possible_truncation, reason = "the guard keeps it exact")]
    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        if number.fract() == 0.0 && number.abs() < EXACT {
            Ok(Some(number as i64))
        } else {
            Err(E::custom(format_args!("{number} is not an integer of at most 64 bits")))
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        match text.trim() {
            "" | "null" => Ok(None),
            text => match text.parse::<i64>() {
                Ok(number) => Ok(Some(number)),
                Err(_) => match text.parse::<f64>() {
                    Ok(number) => self.visit_f64(number),
                    Err(_) => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                },
            },
        }
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// Reads a list of records: null and `""` are the empty list.
pub struct ListVisitor<T>(PhantomData<T>);

impl<T> Default for ListVisitor<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Object(item)) = seq.next_element()? {
            list.push(item);
        }
        Ok(list)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        if text.is_empty() || text == "null" {
            Ok(Vec::new())
        } else {
            Err(E::invalid_type(serde::de::Unexpected::Str(text), &self))
        }
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }
}

/// A record that is written as an object; serde would take an array of its values too.
#[derive(Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

/// Reads a record that may be absent.
pub struct RecordVisitor<T>(PhantomData<T>);

impl<T> Default for RecordVisitor<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for RecordVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        if text.is_empty() || text == "null" {
            Ok(None)
        } else {
            Err(E::invalid_type(serde::de::Unexpected::Str(text), &self))
        }
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// Makes a record readable as a list's element and as an optional field.
macro_rules! record {
    ($name:ident) => {
        impl<'de: 'a, 'a> crate::lenient::Lenient<'de> for Vec<$name<'a>> {
            fn lenient<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(crate::lenient::ListVisitor::default())
            }
        }
        impl<'de: 'a, 'a> crate::lenient::Lenient<'de> for Option<$name<'a>> {
            fn lenient<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(crate::lenient::RecordVisitor::default())
            }
        }
    };
}
pub(crate) use record;

#[cfg(test)]
mod tests {
    use crate::sdk::inventory::{InventoryPushRequest, StockKind};
    use crate::sdk::order_given::{PaymentProcessor, TransactionKind};
    use crate::sdk::order_told::{
        OrderCancelBody, OrderPullRequest, OrderReturnedRequest, OrderUpdateRequest, SettlePaymentRequest,
        ShipmentSubmitRequest,
    };
    use crate::sdk::{Request, catalog::CatalogPushRequest};

    fn read<'a, T: serde::Deserialize<'a>>(json: &'a str) -> T {
        serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
    }

    #[test]
    fn null_blank_and_the_word_null_are_absent() {
        for nothing in ["null", "\"\"", "\"null\""] {
            let json = format!(
                r#"{{"inventory_updates":[{{"sku":"A","quantity_available":{nothing},"quantity_detail":[{{"quantity_type":{nothing},"available_quantity":{nothing},"po":{nothing}}}]}}]}}"#
            );
            let request: InventoryPushRequest<'_> = read(&json);
            let update = &request.updates[0];
            assert_eq!((update.quantity_available, update.details[0].kind), (None, None), "{json}");
            assert_eq!(
                (&update.details[0].purchase_order, update.details[0].available_quantity),
                (&None, None),
                "{json}"
            );
            let json = format!(r#"{{"page_token":{nothing},"specific_orders":{nothing}}}"#);
            let pull: OrderPullRequest<'_> = read(&json);
            assert_eq!((pull.page_token.as_str(), pull.specific_orders.len()), ("", 0), "{json}");
            let json = format!(r#"{{"order":{nothing},"rmas":{nothing}}}"#);
            assert_eq!(read::<OrderUpdateRequest<'_>>(&json), OrderUpdateRequest::default(), "{json}");
            let json = format!(r#"{{"return":{{"retailops_rma_id":{nothing},"refund_amt":{nothing}}}}}"#);
            let returned = read::<OrderReturnedRequest<'_>>(&json).returned.unwrap();
            assert_eq!((returned.retailops_rma_id, returned.refund_amt), (None, None), "{json}");
        }
    }

    #[test]
    fn numbers_come_as_strings_and_integers_with_a_fraction_of_zero() {
        let request: InventoryPushRequest<'_> = read(
            r#"{"inventory_updates":[{"sku":12,"quantity_available":"24"},{"sku":"B","quantity_available":1.0}]}"#,
        );
        assert_eq!((request.updates[0].sku.as_str(), request.updates[0].quantity_available), ("12", Some(24)));
        assert_eq!(request.updates[1].quantity_available, Some(1));
        let settle: SettlePaymentRequest<'_> = read(
            r#"{"payment":{"payment_transactions":[{"amount":"27.50","payment_processing_type":"authorize.net","transaction_type":"charge"},{"amount":5,"transaction_type":"wire"}]}}"#,
        );
        let transactions = settle.payment.unwrap().transactions;
        assert_eq!(transactions[0].amount.unwrap().to_string(), "27.50");
        assert_eq!(
            (transactions[0].processor, transactions[0].kind),
            (Some(PaymentProcessor::AuthorizeNet), Some(TransactionKind::Charge))
        );
        assert_eq!(transactions[1].kind, None, "an unknown case is absent");
    }

    #[test]
    fn integers_beyond_64_bits_and_fractions_are_refused() {
        for number in [
            "9223372036854775808",
            "-9223372036854775809",
            "9007199254740993.0",
            "1.5",
            "1e40",
            "\"abc\"",
            "true",
            "{}",
        ] {
            let json = format!(r#"{{"inventory_updates":[{{"sku":"A","quantity_available":{number}}}]}}"#);
            assert!(serde_json::from_str::<InventoryPushRequest<'_>>(&json).is_err(), "{number}");
        }
        assert!(serde_json::from_str::<SettlePaymentRequest<'_>>(r#"{"order":{"grand_total":1e999}}"#).is_err());
    }

    #[test]
    fn an_array_is_not_read_as_a_record() {
        for json in [r#"{"inventory_updates":[["A",1,[]]]}"#, r#"{"inventory_updates":[{"quantity_detail":[[]]}]}"#] {
            let error = serde_json::from_str::<InventoryPushRequest<'_>>(json).unwrap_err();
            assert!(error.to_string().contains("expected an object"), "{error}");
        }
    }

    #[test]
    fn removed_is_read_in_any_spelling() {
        for (spelling, removed) in [
            ("true", true),
            ("1", true),
            ("\"true\"", true),
            ("\"1\"", true),
            ("false", false),
            ("0", false),
            ("null", false),
            ("\"\"", false),
            ("\"False\"", false),
        ] {
            let json = format!(r#"{{"order":{{"order_items":[{{"removed":{spelling}}}]}}}}"#);
            assert_eq!(read::<OrderUpdateRequest<'_>>(&json).order.unwrap().lines[0].removed, removed, "{spelling}");
        }
    }

    #[test]
    fn reference_numbers_come_as_numbers() {
        let json = r#"{"channel_order_refnum":496,"shipment":{"packages":[{"package_items":[{"channel_item_refnum":150,"quantity":2}]}]}}"#;
        let request: ShipmentSubmitRequest<'_> = read(json);
        assert_eq!(request.channel_order_refnum.as_str(), "496");
        let line = &request.shipment.unwrap().parcels[0].lines[0];
        assert_eq!((line.channel_item_refnum.as_deref(), line.quantity), (Some("150"), 2));
    }

    #[test]
    fn an_order_id_of_zero_means_not_supplied() {
        for (json, id) in
            [(r#"{"order":{"retailops_order_id":0}}"#, None), (r#"{"order":{"retailops_order_id":7}}"#, Some(7))]
        {
            assert_eq!(read::<OrderCancelBody<'_>>(json).order.unwrap().retailops_order_id, id);
        }
    }

    #[test]
    fn an_order_without_its_number_is_reported_as_missing() {
        assert_eq!(
            read::<OrderCancelBody<'_>>("{}").order.unwrap_or_default().missing(),
            Some("order.channel_order_refnum")
        );
        assert_eq!(
            read::<ShipmentSubmitRequest<'_>>(r#"{"channel_order_refnum":""}"#).missing(),
            Some("channel_order_refnum")
        );
    }

    #[test]
    fn both_spellings_of_the_template_output_are_read_as_they_came() {
        for name in ["template_output", "TemplateOutput"] {
            let json = format!(r#"{{"{name}":{{"General":{{"SKU": "A","Price": 1.50}}}}}}"#);
            assert_eq!(
                read::<CatalogPushRequest<'_>>(&json).template_output,
                r#"{"General":{"SKU": "A","Price": 1.50}}"#
            );
        }
        assert_eq!(read::<CatalogPushRequest<'_>>("{}").template_output, "{}");
        assert!(serde_json::from_str::<CatalogPushRequest<'_>>(r#"{"template_output":[1]}"#).is_err());
    }

    #[test]
    fn text_with_escapes_is_unescaped_and_other_text_is_borrowed() {
        let json = r#"{"inventory_updates":[{"sku":"A\u00e9\n"},{"sku":"plain"}]}"#;
        let request: InventoryPushRequest<'_> = read(json);
        assert_eq!(request.updates[0].sku.as_str(), "Aé\n");
        let plain = request.updates[1].sku.as_str();
        assert!(json.as_bytes().as_ptr_range().contains(&plain.as_ptr()));
    }

    #[test]
    fn duplicate_members_and_lone_surrogates_are_refused() {
        assert!(serde_json::from_str::<OrderPullRequest<'_>>(r#"{"page_token":"a","page_token":"b"}"#).is_err());
        assert!(serde_json::from_str::<OrderPullRequest<'_>>(r#"{"page_token":"\ud800"}"#).is_err());
    }

    #[test]
    fn a_kind_of_stock_is_read_by_its_name() {
        let request: InventoryPushRequest<'_> = read(
            r#"{"inventory_updates":[{"sku":"A","quantity_detail":[{"quantity_type":"inflight"},{"quantity_type":"moon"}]}]}"#,
        );
        assert_eq!(request.updates[0].details[0].kind, Some(StockKind::Inflight));
        assert_eq!(request.updates[0].details[1].kind, None);
    }
}
