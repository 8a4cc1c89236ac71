//! `wharf deploy --watch`: builds, deploys, and does so again whenever a source file or the manifest changes.
//!
//! What fails is told and waited out: a build, a refusal, a server that is away. The last good release keeps serving.

mod build;
mod project;
mod sources;
mod told;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::channel::path;
use super::client::Client;
use super::deploy::{Deploy, Upload, outcome};
use super::output::Output;
use super::{Done, Failure, preflight, report};
use crate::control::Spec;
use crate::store::Digest;
use project::Project;
use sources::Sources;
use told::Told;

/// Builds and deploys until it is interrupted, which is its good end.
pub(super) fn run(deploy: Deploy, output: Output) -> Done {
    let project = Project::of(&deploy)?;
    let sources = Sources::new(&project.folder, project.outside(), &deploy.file)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let mut watch = Watch { deploy: Arc::new(deploy), project, told: Told(output), deployed: None, release: None };
        let told = Told(output);
        tokio::select! {
            ended = watch.rounds(sources) => ended,
            _ = interrupt.recv() => told.say("ended", json!({}), "ended; the active release keeps serving"),
            _ = terminate.recv() => told.say("ended", json!({}), "ended; the active release keeps serving"),
        }
    });
    // An upload may be under way in a thread; its server decides what becomes of it.
    runtime.shutdown_background();
    done
}

struct Watch {
    deploy: Arc<Deploy>,
    project: Project,
    told: Told,
    /// What was deployed last, to leave the same alone.
    deployed: Option<(Digest, Spec)>,
    /// The release that it became.
    release: Option<u64>,
}

impl Watch {
    async fn rounds(&mut self, mut sources: Sources) -> Done {
        let Project { folder, command, .. } = &self.project;
        let manifest = self.project.manifest();
        let with = manifest.as_ref().map_or("without a manifest".to_owned(), |file| format!("with {}", file.display()));
        let people = format!("watching {} {with}; it is built by `{command}`; Ctrl-C ends it", folder.display());
        let fields = json!({
            "channel": self.deploy.name, "file": self.deploy.file, "folder": folder, "manifest": manifest,
            "build": command.to_string(),
        });
        self.told.say("watching", fields, &people)?;
        let mut built = None;
        loop {
            // Taken before the build, so that what changes during it leads to one more.
            let found = sources.scan()?;
            if built.as_ref() == Some(&found) {
                sources.changed().await;
                continue;
            }
            built = Some(found);
            self.round().await?;
        }
    }

    async fn round(&mut self) -> Done {
        let began = Instant::now();
        let built = build::run(&self.project).await;
        let ms = millis(began.elapsed());
        if let Err(why) = built {
            let serving = self.serving().await;
            let people = format!("{why}; {}", keeps(serving));
            return self.told.say("build", json!({"ok": false, "ms": ms, "message": why, "serving": serving}), &people);
        }
        self.told.say("build", json!({"ok": true, "ms": ms}), &format!("built in {ms} ms"))?;
        let upload = match self.deploy.gather(self.project.manifest().as_deref()) {
            Ok(upload) => upload,
            Err(failure) => return self.refused(&failure).await,
        };
        let what = (Digest::of(&upload.component), upload.spec.clone());
        if self.deployed.as_ref() == Some(&what) {
            // It may have been taken back since.
            let serving = self.serving().await;
            let people = format!("nothing changed; {}", keeps(serving));
            return self.told.say("unchanged", json!({"serving": serving}), &people);
        }
        match self.upload(upload).await {
            Ok(answer) => {
                self.deployed = Some(what);
                self.release = answer["release"].as_u64();
                self.deployed(answer)
            }
            Err(failure @ Failure::Refused { .. }) => self.refused(&failure).await,
            Err(failure) => {
                let people = format!("not deployed: {failure}; it is tried again at the next change");
                // Whatever comes next is news to that server.
                self.deployed = None;
                self.told.say("unreachable", json!({"message": failure.to_string()}), &people)
            }
        }
    }

    fn deployed(&self, answer: Value) -> Done {
        let people: Vec<_> = report::lines(&answer).into_iter().chain([outcome(&answer)]).collect();
        self.told.say("deployed", answer, &people.join("\n"))
    }

    async fn refused(&self, failure: &Failure) -> Done {
        let serving = self.serving().await;
        let details = failure.details();
        let fields =
            json!({"code": failure.code(), "message": failure.to_string(), "details": details, "serving": serving});
        let first = format!("not deployed: {failure}; {}", keeps(serving));
        let people: Vec<_> = std::iter::once(first).chain(preflight::failures(details)).collect();
        self.told.say("refused", fields, &people.join("\n"))
    }

    async fn upload(&self, upload: Upload) -> Result<Value, Failure> {
        let deploy = Arc::clone(&self.deploy);
        apart(move || deploy.send(&upload)).await
    }

    /// The release that answers, as the server says, or else as far as is known here.
    async fn serving(&self) -> Option<u64> {
        let deploy = Arc::clone(&self.deploy);
        let asked = apart(move || Client::new(&deploy.server)?.get(&path(&deploy.name))).await;
        asked.map_or(self.release, |channel| channel["active"].as_u64())
    }
}

/// Runs what blocks in a thread, so that an interrupt need not wait for it.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Failure::Failed(error.to_string()))?
}

fn keeps(serving: Option<u64>) -> String {
    match serving {
        Some(release) => format!("the last good release {release} keeps serving"),
        None => "no release serves yet".to_owned(),
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
