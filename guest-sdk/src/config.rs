//! The settings of the running release.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

/// Why a setting could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The host could not read its settings.
    #[error("settings cannot be read: {0}")]
    Unavailable(String),
    /// The setting is there, but is not what the plugin needs.
    #[error("setting `{key}` is \"{value}\": {reason}")]
    Invalid {
        /// The setting's name.
        key: String,
        /// What the release says.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The value of a setting; `None` when the release does not set it.
///
/// # Errors
/// [`Error::Unavailable`].
pub fn get(key: &str) -> Result<Option<String>, Error> {
    crate::below::config_get(key).map_err(Error::Unavailable)
}

/// Every setting of the release.
///
/// # Errors
/// [`Error::Unavailable`].
pub fn all() -> Result<BTreeMap<String, String>, Error> {
    Ok(crate::below::config_all().map_err(Error::Unavailable)?.into_iter().collect())
}

/// The value of a setting as a number, a [`Decimal`](crate::Decimal) or whatever else can be read from text.
///
/// # Errors
/// [`Error::Invalid`], naming the setting, if the text does not read; [`Error::Unavailable`].
pub fn parse<T: FromStr<Err: Display>>(key: &str) -> Result<Option<T>, Error> {
    let Some(value) = get(key)? else {
        return Ok(None);
    };
    value.parse().map(Some).map_err(|reason: T::Err| Error::Invalid {
        key: key.to_owned(),
        reason: reason.to_string(),
        value,
    })
}
