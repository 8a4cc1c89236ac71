//! Two admins at once: one wins, the other is told who changed what, and there is nothing in between.

use std::sync::Barrier;

use serde_json::{Value, json};

use super::{receipts, rounds, status};
use crate::admission::{Files, told};
use crate::host::{Host, plugin};
use crate::wire::Answer;

const NAMES: [&str; 2] = ["ann", "bob"];

/// A node with two admins, and a channel with three releases, of which the third is active.
fn node() -> (Host, [String; 2]) {
    let host = Host::start();
    host.serving("acme", "reference", &["orders=1"]);
    host.deploy("acme", "reference", &["orders=2"]);
    host.deploy("acme", "reference", &["orders=3"]);
    let tokens = NAMES.map(|name| {
        let made = host.wharf(&["token", "create", name, "--role", "deploy"]);
        made["token"].as_str().unwrap().to_owned()
    });
    (host, tokens)
}

/// What both do at the same moment.
fn both<T: Send>(work: impl Fn(usize) -> T + Sync) -> [T; 2] {
    let start = Barrier::new(2);
    std::thread::scope(|scope| {
        let at_once = [0, 1].map(|admin| {
            let (start, work) = (&start, &work);
            scope.spawn(move || {
                start.wait();
                work(admin)
            })
        });
        at_once.map(|one| one.join().unwrap())
    })
}

fn orders(host: &Host) -> u64 {
    host.sdk("acme", "order_pull", json!({})).ok(200)["orders"].as_array().unwrap().len() as u64
}

/// The two releases that are not active.
fn others(active: u64) -> [u64; 2] {
    [active % 3 + 1, (active + 1) % 3 + 1]
}

/// One of the two receipts is kept, it names its winner, and what it says answers.
#[track_caller]
fn one_has_won(host: &Host, before: &[Value], winner: usize, to: u64) {
    let after = receipts(host, "acme");
    assert_eq!(after.len(), before.len() + 1, "one change, one receipt");
    let newest = &after[0];
    assert_eq!((&newest["who"], &newest["to"]), (&json!(NAMES[winner]), &json!(to)), "{newest}");
    assert_eq!(newest["from"], before[0]["to"], "nothing in between: {newest}");
    let now = status(host, "acme");
    assert_eq!((&now["release"], &now["active"]), (&json!(to), &json!(to)), "{now}");
    assert_eq!(orders(host), to);
}

#[test]
fn of_two_who_looked_at_the_same_and_activate_one_wins_and_the_other_is_told() {
    let (host, tokens) = node();
    let mut active = 3;
    let mut wins = [0; 2];
    for round in 0..50 {
        let before = receipts(&host, "acme");
        let wanted = others(active);
        let answers: [Answer; 2] = both(|admin| {
            let seen = host.admin_as(&tokens[admin], "GET", "/v1/channels/acme", None).ok(200);
            // The other has looked by now, too.
            let wish = json!({ "release": wanted[admin], "revision": before[0]["revision"], "reason": "at once" });
            assert!(seen["revision"].as_u64() >= before[0]["revision"].as_u64());
            host.admin_as(&tokens[admin], "POST", "/v1/channels/acme/activate", Some(&wish))
        });
        let winner = answers.iter().position(|answer| answer.status == 200);
        let winner = winner.unwrap_or_else(|| panic!("round {round}: nobody won: {answers:?}"));
        let (name, error) = (NAMES[winner], &answers[1 - winner].ok(409)["error"]);
        let message = error["message"].as_str().unwrap();
        assert_eq!(error["code"], "conflict", "{error}");
        assert!(message.contains(name) && message.contains(&wanted[winner].to_string()), "round {round}: {message}");
        active = wanted[winner];
        one_has_won(&host, &before, winner, active);
        wins[winner] += 1;
    }
    println!("admins: of {} rounds {} won {}, {} won {}", wins[0] + wins[1], NAMES[0], wins[0], NAMES[1], wins[1]);
}

#[test]
fn of_two_command_lines_that_expect_the_same_one_wins_and_the_other_fails() {
    let (host, tokens) = node();
    let mut active = 3;
    for round in 0..rounds(10, 50) {
        let before = receipts(&host, "acme");
        let wanted = others(active);
        let ends = both(|admin| {
            let (to, expected) = (wanted[admin].to_string(), active.to_string());
            let mut command = host.command(&["activate", "acme", &to, "--expected", &expected, "--json"]);
            command.env("WHARF_TOKEN", &tokens[admin]).output().unwrap()
        });
        let winner = ends.iter().position(|end| end.status.success()).expect("somebody wins");
        let loser = &ends[1 - winner];
        let said = String::from_utf8_lossy(&loser.stderr);
        assert_eq!(loser.status.code(), Some(1), "round {round}: {said}");
        assert!(told(&said).contains(NAMES[winner]), "round {round}: {said}");
        active = wanted[winner];
        one_has_won(&host, &before, winner, active);
    }
}

#[test]
fn of_two_deploys_at_once_one_is_told_unless_it_began_after_the_other() {
    let (host, tokens) = node();
    let (files, whole) = (Files::new(), std::fs::read(plugin("echo")).unwrap());
    let mut conflicts = 0;
    for round in 0..u8::try_from(rounds(6, 50)).unwrap() {
        let before = receipts(&host, "acme");
        // New components, so that both are still being compiled when both have begun.
        let paths = [0, 1].map(|admin| {
            let bytes = [&whole[..], &[0, 4, 1, b'a', round, admin]].concat();
            files.write(&format!("{round}-{admin}.wasm"), &bytes)
        });
        let ends = both(|admin| {
            let mut command = host.command(&["deploy", "acme", &paths[admin], "--json"]);
            command.env("WHARF_TOKEN", &tokens[admin]).output().unwrap()
        });
        let won: Vec<_> = ends.iter().filter(|end| end.status.success()).collect();
        for loser in ends.iter().filter(|end| !end.status.success()) {
            let said = String::from_utf8_lossy(&loser.stderr);
            assert!(loser.status.code() == Some(1) && NAMES.iter().any(|name| told(&said).contains(name)), "{said}");
            conflicts += 1;
        }
        let after = receipts(&host, "acme");
        assert_eq!(after.len(), before.len() + won.len(), "round {round}: {ends:?}");
        assert!(!won.is_empty() && after.windows(2).all(|pair| pair[0]["from"] == pair[1]["to"]), "{after:?}");
        let now = status(&host, "acme");
        assert_eq!((&now["release"], &now["active"]), (&after[0]["to"], &after[0]["to"]), "{now}");
    }
    println!("admins: {conflicts} deploys of two at once were told of the other");
    assert!(conflicts > 0, "no two deploys met");
}
