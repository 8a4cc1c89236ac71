//! `kill -9` at random moments of deploys and activations.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{Dice, receipts, rounds, status};
use crate::host::{Host, plugin};
use crate::wire::{Answer, agent, try_send};

/// A new component that answers as this plugin does: a custom section changes nothing but the digest.
fn variant(of: &str, number: u64) -> Vec<u8> {
    let mut bytes = std::fs::read(plugin(of)).unwrap();
    bytes.extend([0, 11, 2, b'k', b'n']);
    bytes.extend(number.to_le_bytes());
    bytes
}

/// A change that a node is killed in the middle of.
enum Change {
    /// Of a component that answers with this code.
    Deploy(Vec<u8>, &'static str),
    /// Of a release that is there.
    Activate(u64),
}

impl Change {
    /// Asks for it; `None` when the node went away before it had answered.
    fn ask(&self, admin: &str, token: &str) -> Option<Answer> {
        let bearer = format!("Bearer {token}");
        let url = |end: &str| format!("http://{admin}/v1/channels/acme/{end}");
        let send = |url: &str, kind: &str, body: &[u8]| {
            try_send(&agent(), "POST", url, &[("authorization", &bearer), ("content-type", kind)], body).ok()
        };
        match self {
            Self::Deploy(bytes, _) => send(&url("releases"), "application/wasm", bytes),
            Self::Activate(number) => {
                send(&url("activate"), "application/json", json!({ "release": number }).to_string().as_bytes())
            }
        }
    }

    /// How long it takes when nobody interferes.
    fn measured(&self, host: &Host) -> (Duration, u64) {
        let began = Instant::now();
        let answer = self.ask(&host.admin, &host.token).unwrap();
        assert!(acknowledged(&answer), "{answer:?}");
        (began.elapsed(), answer.json()["to"].as_u64().or(answer.json()["release"].as_u64()).unwrap())
    }
}

fn acknowledged(answer: &Answer) -> bool {
    [200, 201].contains(&answer.status)
}

/// What must be so: the release that answers, what each release says, how many changes there were.
struct Known {
    active: u64,
    newest: u64,
    receipts: usize,
    codes: BTreeMap<u64, &'static str>,
}

impl Known {
    /// The node has either done the change or not, and everything that can be asked says the same.
    fn hold(&mut self, host: &Host, change: &Change, acknowledged: bool, round: u64) {
        let wanted = match change {
            Change::Deploy(..) => self.newest + 1,
            Change::Activate(number) => *number,
        };
        let now = status(host, "acme");
        let active = now["active"].as_u64().unwrap();
        assert_eq!(now["release"], now["active"], "round {round}: what is wanted answers: {now}");
        let done = active == wanted;
        assert!(done || (!acknowledged && active == self.active), "round {round}: {active}, wanted {wanted}: {now}");
        if done && let Change::Deploy(_, code) = change {
            self.codes.insert(wanted, code);
            self.newest = wanted;
        }
        if done && wanted != self.active {
            self.receipts += 1;
        }
        self.active = active;
        let releases = host.wharf(&["releases", "acme"]);
        assert_eq!(
            releases.as_array().unwrap().len(),
            self.codes.len(),
            "round {round}: whole or not at all: {releases}"
        );
        let kept = receipts(host, "acme");
        assert_eq!((kept.len(), &kept[0]["to"]), (self.receipts, &json!(active)), "round {round}: {:?}", kept[0]);
        let shown = host.wharf(&["channel", "show", "acme"]);
        assert_eq!((&shown["revision"], &shown["digest"]), (&kept[0]["revision"], &now["digest"]), "round {round}");
        let push = json!({ "inventory_updates": [{ "sku": "A", "quantity_available": 1 }] });
        assert_eq!(host.sdk("acme", "inventory_push", push).code(), self.codes[&active], "round {round}");
        assert_eq!(host.sdk("other", "order_pull", json!({})).ok(200)["orders"].as_array().map(Vec::len), Some(3));
    }
}

#[test]
fn a_node_that_is_killed_at_any_moment_comes_back_with_the_last_acknowledged_release() {
    let mut dice = Dice::thrown("kills");
    let mut host = Host::start();
    host.serving("acme", "echo", &[]);
    host.serving("other", "reference", &["orders=3"]);
    let known_file = |name: &str| std::fs::read(plugin(name)).unwrap();
    // Compiling takes most of a deploy; one of a component that is compiled already has its other moments closer together.
    let (compiling, _) = Change::Deploy(variant("echo", u64::MAX), "STOCK").measured(&host);
    let (deploy, newest) = Change::Deploy(known_file("reference"), "UNKNOWN_SKU").measured(&host);
    let (activation, active) = Change::Activate(1).measured(&host);
    let codes = [(1, "STOCK"), (2, "STOCK"), (3, "UNKNOWN_SKU")].into();
    let mut known = Known { active, newest, receipts: 4, codes };
    let (mut unanswered, mut in_vain) = (0, 0);
    let kills = rounds(15, 50);
    for round in 0..kills {
        let (change, time) = match dice.below(6) {
            0 => (Change::Deploy(variant("echo", round), "STOCK"), compiling),
            1 => (Change::Deploy(known_file("echo"), "STOCK"), deploy),
            2 => (Change::Deploy(known_file("reference"), "UNKNOWN_SKU"), deploy),
            _ => (Change::Activate(1 + dice.below(known.newest)), activation),
        };
        let moment = Duration::from_micros(dice.below(u64::try_from(time.as_micros()).unwrap() * 3 / 2));
        let (admin, token) = (host.admin.clone(), host.token.clone());
        let before = known.active;
        let began = Instant::now();
        let change = Arc::new(change);
        let asking = std::thread::spawn({
            let change = Arc::clone(&change);
            move || change.ask(&admin, &token)
        });
        while began.elapsed() < moment && !asking.is_finished() {
            std::hint::spin_loop();
        }
        let remains = host.kill();
        let answer = asking.join().unwrap();
        host = remains.start();
        let acknowledged = answer.is_some_and(|answer| {
            assert!(acknowledged(&answer), "round {round}: {answer:?}");
            true
        });
        known.hold(&host, &change, acknowledged, round);
        unanswered += u64::from(!acknowledged);
        in_vain += u64::from(!acknowledged && known.active == before);
    }
    println!(
        "kills: {kills}, of which {unanswered} before the answer, {in_vain} of them before the change was made; \
         a deploy took {compiling:?}, {deploy:?} if compiled before, an activation {activation:?}"
    );
}
