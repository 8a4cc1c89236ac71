//! Whether a component fits the contract, said in plain words. No error of the linker ever reaches a person.

use serde::Serialize;
use wasmparser::{Chunk, Encoding, Parser, Payload};

use super::cause::{Cause, one_line};
use super::exports::{VERSION, interface_name};
use super::imports::logging::{clean, cut};
use crate::config::Config;
use crate::store::Grants;

/// The interfaces that a plugin may export.
pub const EXPORTS: [&str; 6] = ["catalog", "inventory", "orders", "documents", "payments", "events"];

/// The interfaces that a plugin may import. The file system is among them because every std program names it; nothing is ever
/// opened in it.
const IMPORTS: [(&str, &[&str]); 10] = [
    (
        "wharf:channel",
        &[
            "host",
            "platform",
            "call",
            "reports",
            "notices",
            "catalog",
            "inventory",
            "orders",
            "documents",
            "payments",
            "events",
        ],
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

/// What every std program for `wasm32-wasip2` names, whether it uses it or not.
const SURROUNDINGS: [&str; 5] = ["wasi:io", "wasi:clocks", "wasi:random", "wasi:cli", "wasi:filesystem"];

/// What a component is, as far as its admission goes.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Its size in bytes.
    pub size: usize,
    /// The version of the contract that it was built for.
    pub contract: String,
    /// The contract's interfaces that it exports.
    pub exports: Vec<String>,
    /// Everything that it imports.
    pub imports: Vec<String>,
    /// What it imports beyond the contract, by what it is for.
    pub needs: Vec<Need>,
    /// The interactions and notifications that it does not answer: the host answers for them.
    pub unanswered: Vec<&'static str>,
    /// What its author may want to know.
    pub notes: Vec<&'static str>,
}

/// Something beyond the contract that a component can use.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Need {
    /// What it is, in plain words.
    pub what: &'static str,
    /// Whether the release gives it.
    pub granted: bool,
    /// How much of it there is.
    pub told: String,
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
    Invalid(&'static str),
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
    check_exports(&outline.exports)?;
    let Outline { size, exports, imports } = outline;
    let unanswered = EXPORTS.into_iter().filter(|name| !exports.contains(&interface_name(name))).collect();
    let (needs, notes) = (needs(&imports, grants), notes(&imports, grants));
    Ok(Report { size, contract: VERSION.to_owned(), exports, imports, needs, unanswered, notes })
}

/// The names at a component's top level, read without asking whether it may have them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// Its size in bytes.
    pub size: usize,
    /// The contract's interfaces that it exports, of whatever version.
    pub exports: Vec<String>,
    /// Everything that it imports.
    pub imports: Vec<String>,
}

impl Outline {
    /// Reads a component's outline in one pass over its top level.
    ///
    /// # Errors
    /// The bytes are no component.
    pub fn read(bytes: &[u8]) -> Result<Self, Refused> {
        if bytes.starts_with(b"\x7fELF") {
            return Err(Refused::Precompiled);
        }
        if !bytes.starts_with(b"\0asm") {
            return Err(Refused::NotWasm);
        }
        let mut outline = Self { size: bytes.len(), exports: Vec::new(), imports: Vec::new() };
        let mut parser = Parser::new(0);
        let mut rest = bytes;
        loop {
            let Chunk::Parsed { consumed, payload } = parser.parse(rest, true).map_err(|error| invalid(&error))? else {
                return Err(Refused::Invalid(CUT_SHORT));
            };
            rest = &rest[consumed..];
            match payload {
                Payload::Version { encoding: Encoding::Module, .. } => return Err(Refused::CoreModule),
                Payload::ModuleSection { unchecked_range, .. } | Payload::ComponentSection { unchecked_range, .. } => {
                    rest = rest.get(unchecked_range.len()..).ok_or(Refused::Invalid(CUT_SHORT))?;
                }
                Payload::ComponentImportSection(section) => {
                    for import in section {
                        outline.imports.push(printable(import.map_err(|error| invalid(&error))?.name.name));
                    }
                }
                Payload::ComponentExportSection(section) => {
                    for export in section {
                        let name = export.map_err(|error| invalid(&error))?.name.name;
                        if parts(name).0 == "wharf:channel" {
                            outline.exports.push(printable(name));
                        }
                    }
                }
                Payload::End(_) => return Ok(outline),
                _ => {}
            }
        }
    }
}

/// A name as it may be shown: nobody has looked at it yet, so it may hold anything, and be as long as the file. No name that
/// anybody knows is changed by it.
fn printable(name: &str) -> String {
    clean(cut(name, LONGEST_NAME))
}

const LONGEST_NAME: usize = 200;

const CUT_SHORT: &str = "it ends too early; upload the whole file, or build it anew";

fn invalid(error: &wasmparser::BinaryReaderError) -> Refused {
    tracing::info!(cause = %one_line(&error.to_string()), "a component's outline cannot be read");
    Refused::Invalid(match error.message() {
        text if text.contains("unexpected end") => CUT_SHORT,
        text => Cause::of(text).of_compiling(),
    })
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

fn check_exports(names: &[String]) -> Result<(), Refused> {
    for name in names {
        let (_, interface, version) = parts(name);
        if version != VERSION {
            return Err(Refused::Version(name.clone()));
        }
        if !EXPORTS.contains(&interface) {
            return Err(Refused::UnknownExport(name.clone(), EXPORTS.join(", ")));
        }
    }
    if names.is_empty() { Err(Refused::NoExports(EXPORTS.join(", "))) } else { Ok(()) }
}

fn needs(imports: &[String], grants: &Grants) -> Vec<Need> {
    let imports_any = |packages: &[&str]| imports.iter().any(|name| packages.contains(&parts(name).0));
    let need = |packages: &[&str], what, granted, told: &str| {
        imports_any(packages).then(|| Need { what, granted, told: told.to_owned() })
    };
    let hosts = if grants.hosts.is_empty() {
        "no host is granted".to_owned()
    } else {
        format!("granted for {}", grants.hosts.join(", "))
    };
    let key_value = if grants.key_value { "granted" } else { "not granted" };
    let asks = imports.iter().any(|name| parts(name).1 == "platform").then(|| Need {
        what: "the platform's API",
        granted: grants.platform.is_some(),
        told: grants.platform.as_ref().map_or_else(|| NO_PLATFORM.to_owned(), |api| format!("at {}", api.base_url)),
    });
    [
        asks,
        need(&["wasi:keyvalue"], "key-value store", grants.key_value, key_value),
        need(&["wasi:http"], "HTTP to other hosts", !grants.hosts.is_empty(), &hosts),
        need(&["wasi:config"], "configuration", true, "always there"),
        need(&["wasi:logging"], "log", true, "always there"),
        need(&SURROUNDINGS, "what every program names", true, "clocks and random numbers; no files, no environment"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

const NO_PLATFORM: &str = "the release does not say where it is";

fn notes(imports: &[String], grants: &Grants) -> Vec<&'static str> {
    let calls_out = imports.iter().any(|name| parts(name).0 == "wasi:http");
    let asks = imports.iter().any(|name| parts(name).1 == "platform");
    let notes = [
        (
            calls_out && grants.hosts.is_empty(),
            "it can send HTTP requests, but no host is granted: each will be refused (--allow HOST)",
        ),
        (
            asks && grants.platform.is_none(),
            "it can ask the platform's API, but its manifest has no [platform]: each request will be refused",
        ),
    ];
    notes.into_iter().filter_map(|(holds, note)| holds.then_some(note)).collect()
}
