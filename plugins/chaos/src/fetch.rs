//! Requests to the outside, as the settings say.

use std::time::Duration;

use wharf_sdk::http::Request;
use wharf_sdk::{Failure, config};

/// A note about the last answer, and its body.
///
/// Settings: `url` (several with blanks between them), `method`, `header` (several with `|` between them), `body` or `body_kb`,
/// `timeout_ms`, `times`, `parallel`, `show`, and `then_sleep_ms`. With several URLs or in parallel the note is about each, with ` | ` between.
///
/// # Errors
/// A setting that does not read.
pub(crate) fn fetch() -> Result<(String, String), Failure> {
    let urls = config::get("url")?.unwrap_or_default();
    let urls: Vec<_> = urls.split(' ').collect();
    let parallel: usize = config::parse("parallel")?.unwrap_or(0);
    if parallel > 0 {
        let all = urls.iter().flat_map(|url| std::iter::repeat_n(*url, parallel));
        return Ok((at_once(all.map(request).collect::<Result<_, _>>()?).join(" | "), String::new()));
    }
    let (mut notes, mut body) = (Vec::new(), String::new());
    for url in urls {
        let mut note = String::new();
        for _ in 0..config::parse("times")?.unwrap_or(1) {
            (note, body) = ask(request(url)?, body)?;
        }
        notes.push(note);
    }
    Ok((notes.join(" | "), body))
}

/// What came of one request. Without an answer the body stays what it was.
fn ask(request: Request, before: String) -> Result<(String, String), Failure> {
    let response = match request.send() {
        Ok(response) => response,
        Err(error) => return Ok((error.to_string(), before)),
    };
    let body = String::from_utf8_lossy(&response.body).into_owned();
    let shown = config::get("show")?.is_some_and(|show| show == "body");
    let note =
        if shown { format!("status {}: {body}", response.status) } else { format!("status {}", response.status) };
    Ok((note, body))
}

fn request(url: &str) -> Result<Request, Failure> {
    let mut request = Request::new(config::get("method")?.unwrap_or_else(|| "GET".to_owned()), url);
    let headers = config::get("header")?.unwrap_or_default();
    for (name, value) in headers.split('|').filter_map(|header| header.split_once(": ")) {
        request = request.header(name, value);
    }
    let size: usize = config::parse("body_kb")?.unwrap_or(0) << 10;
    let body = if size > 0 { "x".repeat(size) } else { config::get("body")?.unwrap_or_default() };
    if let Some(milliseconds) = config::get("timeout_ms")?.filter(|text| !text.is_empty()) {
        let milliseconds = milliseconds.parse().map_err(|_| Failure::internal("timeout_ms is not a number"))?;
        request = request.timeout(Duration::from_millis(milliseconds));
    }
    Ok(request.body(body))
}

/// Sends all, then waits for the head of each answer.
#[cfg(target_arch = "wasm32")]
fn at_once(requests: Vec<Request>) -> Vec<String> {
    use wasip2::http::outgoing_handler::handle;
    use wasip2::http::types::{Fields, OutgoingBody, OutgoingRequest, Scheme};

    let start = |request: Request| {
        let (scheme, rest) = request.url.split_once("://").unwrap_or(("https", request.url.as_str()));
        let (authority, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
        let outgoing = OutgoingRequest::new(Fields::new());
        let scheme = if scheme == "http" { Scheme::Http } else { Scheme::Https };
        let set = outgoing
            .set_scheme(Some(&scheme))
            .and_then(|()| outgoing.set_authority(Some(authority)))
            .and_then(|()| outgoing.set_path_with_query(Some(path)));
        let body = outgoing.body();
        if set.is_err() {
            return Err("request cannot be sent".to_owned());
        }
        let pending = handle(outgoing, None).map_err(|code| code.to_string())?;
        if let Ok(body) = body {
            let _ = OutgoingBody::finish(body, None);
        }
        Ok(pending)
    };
    let pending: Vec<_> = requests.into_iter().map(start).collect();
    let answer = |pending: Result<wasip2::http::types::FutureIncomingResponse, String>| {
        let pending = pending?;
        pending.subscribe().block();
        let answer = pending.get().and_then(Result::ok).ok_or_else(|| "no answer".to_owned())?;
        answer.map(|answer| format!("status {}", answer.status())).map_err(|code| code.to_string())
    };
    pending.into_iter().map(answer).map(|note| note.unwrap_or_else(|error| error)).collect()
}

#[cfg(not(target_arch = "wasm32"))]
fn at_once(requests: Vec<Request>) -> Vec<String> {
    let one = |request: Request| {
        request.send().map_or_else(|error| error.to_string(), |answer| format!("status {}", answer.status))
    };
    requests.into_iter().map(one).collect()
}
