//! The shell around a hostile core module: what it may import, and what the contract wants of its `push`.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

/// The contract's stock interface, and of WASI what hostile modules reach for.
const WORLD: &str = "
package test:hostile;

world hostile {
    import wharf:channel/host@0.1.0;
    import wasi:keyvalue/store@0.2.0-draft2;
    import wasi:keyvalue/batch@0.2.0-draft2;
    import wasi:keyvalue/atomics@0.2.0-draft2;
    import wasi:logging/logging@0.1.0-draft;
    import wasi:random/random@0.2.6;
    import wasi:io/poll@0.2.6;
    import wasi:io/streams@0.2.6;
    import wasi:clocks/monotonic-clock@0.2.6;
    import wasi:clocks/wall-clock@0.2.6;
    import wasi:cli/stdout@0.2.6;
    import wasi:cli/exit@0.2.6;
    import wasi:http/types@0.2.6;
    export wharf:channel/inventory@0.1.0;
}

package wasi:random@0.2.6 {
    interface random { get-random-bytes: func(len: u64) -> list<u8>; }
}

package wasi:io@0.2.6 {
    interface error { resource error; }
    interface poll {
        resource pollable { ready: func() -> bool; block: func(); }
        poll: func(in: list<borrow<pollable>>) -> list<u32>;
    }
    interface streams {
        use error.{error};
        variant stream-error { last-operation-failed(error), closed }
        resource output-stream {
            check-write: func() -> result<u64, stream-error>;
            write: func(contents: list<u8>) -> result<_, stream-error>;
            blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
        }
    }
}

package wasi:clocks@0.2.6 {
    interface monotonic-clock {
        use wasi:io/poll@0.2.6.{pollable};
        now: func() -> u64;
        subscribe-duration: func(when: u64) -> pollable;
    }
    interface wall-clock {
        record datetime { seconds: u64, nanoseconds: u32 }
        now: func() -> datetime;
    }
}

package wasi:http@0.2.6 {
    interface types {
        use wasi:io/streams@0.2.6.{output-stream};
        variant method { get, head, post, put, delete, connect, options, trace, patch, other(string) }
        variant scheme { HTTP, HTTPS, other(string) }
        variant header-error { invalid-syntax, forbidden, immutable }
        resource fields {
            constructor();
            from-list: static func(entries: list<tuple<string, list<u8>>>) -> result<fields, header-error>;
            append: func(name: string, value: list<u8>) -> result<_, header-error>;
            set: func(name: string, values: list<list<u8>>) -> result<_, header-error>;
            clone: func() -> fields;
        }
        resource outgoing-request {
            constructor(headers: fields);
            body: func() -> result<outgoing-body>;
            set-method: func(method: method) -> result;
            set-scheme: func(scheme: option<scheme>) -> result;
            set-authority: func(authority: option<string>) -> result;
            set-path-with-query: func(path: option<string>) -> result;
        }
        resource outgoing-body { write: func() -> result<output-stream>; }
    }
}

package wasi:cli@0.2.6 {
    interface stdout {
        use wasi:io/streams@0.2.6.{output-stream};
        get-stdout: func() -> output-stream;
    }
    interface exit { exit: func(status: result); }
}
";

