//! A headless Chromium, led by its driver over the `WebDriver` protocol: JSON over HTTP.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::host::{drain, kept, wait_for};

const MISSING: &str = "chromium and chromedriver are not on the path; install them (on Debian: apt-get install chromium chromium-driver), or set WHARF_TEST_BROWSER=skip to leave out what needs a browser";

/// The member under which the protocol names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// What Chromium is started with: as root, without a screen, and speaking to nobody but the pages that it is told to open.
const FLAGS: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=800,900",
];

/// A browser with one window. Dropped, it is closed, and its driver ends.
pub(super) struct Browser {
    driver: Child,
    log: Arc<Mutex<String>>,
    /// The address of its session.
    session: String,
    agent: ureq::Agent,
    profile: TempDir,
}

/// So often a driver is started before the machine is blamed.
const TRIES: usize = 5;

impl Browser {
    /// A browser of its own, or none where the tests are to do without.
    pub(super) fn start() -> Option<Self> {
        match std::env::var("WHARF_TEST_BROWSER").as_deref() {
            Ok("skip") => {
                println!("skipped: WHARF_TEST_BROWSER=skip leaves out what needs a browser");
                return None;
            }
            Ok(why) => panic!("{why}"),
            Err(_) => {}
        }
        let chromium = ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(on_path);
        let (Some(chromium), Some(driver)) = (chromium, on_path("chromedriver")) else { panic!("{MISSING}") };
        // The port that it finds free for one family of addresses may be taken in the other: then it ends at once.
        let (mut browser, port) =
            (0..TRIES).find_map(|_| Self::driven(&driver)).unwrap_or_else(|| panic!("the driver takes no port"));
        browser.begin(&format!("http://127.0.0.1:{port}"), &chromium);
        Some(browser)
    }

    /// A driver and its port; none when it ended without one.
    fn driven(driver: &std::path::Path) -> Option<(Self, u16)> {
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new(driver);
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        // What it keeps beside the profile would otherwise go into the home of whoever runs the tests.
        command.env("HOME", profile.path()).env_remove("DISPLAY");
        let mut driver = command.spawn().unwrap();
        let log = drain(driver.stderr.take().unwrap());
        let mut out = BufReader::new(driver.stdout.take().unwrap()).lines();
        let browser = Self { driver, log, session: String::new(), agent: agent(), profile };
        let port = out.by_ref().map_while(Result::ok).find_map(|line| {
            println!("driver: {line}");
            let (_, port) = line.trim().trim_end_matches('.').rsplit_once("started successfully on port ")?;
            Some(port.parse().unwrap())
        });
        std::thread::spawn(move || out.count());
        Some((browser, port?))
    }

    fn begin(&mut self, base: &str, chromium: &std::path::Path) {
        let mut args: Vec<String> = FLAGS.map(str::to_owned).to_vec();
        args.push(format!("--user-data-dir={}", self.profile.path().join("profile").display()));
        let options = json!({
            "browserName": "chrome",
            "goog:chromeOptions": { "binary": chromium, "args": args },
            "goog:loggingPrefs": { "browser": "ALL" },
            "timeouts": { "pageLoad": 60_000, "script": 30_000, "implicit": 0 },
        });
        base.clone_into(&mut self.session);
        let begun = self.ask("POST", "/session", &json!({ "capabilities": { "alwaysMatch": options } }));
        self.session = format!("{base}/session/{}", begun["sessionId"].as_str().unwrap());
    }

