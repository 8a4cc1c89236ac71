//! Requests that are answered from a record: no socket is opened, no name is looked up.

use http::Request;
use http_body_util::{BodyExt, Full};
use wasmtime_wasi_http::{Error, WasiBody};

use super::send::{SendResult, Sender};
use crate::guest::scratch::{RecordedReply, Scratch};

impl Sender {
    /// Answers a request that was admitted or not. What it does not get, and why, goes to the call's log.
    pub(super) fn recorded(
        &mut self,
        scratch: &Scratch,
        admitted: Result<(), Error>,
        request: Request<WasiBody>,
    ) -> SendResult {
        let (method, url) = (request.method().as_str().to_owned(), request.uri().to_string());
        let answer = admitted.and_then(|()| reply(scratch, &method, &url, self.shared.largest_response(), request));
        if let Err(error) = &answer {
            let why = match error {
                Error::ConnectionRefused => "no recorded reply fits, and nothing is sent".to_owned(),
                error => error.to_string(),
            };
            self.refused.push(format!("refused {method} {url}: {why}"));
        }
        answer
    }
}

fn reply(scratch: &Scratch, method: &str, url: &str, largest: u64, request: Request<WasiBody>) -> SendResult {
    let response = scratch.reply(method, url).and_then(RecordedReply::response).ok_or(Error::ConnectionRefused)?;
    if response.body().len() as u64 > largest {
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
