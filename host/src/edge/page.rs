//! Payment pages: what a guest shows inside the platform's window, under a policy that trusts neither of the two.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::request::Parts;
use http::{HeaderValue, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use sha2::Sha256;
use wharf_protocol::Text;
use wharf_protocol::notification::Entity;
use wharf_protocol::notification::payments::{FormField, Page, PageMessage, PageRequest};

use super::origin::Arrival;
use super::problem::Problem;
use super::{Edge, Outcome, Ticket, body, reply};
use crate::call::{self, Runner, Subject};
use crate::config::PostMessages;
use crate::guest::{Abandoned, Body, Class, functions};
use crate::table::{Channel, Work};

const HTML: &str = "text/html; charset=utf-8";
/// The hidden field that proves that a form came from our page.
const FORM_TOKEN: &str = "form-token";
/// How long an open page may wait before its form is sent: at least one of these, at most two.
const FORM_LIFE: Duration = Duration::from_hours(1);

/// Makes and checks the tokens of forms. The key is this process's own: a page opened before a restart must be opened again.
pub(super) struct Forms {
    key: [u8; 64],
}

impl Forms {
    pub(super) fn new() -> std::io::Result<Self> {
        let mut key = [0; 64];
        getrandom::fill(&mut key)?;
        Ok(Self { key })
    }

    /// A token for the page that is opened with this query, in the given hour.
    fn mac(&self, channel: &str, query: &str, hour: u64) -> Hmac<Sha256> {
        Hmac::<Sha256>::new(&self.key.into())
            .chain_update(channel.as_bytes())
            .chain_update([0])
            .chain_update(query.as_bytes())
            .chain_update(hour.to_be_bytes())
    }

    fn token(&self, channel: &str, query: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.mac(channel, query, hour()).finalize().into_bytes())
    }

    fn verify(&self, channel: &str, query: &str, token: &str) -> bool {
        let Ok(token) = BASE64_URL_SAFE_NO_PAD.decode(token) else { return false };
        let now = hour();
        [now, now.saturating_sub(1)].into_iter().any(|hour| self.mac(channel, query, hour).verify_slice(&token).is_ok())
    }
}

fn hour() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / FORM_LIFE.as_secs()
}

/// The page for a token that opens nothing.
pub(super) fn unauthorized() -> Response<Full<Bytes>> {
    static_page(401, "This page cannot be opened", "The address is not valid. Please close this window and try again.")
}

/// Opens the page, or hands its sent form to the guest.
pub(super) async fn answer(
    edge: Arc<Edge>,
    channel: Arc<Channel>,
    head: Parts,
    form: Option<Incoming>,
    arrival: Arrival,
) -> Response<Full<Bytes>> {
    let query = head.uri.query().unwrap_or_default().to_owned();
    let fields = match form {
        None => Vec::new(),
        Some(incoming) => {
            let read =
                body::read(incoming, edge.config.edge.notification_body, &edge.config.edge, arrival.began, None).await;
            match read.map(|body| fields(&body)) {
                Err(problem) => {
                    return static_page(
                        problem.status(),
                        "The form could not be read",
                        "Please close this window and try again.",
                    );
                }
                Ok(fields) => {
                    let token = fields.iter().find(|(name, _)| name == FORM_TOKEN).map_or("", |(_, value)| value);
                    if !edge.forms.verify(&channel.name, &query, token) {
                        return static_page(
                            403,
                            "The form has expired",
                            "Nothing was changed. Please close this window and try again.",
                        );
                    }
                    fields
                }
            }
        }
    };
    let ticket = Ticket::new(channel, Work::PAYMENT_PAGE, Work::PAYMENT_PAGE.name(), arrival);
    if let Err(fault) = ticket.count() {
        return reply::of_call(failed(ticket.origin(), &Problem::of_fault(&fault, false)), &ticket.id);
    }
    let origin = ticket.origin().map(str::to_owned);
    let (id, pace, runtime) = (ticket.id.clone(), Arc::clone(&ticket.pace), Arc::clone(&edge.runtime));
    let work = async move { exchange(&edge, ticket, &query, fields).await };
    let carried = runtime.carry(work, pace, Abandoned::Finished).await;
    carried
        .unwrap_or_else(|panicked| reply::of_call(failed(origin.as_deref(), &Problem::panicked(&panicked, &id)), &id))
}

async fn exchange(edge: &Edge, ticket: Ticket, query: &str, fields: Vec<(String, String)>) -> Response<Full<Bytes>> {
    let token = edge.forms.token(ticket.ids().channel, query);
    let mut request = of_query(query);
    request.form_token = &token;
    request.form = fields
        .into_iter()
        .filter(|(name, _)| name != FORM_TOKEN)
        .map(|(name, value)| FormField { name: name.into(), value: value.into() })
        .collect();
    let context = call::notification::context(ticket.ids());
    let subject = Subject::entity(&request.entity);
    let runner = edge.runner(&ticket);
    let ended =
        runner.run::<functions::PaymentPage>(subject, Body::Empty, Class::Notification, (context, &request)).await;
    let (response, outcome) = match ended.result {
        Ok(page) => (shown(&ticket.notification().post_message, ticket.origin(), page), Outcome::WELL),
        Err(fault) => {
            let problem = Problem::of_fault(&fault, ended.spent.sent > 0);
            let status = problem.status();
            (failed(ticket.origin(), &problem), problem.into_outcome(status))
        }
    };
    let response = reply::of_call(response, &ticket.id);
    edge.record(ticket, outcome);
    response
}

