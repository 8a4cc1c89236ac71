//! `[notification]`: how notifications are answered and known again.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::values::{self, Size};
use crate::config::{Language, Message};

/// `[notification]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Notification {
    /// The number of each severity.
    pub error_level: ErrorLevels,
    /// Whether an operator has confirmed these numbers.
    pub error_level_confirmed: bool,
    /// Words for a payment's state.
    pub payment_status: PaymentStatus,
    /// Messages of a payment page.
    pub post_message: PostMessages,
    /// The member of an item of the platform's list that has its cursor.
    pub delta_cursor: String,
    /// What a failed validation does to the user.
    #[serde(deserialize_with = "values::on_failure")]
    pub on_failure: OnFailure,
    /// The language of the host's own sentences.
    #[serde(deserialize_with = "values::language")]
    pub language: Language,
    /// An identical validation or payment within this time gets the same answer.
    #[serde(with = "values::time")]
    pub same_answer: Duration,
    /// Answers that are kept for that.
    pub answers: usize,
    /// Their bytes, all together.
    pub answers_size: Size,
    /// How far a signed notification's time may be from the clock.
    #[serde(with = "values::time")]
    pub signature_tolerance: Duration,
}

/// `notification.error-level`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ErrorLevels {
    /// Nothing to say.
    pub ok: i64,
    /// For information.
    pub info: i64,
    /// The user should look at it.
    pub warning: i64,
    /// A business error.
    pub error: i64,
    /// The system behind is not available.
    pub critical: i64,
}

/// `notification.payment-status`: without a word, no state is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PaymentStatus {
    /// The payment is done.
    pub paid: Option<String>,
    /// The payment was refused.
    pub declined: Option<String>,
    /// The payment is not decided yet.
    pub pending: Option<String>,
}

/// `notification.post-message`: without a text, no message is posted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PostMessages {
    /// The payment is done.
    pub success: Option<Message>,
    /// The payment failed.
    pub error: Option<Message>,
    /// The page may be closed.
    pub close: Option<Message>,
}

/// `notification.on-failure`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// The user cannot go on.
    Block,
    /// The user may go on.
    Force,
}

impl OnFailure {
    /// The word it is written as.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Force => "force",
        }
    }
}

impl FromStr for OnFailure {
    type Err = &'static str;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "block" => Ok(Self::Block),
            "force" => Ok(Self::Force),
            _ => Err("\"block\" or \"force\""),
        }
    }
}
