//! What a channel may say of its notifications in place of the node, and what of it nobody has confirmed.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{ErrorLevels, Notification, OnFailure, PaymentStatus, PostMessages};

/// Longest word for a payment's state, in characters.
const LONGEST_WORD: usize = 64;
/// Longest message of a payment page, in bytes of its JSON.
const LONGEST_MESSAGE: usize = 4096;

macro_rules! words {
    ($( $(#[$about:meta])* $name:ident { $($(#[$each:meta])* $variant:ident = $word:literal,)+ } )+) => { $(
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$each])* #[serde(rename = $word)] $variant,)+ }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word it is written as.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(word: &str) -> Result<Self, String> {
                let found = Self::ALL.iter().find(|known| known.as_str() == word);
                found.copied().ok_or_else(|| format!("expected one of {}, found {word:?}", [$($word),+].join(", ")))
            }
        }
    )+ };
}

words! {
    /// The names of `notification.error-level`.
    LevelName {
        /// Nothing to say.
        Ok = "ok",
        /// For information.
        Info = "info",
        /// The user should look at it.
        Warning = "warning",
        /// A business error.
        Error = "error",
        /// The system behind is not available.
        Critical = "critical",
    }

    /// The names of `notification.payment-status`.
    StatusName {
        /// The payment is done.
        Paid = "paid",
        /// The payment was refused.
        Declined = "declined",
        /// The payment is not decided yet.
        Pending = "pending",
    }

    /// The names of `notification.post-message`.
    MessageName {
        /// The payment is done.
        Success = "success",
        /// The payment failed.
        Error = "error",
        /// The page may be closed.
        Close = "close",
    }

    /// How a notification proves where it comes from.
    NotificationAuth {
        /// By the channel's key in a header.
        Key = "key",
        /// By a signature of its body.
        Signature = "signature",
    }

    /// A language of the host's own sentences.
    Language {
        /// English.
        En = "en",
        /// French.
        Fr = "fr",
    }

    /// What the platform's documents leave open, and nobody has settled.
    Unconfirmed {
        /// The numbers of error levels.
        ErrorLevel = "error-level",
        /// The words for a payment's state.
        PaymentStatus = "payment-status",
        /// The messages of a payment page.
        PostMessage = "post-message",
    }
}

impl Unconfirmed {
    /// What follows from it and what settles it, after "… of acme and bolt".
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::ErrorLevel => {
                "are unconfirmed: check them with the platform, then set notification.error-level-confirmed, or `wharf channel set NAME --error-level-confirmed yes`"
            }
            Self::PaymentStatus => {
                "are not all configured, so that not every payment can be answered with success: set notification.payment-status, or `wharf channel set NAME --payment-status paid=WORD`"
            }
            Self::PostMessage => {
                "are not all configured, so that the platform's window is not always told: set notification.post-message, or `wharf channel set NAME --post-message success=MESSAGE`"
            }
        }
    }

    /// What it is about, before "of acme and bolt".
    #[must_use]
    pub const fn subject(self) -> &'static str {
        match self {
            Self::ErrorLevel => "the numbers of error levels",
            Self::PaymentStatus => "the words for a payment's state",
            Self::PostMessage => "the messages of a payment page",
        }
    }
}

/// What a payment page posts to the window around it: a text, or an object as it is, since nobody has said which the platform
/// reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Message(Value);

impl Message {
    /// The message's JSON.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.0
    }

    fn is_fit(&self) -> bool {
        let text = self.0.as_str();
        let fits = (1..=LONGEST_MESSAGE).contains(&text.map_or_else(|| self.0.to_string().len(), str::len));
        fits && text.is_none_or(|text| !text.contains(char::is_control))
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            value @ (Value::String(_) | Value::Object(_)) => Ok(Self(value)),
            _ => Err(D::Error::custom("a text, or a table that is posted as an object")),
        }
    }
}

