//! `forward`: a script of bytes in the request becomes calls of the host's functions, in any order, with any values.

use wharf_sdk::host;

/// The member of the request that holds the script, as hexadecimal digits.
const MEMBER: &str = "\"script\":\"";

/// Reads values from the script; zeros when it is used up.
struct Script {
    bytes: std::vec::IntoIter<u8>,
}

impl Script {
    fn of(request: &str) -> Self {
        let digits = request.split_once(MEMBER).map_or("", |(_, rest)| rest.split('"').next().unwrap_or_default());
        let pairs = digits.as_bytes().chunks_exact(2);
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap_or_default(), 16).unwrap_or(0);
        Self { bytes: pairs.map(byte).collect::<Vec<_>>().into_iter() }
    }

    fn byte(&mut self) -> u8 {
        self.bytes.next().unwrap_or(0)
    }

    /// Small numbers and the largest ones, seldom what lies between.
    #[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "only guests have host functions"))]
    fn number(&mut self) -> u64 {
        match self.byte() {
            0..=99 => u64::from(self.byte()),
            100..=179 => u64::from(self.byte()) << 12,
            180..=219 => u64::MAX - u64::from(self.byte()),
            _ => u64::from_le_bytes(std::array::from_fn(|_| self.byte())),
        }
    }

    /// Up to 64 KiB, mostly little; half of them a byte again and again.
    fn blob(&mut self) -> Vec<u8> {
        let length = match self.byte() {
            0..=239 => usize::from(self.byte()) % 48,
            _ => usize::from(self.byte()) << 8,
        };
        if self.byte().is_multiple_of(2) {
            vec![self.byte(); length]
        } else {
            (0..length).map(|_| self.byte()).collect()
        }
    }

    fn text(&mut self) -> String {
        match self.byte() % 6 {
            0 => "default".to_owned(),
            1 => "behaviour".to_owned(),
            2 => "\r\nhost: x".to_owned(),
            _ => String::from_utf8_lossy(&self.blob()).into_owned(),
        }
    }
}

/// Carries the script out, and gives a text of its making for the answer, which is to be an illegal one if the script says so.
pub(crate) fn forward() -> (String, bool) {
    let mut script = Script::of(&host::raw_request());
    #[cfg(target_arch = "wasm32")]
    imports::run(&mut script);
    (script.text(), script.byte() % 4 == 3)
}

#[cfg(target_arch = "wasm32")]
mod imports {
    use super::Script;
    use wasip2::clocks::{monotonic_clock, wall_clock};
    use wasip2::http::outgoing_handler;
    use wasip2::http::types::{
        Fields, FutureIncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
    };
    use wasip2::io::poll::{Pollable, poll};
    use wasip2::io::streams::{InputStream, OutputStream};
    use wharf_sdk::bindings::wasi::wasi::{config, keyvalue, logging::logging};

    /// What the script has made so far, and may use again.
    #[derive(Default)]
    struct Made {
        buckets: Vec<keyvalue::store::Bucket>,
        cas: Vec<keyvalue::atomics::Cas>,
        waits: Vec<Pollable>,
        fields: Vec<Fields>,
        requests: Vec<OutgoingRequest>,
        options: Vec<RequestOptions>,
        bodies: Vec<OutgoingBody>,
        answers: Vec<FutureIncomingResponse>,
        outputs: Vec<OutputStream>,
        inputs: Vec<InputStream>,
    }

