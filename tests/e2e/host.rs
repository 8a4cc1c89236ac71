//! A Wharf under test: the real program on free ports, killed when dropped, its log printed when a test fails.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::wire::{self, Answer};

/// How long anything that should happen at once may take on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// A rate that no test reaches, under `[call]`.
const UNHURRIED: &str = "rate = 1000000\nburst = 1000000\n";

/// The public test key of the SDK.
pub(crate) const TEST_KEY: &str = "RETAILOPS_SDK";

/// The program under test.
pub(crate) fn program() -> PathBuf {
    beside("wharf", "cargo build --package wharf")
}

/// The verifier's own program.
pub(crate) fn verifier() -> PathBuf {
    beside("wharf-verify", "cargo build --package wharf-verify")
}

/// A built component.
pub(crate) fn plugin(name: &str) -> PathBuf {
    let path = profile().parent().unwrap().join("plugins").join(format!("{name}.wasm"));
    assert!(path.is_file(), "{} is missing: run `cargo xtask plugins` first", path.display());
    path
}

/// The platform's own reference data, where it is at hand.
pub(crate) fn shared() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/domain");
    path.is_dir().then_some(path)
}

/// Where test output for people is kept.
pub(crate) fn kept(folder: &str) -> PathBuf {
    let path = profile().parent().unwrap().join(folder);
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn profile() -> PathBuf {
    // target/debug/deps/e2e-0123 → target/debug
    std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_owned()
}

fn beside(name: &str, remedy: &str) -> PathBuf {
    let path = profile().join(name);
    assert!(path.is_file(), "{} is missing: run `{remedy}` first", path.display());
    path
}

/// A running node and its data directory.
pub(crate) struct Host {
    child: Child,
    data: Arc<TempDir>,
    config: Option<PathBuf>,
    pub(crate) edge: String,
    pub(crate) admin: String,
    pub(crate) token: String,
    log: Arc<Mutex<String>>,
}

/// The keys of a new channel.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) sdk: String,
    pub(crate) notification: String,
    pub(crate) payment: String,
}

impl Host {
    /// A node with the default configuration.
    pub(crate) fn start() -> Self {
        Self::with_config("")
    }

    /// A node with this configuration over the default one. Where it does not set a rate, there is none: a test is one caller,
    /// as fast as it can be.
    pub(crate) fn with_config(toml: &str) -> Self {
        let data = Arc::new(tempfile::tempdir().unwrap());
        let file = data.path().join("wharf.toml");
        let section = format!("[call]\n{UNHURRIED}");
        let toml = match toml {
            _ if toml.contains("\nrate =") => toml.to_owned(),
            _ if toml.contains("[call]\n") => toml.replacen("[call]\n", &section, 1),
            _ => format!("{section}{toml}"),
        };
        std::fs::write(&file, toml).unwrap();
        Self::over(data, Some(file))
    }

    /// A node over an existing data directory.
    fn over(data: Arc<TempDir>, config: Option<PathBuf>) -> Self {
        let command = serve(data.path(), config.as_deref());
        Self::started_by(command, data, config)
    }