/// What a channel has of its own; what is absent is as configured for the node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NotificationOverrides {
    /// What a failed validation does to the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,
    /// Whether its operator has confirmed the numbers of levels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_level_confirmed: Option<bool>,
    /// Numbers of levels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub error_level: BTreeMap<LevelName, i64>,
    /// Words for a payment's state.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub payment_status: BTreeMap<StatusName, String>,
    /// Messages of a payment page.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub post_message: BTreeMap<MessageName, Message>,
    /// The language of the host's own sentences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// How notifications prove where they come from; absent = by the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<NotificationAuth>,
}

impl ErrorLevels {
    /// The number of a level.
    #[must_use]
    pub fn number(&self, level: LevelName) -> i64 {
        match level {
            LevelName::Ok => self.ok,
            LevelName::Info => self.info,
            LevelName::Warning => self.warning,
            LevelName::Error => self.error,
            LevelName::Critical => self.critical,
        }
    }

    fn set(&mut self, level: LevelName, number: i64) {
        let place = match level {
            LevelName::Ok => &mut self.ok,
            LevelName::Info => &mut self.info,
            LevelName::Warning => &mut self.warning,
            LevelName::Error => &mut self.error,
            LevelName::Critical => &mut self.critical,
        };
        *place = number;
    }
}

impl PaymentStatus {
    /// The platform's word for a state, if it is known.
    #[must_use]
    pub fn word(&self, status: StatusName) -> Option<&str> {
        let word = match status {
            StatusName::Paid => &self.paid,
            StatusName::Declined => &self.declined,
            StatusName::Pending => &self.pending,
        };
        word.as_deref()
    }

    fn set(&mut self, status: StatusName, word: String) {
        let place = match status {
            StatusName::Paid => &mut self.paid,
            StatusName::Declined => &mut self.declined,
            StatusName::Pending => &mut self.pending,
        };
        *place = Some(word);
    }
}

impl PostMessages {
    /// What is posted, if it is known.
    #[must_use]
    pub fn message(&self, name: MessageName) -> Option<&Message> {
        let message = match name {
            MessageName::Success => &self.success,
            MessageName::Error => &self.error,
            MessageName::Close => &self.close,
        };
        message.as_ref()
    }

    fn set(&mut self, name: MessageName, message: Message) {
        let place = match name {
            MessageName::Success => &mut self.success,
            MessageName::Error => &mut self.error,
            MessageName::Close => &mut self.close,
        };
        *place = Some(message);
    }
}

impl Notification {
    /// These settings with a channel's own in their place.
    #[must_use]
    pub fn with(&self, own: &NotificationOverrides) -> Self {
        let mut settings = self.clone();
        settings.on_failure = own.on_failure.unwrap_or(settings.on_failure);
        settings.language = own.language.unwrap_or(settings.language);
        settings.error_level_confirmed = own.error_level_confirmed.unwrap_or(settings.error_level_confirmed);
        own.error_level.iter().for_each(|(level, number)| settings.error_level.set(*level, *number));
        own.payment_status.iter().for_each(|(status, word)| settings.payment_status.set(*status, word.clone()));
        own.post_message.iter().for_each(|(name, message)| settings.post_message.set(*name, message.clone()));
        settings
    }

    /// What of them nobody has settled.
    #[must_use]
    pub fn unconfirmed(&self) -> Vec<Unconfirmed> {
        let open = |what: &Unconfirmed| match what {
            Unconfirmed::ErrorLevel => !self.error_level_confirmed,
            Unconfirmed::PaymentStatus => StatusName::ALL.iter().any(|name| self.payment_status.word(*name).is_none()),
            Unconfirmed::PostMessage => MessageName::ALL.iter().any(|name| self.post_message.message(*name).is_none()),
        };
        Unconfirmed::ALL.iter().copied().filter(open).collect()
    }

