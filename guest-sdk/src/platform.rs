//! The API of the 'Retail operations' back office, with the channel's own credential.
//!
//! The release says in its manifest where the API is and what credential it takes; the plugin says only what it wants:
//!
//! ```toml
//! secrets = ["PLATFORM_TOKEN@latest"]
//!
//! [platform]
//! base-url = "https://erp.example.com/ProdClients/ACME/RESTWS/"
//! header = "authorization"
//! value = "Bearer {{secret:PLATFORM_TOKEN}}"
//! ```
//!
//! GET reads, POST creates, PUT updates, DELETE mostly deactivates. Every answer is said to be a JSON object with `success`,
//! `message` and `rowCount`: [`Response::check`] looks at the first two. A request counts as one of the call's requests to
//! the outside.
//!
//! The platform's public pages do not tell the paths of *document details*, *document update* and *payments*. Take them from
//! the customer's own `…/RESTWS/swagger/`, and keep them in the release's `[config]`, as these examples do.
//!
//! # Document details
//!
//! A cancellation says which document it is about, and nothing else of it. What the document was, the platform tells; the two
//! numbers of the notification are its arguments `documentTypeID` and `documentID`:
//!
//! ```
//! use serde_json::Value;
//! use wharf_sdk::{config, platform, prelude::*};
//!
//! fn details(document: Entity) -> Result<Value, Failure> {
//!     let path = config::get("document_details_path")?.ok_or_else(|| Failure::internal("document_details_path is not set"))?;
//!     let (kind, id) = (document.entity_type_id.to_string(), document.entity_id.unwrap_or_default().to_string());
//!     Ok(platform::get(&path, &[("documentTypeID", &kind), ("documentID", &id)])?.check()?.json()?)
//! }
//!
//! use wharf_sdk::testing::Fake;
//! let mut fake = Fake::new().config("document_details_path", "api/externals/v1/document").platform(
//!     "GET api/externals/v1/document?documentTypeID=2&documentID=71",
//!     200,
//!     r#"{"success": true, "message": "", "internalCode": "DOC-71"}"#,
//! );
//! let found = fake.run(|| details(Entity { entity_type_id: 2, entity_id: Some(71) })).unwrap();
//! assert_eq!(found["internalCode"], "DOC-71");
//! ```
//!
//! # Document update
//!
//! Gives a document its identifier in the external system:
//!
//! ```
//! use serde_json::json;
//! use wharf_sdk::{config, platform, prelude::*};
//!
//! fn link(document: Entity, code: &str) -> Result<(), Failure> {
//!     let path = config::get("document_update_path")?.ok_or_else(|| Failure::internal("document_update_path is not set"))?;
//!     let update = json!({
//!         "documentTypeID": document.entity_type_id, "documentID": document.entity_id, "internalCode": code,
//!     });
//!     platform::put(&path, &update)?.check()?;
//!     Ok(())
//! }
//!
//! use wharf_sdk::testing::Fake;
//! let mut fake = Fake::new().config("document_update_path", "api/externals/v1/document").platform(
//!     "PUT api/externals/v1/document",
//!     200,
//!     r#"{"success": false, "message": "the document is locked"}"#,
//! );
//! let failure = fake.run(|| link(Entity { entity_type_id: 2, entity_id: Some(71) }, "DOC-71")).unwrap_err();
//! assert!(matches!(failure, Failure::Internal(text) if text.contains("the document is locked")));
//! ```
//!
//! # Payments
//!
//! An IFRAME page is opened without an amount; what there is to pay is read here, and told here once it is paid:
//!
//! ```
//! use serde_json::{Value, json};
//! use wharf_sdk::{config, platform, prelude::*};
//!
//! fn pay(document: Entity, method: i64) -> Result<(), Failure> {
//!     let path = config::get("payments_path")?.ok_or_else(|| Failure::internal("payments_path is not set"))?;
//!     let (kind, id) = (document.entity_type_id.to_string(), document.entity_id.unwrap_or_default().to_string());
//!     let open: Value = platform::get(&path, &[("documentTypeID", &kind), ("documentID", &id)])?.check()?.json()?;
//!     let paid = json!({ "paymentMethodID": method, "amount": open["amount"], "status": "paid" });
//!     platform::post(&path, &paid)?.check()?;
//!     Ok(())
//! }
//!
//! use wharf_sdk::testing::Fake;
//! let mut fake = Fake::new()
//!     .config("payments_path", "api/externals/v1/payments")
//!     .platform("GET api/externals/v1/payments?documentTypeID=2&documentID=71", 200, r#"{"success": true, "amount": 12.5}"#)
//!     .platform("POST api/externals/v1/payments", 200, r#"{"success": true}"#);
//! fake.run(|| pay(Entity { entity_type_id: 2, entity_id: Some(71) }, 3)).unwrap();
//! assert!(fake.platform_requests()[1].body.as_deref().unwrap().contains("12.5"));
//! ```

