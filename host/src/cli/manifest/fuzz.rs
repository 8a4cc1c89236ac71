//! Manifests that are nearly right: read, or refused with a line for each mistake.

use bolero::check;
use wharf_fuzz::{Dice, spoil, within_limits};

use crate::config::Config;

const MANIFEST: &str = r#"name = "shop"
platform-origin = "https://app.example.com"
secrets = ["API_KEY", "OTHER@3"]
[config]
number = 20
on = true
[grants]
hosts = ["api.example.com", "*.example.com:8443"]
key-value = false
[platform]
base-url = "https://erp.example.com/ProdClients/ACME/RESTWS/"
value = "Bearer {{secret:API_KEY}}"
[limits]
memory = "32MiB"
deadline = "5s"
in-flight = 8
[[preflight.reply]]
method = "POST"
url = "https://api.example.com/stock*"
status = 201
headers = { content-type = "application/json" }
body = "{}"
[[preflight.case]]
name = "stock"
call = "inventory_push"
request = "stock.json"
outcome = "refused"
expect = { "/code" = "SOLD_OUT", "/list" = [1, 2.5, true] }
"#;

#[test]
fn a_manifest_is_read_or_refused_with_its_name_in_every_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("stock.json"), r#"{"inventory_updates":[]}"#).unwrap();
    let config = Config::default();
    let whole = super::read_in("whole.toml", folder.path(), MANIFEST).unwrap();
    assert!(whole.spec.check(&config).is_ok());
    check!().for_each(|script: &[u8]| {
        let text = spoil(MANIFEST.as_bytes(), &mut Dice::new(script));
        let text = String::from_utf8_lossy(&text);
        within_limits(|| match super::read_in("fuzzed.toml", folder.path(), &text) {
            Ok(manifest) => {
                let _ = (manifest.name, manifest.spec.check(&config));
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
