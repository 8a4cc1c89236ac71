//! What a channel says of its notifications: changed, told with who gave it, and what nobody has confirmed.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::Control;
use super::api::given;
use super::limits::Origin;
use crate::config::{
    Config, Language, LevelName, Message, MessageName, Notification, NotificationAuth, NotificationOverrides,
    OnFailure, StatusName, Unconfirmed,
};
use crate::store::{StoreError, generate_key};

/// What is to change: `null` gives a setting back to the node, and what is absent stays.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::option_option, reason = "absent and null mean different things")]
pub(super) struct NotificationChange {
    #[serde(deserialize_with = "given")]
    on_failure: Option<Option<OnFailure>>,
    #[serde(deserialize_with = "given")]
    error_level_confirmed: Option<Option<bool>>,
    error_level: BTreeMap<LevelName, Option<i64>>,
    payment_status: BTreeMap<StatusName, Option<String>>,
    post_message: BTreeMap<MessageName, Option<Message>>,
    #[serde(deserialize_with = "given")]
    language: Option<Option<Language>>,
    #[serde(deserialize_with = "given")]
    auth: Option<Option<NotificationAuth>>,
}

impl NotificationChange {
    /// Puts what is to change into a channel's own settings.
    pub(super) fn apply(self, own: &mut NotificationOverrides) {
        own.on_failure = self.on_failure.unwrap_or(own.on_failure);
        own.error_level_confirmed = self.error_level_confirmed.unwrap_or(own.error_level_confirmed);
        own.language = self.language.unwrap_or(own.language);
        own.auth = self.auth.unwrap_or(own.auth);
        change(&mut own.error_level, self.error_level);
        change(&mut own.payment_status, self.payment_status);
        change(&mut own.post_message, self.post_message);
    }

    /// Whether notifications must be signed from now on.
    pub(super) fn requires_signatures(&self) -> bool {
        self.auth == Some(Some(NotificationAuth::Signature))
    }

    /// Looks at every value.
    ///
    /// # Errors
    /// A sentence that names the key and what was expected, for each that cannot be sent.
    pub(super) fn check(&self, node: &Notification) -> Result<(), String> {
        let own = NotificationOverrides {
            error_level: given_values(&self.error_level),
            payment_status: given_values(&self.payment_status),
            post_message: given_values(&self.post_message),
            ..NotificationOverrides::default()
        };
        let unfit = node.with(&own).unfit();
        if unfit.is_empty() {
            return Ok(());
        }
        let told: Vec<_> = unfit.into_iter().map(|(key, message)| format!("notification.{key}: {message}")).collect();
        Err(told.join("; "))
    }
}

fn given_values<K: Ord + Copy, V: Clone>(changes: &BTreeMap<K, Option<V>>) -> BTreeMap<K, V> {
    changes.iter().filter_map(|(name, value)| Some((*name, value.clone()?))).collect()
}

fn change<K: Ord, V>(own: &mut BTreeMap<K, V>, changes: BTreeMap<K, Option<V>>) {
    for (name, value) in changes {
        match value {
            Some(value) => drop(own.insert(name, value)),
            None => drop(own.remove(&name)),
        }
    }
}

/// A setting as it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct EffectiveSetting {
    /// Its name, as the options of the command line have it.
    pub(super) setting: String,
    /// Its value; `null` = there is none.
    pub(super) value: Value,
    /// Where it comes from.
    pub(super) from: Origin,
}

/// The settings of a channel as they hold, each with its origin.
pub(super) fn effective(config: &Config, own: &NotificationOverrides) -> Vec<EffectiveSetting> {
    let held = config.notification.with(own);
    let row = |setting: String, value: Value, is_own: bool| {
        let from = if is_own { Origin::Channel } else { Origin::Node };
        EffectiveSetting { setting, value, from }
    };
    let auth = own.auth.unwrap_or(NotificationAuth::Key);
    let mut rows = vec![
        row("notification-auth".to_owned(), json!(auth), own.auth.is_some()),
        row("on-failure".to_owned(), json!(held.on_failure), own.on_failure.is_some()),
        row("language".to_owned(), json!(held.language), own.language.is_some()),
    ];
    rows.extend(LevelName::ALL.iter().map(|level| {
        let number = held.error_level.number(*level);
        row(format!("error-level {}", level.as_str()), json!(number), own.error_level.contains_key(level))
    }));
    let confirmed = json!(held.error_level_confirmed);
    rows.push(row("error-level-confirmed".to_owned(), confirmed, own.error_level_confirmed.is_some()));
    rows.extend(StatusName::ALL.iter().map(|name| {
        let word = held.payment_status.word(*name);
        row(format!("payment-status {}", name.as_str()), json!(word), own.payment_status.contains_key(name))
    }));
    rows.extend(MessageName::ALL.iter().map(|name| {
        let message = held.post_message.message(*name);
        row(format!("post-message {}", name.as_str()), json!(message), own.post_message.contains_key(name))
    }));
    rows
}

