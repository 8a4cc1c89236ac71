//! `payment.validation`, as a call and as a page.

use super::{Entity, Verdict};
use crate::{Decimal, Text};

cases! {
    /// Where a payment stands; the operator's configuration has the platform's words.
    PaymentStatus { Paid = "paid" "paid", Declined = "declined" "declined", Pending = "pending" "pending", }
    /// What a page tells the platform's window; the operator's configuration has the literals.
    PageMessage { Success = "success" "success", Error = "error" "error", Close = "close" "close", }
}

told! {
    /// How a term is to be paid.
    #[serde(rename_all = "camelCase")]
    PaymentMethod {
        /// Unique within the document.
        id: Option<i64> = "id",
        /// Its name.
        description: Option<Text<'a>> = "description",
        /// The term is a deposit.
        #[serde(rename = "isADeposit")]
        is_a_deposit: bool = "is-a-deposit",
    }

    /// The kind of payment.
    #[serde(rename_all = "camelCase")]
    PaymentType {
        /// Its id.
        id: Option<i64> = "id",
        /// Its name.
        description: Option<Text<'a>> = "description",
    }
}

/// A user presses "Pay".
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
#[cfg_attr(
    feature = "component",
    derive(wasmtime::component::ComponentType, wasmtime::component::Lower),
    component(record)
)]
pub struct PaymentRequest<'a> {
    /// The document; it stands in the notification's envelope.
    #[serde(skip)]
    #[cfg_attr(feature = "component", component(name = "entity"))]
    pub entity: Entity,
    /// Type of the document.
    #[serde(rename = "documentTypeID", default, deserialize_with = "crate::lenient::field")]
    #[cfg_attr(feature = "component", component(name = "document-type-id"))]
    pub document_type_id: Option<i64>,
    /// The document.
    #[serde(rename = "documentID", default, deserialize_with = "crate::lenient::field")]
    #[cfg_attr(feature = "component", component(name = "document-id"))]
    pub document_id: Option<i64>,
    /// The store.
    #[serde(rename = "storeID", default, deserialize_with = "crate::lenient::field")]
    #[cfg_attr(feature = "component", component(name = "store-id"))]
    pub store_id: Option<i64>,
    /// The currency.
    #[serde(default, deserialize_with = "crate::lenient::field")]
    #[cfg_attr(feature = "component", component(name = "currency-code"))]
    pub currency_code: Option<Text<'a>>,
    /// The amount; without it nothing can be paid, so it must be there.
    #[cfg_attr(feature = "component", component(name = "amount"))]
    pub amount: Decimal,
    /// How it is to be paid.
    #[serde(default, deserialize_with = "crate::lenient::field")]
    #[cfg_attr(feature = "component", component(name = "payment-method"))]
    pub payment_method: Option<PaymentMethod<'a>>,
    /// The kind of payment.
    #[serde(default, deserialize_with = "crate::lenient::field")]
    #[cfg_attr(feature = "component", component(name = "payment-type"))]
    pub payment_type: Option<PaymentType<'a>>,
}

given! {
    /// What became of a payment.
    PaymentAnswer {
        /// The envelope's part.
        verdict: Verdict = "verdict",
        /// The new status of the term.
        status: Option<PaymentStatus> = "status",
        /// The payment's reference.
        internal_code: Option<String> = "internal-code",
    }

    /// A page.
    Page {
        /// A whole HTML document.
        html: String = "html",
        /// For the platform's window.
        message: Option<PageMessage> = "message",
    }
}

/// `data` of a `payment.validation` answer.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentData {
    /// The configured word of the status.
    pub status: Option<String>,
    /// The payment's reference.
    pub internal_code: Option<String>,
}

/// One field of a sent form.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "component",
    derive(wasmtime::component::ComponentType, wasmtime::component::Lower),
    component(record)
)]
pub struct FormField<'a> {
    /// Its name.
    #[cfg_attr(feature = "component", component(name = "name"))]
    pub name: Text<'a>,
    /// Its value.
    #[cfg_attr(feature = "component", component(name = "value"))]
    pub value: Text<'a>,
}

/// A page is wanted, or its form was sent.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(
    feature = "component",
    derive(wasmtime::component::ComponentType, wasmtime::component::Lower),
    component(record)
)]
pub struct PageRequest<'a> {
    /// The document.
    #[cfg_attr(feature = "component", component(name = "entity"))]
    pub entity: Entity,
    /// The store.
    #[cfg_attr(feature = "component", component(name = "store-id"))]
    pub store_id: Option<i64>,
    /// The platform's kind of object.
    #[cfg_attr(feature = "component", component(name = "object-type-id"))]
    pub object_type_id: Option<i64>,
    /// Unique within the document.
    #[cfg_attr(feature = "component", component(name = "payment-method-id"))]
    pub payment_method_id: Option<i64>,
    /// The signature process.
    #[cfg_attr(feature = "component", component(name = "process-id"))]
    pub process_id: Option<Text<'a>>,
    /// The user's language.
    #[cfg_attr(feature = "component", component(name = "localisation"))]
    pub localisation: Option<Text<'a>>,
    /// A Windows language id.
    #[cfg_attr(feature = "component", component(name = "win-lang-id"))]
    pub win_lang_id: Option<i64>,
    /// The hidden field that a form must carry.
    #[cfg_attr(feature = "component", component(name = "form-token"))]
    pub form_token: &'a str,
    /// The fields of a sent form.
    #[cfg_attr(feature = "component", component(name = "form"))]
    pub form: Vec<FormField<'a>>,
}
