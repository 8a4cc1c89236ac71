//! What is put around every page: a policy that lets one origin frame it and one script run, if any.

use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, header};
use http_body_util::Full;
use wharf_protocol::notification::payments::{Page, PageMessage};

use super::super::problem::Problem;
use super::super::{Ticket, reply};
use super::notice::{Language, Notice};
use crate::config;

const HTML: &str = "text/html; charset=utf-8";

/// What every page has beside its policy. The address is a secret, so that nobody is told where a user comes from; a window that
/// opened the page gets no hold of it; and the page may use nothing of the device, whatever the frame around it allows.
const HEADERS: [(&str, &str); 6] = [
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("cache-control", "no-store"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

/// The frame that a page is shown in.
pub(super) struct Frame {
    /// Whose it is. Without a platform nobody may frame the page, and nobody is told anything.
    platform: Option<Platform>,
    language: Language,
}

struct Platform {
    /// The origin of its pages.
    origin: String,
    /// What it is told.
    settings: Arc<config::Notification>,
}

/// When a message is posted.
#[derive(Clone, Copy)]
enum When {
    /// As soon as the page is shown.
    Shown,
    /// When the user has read the page and presses its button.
    Pressed,
}

impl Frame {
    /// Of the platform that the release names which answers or, while none does, the channel's.
    pub(super) fn of(ticket: &Ticket, language: Language) -> Self {
        let settings = ticket.notification();
        let platform =
            ticket.origin().map(|origin| Platform { origin: origin.to_owned(), settings: Arc::clone(settings) });
        Self { platform, language }
    }

    /// Of nobody who is known.
    pub(super) fn nobodys(language: Language) -> Self {
        Self { platform: None, language }
    }

    /// The guest's page, with the one script that tells the platform's window how it went.
    pub(super) fn shown(&self, page: Page) -> Response<Full<Bytes>> {
        self.with_script(200, page.html, page.message, When::Shown)
    }

    /// The page when a guest gave none. It never says that a payment succeeded; where closing has a word, the window may close.
    /// What nobody knows the outcome of stays until the user has read so.
    pub(super) fn failed(&self, problem: &Problem, unknown: bool) -> Response<Full<Bytes>> {
        let (notice, when) =
            if unknown { (Notice::Unknown, When::Pressed) } else { (Notice::Unavailable, When::Shown) };
        let closes = unknown && self.literal(PageMessage::Close).is_some();
        let html = notice.page(self.language, closes);
        problem.dress(self.with_script(problem.status(), html, Some(PageMessage::Close), when), None)
    }

    /// A page of ours that has nothing to tell to the window.
    pub(super) fn told(&self, status: u16, notice: Notice) -> Response<Full<Bytes>> {
        self.dressed(reply::with(status, HTML, notice.page(self.language, false)), None)
    }

    /// The origin that a message goes to, and its literal, if there are both.
    fn literal(&self, message: PageMessage) -> Option<(&str, &serde_json::Value)> {
        let Platform { origin, settings } = self.platform.as_ref()?;
        let words = &settings.post_message;
        let literal = match message {
            PageMessage::Success => &words.success,
            PageMessage::Error => &words.error,
            PageMessage::Close => &words.close,
        };
        Some((origin.as_str(), literal.as_ref()?.json()))
    }

    fn with_script(
        &self,
        status: u16,
        mut html: String,
        message: Option<PageMessage>,
        when: When,
    ) -> Response<Full<Bytes>> {
        let mut nonce = None;
        if let Some((origin, literal)) = message.and_then(|message| self.literal(message))
            && let Some(value) = new_nonce()
        {
            let when = match when {
                When::Shown => "",
                When::Pressed => "document.querySelector(\"button\").onclick=()=>",
            };
            let (literal, origin) = (script_json(literal), script_json(&origin.into()));
            let _ = write!(html, "<script nonce=\"{value}\">{when}parent.postMessage({literal},{origin})</script>");
            nonce = Some(value);
        }
        self.dressed(reply::with(status, HTML, html), nonce.as_deref())
    }

    fn dressed(&self, mut response: Response<Full<Bytes>>, nonce: Option<&str>) -> Response<Full<Bytes>> {
        let script = nonce.map_or_else(|| "'none'".to_owned(), |nonce| format!("'nonce-{nonce}'"));
        let ancestors = self.platform.as_ref().map_or("'none'", |platform| platform.origin.as_str());
        let policy = format!(
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {script}; form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
        );
        let headers = response.headers_mut();
        // The origin was checked when the release was made; a header that it spoilt would leave the page without a policy.
        let policy = HeaderValue::try_from(policy)
            .unwrap_or(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        headers.extend(HEADERS.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))));
        response
    }
}

/// A number that is used once; none when the system gives no random bytes, and then no script runs.
fn new_nonce() -> Option<String> {
    let mut bytes = [0; 18];
    getrandom::fill(&mut bytes).ok()?;
    Some(BASE64_STANDARD.encode(bytes))
}

/// A value as a literal of a script inside HTML: only within texts can JSON have a `<`.
fn script_json(value: &serde_json::Value) -> String {
    value.to_string().replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_cannot_leave_its_script() {
        assert_eq!(script_json(&"</script>\"x".into()), r#""\u003c/script>\"x""#);
        let object = serde_json::json!({"</script>": ["<!--"]});
        assert_eq!(script_json(&object), r#"{"\u003c/script>":["\u003c!--"]}"#);
    }

    #[test]
    fn without_an_origin_no_page_may_frame_ours() {
        let response = Frame::nobodys(Language::of("")).told(401, Notice::NoSuchAddress);
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("script-src 'none'"), "{policy}");
    }

    #[test]
    fn an_origin_that_spoils_the_header_closes_the_page() {
        let settings = Arc::new(config::Config::default().notification);
        let platform = Some(Platform { origin: "https://a\n.example".to_owned(), settings });
        let response = Frame { platform, language: Language::of("") }.told(403, Notice::ExpiredForm);
        assert_eq!(response.headers()[header::CONTENT_SECURITY_POLICY], "default-src 'none'; frame-ancestors 'none'");
    }
}
