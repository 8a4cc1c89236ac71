//! HTTP through `wasi:http`.

use crate::http::{Error, Request, Response, split_url};
use std::time::Duration;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
};
use wasip2::io::streams::StreamError;

/// `blocking-write-and-flush` takes no more at once.
const WRITE_LIMIT: usize = 4096;
const READ_CHUNK: u64 = 64 << 10;

pub(crate) fn http_send(request: &Request) -> Result<Response, Error> {
    let outgoing = outgoing(request)?;
    let body = outgoing.body().map_err(|()| Error::Failed("no body".to_owned()))?;
    let options = options(request.timeout)?;
    let pending = outgoing_handler::handle(outgoing, Some(options)).map_err(|code| error(&code))?;
    write(body, &request.body)?;
    pending.subscribe().block();
    let answer = pending.get().and_then(Result::ok);
    let answer = answer.ok_or_else(|| Error::Failed("no answer".to_owned()))?;
    read(&answer.map_err(|code| error(&code))?, request.max_body)
}

fn outgoing(request: &Request) -> Result<OutgoingRequest, Error> {
    let (scheme, authority, path) = split_url(&request.url)?;
    let length = ("content-length".to_owned(), request.body.len().to_string());
    let headers: Vec<(String, Vec<u8>)> = request
        .headers
        .iter()
        .chain((!request.body.is_empty()).then_some(&length))
        .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
        .collect();
    let fields = Fields::from_list(&headers).map_err(|error| Error::Invalid(format!("headers: {error}")))?;
    let scheme = if scheme == "http" { Scheme::Http } else { Scheme::Https };
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let outgoing = OutgoingRequest::new(fields);
    outgoing
        .set_method(&method(&request.method))
        .and_then(|()| outgoing.set_scheme(Some(&scheme)))
        .and_then(|()| outgoing.set_authority(Some(authority)))
        .and_then(|()| outgoing.set_path_with_query(Some(&path)))
        .map_err(|()| Error::Invalid(format!("{} {}", request.method, request.url)))?;
    Ok(outgoing)
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn options(timeout: Option<Duration>) -> Result<RequestOptions, Error> {
    let options = RequestOptions::new();
    if let Some(timeout) = timeout {
        let nanoseconds = u64::try_from(timeout.as_nanos()).ok();
        options
            .set_connect_timeout(nanoseconds)
            .and_then(|()| options.set_first_byte_timeout(nanoseconds))
            .and_then(|()| options.set_between_bytes_timeout(nanoseconds))
            .map_err(|()| Error::Invalid("timeouts are not supported by this host".to_owned()))?;
    }
    Ok(options)
}

fn write(body: OutgoingBody, bytes: &[u8]) -> Result<(), Error> {
    if !bytes.is_empty() {
        let stream = body.write().map_err(|()| Error::Failed("no stream for the body".to_owned()))?;
        for chunk in bytes.chunks(WRITE_LIMIT) {
            // A server may answer without reading all: then its answer tells what is wrong.
            if stream.blocking_write_and_flush(chunk).is_err() {
                return Ok(());
            }
        }
    }
    OutgoingBody::finish(body, None).map_err(|code| error(&code))
}

fn read(answer: &IncomingResponse, limit: usize) -> Result<Response, Error> {
    let headers = answer
        .headers()
        .entries()
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), String::from_utf8_lossy(&value).into_owned()))
        .collect();
    let incoming = answer.consume().map_err(|()| Error::Failed("no body".to_owned()))?;
    let body = read_body(&incoming, limit)?;
    Ok(Response { status: answer.status(), headers, body })
}

fn read_body(incoming: &IncomingBody, limit: usize) -> Result<Vec<u8>, Error> {
    let stream = incoming.stream().map_err(|()| Error::Failed("no stream for the answer".to_owned()))?;
    let mut body = Vec::new();
    loop {
        match stream.blocking_read(READ_CHUNK) {
            Ok(chunk) if body.len() + chunk.len() > limit => return Err(Error::TooLarge(limit)),
            Ok(chunk) => body.extend_from_slice(&chunk),
            Err(StreamError::Closed) => return Ok(body),
            Err(StreamError::LastOperationFailed(cause)) => {
                let code = wasip2::http::types::http_error_code(&cause);
                return Err(code.map_or_else(|| Error::Failed(cause.to_debug_string()), |code| error(&code)));
            }
        }
    }
}

fn error(code: &ErrorCode) -> Error {
    match code {
        ErrorCode::HttpRequestDenied => {
            Error::Denied("the host or a secret is not granted, or the call sent too many".to_owned())
        }
        ErrorCode::DestinationIpProhibited => Error::Denied("the host's address is a forbidden one".to_owned()),
        ErrorCode::DnsTimeout
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => Error::Timeout,
        ErrorCode::DnsError(_) => Error::Unreachable("its name does not resolve".to_owned()),
        ErrorCode::DestinationNotFound
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused => Error::Unreachable("nobody answers there".to_owned()),
        ErrorCode::ConnectionTerminated => Error::Unreachable("the connection broke".to_owned()),
        ErrorCode::HttpRequestUriInvalid | ErrorCode::HttpRequestMethodInvalid => {
            Error::Invalid("method or address".to_owned())
        }
        ErrorCode::InternalError(Some(text)) => Error::Failed(text.clone()),
        other => Error::Failed(other.to_string()),
    }
}
