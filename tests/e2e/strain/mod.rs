//! Guests that burn, hoard, wait and are abandoned, many at a time: each is held at its limit, and its neighbours go on.

mod abandon;
mod burn;
mod flood;
mod heads;
mod hoard;
mod keys;
mod lane;
mod leak;
mod panics;
mod residue;

use serde_json::{Value, json};

use crate::host::Host;

fn push() -> Value {
    json!({ "inventory_updates": [{ "sku": "A", "quantity_available": 1 }] })
}

/// A number out of `/proc/PID/status`, in KiB where it is a size.
fn process(host: &Host, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in {status}"));
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Files and sockets that the node has open.
fn open_files(host: &Host) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", host.id())).unwrap().count()
}

/// Places of the channel that are free.
fn free_places(host: &Host, channel: &str) -> u64 {
    let status = host.wharf(&["status"]);
    let channels = status["channels"].as_array().unwrap();
    channels.iter().find(|one| one["channel"] == channel).unwrap()["in_flight_free"].as_u64().unwrap()
}
