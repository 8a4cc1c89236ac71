//! Where the scenes play: a node with a channel, a platform whose pages frame the channel's page, and a site that is neither.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::driver::Browser;
use crate::host::{Host, Keys, wait_for};
use crate::payment_page::deploy_framed;
use crate::upstream::Upstream;
use crate::wire::{self, Answer};

pub(super) const PAID: &str = "wharf-test:paid";
pub(super) const FAILED: &str = "wharf-test:failed";
pub(super) const CLOSE: &str = "wharf-test:close";

/// A site with one page, whatever its path.
pub(super) struct Site {
    upstream: Upstream,
    html: Arc<Mutex<String>>,
}

impl Site {
    pub(super) fn start() -> Self {
        let html = Arc::new(Mutex::new(String::new()));
        let shown = Arc::clone(&html);
        let upstream = Upstream::start(move |stream| {
            let html = shown.lock().unwrap().clone();
            let length = html.len();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\nconnection: close\r\n";
            let _ = write!(stream, "{head}content-length: {length}\r\n\r\n{html}");
        });
        Self { upstream, html }
    }

    pub(super) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.upstream.port)
    }

    /// The same place under another name, which makes it another origin.
    pub(super) fn other_origin(&self) -> String {
        format!("http://localhost:{}", self.upstream.port)
    }

    /// Requests so far.
    pub(super) fn requests(&self) -> usize {
        self.upstream.seen().len()
    }

    pub(super) fn shows(&self, html: &str) {
        html.clone_into(&mut self.html.lock().unwrap());
    }

    /// Shows a page that frames another, and keeps every message that comes.
    pub(super) fn frames(&self, url: &str, attributes: &str) {
        let url = url.replace('&', "&amp;");
        self.shows(&format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Back office</title><link rel=\"icon\" href=\"data:,\">\
             <style>body{{font:16px sans-serif;margin:24px;background:#e9ecf2}}iframe{{width:100%;height:760px;border:1px solid #8893a5;background:#fff}}</style>\
             <h1>Back office</h1><script>window.heard=[];addEventListener(\"message\",event=>heard.push({{data:event.data,\
             origin:event.origin,framed:event.source===document.getElementById(\"frame\").contentWindow}}))</script>\
             <iframe id=\"frame\" title=\"Payment\" src=\"{url}\" {attributes}></iframe></html>"
        ));
    }
}

/// A node with the channel `acme`, the platform that its release names, and a foreign site.
pub(super) struct Stage {
    pub(super) host: Host,
    pub(super) keys: Keys,
    pub(super) platform: Site,
    pub(super) foreign: Site,
}

impl Stage {
    /// With a plugin and its settings.
    pub(super) fn with(plugin: &str, settings: &str) -> Self {
        let host = Host::with_config(&format!(
            "[notification]\npost-message = {{ success = \"{PAID}\", error = \"{FAILED}\", close = \"{CLOSE}\" }}\n"
        ));
        let keys = host.channel("acme");
        let stage = Self { host, keys, platform: Site::start(), foreign: Site::start() };
        stage.deploy(plugin, settings);
        stage
    }

    /// A shop whose document 71820 is saved, and waits to be paid.
    pub(super) fn shop() -> Self {
        let stage = Self::with("reference", "merchant = \"Lamps & More\"\n");
        stage.save(&json!({
            "reference": "SO-71820", "currencyCode": "EUR", "totalWithTaxes": 129.8,
            "items": [{ "description": "Cabin lamp, brass" }, { "description": "Bulb E14" }],
        }));
        stage
    }

    pub(super) fn deploy(&self, plugin: &str, settings: &str) {
        deploy_framed(&self.host, plugin, &self.platform.origin(), settings);
    }

    /// Saves the document as the platform does.
    pub(super) fn save(&self, document: &Value) {
        let body =
            json!({ "eventType": "document.validation", "entityTypeID": 2, "entityID": 71820, "data": document });
        assert_eq!(self.host.notify("acme", &self.keys.notification, &body).ok(200)["success"], true);
    }

    pub(super) fn origin(&self) -> String {
        format!("http://{}", self.host.edge)
    }

    fn url(&self, rest: &str) -> String {
        let token = &self.keys.payment;
        let ids = "storeID=4&objectTypeID=3&entityTypeID=2&entityID=71820&winLangID=1033";
        format!("{}/channels/acme/payment/{token}?{ids}&{rest}", self.origin())
    }

    /// The payment page's address.
    pub(super) fn payment(&self, language: &str) -> String {
        self.url(&format!("paymentMethodID=5&localisation={language}"))
    }

    /// The signature page's address.
    pub(super) fn signature(&self, language: &str) -> String {
        self.url(&format!("processID=p-1&localisation={language}"))
    }

    /// The payment page as it is without a browser.
    pub(super) fn fetch(&self) -> Answer {
        wire::send("GET", &self.payment("en"), &[], "")
    }

    /// Opens the platform's page with this page in its frame, and goes into the frame.
    pub(super) fn show(&self, browser: &Browser, url: &str) {
        self.platform.frames(url, "");
        browser.open(&self.platform.origin());
        browser.enter("#frame");
    }

    /// The messages that the window's own page has been sent, which have to be these, in order.
    pub(super) fn hears(&self, browser: &Browser, expected: &[&str]) {
        let from = |data: &&str| json!({ "data": data, "origin": self.origin(), "framed": true });
        let expected: Vec<Value> = expected.iter().map(from).collect();
        assert_eq!(heard(browser, expected.len()), expected);
    }
}

/// The messages that the window's own page has been sent: at least so many, and all that came before the last of our own.
pub(super) fn heard(browser: &Browser, least: usize) -> Vec<Value> {
    browser.leave();
    let said = || serde_json::from_value::<Vec<Value>>(browser.run("return window.heard")).unwrap();
    let mut messages = Vec::new();
    wait_for("the messages to the platform's window", || {
        messages = said();
        messages.len() >= least
    });
    // Two rounds through the window's own queue, in which a message that is under way arrives.
    for round in 0..2 {
        browser.run(&format!("postMessage('round {round}', '*')"));
        wait_for("a message of our own", || {
            messages = said();
            messages.iter().any(|message| message["data"] == format!("round {round}"))
        });
    }
    messages.retain(|message| !message["data"].as_str().is_some_and(|data| data.starts_with("round ")));
    messages
}
