//! The options of `wharf channel set` that are about notifications, and how they are shown.

use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::super::Failure;
use super::super::output::{at_a_terminal, field, rows, table, text};
use crate::config::{Language, LevelName, MessageName, NotificationAuth, OnFailure, StatusName};

/// What a channel says of its notifications. What is left out stays as it is
#[derive(Debug, Default, Args)]
pub(super) struct NotificationFlags {
    /// What a validation that the component failed does to the user, in place of the node's notification.on-failure
    #[arg(long, value_name = "block|force|node", value_parser = on_failure)]
    on_failure: Option<Own<OnFailure>>,
    /// The number of a severity, such as critical=4; nothing after the = gives it back to the node; may be repeated
    #[arg(long = "error-level", value_name = "LEVEL=NUMBER", value_parser = error_level)]
    error_levels: Vec<(LevelName, Option<i64>)>,
    /// Whether these numbers were checked with the platform
    #[arg(long, value_name = "yes|no|node", value_parser = confirmed)]
    error_level_confirmed: Option<Own<bool>>,
    /// The platform's word for a payment's state, such as paid=PAID; nothing after the = gives it back to the node; may be repeated
    #[arg(long = "payment-status", value_name = "STATE=WORD", value_parser = payment_status)]
    payment_status: Vec<(StatusName, Option<String>)>,
    /// What a payment page posts to the platform's window, such as success=done or 'success={"type":"done"}'; nothing after the =
    /// gives it back to the node; may be repeated
    #[arg(long = "post-message", value_name = "WHAT=MESSAGE", value_parser = post_message)]
    post_messages: Vec<(MessageName, Option<Value>)>,
    /// The language of what the host itself tells users, in place of the node's notification.language
    #[arg(long, value_name = "en|fr|node", value_parser = language)]
    language: Option<Own<Language>>,
    /// How notifications prove where they come from: by the channel's key in X-API-KEY, or by a signature (Standard Webhooks)
    #[arg(long, value_name = "key|signature")]
    notification_auth: Option<NotificationAuth>,
    /// A file with the secret that the platform signs with, whsec_…; - reads it from standard input. The one before stays valid for a day
    #[arg(long, value_name = "FILE")]
    webhook_secret_file: Option<PathBuf>,
}

/// A value of the channel's own, or the node's.
#[derive(Debug, Clone, Copy)]
struct Own<T>(Option<T>);

fn on_failure(text: &str) -> Result<Own<OnFailure>, &'static str> {
    match text {
        "node" => Ok(Own(None)),
        word => word.parse().map(|policy| Own(Some(policy))).map_err(|_| "expected block, force or node"),
    }
}

fn language(text: &str) -> Result<Own<Language>, &'static str> {
    match text {
        "node" => Ok(Own(None)),
        word => word.parse().map(|language| Own(Some(language))).map_err(|_| "expected en, fr or node"),
    }
}

fn confirmed(text: &str) -> Result<Own<bool>, &'static str> {
    match text {
        "yes" => Ok(Own(Some(true))),
        "no" => Ok(Own(Some(false))),
        "node" => Ok(Own(None)),
        _ => Err("expected yes, no or node"),
    }
}

/// A name and its value, or none.
fn named<N: std::str::FromStr<Err = String>>(text: &str) -> Result<(N, Option<&str>), String> {
    let (name, value) = text.split_once('=').ok_or("expected such as NAME=VALUE, or NAME= for the node's own")?;
    Ok((name.parse()?, Some(value).filter(|value| !value.is_empty())))
}

fn error_level(text: &str) -> Result<(LevelName, Option<i64>), String> {
    let (level, number) = named(text)?;
    let number = number.map(|number| number.parse().map_err(|_| format!("expected a number, found {number:?}")));
    Ok((level, number.transpose()?))
}

fn payment_status(text: &str) -> Result<(StatusName, Option<String>), String> {
    named(text).map(|(state, word)| (state, word.map(str::to_owned)))
}

fn post_message(text: &str) -> Result<(MessageName, Option<Value>), String> {
    let (name, message) = named(text)?;
    let message = message.map(|message| {
        let object =
            || serde_json::from_str(message).map_err(|error| format!("the message is no JSON object: {error}"));
        if message.starts_with('{') { object() } else { Ok(Value::from(message)) }
    });
    Ok((name, message.transpose()?))
}

impl NotificationFlags {
    /// Adds what was said to the change that is asked for.
    pub(super) fn add_to(self, wish: &mut Value) -> Result<(), Failure> {
        if let Some(Own(policy)) = self.on_failure {
            wish["notification"]["on_failure"] = json!(policy);
        }
        if let Some(Own(confirmed)) = self.error_level_confirmed {
            wish["notification"]["error_level_confirmed"] = json!(confirmed);
        }
        for (level, number) in self.error_levels {
            wish["notification"]["error_level"][level.as_str()] = json!(number);
        }
        for (state, word) in self.payment_status {
            wish["notification"]["payment_status"][state.as_str()] = json!(word);
        }
        for (name, message) in self.post_messages {
            wish["notification"]["post_message"][name.as_str()] = json!(message);
        }
        if let Some(Own(language)) = self.language {
            wish["notification"]["language"] = json!(language);
        }
        if let Some(auth) = self.notification_auth {
            wish["notification"]["auth"] = json!(auth);
        }
        if let Some(file) = self.webhook_secret_file {
            wish["webhook_secret"] = json!(read_secret(&file)?);
        }
        Ok(())
    }
}

/// The secret in a file or on standard input, without the line's end. What is typed at a terminal would be seen on it.
fn read_secret(file: &std::path::Path) -> Result<String, Failure> {
    let mut secret = String::new();
    if file.as_os_str() != "-" {
        let unread =
            |error| Failure::Usage(format!("--webhook-secret-file: {} cannot be read: {error}", file.display()));
        secret = std::fs::read_to_string(file).map_err(unread)?;
    } else if at_a_terminal() {
        return Err(Failure::Usage("--webhook-secret-file -: the secret is read from a file or a pipe".to_owned()));
    } else {
        std::io::stdin().lock().read_to_string(&mut secret)?;
    }
    Ok(secret.trim_ascii().to_owned())
}

/// The settings as they hold, and where each comes from.
pub(super) fn settings(settings: &Value) -> String {
    let rows = rows(settings, |row| [field(row, "setting"), text(&row["value"]), field(row, "from")]);
    table(["NOTIFICATIONS", "VALUE", "FROM"], &rows, "its settings are not known")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_set_or_given_back_by_their_names() {
        assert_eq!(payment_status("paid=PAID=1"), Ok((StatusName::Paid, Some("PAID=1".to_owned()))));
        assert_eq!(payment_status("declined="), Ok((StatusName::Declined, None)));
        assert_eq!(error_level("critical=-4"), Ok((LevelName::Critical, Some(-4))));
        assert_eq!(post_message(r#"close={"a":1}"#), Ok((MessageName::Close, Some(json!({"a": 1})))));
        assert_eq!(post_message("close=bye"), Ok((MessageName::Close, Some(json!("bye")))));
        for (told, part) in [
            (payment_status("maybe=x").map(|_| ()), "expected one of paid, declined, pending, found \"maybe\""),
            (payment_status("paid").map(|_| ()), "NAME=VALUE"),
            (error_level("ok=high").map(|_| ()), "expected a number"),
            (post_message("success={x").map(|_| ()), "no JSON object"),
        ] {
            assert!(told.as_ref().unwrap_err().contains(part), "{told:?}");
        }
    }
}
