//! Components that were damaged: admitted or refused, always in plain words.

use bolero::check;
use wharf_fuzz::{Dice, spoil, within_limits};

use super::admission::admit;
use crate::config::Config;
use crate::store::Grants;

const COMPONENT: &str = r#"(component
    (import "wasi:random/random@0.2.6" (instance (export "get-random-u64" (func (result u64)))))
    (import "wharf:channel/host@0.1.0" (instance (export "deadline" (func (result u64)))))
    (core module $m (func (export "push") (result i32) i32.const 1) (memory 1) (data (i32.const 0) "abc"))
    (core instance $i (instantiate $m))
    (type $names (list string))
    (func $push (result u32) (canon lift (core func $i "push")))
    (component $inner (core module (func)))
    (instance $e (export "push" (func $push)))
    (export "wharf:channel/inventory@0.1.0" (instance $e)))"#;

#[test]
fn damaged_components_are_admitted_or_refused_in_plain_words() {
    let whole = wat::parse_str(COMPONENT).unwrap();
    let config = Config::default();
    let grants = Grants { key_value: true, ..Grants::default() };
    assert!(admit(&config, &whole, &grants).is_ok());
    check!().for_each(|script: &[u8]| {
        let bytes = spoil(&whole, &mut Dice::new(script));
        within_limits(|| {
            if let Err(refused) = admit(&config, &bytes, &grants) {
                let words = refused.to_string();
                assert!(!words.is_empty() && !words.contains("offset") && !words.contains(char::is_control), "{words}");
                assert!(words.len() < 1000, "{words}");
            }
        });
    });
}

#[test]
fn a_name_that_would_forge_a_line_or_fill_a_screen_is_told_harmlessly() {
    let importing = |name: &str| wat::parse_str(format!(r#"(component (import "{name}" (instance)))"#)).unwrap();
    let mut forged = importing("acme:evil/root");
    let at = forged.windows(4).position(|bytes| bytes == b"evil").unwrap();
    forged[at..at + 4].copy_from_slice(b"\n\x1b[J");
    let grants = Grants { key_value: true, ..Grants::default() };
    let told = |bytes: &[u8]| admit(&Config::default(), bytes, &grants).unwrap_err().to_string();
    assert!(told(&forged).contains(r"imports acme:\n\u{1b}[J/root"), "{}", told(&forged));
    assert!(told(&importing(&format!("acme:evil/{}", "x".repeat(5000)))).len() < 500);
}
