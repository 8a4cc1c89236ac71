//! Whether a component fits the contract, said in plain words. No error of the linker ever reaches a person.

use serde::Serialize;
use wasmparser::{Chunk, Encoding, Parser, Payload};

use super::exports::{VERSION, interface_name};
use crate::config::Config;
use crate::store::Grants;

/// The interfaces that a plugin may export.
pub const EXPORTS: [&str; 6] = ["catalog", "inventory", "orders", "documents", "payments", "events"];

/// The interfaces that a plugin may import. The file system is among them because every std program names it; nothing is ever
/// opened in it.
const IMPORTS: [(&str, &[&str]); 10] = [
    (
        "wharf:channel",
        &["host", "call", "reports", "notices", "catalog", "inventory", "orders", "documents", "payments", "events"],
    ),
    ("wasi:config", &["store"]),
    ("wasi:keyvalue", &["store", "atomics", "batch"]),
    ("wasi:logging", &["logging"]),
    ("wasi:http", &["types", "outgoing-handler"]),
    ("wasi:io", &["error", "poll", "streams"]),
    ("wasi:clocks", &["wall-clock", "monotonic-clock"]),
    ("wasi:random", &["random", "insecure", "insecure-seed"]),
    (
        "wasi:cli",
        &[
            "environment",
            "exit",
            "stdin",
            "stdout",
            "stderr",
            "terminal-input",
            "terminal-output",
            "terminal-stdin",
            "terminal-stdout",
            "terminal-stderr",
        ],
    ),
    ("wasi:filesystem", &["types", "preopens"]),
];

/// What a component is, as far as its admission goes.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Its size in bytes.
    pub size: usize,
    /// The contract's interfaces that it exports.
    pub exports: Vec<String>,
    /// Everything that it imports.
    pub imports: Vec<String>,
    /// The interactions and notifications that it does not answer: the host answers for them.
    pub unanswered: Vec<&'static str>,
    /// What its author may want to know.
    pub notes: Vec<&'static str>,
}

/// Why a component is refused: one sentence with the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Larger than allowed.
    #[error("the component has {size} bytes; the limit is {limit} (admin.upload)")]
    TooLarge {
        /// Its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// Not WebAssembly at all.
    #[error(
        "the file is not a WebAssembly component: it does not begin with the bytes of one; build it with --target wasm32-wasip2"
    )]
    NotWasm,
    /// A core module.
    #[error(
        "the file is a core module, not a component; build it with --target wasm32-wasip2, or wrap it with `wasm-tools component new`"
    )]
    CoreModule,
    /// Compiled code.
    #[error("the file is compiled code; upload the .wasm component itself, Wharf compiles it")]
    Precompiled,
    /// Broken, or of a proposal that is off.
    #[error("the file is not a valid component: {0}")]
    Invalid(String),
    /// It exports none of our interfaces.
    #[error(
        "the component exports none of the contract's interfaces ({0}); export at least one with wharf_sdk::export!"
    )]
    NoExports(String),
    /// It exports one of our interfaces that we do not know.
    #[error("the component exports {0}, which this contract does not have; it knows {1}")]
    UnknownExport(String, String),
    /// It was built for another version of the contract.
    #[error(
        "the component was built for {0}; this host speaks wharf:channel@{VERSION}: build it with the wharf-sdk of that version"
    )]
    Version(String),
    /// It imports what no plugin may.
    #[error("the component imports {name}, which plugins cannot have: {why}")]
    UnknownImport {
        /// The import.
        name: String,
        /// What to do about it.
        why: &'static str,
    },
    /// It imports what this release does not grant.
    #[error("the component imports {name}, which is not granted; {remedy}")]
    NotGranted {
        /// The import.
        name: String,
        /// What to do about it.
        remedy: &'static str,
    },
}

/// Checks a component's bytes against the contract and the grants of its release. Only its outline is read, in one pass over
/// the top level: whether the inside is valid is for the compiling process to find out.
///
/// # Errors
/// The first reason to refuse it.
pub fn admit(config: &Config, bytes: &[u8], grants: &Grants) -> Result<Report, Refused> {
    let limit = config.admin.upload.len();
    if bytes.len() > limit {
        return Err(Refused::TooLarge { size: bytes.len(), limit });
    }
    let outline = Outline::read(bytes)?;
    for name in &outline.imports {
        check_import(name, grants)?;
    }
    let exports = check_exports(&outline.exports)?;
    let unanswered = EXPORTS.into_iter().filter(|name| !exports.contains(&interface_name(name))).collect();
    let notes = notes(&outline.imports, grants);
    Ok(Report { size: bytes.len(), exports, imports: outline.imports, unanswered, notes })
}

