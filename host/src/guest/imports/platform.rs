//! `wharf:channel/platform`: the platform's API, with the channel's own credential.

use wasmtime::Result;

use super::bindings::wharf::channel::platform::{Error, Host, Response};
use crate::guest::outbound::{PlatformError, PlatformRequest, PlatformResponse};
use crate::guest::state::CallState;

impl Host for CallState {
    async fn request(
        &mut self,
        method: String,
        path: String,
        query: Vec<(String, String)>,
        body: Option<String>,
    ) -> Result<Result<Response, Error>> {
        self.failpoint("platform-request");
        self.sender.begin(&self.call_id);
        let answer = self.sender.ask(PlatformRequest { method, path, query, body }, self.largest_text).await;
        Ok(answer.map(|PlatformResponse { status, body }| Response { status, body }).map_err(Error::from))
    }
}

impl From<PlatformError> for Error {
    fn from(error: PlatformError) -> Self {
        match error {
            PlatformError::NotConfigured => Self::NotConfigured,
            PlatformError::Invalid(why) => Self::Invalid(why.to_owned()),
            PlatformError::Denied(why) => Self::Denied(why.to_owned()),
            PlatformError::Timeout => Self::Timeout,
            PlatformError::Unreachable(why) => Self::Unreachable(why.to_owned()),
            PlatformError::TooLarge(limit) => Self::TooLarge(limit),
            PlatformError::Failed(why) => Self::Failed(why.to_owned()),
        }
    }
}
