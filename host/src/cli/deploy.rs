//! `wharf deploy`

use std::fs;
use std::io::{Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use http::Method;
use serde_json::Value;

use super::activate::drained;
use super::channel::path;
use super::client::Client;
use super::manifest::Manifest;
use super::output::{Output, field, progress, short_digest};
use super::{Done, Failure, Server, report, watch};
use crate::control::Spec;
use crate::store::new_id;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Deploy {
    /// The channel
    pub(super) name: String,
    /// The component
    #[arg(value_name = "FILE.wasm")]
    pub(super) file: PathBuf,
    /// Its manifest: config, grants, limits, secrets. Without this option, `wharf.toml` in the folder of FILE.wasm, if there is one
    #[arg(long, value_name = "FILE")]
    pub(super) manifest: Option<PathBuf>,
    /// One config value over the manifest's; may be repeated. It is for this release alone: what an earlier deploy set is not kept
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// A host that it may call, beside the manifest's, such as api.example.com, *.example.com:8443 or "GET,POST api.example.com/v2"; may be repeated
    #[arg(long = "allow", value_name = "HOST")]
    allow: Vec<String>,
    /// Why it is deployed
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// Check it, try it out and keep it, but let the active release answer; `wharf activate` changes over
    #[arg(long)]
    no_activate: bool,
    /// Publish it without trying it out, that is without the conformance cases and the manifest's own; its receipt says so
    #[arg(long)]
    skip_preflight: bool,
    /// Do not wait for the calls that are still on the release before; the receipt is completed later
    #[arg(long)]
    no_wait: bool,
    /// Build it first, and build and deploy it again whenever its source or its manifest changes, until Ctrl-C. The folder is
    /// that of the nearest Cargo.toml, the profile that of FILE.wasm's path, such as target/wasm32-wasip2/release/x.wasm; the manifest may lie beside that Cargo.toml
    #[arg(long)]
    watch: bool,
    /// What builds it, instead of cargo; run by `sh -c` in the crate's folder
    #[arg(long, value_name = "COMMAND", requires = "watch")]
    pub(super) build: Option<String>,
    #[command(flatten)]
    pub(super) server: Server,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// What a deploy sends.
pub(super) struct Upload {
    pub(super) component: Vec<u8>,
    pub(super) spec: Spec,
}

impl Deploy {
    pub(super) fn run(self, output: Output) -> Done {
        if self.watch {
            return watch::run(self, output);
        }
        let answer = self.send(&self.gather(self.manifest.as_deref())?)?;
        output.answer(&answer, deployed)
    }

    /// Reads the component and its manifest, which is `manifest` or lies beside it.
    pub(super) fn gather(&self, manifest: Option<&Path>) -> Result<Upload, Failure> {
        let component = read_component(&self.file)?;
        let manifest = Manifest::find(manifest, &self.file)?;
        Ok(Upload { component, spec: self.spec(manifest) })
    }

    /// Uploads it; gives the server's answer.
    pub(super) fn send(&self, upload: &Upload) -> Result<Value, Failure> {
        let client = Client::new(&self.server)?;
        progress(&format!("uploading {} ({} bytes)", self.file.display(), upload.component.len()));
        let (boundary, form) = form(&upload.component, &upload.spec)?;
        let (length, mut body) = (form.len(), Told { form: Cursor::new(form), told: false });
        let content_type = format!("multipart/form-data; boundary={boundary}");
        client.request(Method::POST, &format!("{}/releases", path(&self.name)), &content_type, length, &mut body)
    }

    fn spec(&self, manifest: Option<Manifest>) -> Spec {
        let mut spec = manifest.map(|manifest| manifest.spec).unwrap_or_default();
        spec.config.extend(self.set.iter().cloned());
        for host in &self.allow {
            if !spec.grants.hosts.contains(host) {
                spec.grants.hosts.push(host.clone());
            }
        }
        spec.note.clone_from(&self.note);
        spec.activate = !self.no_activate;
        spec.skip_preflight = self.skip_preflight;
        spec.wait = !self.no_wait;
        spec
    }
}

/// The component's bytes.
pub(super) fn read_component(file: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(file).map_err(|error| {
        let file = file.display();
        Failure::Failed(match error.kind() {
            ErrorKind::NotFound => {
                format!("{file} is not there; what makes it is: cargo build --release --target wasm32-wasip2")
            }
            _ => format!("{file}: {error}"),
        })
    })
}

/// The report, and what became of the release.
fn deployed(answer: &Value) -> String {
    report::lines(answer).into_iter().chain([outcome(answer)]).collect::<Vec<_>>().join("\n")
}

/// What became of the release.
pub(super) fn outcome(answer: &Value) -> String {
    let (channel, release) = (field(answer, "channel"), field(answer, "release"));
    let digest = short_digest(answer);
    let timings = &answer["timings"];
    let took: u64 =
        ["admit_ms", "load_ms", "preflight_ms", "publish_ms"].iter().filter_map(|name| timings[*name].as_u64()).sum();
    if answer["active"] == true {
        let from = field(answer, "from");
        format!(
            "channel {channel}: release {release} ({digest}) is active (before: {from}); it took {took} ms{}",
            drained(&answer["receipt"])
        )
    } else {
        format!(
            "channel {channel}: release {release} ({digest}) is ready, not active: wharf activate {channel} {release}"
        )
    }
}

/// The boundary and the bytes of the upload.
fn form(component: &[u8], spec: &Spec) -> Result<(String, Vec<u8>), Failure> {
    let boundary = format!("wharf-{}", new_id());
    let spec = serde_json::to_vec(spec).map_err(|error| Failure::Failed(error.to_string()))?;
    let mut form = Vec::with_capacity(component.len() + spec.len() + 512);
    for (name, content_type, bytes) in
        [("spec", "application/json", spec.as_slice()), ("component", "application/wasm", component)]
    {
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\nContent-Type: {content_type}\r\n\r\n"
        );
        form.extend_from_slice(head.as_bytes());
        form.extend_from_slice(bytes);
        form.extend_from_slice(b"\r\n");
    }
    form.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok((boundary, form))
}

/// A body that says on stderr when all of it is sent: what then takes time is the server's compiler.
struct Told {
    form: Cursor<Vec<u8>>,
    told: bool,
}

impl Read for Told {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.form.read(buffer)?;
        if !self.told && self.form.position() >= self.form.get_ref().len() as u64 {
            self.told = true;
            progress("checking, compiling, trying it out");
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_go_over_the_manifest() {
        let manifest = "name = \"x\"\n[config]\na = \"1\"\nb = \"2\"\n[grants]\nhosts = [\"h1\"]";
        let manifest = crate::cli::manifest::read("wharf.toml", manifest).unwrap();
        let server = Server { admin_url: String::new(), ca_file: None, data: PathBuf::new() };
        let deploy = Deploy {
            name: "acme".to_owned(),
            file: PathBuf::new(),
            manifest: None,
            set: vec![pair("b=3=4").unwrap(), pair("c=").unwrap()],
            allow: vec!["h1".to_owned(), "h2".to_owned()],
            note: "why".to_owned(),
            no_activate: true,
            skip_preflight: false,
            no_wait: false,
            watch: false,
            build: None,
            server,
        };
        let spec = deploy.spec(Some(manifest));
        assert_eq!(serde_json::to_value(&spec.config).unwrap(), serde_json::json!({"a": "1", "b": "3=4", "c": ""}));
        assert_eq!(spec.grants.hosts, ["h1", "h2"]);
        assert!(!spec.activate && spec.note == "why");
        assert!(pair("=x").is_err() && pair("x").is_err());
    }
}
