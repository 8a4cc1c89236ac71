//! Manifests that are nearly right: read, or refused with a line for each mistake.

use bolero::check;
use wharf_fuzz::{Dice, spoil, within_limits};

const MANIFEST: &str = r#"name = "shop"
platform-origin = "https://app.example.com"
secrets = ["API_KEY", "OTHER@3"]
[config]
number = 20
on = true
[grants]
hosts = ["api.example.com", "*.example.com:8443"]
key-value = false
[limits]
memory = "32MiB"
deadline = "5s"
in-flight = 8
[[preflight.cases]]
name = "stock"
call = "inventory_push"
expect = "answer"
"#;

#[test]
fn a_manifest_is_read_or_refused_with_its_name_in_every_line() {
    assert!(super::read("whole.toml", MANIFEST).is_ok_and(|manifest| manifest.spec.check().is_ok()));
    check!().for_each(|script: &[u8]| {
        let text = spoil(MANIFEST.as_bytes(), &mut Dice::new(script));
        let text = String::from_utf8_lossy(&text);
        within_limits(|| match super::read("fuzzed.toml", &text) {
            Ok(manifest) => {
                let _ = (manifest.name, manifest.spec.check());
            }
            Err(mistakes) => {
                assert!(
                    !mistakes.is_empty() && mistakes.iter().all(|line| line.starts_with("fuzzed.toml: ")),
                    "{mistakes:?}"
                );
            }
        });
    });
}