/// What the frame's address says. Nothing in it is proven; ids that are no numbers are absent.
fn of_query(query: &str) -> PageRequest<'static> {
    let mut request = PageRequest::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let number = value.parse::<i64>().ok();
        let text = || (!value.is_empty() && value.len() <= 64).then(|| Text::from(value.clone().into_owned()));
        match &*name {
            "entityTypeID" => request.entity = Entity { entity_type_id: number.unwrap_or(0), ..request.entity },
            "entityID" => request.entity.entity_id = number,
            "storeID" => request.store_id = number,
            "objectTypeID" => request.object_type_id = number,
            "paymentMethodID" => request.payment_method_id = number,
            "processID" => request.process_id = text(),
            "localisation" => request.localisation = text(),
            "winLangID" => request.win_lang_id = number,
            _ => {}
        }
    }
    request
}

fn fields(body: &Bytes) -> Vec<(String, String)> {
    form_urlencoded::parse(body).into_owned().collect()
}

/// The guest's page, with the one script that tells the platform's window how it went.
fn shown(words: &PostMessages, origin: Option<&str>, page: Page) -> Response<Full<Bytes>> {
    let literal = page.message.and_then(|message| match message {
        PageMessage::Success => words.success.as_ref(),
        PageMessage::Error => words.error.as_ref(),
        PageMessage::Close => words.close.as_ref(),
    });
    let mut html = page.html;
    let mut nonce = None;
    if let (Some(origin), Some(literal)) = (origin, literal) {
        let value = crate::store::new_id();
        let _ = write!(
            html,
            "<script nonce=\"{value}\">parent.postMessage({},{})</script>",
            script_json(literal.json()),
            script_json(&origin.into())
        );
        nonce = Some(value);
    }
    dressed(reply::with(200, HTML, html), origin, nonce.as_deref())
}

/// A value as a literal of a script inside HTML: only within texts can JSON have a `<`.
fn script_json(value: &serde_json::Value) -> String {
    value.to_string().replace('<', "\\u003c")
}

/// The page when a guest gave none, for the window of the platform that shows it. It posts nothing, and never says that a payment
/// succeeded.
fn failed(origin: Option<&str>, problem: &Problem) -> Response<Full<Bytes>> {
    let text = if problem.is_unsettled() {
        "Whether the payment took place is not known. Please make sure of it before paying again."
    } else {
        "Nothing was changed. Please close this window and try again later."
    };
    let page = page_of_ours(problem.status(), "The payment page is not available", text);
    problem.dress(dressed(page, origin, None), None)
}

fn static_page(status: u16, title: &str, text: &str) -> Response<Full<Bytes>> {
    dressed(page_of_ours(status, title, text), None, None)
}

fn page_of_ours(status: u16, title: &str, text: &str) -> Response<Full<Bytes>> {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <body style=\"font:1.1rem system-ui;margin:2rem\"><h1>{title}</h1><p>{text}</p></body></html>"
    );
    reply::with(status, HTML, html)
}

fn dressed(mut response: Response<Full<Bytes>>, origin: Option<&str>, nonce: Option<&str>) -> Response<Full<Bytes>> {
    let script = nonce.map_or_else(|| "'none'".to_owned(), |nonce| format!("'nonce-{nonce}'"));
    let ancestors = origin.unwrap_or("'none'");
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {script}; form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
    );
    let headers = response.headers_mut();
    // The origin was checked when the release was made; a header that it spoilt would leave the page without a policy.
    let policy =
        HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_token_is_good_for_its_channel_and_page_only() {
        let forms = Forms::new().unwrap();
        let token = forms.token("acme", "entityID=1");
        assert!(forms.verify("acme", "entityID=1", &token));
        assert!(!forms.verify("acme", "entityID=2", &token));
        assert!(!forms.verify("other", "entityID=1", &token));
        assert!(!forms.verify("acme", "entityID=1", ""));
        assert!(!Forms::new().unwrap().verify("acme", "entityID=1", &token));
    }

    #[test]
    fn ids_of_the_address_are_numbers_or_absent() {
        let request = of_query(
            "storeID=3&entityTypeID=5&entityID=77&paymentMethodID=x&localisation=fr&winLangID=1036&processID=",
        );
        assert_eq!((request.store_id, request.entity.entity_type_id, request.entity.entity_id), (Some(3), 5, Some(77)));
        assert_eq!((request.payment_method_id, request.process_id), (None, None));
        assert_eq!(request.localisation.as_deref(), Some("fr"));
    }

    #[test]
    fn a_literal_cannot_leave_its_script() {
        assert_eq!(script_json(&"</script>\"x".into()), r#""\u003c/script>\"x""#);
        let object = serde_json::json!({"</script>": ["<!--"]});
        assert_eq!(script_json(&object), r#"{"\u003c/script>":["\u003c!--"]}"#);
    }

    #[test]
    fn without_an_origin_no_page_may_frame_ours() {
        let response = static_page(401, "a", "b");
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("script-src 'none'"), "{policy}");
    }
}