/// The names at a component's top level.
struct Outline {
    imports: Vec<String>,
    exports: Vec<String>,
}

impl Outline {
    fn read(bytes: &[u8]) -> Result<Self, Refused> {
        let invalid = |error: wasmparser::BinaryReaderError| Refused::Invalid(error.to_string());
        if bytes.starts_with(b"\x7fELF") {
            return Err(Refused::Precompiled);
        }
        if !bytes.starts_with(b"\0asm") {
            return Err(Refused::NotWasm);
        }
        let mut outline = Self { imports: Vec::new(), exports: Vec::new() };
        let mut parser = Parser::new(0);
        let mut rest = bytes;
        loop {
            let Chunk::Parsed { consumed, payload } = parser.parse(rest, true).map_err(invalid)? else {
                return Err(Refused::Invalid("it ends too early".to_owned()));
            };
            rest = &rest[consumed..];
            match payload {
                Payload::Version { encoding: Encoding::Module, .. } => return Err(Refused::CoreModule),
                Payload::ModuleSection { unchecked_range, .. } | Payload::ComponentSection { unchecked_range, .. } => {
                    rest = rest
                        .get(unchecked_range.len()..)
                        .ok_or_else(|| Refused::Invalid("it ends too early".to_owned()))?;
                }
                Payload::ComponentImportSection(section) => {
                    for import in section {
                        outline.imports.push(import.map_err(invalid)?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) => {
                    for export in section {
                        outline.exports.push(export.map_err(invalid)?.name.name.to_owned());
                    }
                }
                Payload::End(_) => return Ok(outline),
                _ => {}
            }
        }
    }
}

/// Splits `wasi:io/poll@0.2.6` into `wasi:io`, `poll` and `0.2.6`.
fn parts(name: &str) -> (&str, &str, &str) {
    let (path, version) = name.split_once('@').unwrap_or((name, ""));
    let (package, interface) = path.split_once('/').unwrap_or((path, ""));
    (package, interface, version)
}

fn check_import(name: &str, grants: &Grants) -> Result<(), Refused> {
    let (package, interface, version) = parts(name);
    let unknown = |why| Err(Refused::UnknownImport { name: name.to_owned(), why });
    match package {
        "wharf:channel" if version != VERSION => Err(Refused::Version(name.to_owned())),
        "wasi:keyvalue" if !grants.key_value => Err(Refused::NotGranted {
            name: name.to_owned(),
            remedy: "set key-value = true under [grants] in its manifest",
        }),
        "wasi:sockets" => {
            unknown("there are no sockets; use wasi:http/outgoing-handler, to hosts that the release grants")
        }
        "wasi:http" if interface == "incoming-handler" => unknown("requests come through the contract's interfaces"),
        _ if IMPORTS.iter().any(|(known, interfaces)| *known == package && interfaces.contains(&interface)) => Ok(()),
        _ => unknown(
            "plugins have the imports of the world wharf:channel/imports, clocks, random, streams and wasi:http",
        ),
    }
}

fn check_exports(names: &[String]) -> Result<Vec<String>, Refused> {
    let mut ours = Vec::new();
    for name in names {
        let (package, interface, version) = parts(name);
        if package != "wharf:channel" {
            continue;
        }
        if version != VERSION {
            return Err(Refused::Version(name.clone()));
        }
        if !EXPORTS.contains(&interface) {
            return Err(Refused::UnknownExport(name.clone(), EXPORTS.join(", ")));
        }
        ours.push(name.clone());
    }
    if ours.is_empty() {
        return Err(Refused::NoExports(EXPORTS.join(", ")));
    }
    Ok(ours)
}

fn notes(imports: &[String], grants: &Grants) -> Vec<&'static str> {
    let calls_out = imports.iter().any(|name| parts(name).0 == "wasi:http");
    if calls_out && grants.hosts.is_empty() {
        vec!["it can send HTTP requests, but no host is granted: each will be refused (--allow HOST)"]
    } else {
        Vec::new()
    }
}
