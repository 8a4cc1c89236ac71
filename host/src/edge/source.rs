//! Where a notification's JSON stands: the body itself, or an argument called `notification` in a form or in the query.
//!
//! The platform's documents leave it open, so all are taken; two that differ are refused.

use std::borrow::Cow;

use bytes::Bytes;
use http::header;
use http::request::Parts;
use wharf_protocol::notification::ARGUMENT;

use super::problem::Problem;

/// Longest query string, in bytes: what common servers take of a whole URL.
const QUERY_LIMIT: usize = 8192;

const URLENCODED: &str = "application/x-www-form-urlencoded";

/// The notification's JSON text.
pub(super) async fn json(head: &Parts, body: Bytes) -> Result<Bytes, Problem> {
    let query = head.uri.query().unwrap_or_default();
    if query.len() > QUERY_LIMIT {
        return Err(Problem::malformed(format!(
            "the query is longer than {QUERY_LIMIT} bytes; send the notification as the body"
        )));
    }
    let in_query = argument(query.as_bytes())?;
    let in_body = in_body(head, body).await?;
    match (in_body, in_query) {
        (Some(body), Some(query)) if body != query => {
            Err(Problem::malformed("the body and the query carry different notifications"))
        }
        (Some(json), _) | (None, Some(json)) => Ok(json),
        (None, None) => Err(Problem::malformed(format!(
            "no notification: send it as the body, or as the field {ARGUMENT} of a form"
        ))),
    }
}

/// Whether the query carries one too.
pub(super) fn is_in_query(head: &Parts) -> bool {
    head.uri.query().is_some_and(|query| form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == ARGUMENT))
}

async fn in_body(head: &Parts, body: Bytes) -> Result<Option<Bytes>, Problem> {
    let trimmed = body.trim_ascii_start();
    // JSON is JSON whatever the content type says.
    if trimmed.first() == Some(&b'{') {
        return Ok(Some(body));
    }
    if trimmed.is_empty() {
        return Ok(None);
    }
    let kind = head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_form = kind.get(..URLENCODED.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(URLENCODED));
    if is_form {
        return argument(&body);
    }
    match multer::parse_boundary(kind) {
        Ok(boundary) => multipart(boundary, body).await,
        Err(_) => Err(Problem::malformed("the body is neither a JSON object nor a form")),
    }
}

async fn multipart(boundary: String, body: Bytes) -> Result<Option<Bytes>, Problem> {
    let whole = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(body)]);
    let mut parts = multer::Multipart::new(whole, boundary);
    let unreadable = |error: multer::Error| Problem::malformed(format!("the form cannot be read: {error}"));
    let mut found = None;
    while let Some(part) = parts.next_field().await.map_err(unreadable)? {
        if part.name() == Some(ARGUMENT) {
            let part = part.bytes().await.map_err(unreadable)?;
            if found.replace(part.clone()).is_some_and(|first| first != part) {
                return Err(Problem::malformed(format!(
                    "the part {ARGUMENT} is there twice, with different notifications"
                )));
            }
        }
    }
    Ok(found)
}

/// The argument of that name; an empty one is none, and two that differ are none of ours.
fn argument(encoded: &[u8]) -> Result<Option<Bytes>, Problem> {
    let mut all = form_urlencoded::parse(encoded).filter(|(name, value)| name == ARGUMENT && !value.is_empty());
    let Some((_, first)) = all.next() else { return Ok(None) };
    if all.any(|(_, other)| other != first) {
        return Err(Problem::malformed(format!("the field {ARGUMENT} is there twice, with different notifications")));
    }
    Ok(Some(match first {
        Cow::Borrowed(value) => Bytes::copy_from_slice(value.as_bytes()),
        Cow::Owned(value) => Bytes::from(value),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    async fn found(uri: &str, content_type: &str, body: &str) -> Result<String, u16> {
        let (head, ()) =
            Request::builder().uri(uri).header("content-type", content_type).body(()).unwrap().into_parts();
        let found = json(&head, Bytes::copy_from_slice(body.as_bytes())).await;
        found.map(|json| String::from_utf8(json.to_vec()).unwrap()).map_err(|problem| problem.status())
    }

    #[tokio::test]
    async fn it_is_found_in_the_body_a_form_or_the_query() {
        let json = r#"{"eventType":"x"}"#;
        assert_eq!(found("/n", "text/plain", json).await.unwrap(), json);
        assert_eq!(
            found("/n", "application/x-www-form-urlencoded", "a=1&notification=%7B%22eventType%22%3A%22x%22%7D")
                .await
                .unwrap(),
            json
        );
        let form = format!("--XX\r\nContent-Disposition: form-data; name=\"notification\"\r\n\r\n{json}\r\n--XX--\r\n");
        assert_eq!(found("/n", "multipart/form-data; boundary=XX", &form).await.unwrap(), json);
        assert_eq!(found("/n?notification=%7B%22eventType%22%3A%22x%22%7D", "", "").await.unwrap(), json);
        assert_eq!(found("/n?notification=%7B%22eventType%22%3A%22x%22%7D", "", json).await.unwrap(), json);
    }

    #[tokio::test]
    async fn none_two_different_ones_and_unreadable_ones_are_malformed() {
        assert_eq!(found("/n", "", "").await, Err(400));
        assert_eq!(found("/n?notification=%7B%7D", "", r#"{"a":1}"#).await, Err(400));
        assert_eq!(found("/n", "text/plain", "hello").await, Err(400));
        assert_eq!(found("/n", URLENCODED, "notification=%7B%7D&notification=%5B%5D").await, Err(400));
        assert_eq!(found("/n", URLENCODED, "notification=%7B%7D&notification=%7B%7D").await.unwrap(), "{}");
        assert_eq!(found("/n?notification=%7B%7D&notification=%5B%5D", "", "").await, Err(400));
        let part =
            |json: &str| format!("--X\r\nContent-Disposition: form-data; name=\"notification\"\r\n\r\n{json}\r\n");
        let (same, other) =
            (format!("{}{}--X--\r\n", part("{}"), part("{}")), format!("{}{}--X--\r\n", part("{}"), part("[]")));
        assert_eq!(found("/n", "multipart/form-data; boundary=X", &same).await.unwrap(), "{}");
        assert_eq!(found("/n", "multipart/form-data; boundary=X", &other).await, Err(400));
        assert_eq!(found("/n", "multipart/form-data; boundary=XX", "hello").await, Err(400));
        assert_eq!(found(&format!("/n?x={}", "a".repeat(9000)), "", "{}").await, Err(400));
    }
}