/// What the core module is called from outside, and what it may call.
const IMPORTS: &str = r#"
(import "wharf:channel/host@0.1.0" "raw-request" (func $raw-request (param i32)))
(import "wharf:channel/host@0.1.0" "deadline" (func $deadline (result i64)))
(import "wasi:keyvalue/store@0.2.0-draft2" "open" (func $open (param i32 i32 i32)))
(import "wasi:keyvalue/store@0.2.0-draft2" "[method]bucket.get" (func $get (param i32 i32 i32 i32)))
(import "wasi:keyvalue/store@0.2.0-draft2" "[method]bucket.set" (func $set (param i32 i32 i32 i32 i32 i32)))
(import "wasi:keyvalue/store@0.2.0-draft2" "[resource-drop]bucket" (func $drop-bucket (param i32)))
(import "wasi:keyvalue/batch@0.2.0-draft2" "get-many" (func $get-many (param i32 i32 i32 i32)))
(import "wasi:keyvalue/atomics@0.2.0-draft2" "[static]cas.new" (func $cas (param i32 i32 i32 i32)))
(import "wasi:logging/logging@0.1.0-draft" "log" (func $log (param i32 i32 i32 i32 i32)))
(import "wasi:random/random@0.2.6" "get-random-bytes" (func $random (param i64 i32)))
(import "wasi:io/poll@0.2.6" "poll" (func $poll (param i32 i32 i32)))
(import "wasi:io/poll@0.2.6" "[method]pollable.block" (func $block (param i32)))
(import "wasi:clocks/monotonic-clock@0.2.6" "now" (func $elapsed (result i64)))
(import "wasi:clocks/wall-clock@0.2.6" "now" (func $now (param i32)))
(import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-duration" (func $after (param i64) (result i32)))
(import "wasi:cli/stdout@0.2.6" "get-stdout" (func $stdout (result i32)))
(import "wasi:io/streams@0.2.6" "[method]output-stream.write" (func $write (param i32 i32 i32 i32)))
(import "wasi:io/streams@0.2.6" "[method]output-stream.blocking-write-and-flush" (func $print (param i32 i32 i32 i32)))
(import "wasi:cli/exit@0.2.6" "exit" (func $exit (param i32)))
(import "wasi:http/types@0.2.6" "[constructor]fields" (func $fields (result i32)))
(import "wasi:http/types@0.2.6" "[static]fields.from-list" (func $from-list (param i32 i32 i32)))
(import "wasi:http/types@0.2.6" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
(import "wasi:http/types@0.2.6" "[method]fields.set" (func $set-header (param i32 i32 i32 i32 i32 i32)))
(import "wasi:http/types@0.2.6" "[method]fields.clone" (func $clone (param i32) (result i32)))
(import "wasi:http/types@0.2.6" "[constructor]outgoing-request" (func $request (param i32) (result i32)))
(import "wasi:http/types@0.2.6" "[method]outgoing-request.body" (func $body (param i32 i32)))
(import "wasi:http/types@0.2.6" "[method]outgoing-request.set-method" (func $set-method (param i32 i32 i32 i32) (result i32)))
(import "wasi:http/types@0.2.6" "[method]outgoing-request.set-scheme" (func $set-scheme (param i32 i32 i32 i32 i32) (result i32)))
(import "wasi:http/types@0.2.6" "[method]outgoing-request.set-authority" (func $set-authority (param i32 i32 i32 i32) (result i32)))
(import "wasi:http/types@0.2.6" "[method]outgoing-request.set-path-with-query" (func $set-path (param i32 i32 i32 i32) (result i32)))
(import "wasi:http/types@0.2.6" "[method]outgoing-body.write" (func $stream (param i32 i32)))
"#;

/// Hands out memory from 64 KiB up, and never takes any back.
const HONEST_REALLOC: &str = "
(local $at i32)
(local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
(global.set $next (i32.add (local.get $at) (local.get 3)))
(block $enough (loop $more
    (br_if $enough (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
    (br_if $enough (i32.eq (memory.grow (i32.const 1)) (i32.const -1)))
    (br $more)))
(local.get $at)";

/// A component to be: `push` answers with an empty report, unless it is told something worse.
pub(crate) struct Guest {
    pages: u32,
    push: String,
    realloc: String,
    fields: String,
    encoding: StringEncoding,
}

impl Guest {
    /// A guest whose `push` does this, and leaves the address of its answer. The address 0 holds an empty report.
    pub(crate) fn pushing(body: impl Into<String>) -> Self {
        Self {
            pages: 2,
            push: body.into(),
            realloc: HONEST_REALLOC.to_owned(),
            fields: String::new(),
            encoding: StringEncoding::UTF8,
        }
    }

    /// A guest that opens its bucket, leaves the handle in `$i`, and then does this. The address 512 holds the name "default".
    pub(crate) fn keeping(body: &str) -> Self {
        const OPEN: &str =
            "(call $open (i32.const 512) (i32.const 7) (i32.const 1024)) (local.set $i (i32.load (i32.const 1028)))";
        Self::pushing(format!("{OPEN} {body} i32.const 0")).with("(data (i32.const 512) \"default\")")
    }

    /// A guest that answers at once, with what lies at the address 0.
    pub(crate) fn answering() -> Self {
        Self::pushing("i32.const 0")
    }

    /// With these fields of a core module beside the usual ones.
    pub(crate) fn with(mut self, fields: impl AsRef<str>) -> Self {
        self.fields.push_str(fields.as_ref());
        self
    }

    /// With these little-endian words in its memory from `at` on.
    pub(crate) fn holding(self, at: u32, words: &[u32]) -> Self {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.with(format!("(data (i32.const {at}) \"{}\")", hex("\\", &bytes)))
    }

    /// With so many pages of memory from the start.
    pub(crate) fn pages(mut self, pages: u32) -> Self {
        self.pages = pages;
        self
    }

    /// With this allocator: the parameters 0 to 3 are the old address, the old size, the alignment and the new size.
    pub(crate) fn reallocating(mut self, body: impl Into<String>) -> Self {
        self.realloc = body.into();
        self
    }

    /// With this function run after its answer was read.
    pub(crate) fn afterwards(self, body: &str) -> Self {
        self.with(format!(r#"(func (export "cabi_post_wharf:channel/inventory@0.1.0#push") (param i32) {body})"#))
    }

    /// With texts in this encoding.
    pub(crate) fn encoding(mut self, encoding: StringEncoding) -> Self {
        self.encoding = encoding;
        self
    }

    /// The component's bytes.
    pub(crate) fn build(&self) -> Vec<u8> {
        let Self { pages, push, realloc, fields, .. } = self;
        let text = format!(
            r#"(module {IMPORTS}
                (memory (export "memory") {pages})
                (global $next (mut i32) (i32.const 65536))
                (func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {realloc})
                (func $push (export "wharf:channel/inventory@0.1.0#push")
                    (param i32 i32 i32 i32 i32 i32 i32 i64 i32 i64 i32 i32) (result i32)
                    (local $i i32) (local $f f64) {push})
                {fields})"#
        );
        let mut module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"));
        let (resolve, world) = &*CONTRACT;
        embed_component_metadata(&mut module, resolve, *world, self.encoding).unwrap();
        ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
    }
}

/// Two digits for each byte, with something before each.
pub(super) fn hex(before: &str, bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{before}{byte:02x}");
        text
    })
}

static CONTRACT: LazyLock<(Resolve, WorldId)> = LazyLock::new(|| {
    let mut resolve = Resolve::default();
    resolve.push_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit")).unwrap();
    let package = resolve.push_str("hostile.wit", WORLD).unwrap();
    let world = resolve.packages[package].worlds["hostile"];
    (resolve, world)
});
