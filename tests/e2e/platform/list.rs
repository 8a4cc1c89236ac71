//! A platform that keeps a list of what it has told.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::upstream::{Upstream, saying};

/// How it answers when it is asked for its list.
#[derive(Clone)]
pub(super) enum Manner {
    /// As it is documented.
    Well,
    /// With this, whatever it is asked.
    Always(String),
    /// With notifications that never end: so many in each answer.
    Endlessly(u64),
}

struct State {
    items: Vec<Value>,
    manner: Manner,
    /// Cursors that it was asked from.
    asked: Vec<String>,
}

/// The platform; its cursors are numbers from 100 on.
pub(super) struct List {
    upstream: Upstream,
    state: Arc<Mutex<State>>,
}

const FIRST: usize = 100;

impl List {
    pub(super) fn start() -> Self {
        let state = Arc::new(Mutex::new(State { items: Vec::new(), manner: Manner::Well, asked: Vec::new() }));
        let answering = Arc::clone(&state);
        let upstream = Upstream::answering(move |head, _| answering.lock().unwrap().answer(head));
        Self { upstream, state }
    }

    pub(super) fn address(&self) -> &str {
        &self.upstream.address
    }

    /// Adds a notification to the list.
    pub(super) fn tell(&self, mut notification: Value) {
        let mut state = self.state.lock().unwrap();
        notification["cursor"] = (FIRST + state.items.len() + 1).to_string().into();
        state.items.push(notification);
    }

    pub(super) fn behave(&self, manner: Manner) {
        self.state.lock().unwrap().manner = manner;
    }

    /// The cursors that it was asked from so far.
    pub(super) fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }

    /// The heads of all requests so far.
    pub(super) fn seen(&self) -> Vec<String> {
        self.upstream.seen()
    }
}

impl State {
    fn answer(&mut self, head: &str) -> String {
        let target =
            head.split(' ').nth(1).unwrap().strip_prefix("/ProdClients/ACME/RESTWS/api/externals/v1/notification/");
        let target = target.unwrap_or_else(|| panic!("{head}"));
        if target == "latestCursor" {
            let latest = (FIRST + self.items.len()).to_string();
            return saying(200, &json!({ "success": true, "message": "", "latestCursor": latest }).to_string());
        }
        let cursor = target.strip_prefix("deltaNotification?cursor=").unwrap_or_else(|| panic!("{head}"));
        self.asked.push(cursor.to_owned());
        let from: usize = cursor.parse().unwrap();
        match &self.manner {
            Manner::Always(answer) => answer.clone(),
            Manner::Endlessly(count) => {
                let item = |place: u64| {
                    let cursor = (from as u64 + place + 1).to_string();
                    json!({ "cursor": cursor, "eventType": "workflow.validation", "entityID": cursor.parse::<u64>().unwrap() })
                };
                saying(200, &Value::from((0..*count).map(item).collect::<Vec<_>>()).to_string())
            }
            Manner::Well => {
                // Three at a time.
                let items: Vec<_> = self.items.iter().skip(from.saturating_sub(FIRST)).take(3).collect();
                saying(200, &json!(items).to_string())
            }
        }
    }
}
