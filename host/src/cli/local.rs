//! Commands that need no server: `wharf serve`, `check`, `config` and the hidden `compile`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::deploy::read_component;
use super::manifest::Manifest;
use super::output::Output;
use super::{Done, Failure, report};
use crate::config::{self, Config, ConfigErrors};
use crate::guest::admission;
use crate::guest::{self, compile};
use crate::node;
use crate::store::{Digest, LimitOverrides};

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// A configuration file; what it does not set keeps its default (see `wharf config`)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where everything is kept that must survive a restart
    #[arg(long, value_name = "DIR", default_value = "wharf-data")]
    data: PathBuf,
    /// Where the retail platforms call in, over the configuration's edge.listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    edge: Option<SocketAddr>,
    /// Where administrators call in, over the configuration's admin.listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    admin: Option<SocketAddr>,
}

impl Serve {
    pub(super) fn run(self) -> Done {
        let Self { config, data, edge, admin } = self;
        node::run(node::Options { config, data, edge, admin }).map_err(|error| {
            let message = format!("{error:#}");
            let usage = error.downcast_ref::<ConfigErrors>().is_some();
            if usage { Failure::Usage(message) } else { Failure::Failed(message) }
        })
    }
}

#[derive(Debug, Args)]
pub(super) struct Check {
    /// The component
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
    /// Its manifest. Without this option, `wharf.toml` in the folder of FILE.wasm, if there is one
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// The configuration whose limits apply
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Check {
    pub(super) fn run(self, output: Output) -> Done {
        let config = load_config(self.config.as_deref())?;
        let component = read_component(&self.file)?;
        let manifest = Manifest::find(self.manifest.as_deref(), &self.file)?;
        let spec = manifest.map(|manifest| manifest.spec).unwrap_or_default();
        let grants = spec.grants();
        spec.check(&config).map_err(|error| Failure::Failed(error.to_string()))?;
        let report =
            admission::admit(&config, &component, &grants).map_err(|error| Failure::Failed(error.to_string()))?;
        let digest = Digest::of(&component);
        try_out(&config, self.config.as_deref(), digest, &self.file)?;
        let notes = spec.notes(&config, &LimitOverrides::default());
        let answer = json!({"ok": true, "digest": digest, "report": report, "notes": notes});
        output.answer(&answer, |answer| {
            let told = format!("{} can be deployed", self.file.display());
            std::iter::once(told).chain(report::lines(answer)).collect::<Vec<_>>().join("\n")
        })
    }
}

/// Compiles and loads it as the server does, and throws the result away.
fn try_out(config: &Config, config_file: Option<&Path>, digest: Digest, component: &Path) -> Done {
    let scratch = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tried = runtime.block_on(guest::try_out(config, config_file, digest, component, scratch.path()));
    tried.map_err(|error| Failure::Failed(error.to_string()))
}

#[derive(Debug, Args)]
pub(super) struct ShowConfig {
    /// A configuration file: check it, and print the values that it results in
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the values in force, without the explanations
    #[arg(long)]
    effective: bool,
}

impl ShowConfig {
    pub(super) fn run(self, output: Output) -> Done {
        let config = load_config(self.config.as_deref())?;
        let failed = |error: &dyn std::fmt::Display| Failure::Failed(error.to_string());
        if output.json {
            return output.line(&serde_json::to_string(&config).map_err(|error| failed(&error))?);
        }
        if self.effective || self.config.is_some() {
            return output.line(&config.to_toml().map_err(|error| failed(&error))?);
        }
        output.line(config::DEFAULT)
    }
}

#[derive(Debug, Args)]
pub(super) struct Compile {
    component: PathBuf,
    compiled: PathBuf,
    #[arg(long)]
    config: Option<PathBuf>,
}

impl Compile {
    pub(super) fn run(self, output: Output) -> Done {
        let config = load_config(self.config.as_deref())?;
        let verdict = compile::run(&config, &self.component, &self.compiled);
        let verdict = verdict.map_err(|error| Failure::Failed(format!("{error:#}")))?;
        output.line(&verdict.to_string())
    }
}

/// The configuration; all of a file's mistakes are bad usage.
fn load_config(file: Option<&Path>) -> Result<Config, Failure> {
    Config::load(file).map_err(|errors| Failure::Usage(errors.to_string()))
}
