//! What a call puts into the parts of its requests: methods, addresses and headers. They lie in the host's memory, sent or not, so
//! that each function that takes some counts it before the engine's own does the work.

use wasmtime::component::{Linker, LinkerInstance, Resource};
use wasmtime::{Result, StoreContextMut, format_err};
use wasmtime_wasi_http::p2::HeaderResult;
use wasmtime_wasi_http::p2::bindings::http::types::{
    HeaderError, Host as _, HostFields as _, HostOutgoingRequest as _, Method, Scheme,
};
use wasmtime_wasi_http::p2::types::HostOutgoingRequest;
use wasmtime_wasi_http::{FieldMap, WasiHttpCtxView, WasiHttpView as _};

use crate::config::Size;
use crate::guest::state::CallState;

/// The interface by the version that the engine has; components of older ones are linked to it.
const TYPES: &str = "wasi:http/types@0.2.12";

/// What a header takes beside its bytes: its place in a table that is up to half empty, and two allocations.
const HEADER: usize = 256;

/// What a call may still put into the parts of its requests. What it has let go of counts all the same.
pub(in crate::guest) struct Parts {
    limit: Size,
    left: usize,
}

impl Parts {
    /// A call may put so much into them.
    pub(in crate::guest) fn new(limit: Size) -> Self {
        Self { limit, left: limit.len() }
    }

    fn take(&mut self, bytes: usize) -> Result<()> {
        let left = self.left.checked_sub(bytes);
        self.left = left.ok_or_else(|| {
            format_err!("it put more than {} into the heads of its requests (outbound.parts)", self.limit)
        })?;
        Ok(())
    }
}

/// The bytes of one name with its values.
fn header<'a>(name: &str, values: impl IntoIterator<Item = &'a [u8]>) -> usize {
    values.into_iter().fold(name.len(), |bytes, value| bytes + value.len() + HEADER)
}

/// The answer as a guest gets it.
fn told<T>(mut http: WasiHttpCtxView<'_>, result: HeaderResult<T>) -> Result<(Result<T, HeaderError>,)> {
    match result {
        Ok(done) => Ok((Ok(done),)),
        Err(error) => Ok((Err(http.convert_header_error(error)?),)),
    }
}

/// Puts the counting in front of the engine's functions.
pub(super) fn link(l: &mut Linker<CallState>) -> Result<()> {
    l.allow_shadowing(true);
    let mut types = l.instance(TYPES)?;
    headers(&mut types)?;
    addresses(&mut types)?;
    l.allow_shadowing(false);
    Ok(())
}

type Asked<'a> = StoreContextMut<'a, CallState>;
type Fields = Resource<FieldMap>;
type Outgoing = Resource<HostOutgoingRequest>;

fn headers(types: &mut LinkerInstance<'_, CallState>) -> Result<()> {
    types.func_wrap("[static]fields.from-list", |mut call: Asked<'_>, (entries,): (Vec<(String, Vec<u8>)>,)| {
        let state = call.data_mut();
        state.parts.take(entries.iter().map(|(name, value)| header(name, [value.as_slice()])).sum())?;
        let mut http = state.http();
        let made = http.from_list(entries);
        told(http, made)
    })?;
    types.func_wrap("[method]fields.clone", |mut call: Asked<'_>, (fields,): (Fields,)| {
        let state = call.data_mut();
        let copied = state.table.get(&fields)?;
        let bytes = copied.iter().map(|(name, value)| header(name.as_str(), [value.as_bytes()])).sum();
        state.parts.take(bytes)?;
        Ok((state.http().clone(fields)?,))
    })?;
    types.func_wrap(
        "[method]fields.set",
        |mut call: Asked<'_>, (fields, name, values): (Fields, String, Vec<Vec<u8>>)| {
            let state = call.data_mut();
            state.parts.take(header(&name, values.iter().map(Vec::as_slice)))?;
            let mut http = state.http();
            let done = http.set(fields, name, values);
            told(http, done)
        },
    )?;
    types.func_wrap("[method]fields.append", |mut call: Asked<'_>, (fields, name, value): (Fields, String, Vec<u8>)| {
        let state = call.data_mut();
        state.parts.take(header(&name, [value.as_slice()]))?;
        let mut http = state.http();
        let done = http.append(fields, name, value);
        told(http, done)
    })
}

fn addresses(types: &mut LinkerInstance<'_, CallState>) -> Result<()> {
    types.func_wrap(
        "[method]outgoing-request.set-method",
        |mut call: Asked<'_>, (request, method): (Outgoing, Method)| {
            let state = call.data_mut();
            if let Method::Other(name) = &method {
                state.parts.take(name.len())?;
            }
            Ok((state.http().set_method(request, method)?,))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-scheme",
        |mut call: Asked<'_>, (request, scheme): (Outgoing, Option<Scheme>)| {
            let state = call.data_mut();
            if let Some(Scheme::Other(name)) = &scheme {
                state.parts.take(name.len())?;
            }
            Ok((state.http().set_scheme(request, scheme)?,))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-authority",
        |mut call: Asked<'_>, (request, authority): (Outgoing, Option<String>)| {
            let state = call.data_mut();
            state.parts.take(authority.as_ref().map_or(0, String::len))?;
            Ok((state.http().set_authority(request, authority)?,))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-path-with-query",
        |mut call: Asked<'_>, (request, path): (Outgoing, Option<String>)| {
            let state = call.data_mut();
            state.parts.take(path.as_ref().map_or(0, String::len))?;
            Ok((state.http().set_path_with_query(request, path)?,))
        },
    )
}