    /// Sends a command of the protocol; gives its value, or the error's text.
    fn try_ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let url = format!("{}{path}", self.session);
        let request = ureq::http::Request::builder().method(method).uri(&url);
        let sent = if method == "POST" {
            self.agent.run(request.header("content-type", "application/json").body(body.to_string()).unwrap())
        } else {
            self.agent.run(request.body(()).unwrap())
        };
        let mut response = sent.map_err(|error| format!("{method} {path}: {error}"))?;
        let text =
            response.body_mut().with_config().limit(64 << 20).read_to_string().map_err(|error| error.to_string())?;
        let value = serde_json::from_str::<Value>(&text).map_err(|error| format!("{error}: {text}"))?["value"].take();
        if response.status().is_success() { Ok(value) } else { Err(format!("{method} {path}: {value}")) }
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        self.try_ask(method, path, body)
            .unwrap_or_else(|error| panic!("{error}\nthe driver said: {}", self.log.lock().unwrap()))
    }

    /// Opens a page and waits until it has loaded.
    pub(super) fn open(&self, url: &str) {
        self.ask("POST", "/url", &json!({ "url": url }));
    }

    fn find(&self, css: &str) -> Result<String, String> {
        let found = self.try_ask("POST", "/element", &json!({ "using": "css selector", "value": css }))?;
        Ok(found[ELEMENT].as_str().unwrap().to_owned())
    }

    /// Waits until there is such an element.
    pub(super) fn element(&self, css: &str) -> String {
        let mut found = None;
        wait_for(css, || {
            found = self.find(css).ok();
            found.is_some()
        });
        found.unwrap()
    }

    /// Whether there is such an element now.
    pub(super) fn has(&self, css: &str) -> bool {
        self.find(css).is_ok()
    }

    /// Goes into the frame of the present page.
    pub(super) fn enter(&self, css: &str) {
        let frame = self.element(css);
        self.ask("POST", "/frame", &json!({ "id": { ELEMENT: frame } }));
    }

    /// Goes back to the window's own page.
    pub(super) fn leave(&self) {
        self.ask("POST", "/frame", &json!({ "id": null }));
    }

    /// Presses an element with the mouse.
    pub(super) fn click(&self, css: &str) {
        let element = self.element(css);
        self.ask("POST", &format!("/element/{element}/click"), &json!({}));
    }

    /// Writes into a field.
    pub(super) fn write(&self, css: &str, text: &str) {
        let element = self.element(css);
        self.ask("POST", &format!("/element/{element}/value"), &json!({ "text": text }));
    }

    /// Waits until there is such an element; gives the text that a user sees in it.
    pub(super) fn text(&self, css: &str) -> String {
        let element = self.element(css);
        self.ask("GET", &format!("/element/{element}/text"), &Value::Null).as_str().unwrap().to_owned()
    }

    /// Presses keys one after the other, wherever the focus is.
    pub(super) fn press(&self, keys: &str) {
        let strokes =
            |key: char| [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })];
        let actions: Vec<Value> = keys.chars().flat_map(strokes).collect();
        self.ask("POST", "/actions", &json!({ "actions": [{ "type": "key", "id": "keys", "actions": actions }] }));
    }

    /// Runs the body of a function in the present page.
    pub(super) fn run(&self, script: &str) -> Value {
        self.ask("POST", "/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Sends a command of Chromium's own protocol.
    fn chromium(&self, command: &str, params: &Value) -> Value {
        self.ask("POST", "/goog/cdp/execute", &json!({ "cmd": command, "params": params }))
    }

    /// Makes the window as large as a phone's, or another size.
    pub(super) fn resize(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 2, "mobile": false });
        self.chromium("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Has pages shown as by night, or as by day.
    pub(super) fn darken(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        self.chromium("Emulation.setEmulatedMedia", &features);
    }

    /// What the browser has told to developers since it was asked last.
    pub(super) fn console(&self) -> String {
        let entries = self.ask("POST", "/se/log", &json!({ "type": "browser" }));
        let lines = entries.as_array().unwrap().iter().map(|entry| entry["message"].as_str().unwrap_or_default());
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Keeps a picture of the whole window's page under this name.
    pub(super) fn keep(&self, name: &str) {
        let size = self.chromium("Page.getLayoutMetrics", &json!({}))["cssContentSize"].take();
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        let shot = self.chromium("Page.captureScreenshot", &json!({ "captureBeyondViewport": true, "clip": clip }));
        let file = kept("browser").join(format!("{name}.png"));
        std::fs::write(&file, BASE64_STANDARD.decode(shot["data"].as_str().unwrap()).unwrap()).unwrap();
        println!("kept {}", file.display());
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if self.session.contains("/session/") {
            let _ = self.try_ask("DELETE", "", &Value::Null);
        }
        // What is left of the browser is of the driver's group.
        let _ = Command::new("kill")
            .args(["-KILL", "--", &format!("-{}", self.driver.id())])
            .stderr(Stdio::null())
            .status();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        if std::thread::panicking() {
            println!("the driver said: {}", self.log.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// Patient: a browser's first start on a busy machine takes its time.
fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    config.timeout_global(Some(Duration::from_mins(2))).build().into()
}

fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(|file| file.is_file())
}
