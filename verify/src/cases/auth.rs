//! The key battery: only the right key opens a channel.

use serde_json::{Map, Value};
use wharf_protocol::sdk::Interaction;

use crate::client::{Client, Key};
use crate::judge;
use crate::runner::Runner;

/// The platform's own probe for a wrong key.
const WRONG_KEY: &str = "KDS_SPOLIATER";

const BATTERY: [(&str, Key<'static>); 5] = [
    ("a wrong key is refused", Key::Text(WRONG_KEY)),
    ("a missing key is refused", Key::Missing),
    ("a key of null is refused", Key::Null),
    ("a number as key is refused", Key::Number),
    ("an empty key is refused", Key::Text("")),
];

/// Sends the same body with each bad key; each must be answered with 401.
pub fn battery(client: &Client, runner: &mut Runner<'_>, interaction: Interaction, body: &Map<String, Value>) {
    for (name, key) in BATTERY {
        runner.case(interaction.name(), name, || {
            let answer = client.call(interaction, body, key)?;
            Ok(judge::status(&answer, &[401])?)
        });
    }
}