    /// A node that this command starts; see [`serve`].
    pub(crate) fn started_by(mut command: Command, data: Arc<TempDir>, config: Option<PathBuf>) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = drain(child.stderr.take().unwrap());
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|error| {
            let _ = child.wait();
            panic!("no ready line ({error}): {line:?}\n{}", log.lock().unwrap())
        });
        assert_eq!(ready["ready"], true);
        let address = |name: &str| ready[name].as_str().unwrap().to_owned();
        let token = std::fs::read_to_string(data.path().join("admin.token")).unwrap().trim().to_owned();
        Self { child, edge: address("edge"), admin: address("admin"), token, log, data, config }
    }

    /// Kills the node where it stands, and starts another over the same data.
    pub(crate) fn kill_and_restart(self) -> Self {
        self.kill().start()
    }

    /// Kills the node where it stands.
    pub(crate) fn kill(mut self) -> Remains {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        Remains { data: Arc::clone(&self.data), config: self.config.clone(), log: self.log() }
    }

    /// Sends SIGTERM and does not wait.
    pub(crate) fn terminate(&self) {
        let sent = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Waits until the program has ended.
    pub(crate) fn await_exit(&mut self) -> Option<i32> {
        let mut status = None;
        wait_for("the program to end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.and_then(|status| status.code())
    }

    /// The data directory.
    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the node has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Runs the command line against this node.
    pub(crate) fn cli(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// The command line against this node, not yet running.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(args).env("WHARF_ADMIN_URL", format!("http://{}", self.admin)).env("WHARF_TOKEN", &self.token);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the command line against this node, which must say no; gives the exit code and what it says.
    pub(crate) fn refuses(&self, args: &[&str]) -> (Option<i32>, String) {
        let output = self.cli(args);
        assert!(!output.status.success(), "wharf {} was done", args.join(" "));
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Runs the command line with `--json` and gives its answer; it must succeed.
    pub(crate) fn wharf(&self, args: &[&str]) -> Value {
        let output = self.cli(&[args, &["--json"]].concat());
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "wharf {}: {out}{err}\n{}", args.join(" "), self.log());
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("wharf {}: {error}: {out}", args.join(" ")))
    }

    /// Makes a channel in testing mode.
    pub(crate) fn channel(&self, name: &str) -> Keys {
        let made = self.wharf(&["channel", "create", name, "--mode", "testing"]);
        let key = |kind: &str| made[kind].as_str().unwrap().to_owned();
        Keys { sdk: key("sdk_key"), notification: key("notification_key"), payment: key("payment_token") }
    }

    /// Deploys one of our plugins with settings; gives the release's number.
    pub(crate) fn deploy(&self, channel: &str, name: &str, settings: &[&str]) -> u64 {
        let file = plugin(name);
        let mut args = vec!["deploy", channel, file.to_str().unwrap()];
        if name == "chaos" {
            // It would not pass: that is what it is for.
            args.push("--skip-preflight");
        }
        for setting in settings {
            args.extend(["--set", setting]);
        }
        self.wharf(&args)["release"].as_u64().unwrap()
    }

    /// A channel that runs one of our plugins.
    pub(crate) fn serving(&self, channel: &str, name: &str, settings: &[&str]) -> Keys {
        let keys = self.channel(channel);
        self.deploy(channel, name, settings);
        keys
    }

    /// Calls an SDK interaction with the test key; `payload` goes beside the envelope.
    pub(crate) fn sdk(&self, channel: &str, interaction: &str, payload: Value) -> Answer {
        self.sdk_as(TEST_KEY, channel, interaction, payload)
    }

    /// Calls an SDK interaction with this key.
    #[expect(clippy::needless_pass_by_value, reason = "callers write the payload where they call")]
    pub(crate) fn sdk_as(&self, key: &str, channel: &str, interaction: &str, payload: Value) -> Answer {
        wire::post(&sdk_url(&self.edge, channel, interaction), &[], &sdk_body(key, interaction, &payload))
    }

    /// Sends a notification.
    pub(crate) fn notify(&self, channel: &str, key: &str, body: &Value) -> Answer {
        wire::post(
            &format!("http://{}/channels/{channel}/notifications", self.edge),
            &[("x-api-key", key)],
            &body.to_string(),
        )
    }

    /// Calls the admin API with the first token.
    pub(crate) fn admin(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.admin_as(&self.token, method, path, body)
    }

    /// Calls the admin API with this token.
    pub(crate) fn admin_as(&self, token: &str, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(Value::to_string).unwrap_or_default();
        let bearer = format!("Bearer {token}");
        wire::send(
            method,
            &format!("http://{}{path}", self.admin),
            &[("authorization", &bearer), ("content-type", "application/json")],
            &body,
        )
    }
}

/// Where an SDK interaction is called.
pub(crate) fn sdk_url(edge: &str, channel: &str, interaction: &str) -> String {
    format!("http://{edge}/channels/{channel}/{interaction}_v1")
}

/// The body of an SDK call: the envelope, and the payload beside it.
pub(crate) fn sdk_body(key: &str, interaction: &str, payload: &Value) -> String {
    let mut body = json!({ "action": interaction, "version": 1, "client_id": 7, "channel_info": { "id": 3 } });
    body["integration_auth_token"] = key.into();
    for (name, value) in payload.as_object().unwrap() {
        body[name] = value.clone();
    }
    body.to_string()
}

/// What a killed node leaves behind.
pub(crate) struct Remains {
    data: Arc<TempDir>,
    config: Option<PathBuf>,
    /// What it had logged.
    pub(crate) log: String,
}

impl Remains {
    /// The data directory.
    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// Another node over the same data.
    pub(crate) fn start(self) -> Host {
        Host::over(self.data, self.config)
    }
}

/// The command that serves a data directory on free ports.
pub(crate) fn serve(data: &Path, config: Option<&Path>) -> Command {
    let mut command = Command::new(program());
    command.args(["serve", "--edge", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data"]).arg(data);
    // Panics can be planted, in channels that are called for it.
    command.env("WHARF_FAILPOINTS", "1");
    if let Some(config) = config {
        command.arg("--config").arg(config);
    }
    command
}

/// Runs the command line without a server.
pub(crate) fn alone(args: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.args(args).env_remove("WHARF_ADMIN_URL").env_remove("WHARF_TOKEN").stdin(Stdio::null());
    command.output().unwrap()
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let mut text = String::new();
            for line in self.log().lines().rev().take(60).collect::<Vec<_>>().into_iter().rev() {
                let _ = writeln!(text, "  | {line}");
            }
            eprintln!("the node's log ends with:\n{text}");
        }
    }
}

/// Reads a stream to its end in the background, so that the writer never blocks.
pub(crate) fn drain(mut stream: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let into = Arc::clone(&text);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count) = stream.read(&mut buffer) {
            if count == 0 {
                break;
            }
            into.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    });
    text
}

/// Asks again and again until it is so. What is waited for has a name, and a limit.
pub(crate) fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + SOON;
    while !is_so() {
        assert!(Instant::now() < until, "waited {} s in vain for {what}", SOON.as_secs());
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
