//! `wharf:channel/host`: the request as it came, and the time that is left.

use std::time::Instant;

use wasmtime::{Result, format_err};
use wharf_protocol::sdk::envelope::without_key;

use super::bindings::wharf::channel::{call, host};
use crate::guest::state::{Body, CallState};

impl call::Host for CallState {}

impl host::Host for CallState {
    fn raw_request(&mut self) -> Result<String> {
        self.failpoint("raw-request");
        let text = |bytes: &[u8]| {
            std::str::from_utf8(bytes)
                .map(str::to_owned)
                .map_err(|error| format_err!("the request is no text: {error}"))
        };
        match &self.body {
            Body::Empty => Ok(String::new()),
            Body::Whole(bytes) => text(bytes),
            Body::Keyed(bytes) => {
                without_key(&text(bytes)?).map_err(|error| format_err!("the request is no object: {error}"))
            }
        }
    }

    fn deadline(&mut self) -> Result<u64> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        Ok(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
    }
}