/// How the text of a secret to sign with begins.
const PREFIX: &str = "whsec_";

/// Reads a secret that a platform gave.
///
/// # Errors
/// It is none; the sentence does not quote it.
pub(super) fn webhook_secret(text: &str) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    let expected = "webhook_secret: expected whsec_ and then the Base64 of 24 to 64 bytes";
    let bytes = text.strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok()).map(Zeroizing::new);
    bytes.filter(|bytes| (24..=64).contains(&bytes.len())).ok_or(expected)
}

/// A new secret to sign with.
pub(super) fn new_webhook_secret() -> Result<String, StoreError> {
    // A key is the Base64 of 24 random bytes.
    Ok(format!("{PREFIX}{}", generate_key()?))
}

/// Channels that a line of the log names.
const NAMED: usize = 5;

impl Control {
    /// Says in the log what of the channels' notifications nobody has confirmed; of a node without channels, what of its own.
    pub fn tell_unconfirmed(&self) {
        let table = self.tables.load();
        let mut open: BTreeMap<&str, (Unconfirmed, Vec<&str>)> = BTreeMap::new();
        for channel in table.channels() {
            for what in channel.notification.unconfirmed() {
                open.entry(what.as_str()).or_insert((what, Vec::new())).1.push(&channel.name);
            }
        }
        if table.is_empty() {
            let node = self.config.notification.unconfirmed();
            open.extend(node.into_iter().map(|what| (what.as_str(), (what, Vec::new()))));
        }
        for (what, mut channels) in open.into_values() {
            let (count, subject, remedy) = (channels.len(), what.subject(), what.remedy());
            channels.sort_unstable();
            channels.truncate(NAMED);
            if count == 0 {
                tracing::warn!("{subject} {remedy}");
            } else {
                tracing::warn!(channels = count, such_as = channels.join(", "), "{subject} {remedy}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(own: &mut NotificationOverrides, change: Value) {
        let change: NotificationChange = serde_json::from_value(change).unwrap();
        change.apply(own);
    }

    #[test]
    fn what_is_named_changes_null_gives_it_back_and_the_rest_stays() {
        let mut own = NotificationOverrides::default();
        changed(
            &mut own,
            json!({"on_failure": "force", "payment_status": {"paid": "P", "declined": "D"}, "error_level": {"critical": 9}}),
        );
        changed(&mut own, json!({"payment_status": {"paid": null}, "on_failure": null, "auth": "signature"}));
        let kept = json!({"payment_status": {"declined": "D"}, "error_level": {"critical": 9}, "auth": "signature"});
        assert_eq!(json!(own), kept);
        changed(&mut own, json!({}));
        assert_eq!(json!(own), kept);
        for wrong in [json!({"payment_status": {"maybe": "x"}}), json!({"on_failure": "shrug"}), json!({"x": 1})] {
            assert!(serde_json::from_value::<NotificationChange>(wrong).is_err());
        }
    }

    #[test]
    fn every_setting_is_told_with_who_gave_it() {
        let mut own = NotificationOverrides::default();
        changed(
            &mut own,
            json!({"payment_status": {"paid": "P"}, "post_message": {"close": {"a": 1}}, "on_failure": "block"}),
        );
        let rows = effective(&Config::default(), &own);
        let row =
            |name: &str| rows.iter().find(|row| row.setting == name).map(|row| (row.value.clone(), row.from)).unwrap();
        assert_eq!(row("payment-status paid"), (json!("P"), Origin::Channel));
        assert_eq!(row("payment-status declined"), (Value::Null, Origin::Node));
        assert_eq!(row("post-message close"), (json!({"a": 1}), Origin::Channel));
        assert_eq!(
            row("on-failure"),
            (json!("block"), Origin::Channel),
            "the operator's word, though the node says the same"
        );
        assert_eq!(row("error-level critical"), (json!(4), Origin::Node));
        assert_eq!(row("notification-auth"), (json!("key"), Origin::Node));
        assert_eq!(rows.len(), 15);
    }

    #[test]
    fn a_secret_to_sign_with_has_its_form_and_is_not_quoted() {
        let made = new_webhook_secret().unwrap();
        assert_eq!(webhook_secret(&made).unwrap().len(), 24);
        let of = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
        assert!(webhook_secret(&of(64)).is_ok());
        for wrong in ["", "whsec_", "hunter2", &of(23), &of(65), &made[6..], &format!("{made}="), &format!(" {made}")] {
            let told = webhook_secret(wrong).unwrap_err();
            assert!(wrong.is_empty() || !told.contains(wrong) || wrong == PREFIX, "{told}");
        }
    }
}
