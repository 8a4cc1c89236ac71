//! Good examples, spoilt a little.

use serde_json::{Map, Value};

use crate::Dice;

/// Most edits of one example; more leave nothing of it.
const EDITS: usize = 8;

/// Pieces that readers of text trip over.
const PIECES: [&[u8]; 24] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"-0",
    b"1e999",
    b"1e-999",
    b"9223372036854775808",
    b"\\ud800",
    b"\\u0000",
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\r\n",
    b"%7B",
    b"&",
    b"=",
    b"--",
];

/// The example with some bytes flipped, cut out, doubled or put in.
pub fn spoil(example: &[u8], dice: &mut Dice<'_>) -> Vec<u8> {
    let mut bytes = example.to_vec();
    for _ in 0..=dice.below(EDITS) {
        let at = dice.below(bytes.len() + 1);
        let length = dice.below(32).min(bytes.len() - at);
        match dice.byte() % 6 {
            0 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (dice.byte() % 8)),
            1 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = dice.byte()),
            2 => drop(bytes.drain(at..at + length)),
            3 => {
                let again = bytes[at..at + length].to_vec();
                bytes.splice(at..at, again);
            }
            4 => drop(bytes.splice(at..at, dice.of(&PIECES).iter().copied())),
            _ => bytes.truncate(at),
        }
    }
    bytes
}

/// The JSON example with some of its values replaced, left out, or their kinds mixed up; still JSON.
///
/// # Panics
/// The example is no JSON.
#[expect(clippy::expect_used, reason = "examples are constants of the tests")]
pub fn spoil_json(example: &str, dice: &mut Dice<'_>) -> String {
    let mut value: Value = serde_json::from_str(example).expect("an example is JSON");
    for _ in 0..=dice.below(EDITS) {
        edit(&mut value, dice);
    }
    value.to_string()
}

/// Goes down at random, and changes what it comes to.
fn edit(value: &mut Value, dice: &mut Dice<'_>) {
    let deeper = !dice.byte().is_multiple_of(4);
    match value {
        Value::Object(members) if deeper && !members.is_empty() => {
            let names: Vec<_> = members.keys().cloned().collect();
            let name = &names[dice.below(names.len())];
            if let Some(member) = members.get_mut(name) {
                edit(member, dice);
            }
        }
        Value::Array(items) if deeper && !items.is_empty() => {
            let index = dice.below(items.len());
            edit(&mut items[index], dice);
        }
        Value::Array(items) if dice.flip() && !items.is_empty() => {
            let index = dice.below(items.len());
            items.push(items[index].clone());
        }
        Value::Object(members) if dice.flip() && !members.is_empty() => {
            let names: Vec<_> = members.keys().cloned().collect();
            members.remove(&names[dice.below(names.len())]);
        }
        value => *value = odd(value, dice),
    }
}

/// A value that nobody expects in the place of `instead`.
fn odd(instead: &Value, dice: &mut Dice<'_>) -> Value {
    match dice.byte() % 14 {
        0 => Value::Null,
        1 => Value::from(i64::MIN),
        2 => Value::from(u64::MAX),
        3 => Value::from(-0.0),
        4 => Value::from(f64::MAX),
        5 => Value::from(1e-7),
        6 => Value::from(""),
        7 => Value::from("null"),
        8 => Value::from(String::from_utf8_lossy(dice.take(24))),
        9 => Value::from("é\u{0}\"\\\u{10ffff}"),
        10 => Value::from(vec![instead.clone(); dice.below(4)]),
        11 => Value::from(Map::from_iter([("x".to_owned(), instead.clone())])),
        12 => Value::from(instead.to_string()),
        _ => Value::from(i64::from_le_bytes(std::array::from_fn(|_| dice.byte()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_choices_spoil_in_the_same_way_and_json_stays_json() {
        let example = r#"{"a":[1,{"b":"c"}],"d":null}"#;
        let script: Vec<u8> = (0..200_u8).map(|n| n.wrapping_mul(73)).collect();
        for from in 0..150 {
            let dice = || Dice::new(&script[from..]);
            assert_eq!(spoil(example.as_bytes(), &mut dice()), spoil(example.as_bytes(), &mut dice()));
            let spoilt = spoil_json(example, &mut dice());
            assert!(serde_json::from_str::<Value>(&spoilt).is_ok(), "{spoilt}");
        }
        assert_eq!(Dice::new(&[]).below(0), 0);
    }
}
