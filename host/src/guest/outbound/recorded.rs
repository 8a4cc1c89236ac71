//! Requests that are answered from a record: no socket is opened, no name is looked up.

use http::Request;
use http_body_util::{BodyExt, Full};
use wasmtime_wasi_http::{Error, WasiBody};

use super::send::{SendResult, Sender};
use crate::guest::scratch::{RecordedReply, Scratch};

impl Sender {
    /// Answers a request that was admitted. That there is no reply for it goes to the call's log.
    pub(super) fn recorded(&mut self, scratch: &Scratch, request: Request<WasiBody>) -> SendResult {
        let (method, url) = (request.method().as_str(), request.uri().to_string());
        let Some(response) = scratch.reply(method, &url).and_then(RecordedReply::response) else {
            self.refused.push(format!("refused {method} {url}: no recorded reply fits, and nothing is sent"));
            return Err(Error::ConnectionRefused);
        };
        if response.body().len() as u64 > self.shared.largest_response() {
            return Err(Error::HttpResponseBodySize(None));
        }
        let response = response.map(|body| Full::new(body).map_err(|never| match never {}).boxed_unsync());
        // As a server does, which reads a request's body to its end.
        let drained = async move {
            let mut body = request.into_body();
            while let Some(frame) = body.frame().await {
                drop(frame?);
            }
            Ok(())
        };
        Ok((response, Box::new(drained)))
    }
}
