//! Responses.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde::Serialize;

/// The header that carries the call's id back to the caller.
pub(super) const CALL_ID: &str = "wharf-call-id";

/// A response with a body of this kind.
pub(super) fn with(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Plain text, for health checks.
pub(super) fn text(status: u16, body: &'static str) -> Response<Full<Bytes>> {
    with(status, "text/plain; charset=utf-8", body)
}

/// JSON.
pub(super) fn json(status: u16, body: &impl Serialize) -> Response<Full<Bytes>> {
    match serde_json::to_vec(body) {
        Ok(body) => with(status, JSON, body),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            with(500, JSON, "{}")
        }
    }
}

pub(super) const JSON: &str = "application/json; charset=utf-8";

/// Adds the id that the request goes by: its caller's, or else the call's.
pub(super) fn of_request(mut response: Response<Full<Bytes>>, id: Option<HeaderValue>) -> Response<Full<Bytes>> {
    if let Some(id) = id.or_else(|| response.headers().get(CALL_ID).cloned()) {
        response.headers_mut().insert(super::origin::REQUEST_ID, id);
    }
    response
}

/// Adds the call's id.
pub(super) fn of_call(mut response: Response<Full<Bytes>>, id: &str) -> Response<Full<Bytes>> {
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert(CALL_ID, id);
    }
    response
}
