//! Entries without number, in a fixed number of keys.
//!
//! A shelf has 64 keys, each a list of entries with a name. When a list is full its oldest entry goes: the shop
//! remembers the latest 4096 entries, and a list stays small enough to be read in each call.

use serde::{Serialize, de::DeserializeOwned};
use wharf_sdk::{Failure, kv};

const LISTS: u64 = 64;
const ENTRIES: usize = 64;

/// A short text that stands for `name`, always the same.
pub(crate) fn fingerprint(name: &str) -> u64 {
    // FNV-1a. Names come from the platform's own ids, not from people who would look for collisions.
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn key(shelf: &str, name: &str) -> String {
    format!("{shelf}/{:02x}", fingerprint(name) % LISTS)
}

/// Changes an entry such that no other call's change is lost; as [`kv::update`], for one entry of a list.
pub(crate) fn update<T, R>(shelf: &str, name: &str, mut change: impl FnMut(&mut Option<T>) -> R) -> Result<R, Failure>
where
    T: Serialize + DeserializeOwned,
{
    let result = kv::update_json(&key(shelf, name), |list: &mut Option<Vec<(String, T)>>| {
        let mut entries = list.take().unwrap_or_default();
        let place = entries.iter().position(|(other, _)| other == name);
        let mut entry = place.map(|place| entries.remove(place).1);
        let result = change(&mut entry);
        if let Some(entry) = entry {
            entries.insert(place.unwrap_or(entries.len()), (name.to_owned(), entry));
        }
        if entries.len() > ENTRIES {
            entries.remove(0);
        }
        *list = (!entries.is_empty()).then_some(entries);
        result
    })?;
    Ok(result)
}

/// An entry; none if there is none, or none any more.
pub(crate) fn get<T: DeserializeOwned>(shelf: &str, name: &str) -> Result<Option<T>, Failure> {
    let list: Vec<(String, T)> = kv::get_json(&key(shelf, name))?.unwrap_or_default();
    Ok(list.into_iter().find(|(other, _)| other == name).map(|(_, entry)| entry))
}