    /// One of them, any.
    fn any<'a, T>(made: &'a [T], script: &mut Script) -> Option<&'a T> {
        made.get(usize::from(script.byte()).checked_rem(made.len())?)
    }

    pub(super) fn run(script: &mut Script) {
        let mut made = Made::default();
        while !script.bytes.as_slice().is_empty() {
            match script.byte() % 6 {
                0 => keep(&mut made, script),
                1 => look(&mut made, script),
                2 | 3 => request(&mut made, script),
                4 => stream(&mut made, script),
                _ => forget(&mut made, script),
            }
        }
    }

    fn keep(made: &mut Made, script: &mut Script) {
        use keyvalue::{atomics, batch, store};
        made.buckets.extend(store::open(&script.text()).ok());
        let Some(bucket) = any(&made.buckets, script) else { return };
        match script.byte() % 10 {
            0 => drop(bucket.get(&script.text())),
            1 => drop(bucket.set(&script.text(), &script.blob())),
            2 => drop(bucket.delete(&script.text())),
            3 => drop(bucket.exists(&script.text())),
            4 => drop(bucket.list_keys(Some(&script.text()))),
            5 => drop(atomics::increment(bucket, &script.text(), script.number().cast_signed())),
            6 => made.cas.extend(atomics::Cas::new(bucket, &script.text()).ok()),
            7 => {
                if let Some(cas) = made.cas.pop() {
                    let _ = cas.current();
                    if let Err(atomics::CasError::CasFailed(again)) = atomics::swap(cas, &script.blob()) {
                        made.cas.push(again);
                    }
                }
            }
            8 => {
                let keys = [script.text(), script.text(), script.text()];
                let _ = (batch::get_many(bucket, &keys), batch::delete_many(bucket, &keys));
            }
            _ => drop(batch::set_many(bucket, &[(script.text(), script.blob()), (script.text(), script.blob())])),
        }
    }

    fn look(made: &mut Made, script: &mut Script) {
        match script.byte() % 15 {
            0 => drop(config::store::get(&script.text())),
            1 => drop(config::store::get_all()),
            2 => logging::log(logging::Level::Info, &script.text(), &script.text()),
            // What is too much ends the guest, which is right, but would end most scripts too early.
            3 => drop(wasip2::random::random::get_random_bytes(script.number() % 5000)),
            4 => drop(wasip2::random::insecure::get_insecure_random_bytes(script.number() % 5000)),
            5 => drop((
                wall_clock::now(),
                wall_clock::resolution(),
                monotonic_clock::now(),
                monotonic_clock::resolution(),
            )),
            6 => made.waits.push(monotonic_clock::subscribe_duration(script.number() % 1_000_000)),
            7 => made.waits.push(monotonic_clock::subscribe_instant(script.number())),
            8 => drop(any(&made.waits, script).map(Pollable::ready)),
            9 if !made.waits.is_empty() && script.byte() > 200 => {
                made.waits.push(monotonic_clock::subscribe_duration(0));
                drop(poll(&made.waits.iter().collect::<Vec<_>>()));
            }
            10 => drop((wasip2::cli::environment::get_environment(), wasip2::cli::environment::get_arguments())),
            11 => drop((
                wasip2::filesystem::preopens::get_directories(),
                wasip2::cli::terminal_stdout::get_terminal_stdout(),
            )),
            12 => drop((
                wharf_sdk::host::deadline(),
                wharf_sdk::host::raw_request(),
                wasip2::random::insecure_seed::insecure_seed(),
            )),
            13 => {
                let (method, path, name) = (script.text(), script.text(), script.text());
                drop(wharf_sdk::platform::request(&method, &path, &[(&name, &script.text())], Some(script.text())));
            }
            _ if script.byte() > 250 => wasip2::cli::exit::exit(Ok(())),
            _ => {}
        }
    }

    fn request(made: &mut Made, script: &mut Script) {
        match script.byte() % 14 {
            0 => made.fields.push(Fields::new()),
            1 => made
                .fields
                .extend(Fields::from_list(&[(script.text(), script.blob()), (script.text(), script.blob())]).ok()),
            2 => drop(any(&made.fields, script).map(|fields| fields.append(&script.text(), &script.blob()))),
            3 => drop(
                any(&made.fields, script).map(|fields| fields.set(&script.text(), &[script.blob(), script.blob()])),
            ),
            4 => drop(
                any(&made.fields, script).map(|fields| (fields.get(&script.text()), fields.delete(&script.text()))),
            ),
            5 => drop(any(&made.fields, script).map(|fields| (fields.entries(), fields.clone().has("x")))),
            6 => {
                let fields = made.fields.pop().unwrap_or_else(Fields::new);
                made.requests.push(OutgoingRequest::new(fields));
            }
            7 => drop(any(&made.requests, script).map(|one| one.set_method(&Method::Other(script.text())))),
            8 => {
                let scheme = [Scheme::Http, Scheme::Https, Scheme::Other(script.text())];
                drop(any(&made.requests, script).map(|one| (one.set_scheme(any(&scheme, script)), one.scheme())));
            }
            9 => {
                drop(any(&made.requests, script).map(|one| (one.set_authority(Some(&script.text())), one.authority())))
            }
            10 => drop(
                any(&made.requests, script).map(|one| (one.set_path_with_query(Some(&script.text())), one.headers())),
            ),
            11 => {
                let options = RequestOptions::new();
                let _ = options.set_connect_timeout(Some(script.number()));
                let _ = options.set_first_byte_timeout(Some(script.number()));
                let _ = options.set_between_bytes_timeout(Some(script.number()));
                made.options.push(options);
            }
            12 => made.bodies.extend(any(&made.requests, script).and_then(|one| one.body().ok())),
            _ => {
                let Some(one) = made.requests.pop() else { return };
                let _ = one.set_authority(Some("127.0.0.1:9"));
                made.answers.extend(outgoing_handler::handle(one, made.options.pop()).ok());
            }
        }
    }

    fn stream(made: &mut Made, script: &mut Script) {
        match script.byte() % 13 {
            0 => made.outputs.push(wasip2::cli::stdout::get_stdout()),
            1 => made.inputs.push(wasip2::cli::stdin::get_stdin()),
            2 => made.outputs.extend(any(&made.bodies, script).and_then(|body| body.write().ok())),
            3 => drop(any(&made.outputs, script).map(|to| (to.check_write(), to.write(&script.blob())))),
            4 => drop(any(&made.outputs, script).map(|to| to.blocking_write_and_flush(&script.blob()))),
            5 => drop(any(&made.outputs, script).map(|to| to.write_zeroes(script.number()))),
            6 => drop(any(&made.outputs, script).map(|to| (to.flush(), to.subscribe().ready()))),
            7 => {
                let (from, to) = (any(&made.inputs, script), any(&made.outputs, script));
                drop(from.zip(to).map(|(from, to)| to.splice(from, script.number())));
            }
            8 => drop(any(&made.inputs, script).map(|from| from.read(script.number()))),
            9 => drop(any(&made.inputs, script).map(|from| (from.skip(script.number()), from.subscribe().ready()))),
            10 => drop(made.bodies.pop().map(|body| OutgoingBody::finish(body, made.fields.pop()))),
            11 => made.waits.extend(any(&made.answers, script).map(FutureIncomingResponse::subscribe)),
            _ => {
                let answer = any(&made.answers, script).and_then(FutureIncomingResponse::get);
                drop(
                    answer
                        .and_then(Result::ok)
                        .and_then(Result::ok)
                        .map(|answer| (answer.status(), answer.headers().entries())),
                );
            }
        }
    }

    /// Lets go of something, at times in an order that the host does not expect: a child outlives what it came from.
    fn forget(made: &mut Made, script: &mut Script) {
        match script.byte() % 8 {
            0 => drop(made.buckets.pop()),
            1 => drop(made.cas.pop()),
            2 => drop(made.waits.pop()),
            3 => drop(made.fields.pop()),
            4 => drop(made.requests.pop()),
            5 => drop(made.bodies.pop()),
            6 => drop(made.answers.pop()),
            _ => drop((made.outputs.pop(), made.inputs.pop())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_read_from_the_request_and_ends_in_zeros() {
        let mut script = Script::of(r#"{"action":"x","script":"01ff7","more":1}"#);
        assert_eq!([script.byte(), script.byte(), script.byte()], [1, 0xff, 0]);
        assert_eq!(Script::of("{}").text(), "default");
    }
}
