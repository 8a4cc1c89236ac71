//! `wharf.toml`: what a release is made of beside its component, kept beside the plugin's source.

#[cfg(test)]
mod fuzz;
mod preflight;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use toml::{Table, Value};

use super::Failure;
use crate::config::{Limit, Unit};
use crate::control::Spec;
use crate::store::PlatformGrant;

/// The name that is looked for beside a component.
const FILE: &str = "wharf.toml";

/// A manifest, read.
#[derive(Debug)]
pub(super) struct Manifest {
    /// What the author calls the plugin. Not the channel's name.
    pub(super) name: Option<String>,
    pub(super) spec: Spec,
}

impl Manifest {
    /// The manifest at `given`, or else the one in the folder of `component`, if there is one. Fails with all mistakes.
    pub(super) fn find(given: Option<&Path>, component: &Path) -> Result<Option<Self>, Failure> {
        let path = given.map_or_else(|| component.with_file_name(FILE), Path::to_owned);
        if given.is_none() && !path.exists() {
            return Ok(None);
        }
        let name = path.display().to_string();
        let text = fs::read_to_string(&path).map_err(|error| Failure::Failed(format!("{name}: {error}")))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        read_in(&name, folder, &text).map(Some).map_err(|mistakes| Failure::Usage(mistakes.join("\n")))
    }
}

/// Reads a manifest that names files in `folder`; fails with every mistake, each with the file's name and its key.
fn read_in(file: &str, folder: &Path, text: &str) -> Result<Manifest, Vec<String>> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        vec![format!("{file}: line {line}: {}", error.message())]
    })?;
    let mut reader = Reader { file, folder, mistakes: Vec::new() };
    let manifest = reader.manifest(table);
    if reader.mistakes.is_empty() { Ok(manifest) } else { Err(reader.mistakes) }
}

struct Reader<'a> {
    file: &'a str,
    folder: &'a Path,
    mistakes: Vec<String>,
}

impl Reader<'_> {
    fn manifest(&mut self, table: Table) -> Manifest {
        let mut manifest = Manifest { name: None, spec: Spec::default() };
        let spec = &mut manifest.spec;
        for (key, value) in table {
            match key.as_str() {
                "name" => manifest.name = self.text(&key, value),
                "platform-origin" => spec.platform_origin = self.text(&key, value),
                "secrets" => spec.secrets = self.texts(&key, value),
                "config" => spec.config = self.config(value),
                "grants" => self.grants(value, spec),
                "platform" => spec.grants.platform = Some(self.platform(value)),
                "limits" => self.limits(value, spec),
                "preflight" => spec.preflight = self.preflight(value),
                _ => self.unknown(&key, "name, platform-origin, config, grants, platform, limits, secrets, preflight"),
            }
        }
        manifest
    }

    fn config(&mut self, value: Value) -> BTreeMap<String, String> {
        let mut config = BTreeMap::new();
        for (key, value) in self.table("config", value) {
            let text = match value {
                Value::String(text) => text,
                Value::Integer(number) => number.to_string(),
                Value::Float(number) => number.to_string(),
                Value::Boolean(yes) => yes.to_string(),
                _ => {
                    self.wrong(&format!("config.{key}"), "expected text, a number, true or false");
                    continue;
                }
            };
            config.insert(key, text);
        }
        config
    }

    fn grants(&mut self, value: Value, spec: &mut Spec) {
        for (key, value) in self.table("grants", value) {
            let path = format!("grants.{key}");
            match (key.as_str(), value) {
                ("hosts", value) => spec.grants.hosts = self.texts(&path, value),
                ("key-value", Value::Boolean(granted)) => spec.grants.key_value = granted,
                ("key-value", _) => self.wrong(&path, "expected true or false"),
                _ => self.unknown(&path, "hosts, key-value"),
            }
        }
    }

    /// What is not given stays empty, which is a mistake unless it has a default.
    fn platform(&mut self, value: Value) -> PlatformGrant {
        let (base_url, header, value_of) = (String::new(), "authorization".to_owned(), String::new());
        let mut platform = PlatformGrant { base_url, header, value: value_of };
        for (key, value) in self.table("platform", value) {
            let path = format!("platform.{key}");
            let field = match key.as_str() {
                "base-url" => &mut platform.base_url,
                "header" => &mut platform.header,
                "value" => &mut platform.value,
                _ => {
                    self.unknown(&path, "base-url, header, value");
                    continue;
                }
            };
            *field = self.text(&path, value).unwrap_or_default();
        }
        platform
    }

    fn limits(&mut self, value: Value, spec: &mut Spec) {
        for (key, value) in self.table("limits", value) {
            let path = format!("limits.{key}");
            let Ok(limit) = key.parse::<Limit>() else {
                self.unknown(&path, &Limit::ALL.map(Limit::name).join(", "));
                continue;
            };
            // Numbers of pieces need no quotes; sizes and times have their unit.
            let value = match value {
                Value::Integer(number) if limit.unit() == Unit::Count => Value::String(number.to_string()),
                other => other,
            };
            if let Some(read) = self.read(&path, &value, limit.expects(), |text| limit.read(text)) {
                spec.limits.set(limit, Some(read));
            }
        }
    }

    fn read<T>(&mut self, path: &str, value: &Value, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let read = value.as_str().and_then(parse);
        if read.is_none() {
            self.wrong(path, &format!("expected {expected}, found {value}"));
        }
        read
    }

    fn table(&mut self, path: &str, value: Value) -> Table {
        if let Value::Table(table) = value {
            return table;
        }
        self.wrong(path, &format!("expected a section [{path}]"));
        Table::new()
    }

    fn text(&mut self, path: &str, value: Value) -> Option<String> {
        if let Value::String(text) = value {
            return Some(text);
        }
        self.wrong(path, "expected text");
        None
    }

    fn texts(&mut self, path: &str, value: Value) -> Vec<String> {
        let Value::Array(list) = value else {
            self.wrong(path, "expected a list of texts, such as [\"a\", \"b\"]");
            return Vec::new();
        };
        list.into_iter()
            .enumerate()
            .filter_map(|(index, value)| self.text(&format!("{path}[{index}]"), value))
            .collect()
    }

    fn unknown(&mut self, path: &str, known: &str) {
        self.wrong(path, &format!("unknown key; known here: {known}"));
    }

    fn wrong(&mut self, path: &str, message: &str) {
        self.mistakes.push(format!("{}: {path}: {message}", self.file));
    }
}

