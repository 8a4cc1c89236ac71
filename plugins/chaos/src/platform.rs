//! Requests to the platform's API, as the settings say.

use wharf_sdk::{Failure, config, platform};

/// A note about each answer, with ` | ` between.
///
/// Settings: `asks`, a line for each request with its method, path, query (`name=value`, `&` between) and body, tabs between
/// them; and `show`, as for `fetch`.
///
/// # Errors
/// A setting that does not read.
pub(crate) fn ask() -> Result<String, Failure> {
    let asks = config::get("asks")?.unwrap_or_default();
    let shown = config::get("show")?.is_some_and(|show| show == "body");
    let notes = asks.split('\n').map(|line| {
        let mut fields = line.split('\t');
        let [method, path, query, body] = std::array::from_fn(|_| fields.next().unwrap_or_default());
        let query: Vec<_> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let body = (!body.is_empty()).then(|| body.to_owned());
        match platform::request(method, path, &query, body) {
            Ok(answer) if shown => format!("status {}: {}", answer.status, answer.body),
            Ok(answer) => format!("status {}", answer.status),
            Err(error) => error.to_string(),
        }
    });
    Ok(notes.collect::<Vec<_>>().join(" | "))
}