    /// What cannot be sent, as a key below `notification` and what was expected there.
    #[must_use]
    pub fn unfit(&self) -> Vec<(String, String)> {
        // The platform's type is an int of 32 bits.
        let far = |level: &&LevelName| i32::try_from(self.error_level.number(**level)).is_err();
        let levels = LevelName::ALL.iter().filter(far).map(|level| {
            let number = self.error_level.number(*level);
            let message = format!("expected {} to {}, found {number}", i32::MIN, i32::MAX);
            (format!("error-level.{}", level.as_str()), message)
        });
        let words = StatusName::ALL.iter().filter_map(|name| {
            let word = self.payment_status.word(*name)?;
            let fits = (1..=LONGEST_WORD).contains(&word.chars().count()) && !word.contains(char::is_control);
            let message = || format!("expected 1 to {LONGEST_WORD} characters and no control characters");
            (!fits).then(|| (format!("payment-status.{}", name.as_str()), message()))
        });
        let messages = MessageName::ALL.iter().filter_map(|name| {
            let message = self.post_message.message(*name)?;
            let expected =
                || format!("expected a text without control characters, or an object, of 1 to {LONGEST_MESSAGE} bytes");
            (!message.is_fit()).then(|| (format!("post-message.{}", name.as_str()), expected()))
        });
        levels.chain(words).chain(messages).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn what_a_channel_says_takes_the_nodes_place_and_nothing_else_does() {
        let node = Config::default().notification;
        assert_eq!(node.with(&NotificationOverrides::default()), node);
        let own = r#"{"on_failure":"force","error_level":{"critical":9},"error_level_confirmed":true,
            "payment_status":{"paid":"PAID"},"post_message":{"close":{"type":"bye"}},"auth":"signature"}"#;
        let own: NotificationOverrides = serde_json::from_str(own).unwrap();
        let held = node.with(&own);
        assert_eq!((held.on_failure, held.error_level.critical, held.error_level.error), (OnFailure::Force, 9, 3));
        assert_eq!((held.payment_status.word(StatusName::Paid), &held.payment_status.declined), (Some("PAID"), &None));
        assert_eq!(held.post_message.close.as_ref().unwrap().json()["type"], "bye");
        assert_eq!(held.unconfirmed(), [Unconfirmed::PaymentStatus, Unconfirmed::PostMessage]);
        assert_eq!(node.unconfirmed(), Unconfirmed::ALL);
        let kept = serde_json::to_string(&own).unwrap();
        assert_eq!(serde_json::from_str::<NotificationOverrides>(&kept).unwrap(), own);
        assert_eq!(serde_json::to_string(&NotificationOverrides::default()).unwrap(), "{}");
    }

    #[test]
    fn what_cannot_be_sent_is_told_by_its_key() {
        let node = Config::default().notification;
        let unfit = |own: Value| -> Vec<String> {
            node.with(&serde_json::from_value(own).unwrap()).unfit().into_iter().map(|(key, _)| key).collect()
        };
        let long = "x".repeat(65);
        for (own, key) in [
            (serde_json::json!({"error_level": {"critical": 1_i64 << 31}}), "error-level.critical"),
            (serde_json::json!({"payment_status": {"paid": ""}}), "payment-status.paid"),
            (serde_json::json!({"payment_status": {"declined": long}}), "payment-status.declined"),
            (serde_json::json!({"payment_status": {"pending": "a\nb"}}), "payment-status.pending"),
            (serde_json::json!({"post_message": {"success": ""}}), "post-message.success"),
            (serde_json::json!({"post_message": {"error": {"a": "x".repeat(4096)}}}), "post-message.error"),
        ] {
            assert_eq!(unfit(own), [key]);
        }
        let fit = serde_json::json!({"error_level": {"ok": -1}, "payment_status": {"paid": "Payé"}, "post_message": {"close": {}}});
        assert!(unfit(fit).is_empty());
        for wrong in
            [r#"{"post_message":{"close":5}}"#, r#"{"payment_status":{"maybe":"x"}}"#, r#"{"onfailure":"block"}"#]
        {
            assert!(serde_json::from_str::<NotificationOverrides>(wrong).is_err(), "{wrong}");
        }
    }
}