/// Reads a manifest that names no files.
#[cfg(test)]
pub(super) fn read(file: &str, text: &str) -> Result<Manifest, Vec<String>> {
    read_in(file, Path::new(""), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_manifest_is_read() {
        let text = r#"
            name = "shop"
            platform-origin = "https://app.example.com"
            secrets = ["API_KEY"]
            [config]
            text = "a"
            number = 20
            share = 0.5
            on = true
            [grants]
            hosts = ["api.example.com"]
            key-value = false
            [platform]
            base-url = "https://erp.example.com/RESTWS/"
            value = "Bearer {{secret:API_KEY}}"
            [limits]
            memory = "32MiB"
            deadline = "5s"
            in-flight = 8
            queue-wait = "20ms"
            value = "1KiB"
        "#;
        let Manifest { name, spec } = read("wharf.toml", text).unwrap();
        assert_eq!(name.as_deref(), Some("shop"));
        let expected = serde_json::json!({
            "config": {"text": "a", "number": "20", "share": "0.5", "on": "true"},
            "grants": {"hosts": ["api.example.com"], "key_value": false, "platform": {
                "base_url": "https://erp.example.com/RESTWS/", "header": "authorization", "value": "Bearer {{secret:API_KEY}}",
            }},
            "secrets": ["API_KEY"],
            "limits": {"memory": 32 * 1024 * 1024, "deadline_ms": 5000, "in_flight": 8, "queue_wait_ms": 20, "value": 1024},
            "platform_origin": "https://app.example.com",
            "note": "", "activate": true, "skip_preflight": false, "wait": true,
            "preflight": {"replies": [], "cases": []},
        });
        assert_eq!(serde_json::to_value(spec).unwrap(), expected);
    }

    #[test]
    fn three_mistakes_are_told_at_once() {
        let text = "nam = \"x\"\n[grants]\nkey-value = \"yes\"\n[limits]\nmemory = \"32MB\"";
        let mut mistakes = read("w.toml", text).unwrap_err();
        mistakes.sort();
        assert_eq!(mistakes.len(), 3, "{mistakes:?}");
        assert_eq!(mistakes[0], "w.toml: grants.key-value: expected true or false");
        assert!(mistakes[1].starts_with("w.toml: limits.memory: expected a size"), "{mistakes:?}");
        assert!(mistakes[2].starts_with("w.toml: nam: unknown key; known here: name,"), "{mistakes:?}");
    }

    #[test]
    fn broken_toml_names_its_line() {
        let mistakes = read("w.toml", "name = \"x\"\n\n[config\n").unwrap_err();
        assert!(mistakes[0].starts_with("w.toml: line 3"), "{mistakes:?}");
    }

    #[test]
    fn without_a_manifest_the_key_value_store_is_granted() {
        assert!(read("w.toml", "").unwrap().spec.grants.key_value);
    }

    #[test]
    fn a_manifest_beside_the_component_is_found_and_may_be_absent() {
        let dir = tempfile::tempdir().unwrap();
        let component = dir.path().join("a.wasm");
        assert!(Manifest::find(None, &component).unwrap().is_none());
        fs::write(dir.path().join(FILE), "name = \"x\"").unwrap();
        assert!(Manifest::find(None, &component).unwrap().is_some());
        assert!(Manifest::find(Some(&dir.path().join("other.toml")), &component).is_err());
    }
}
