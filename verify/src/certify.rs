//! Certification: the platform's own service calls the channel and registers it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wharf_protocol::sdk::{Interaction, TEST_KEY, VERSION};

use crate::client::{self, Answer, Target};
use crate::mask::Mask;

/// The platform's service.
pub const SERVICE: &str = "https://api.retailops.com/integration/channel/certify.json";

/// The service calls every interaction twice before it answers.
pub const PATIENCE: Duration = Duration::from_mins(5);

/// The largest answer that is read.
const ANSWER_LIMIT: u64 = 4 * 1024 * 1024;

/// What the service is asked.
#[derive(Debug)]
pub struct Order<'a> {
    /// Where the service is.
    pub service: &'a str,
    /// The customer's key for the service.
    pub api_key: &'a str,
    /// The channel.
    pub target: &'a Target,
    /// The channel's key.
    pub key: &'a str,
    /// What the integration shall be called.
    pub name: &'a str,
    /// What the channel implements.
    pub supported: &'a [Interaction],
    /// How long to wait.
    pub timeout: Duration,
}

/// Why a channel is not certified.
#[derive(Debug, thiserror::Error)]
pub enum CertifyError {
    /// The name cannot be registered.
    #[error("integration name `{0}` is not usable: give one without underscores and blanks")]
    Name(String),
    /// The API key is missing.
    #[error("the API key is empty; the platform's support hands it out")]
    NoApiKey,
    /// The key is everybody's.
    #[error("the public test key cannot be certified; install the channel's own key first")]
    TestKey,
    /// The key would be cut.
    #[error("the key has an underscore in it, at which the platform would cut it; make one with `generate-auth-key`")]
    Key,
    /// The base URL would not survive.
    #[error("the base URL has a query, which the platform would append paths to; give one without")]
    Query,
    /// Nothing is supported.
    #[error("no supported interaction is named")]
    NothingSupported,
    /// The service did not answer.
    #[error("the certification service gave no answer: {0}")]
    Silent(String),
    /// The service refused.
    #[error("certification failed: {0}")]
    Refused(String),
}

impl CertifyError {
    /// Whether nothing was sent because the order makes no sense.
    pub fn is_usage(&self) -> bool {
        !matches!(self, Self::Silent(_) | Self::Refused(_))
    }
}

#[derive(Serialize)]
struct Request<'a> {
    integration_auth_key: &'a str,
    version: u32,
    target_url: &'a str,
    supported_actions: Vec<&'static str>,
    integration_name: &'a str,
}

#[derive(Deserialize)]
struct Response {
    status: Option<String>,
    message: Option<String>,
    action_results: Option<Vec<ActionResult>>,
    #[serde(rename = "ERROR")]
    error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct ActionResult {
    status: Option<String>,
    message: Option<String>,
    action: Option<String>,
}

/// Asks for certification and gives the service's message. Keys are hidden in all that it says.
///
/// # Errors
/// The order cannot be placed, or the service does not say clearly that every interaction passed.
pub fn certify(order: &Order<'_>) -> Result<String, CertifyError> {
    placeable(order)?;
    let request = Request {
        integration_auth_key: order.key,
        version: VERSION,
        target_url: order.target.base(),
        supported_actions: order.supported.iter().map(|interaction| interaction.name()).collect(),
        integration_name: order.name,
    };
    let body = serde_json::to_string(&request).map_err(|error| CertifyError::Silent(error.to_string()))?;
    let mask = Mask::new([order.key, order.api_key]);
    let sent = client::agent(order.timeout)
        .post(order.service)
        .query("apikey", order.api_key)
        .content_type("application/json")
        .send(&body);
    let answer = sent
        .and_then(|response| client::read(response, ANSWER_LIMIT, &mask))
        .map_err(|error| CertifyError::Silent(error.to_string()))?;
    judge(order, &answer).map(|message| mask.hide(&message)).map_err(|reason| CertifyError::Refused(mask.hide(&reason)))
}

fn placeable(order: &Order<'_>) -> Result<(), CertifyError> {
    if order.name.is_empty() || order.name.contains(|c: char| c == '_' || c.is_whitespace() || c.is_control()) {
        return Err(CertifyError::Name(order.name.to_owned()));
    }
    if order.api_key.is_empty() {
        return Err(CertifyError::NoApiKey);
    }
    if order.key == TEST_KEY {
        return Err(CertifyError::TestKey);
    }
    if order.key.contains('_') {
        return Err(CertifyError::Key);
    }
    if order.target.has_query() {
        return Err(CertifyError::Query);
    }
    if order.supported.is_empty() { Err(CertifyError::NothingSupported) } else { Ok(()) }
}

/// Only an explicit success with a success for every supported interaction is one.
fn judge(order: &Order<'_>, answer: &Answer) -> Result<String, String> {
    if answer.status != 200 {
        return Err(format!("the service answered {}: {}", answer.status, answer.excerpt));
    }
    let unreadable = |error| format!("the service's answer is not readable ({error}): {}", answer.excerpt);
    let answer: Response = serde_json::from_slice(&answer.body).map_err(unreadable)?;
    let message = answer.message.unwrap_or_default();
    if let Some(error) = answer.error.filter(|error| !error.is_null() && error != "" && error != 0 && error != false) {
        return Err(format!("the service reports {error}; {message}"));
    }
    let results = answer.action_results.unwrap_or_default();
    for result in &results {
        if result.status.as_deref() != Some("success") {
            let action = result.action.as_deref().unwrap_or("an interaction");
            return Err(format!(
                "{action} did not pass: {}",
                result.message.as_deref().unwrap_or("no reason was given")
            ));
        }
    }
    if answer.status.as_deref() != Some("success") {
        return Err(format!("the service did not say success; {message}"));
    }
    let named = |one: &&Interaction| {
        results.iter().any(|result| result.action.as_deref().is_some_and(|action| action.starts_with(one.name())))
    };
    match order.supported.iter().find(|interaction| !named(interaction)) {
        Some(missing) => Err(format!("the service says success, but has no result for {}", missing.name())),
        None => Ok(message),
    }
}