use serde::{Serialize, de::DeserializeOwned};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The release has no `[platform]`.
    #[error("the release does not say where the platform's API is: add [platform] to its manifest")]
    NotConfigured,
    /// The request cannot be sent as it is.
    #[error("request cannot be sent: {0}")]
    Invalid(String),
    /// Wharf does not send it: a secret that is not set, one request too many, an address that is not public.
    #[error("request denied: {0}")]
    Denied(String),
    /// No answer in time.
    #[error("request timed out")]
    Timeout,
    /// The name does not resolve, or nobody answers there.
    #[error("platform cannot be reached: {0}")]
    Unreachable(String),
    /// The answer has more bytes than this.
    #[error("answer is longer than {0} bytes: ask for less of it at once")]
    TooLarge(u64),
    /// Anything else between here and there; and an answer that says no, or is not as expected.
    #[error("request failed: {0}")]
    Failed(String),
}

/// A request, as [`Fake::platform_requests`](crate::testing::Fake::platform_requests) shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// In capitals, such as `POST`.
    pub method: String,
    /// Relative to the base URL.
    pub path: String,
    /// Names with values, not encoded.
    pub query: Vec<(String, String)>,
    /// JSON text.
    pub body: Option<String>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// May be empty.
    pub body: String,
}

/// What every answer of the platform is said to begin with.
#[derive(serde::Deserialize)]
struct Said {
    success: Option<bool>,
    message: Option<String>,
}

impl Response {
    /// Whether the status is 200 to 299.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// The answer, if its status is 200 to 299 and its body does not say `"success": false`.
    ///
    /// # Errors
    /// [`Error::Failed`] with the status and the platform's own message.
    pub fn check(self) -> Result<Self, Error> {
        let said = serde_json::from_str::<Said>(&self.body).ok();
        let message = said.as_ref().and_then(|said| said.message.as_deref()).unwrap_or("it does not say why");
        if !self.is_success() {
            return Err(Error::Failed(format!("the platform answers {}: {message}", self.status)));
        }
        if said.as_ref().is_some_and(|said| said.success == Some(false)) {
            return Err(Error::Failed(format!("the platform says no: {message}")));
        }
        Ok(self)
    }

    /// The body, read as JSON.
    ///
    /// # Errors
    /// [`Error::Failed`] if it is not the JSON of a `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(&self.body).map_err(|error| Error::Failed(format!("answer is not as expected: {error}")))
    }
}

/// Sends a request with any method and waits for the whole answer. An answer with a status of 400 or more is an answer, no
/// error; see [`Response::check`]. The path is relative to the base URL, and percent-encoded where it has to be; Wharf encodes
/// the query.
///
/// # Errors
/// An [`Error`] if there is no answer.
pub fn request(method: &str, path: &str, query: &[(&str, &str)], body: Option<String>) -> Result<Response, Error> {
    let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    crate::below::platform_send(Request { method: method.to_owned(), path: path.to_owned(), query, body })
}

/// Reads. See [`request`].
///
/// # Errors
/// An [`Error`] if there is no answer.
pub fn get(path: &str, query: &[(&str, &str)]) -> Result<Response, Error> {
    request("GET", path, query, None)
}

/// Creates. See [`request`].
///
/// # Errors
/// An [`Error`] if there is no answer.
pub fn post<T: Serialize + ?Sized>(path: &str, body: &T) -> Result<Response, Error> {
    request("POST", path, &[], Some(json(body)?))
}

/// Updates. See [`request`].
///
/// # Errors
/// An [`Error`] if there is no answer.
pub fn put<T: Serialize + ?Sized>(path: &str, body: &T) -> Result<Response, Error> {
    request("PUT", path, &[], Some(json(body)?))
}

/// Deactivates or cancels. See [`request`].
///
/// # Errors
/// An [`Error`] if there is no answer.
pub fn delete(path: &str, query: &[(&str, &str)]) -> Result<Response, Error> {
    request("DELETE", path, query, None)
}

fn json<T: Serialize + ?Sized>(body: &T) -> Result<String, Error> {
    serde_json::to_string(body).map_err(|error| Error::Invalid(format!("body: {error}")))
}

#[cfg(test)]
mod tests;
