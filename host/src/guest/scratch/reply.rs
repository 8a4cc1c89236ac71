//! Recorded replies: what a request to the outside is answered with when nothing may be sent.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, Uri};
use serde::{Deserialize, Serialize};

/// What a request is answered with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedReply {
    /// Only for requests of this method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The request's URL; or, with a `*` at the end, what it begins with.
    pub url: String,
    /// The status.
    #[serde(default = "ok")]
    pub status: u16,
    /// Headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body.
    #[serde(default)]
    pub body: String,
}

fn ok() -> u16 {
    200
}

impl RecordedReply {
    /// Fails with the first thing about it that no request or no answer could have.
    pub fn check(&self) -> Result<(), String> {
        if let Some(method) = &self.method
            && !(Method::from_bytes(method.as_bytes()).is_ok() && *method == method.to_ascii_uppercase())
        {
            return Err(format!("{method:?} is not a method: expected such as \"GET\", in capitals"));
        }
        let url = self.url.strip_suffix('*').unwrap_or(&self.url);
        let is_url = url.parse::<Uri>().is_ok_and(|url| {
            matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some_and(|host| !host.is_empty())
        });
        if !is_url {
            return Err("its url must begin with https:// or http:// and a host, and may end in *".to_owned());
        }
        if !(200..=599).contains(&self.status) {
            return Err(format!("its status is {}; expected 200 to 599", self.status));
        }
        for (name, value) in &self.headers {
            if HeaderName::from_bytes(name.as_bytes()).is_err() || HeaderValue::from_str(value).is_err() {
                return Err(format!("its header {name:?} cannot be one: look for blanks and line ends"));
            }
        }
        Ok(())
    }

    pub(super) fn fits(&self, method: &str, url: &str) -> bool {
        if self.method.as_ref().is_some_and(|wanted| wanted != method) {
            return false;
        }
        match self.url.strip_suffix('*') {
            Some(beginning) => url.starts_with(beginning),
            // Read, because `https://a.b` and `https://A.b/` are the same.
            None => self.url.parse::<Uri>().ok().is_some_and(|own| url.parse::<Uri>().is_ok_and(|url| url == own)),
        }
    }

    /// The reply; `None` when it could not be one, see [`RecordedReply::check`].
    pub(in crate::guest) fn response(&self) -> Option<Response<Bytes>> {
        let mut response = Response::new(Bytes::from(self.body.clone()));
        *response.status_mut() = StatusCode::from_u16(self.status).ok()?;
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            response.headers_mut().append(name, HeaderValue::from_str(value).ok()?);
        }
        Some(response)
    }
}
