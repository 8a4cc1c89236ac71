//! `[[preflight.reply]]` and `[[preflight.case]]`: what a release is tried with, some of it in files beside the manifest.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value as Json;
use toml::{Table, Value};

use super::Reader;
use crate::control::{CaseOutcome, SpecCase, SpecPreflight};
use crate::guest::RecordedReply;

impl Reader<'_> {
    pub(super) fn preflight(&mut self, value: Value) -> SpecPreflight {
        let mut preflight = SpecPreflight::default();
        for (key, value) in self.table("preflight", value) {
            match key.as_str() {
                "reply" => preflight.replies = self.sections("preflight.reply", value, Self::reply),
                "case" => preflight.cases = self.sections("preflight.case", value, Self::case),
                _ => self.unknown(&format!("preflight.{key}"), "reply, case"),
            }
        }
        preflight
    }

    /// A list of sections, each read by `read`, which is told its path.
    fn sections<T>(&mut self, path: &str, value: Value, read: fn(&mut Self, &str, Table) -> T) -> Vec<T> {
        let Value::Array(list) = value else {
            self.wrong(path, &format!("expected sections [[{path}]]"));
            return Vec::new();
        };
        let mut sections = Vec::with_capacity(list.len());
        for (index, value) in list.into_iter().enumerate() {
            let path = format!("{path}[{index}]");
            let section = self.table(&path, value);
            sections.push(read(self, &path, section));
        }
        sections
    }

    fn reply(&mut self, path: &str, section: Table) -> RecordedReply {
        let mut reply = RecordedReply {
            method: None,
            url: String::new(),
            status: 200,
            headers: BTreeMap::new(),
            body: String::new(),
        };
        self.required(path, &section, &["url"]);
        if section.contains_key("body") && section.contains_key("body-file") {
            self.wrong(path, "has a body and a body-file; take one of them");
        }
        for (key, value) in section {
            let path = format!("{path}.{key}");
            match key.as_str() {
                "method" => reply.method = self.text(&path, value),
                "url" => reply.url = self.text(&path, value).unwrap_or_default(),
                "status" => match value.as_integer().and_then(|status| u16::try_from(status).ok()) {
                    Some(status) => reply.status = status,
                    None => self.wrong(&path, "expected a status, such as 503"),
                },
                "headers" => {
                    for (name, value) in self.table(&path, value) {
                        let text = self.text(&format!("{path}.{name}"), value);
                        reply.headers.insert(name, text.unwrap_or_default());
                    }
                }
                "body" => reply.body = self.text(&path, value).unwrap_or_default(),
                "body-file" => reply.body = self.content(&path, value).unwrap_or_default(),
                _ => self.unknown(&path, "method, url, status, headers, body, body-file"),
            }
        }
        reply
    }

    fn case(&mut self, path: &str, section: Table) -> SpecCase {
        let mut case = SpecCase {
            name: String::new(),
            call: String::new(),
            request: Json::Null,
            outcome: CaseOutcome::Ok,
            expect: BTreeMap::new(),
        };
        self.required(path, &section, &["name", "call", "request"]);
        for (key, value) in section {
            let path = format!("{path}.{key}");
            match key.as_str() {
                "name" => case.name = self.text(&path, value).unwrap_or_default(),
                "call" => case.call = self.text(&path, value).unwrap_or_default(),
                "request" => case.request = self.request(&path, value),
                "outcome" => {
                    let names = CaseOutcome::ALL.map(|(name, _)| name).join(", ");
                    let outcome = self.read(&path, &value, &format!("one of {names}"), |text| {
                        CaseOutcome::ALL.into_iter().find(|(name, _)| *name == text)
                    });
                    case.outcome = outcome.map(|(_, outcome)| outcome).unwrap_or_default();
                }
                "expect" => {
                    let values = self.table(&path, value);
                    case.expect = values.into_iter().map(|(pointer, value)| (pointer, json(value))).collect();
                }
                _ => self.unknown(&path, "name, call, request, outcome, expect"),
            }
        }
        case
    }

    fn required(&mut self, path: &str, section: &Table, keys: &[&str]) {
        for key in keys.iter().filter(|key| !section.contains_key(**key)) {
            self.wrong(&format!("{path}.{key}"), "is missing");
        }
    }

    fn request(&mut self, path: &str, value: Value) -> Json {
        let name = value.as_str().unwrap_or_default().to_owned();
        let Some(text) = self.content(path, value) else { return Json::Null };
        serde_json::from_str(&text).unwrap_or_else(|error| {
            self.wrong(path, &format!("{name} is not JSON: {error}"));
            Json::Null
        })
    }

    /// What stands in a file that is named relative to the manifest.
    fn content(&mut self, path: &str, value: Value) -> Option<String> {
        let name = self.text(path, value)?;
        let read = fs::read_to_string(self.folder.join(&name));
        read.map_err(|error| self.wrong(path, &format!("{name} cannot be read: {error}"))).ok()
    }
}

fn json(value: Value) -> Json {
    match value {
        Value::String(text) => text.into(),
        Value::Integer(number) => number.into(),
        Value::Float(number) => number.into(),
        Value::Boolean(yes) => yes.into(),
        Value::Datetime(time) => time.to_string().into(),
        Value::Array(list) => list.into_iter().map(json).collect(),
        Value::Table(table) => table.into_iter().map(|(key, value)| (key, json(value))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::read_in;
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("cases")).unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn replies_and_cases_are_read_with_their_files() {
        let folder = folder(&[("cases/stock.json", "{\"inventory_updates\": []}"), ("reply.json", "{\"ok\":1}")]);
        let text = r#"
            [[preflight.reply]]
            method = "POST"
            url = "https://api.example.com/stock*"
            status = 201
            headers = { content-type = "application/json" }
            body-file = "reply.json"
            [[preflight.reply]]
            url = "https://api.example.com/"
            body = "hello"
            [[preflight.case]]
            name = "sold out"
            call = "inventory_push"
            request = "cases/stock.json"
            outcome = "refused"
            expect = { "/code" = "SOLD_OUT", "/list" = [1, 2.5, true], "/deep" = { a = "b" } }
        "#;
        let manifest = read_in("wharf.toml", folder.path(), text).unwrap();
        let expected = serde_json::json!({
            "replies": [
                {"method": "POST", "url": "https://api.example.com/stock*", "status": 201,
                 "headers": {"content-type": "application/json"}, "body": "{\"ok\":1}"},
                {"url": "https://api.example.com/", "status": 200, "headers": {}, "body": "hello"},
            ],
            "cases": [{
                "name": "sold out", "call": "inventory_push", "request": {"inventory_updates": []}, "outcome": "refused",
                "expect": {"/code": "SOLD_OUT", "/list": [1, 2.5, true], "/deep": {"a": "b"}},
            }],
        });
        assert_eq!(serde_json::to_value(manifest.spec.preflight).unwrap(), expected);
    }

    #[test]
    fn all_mistakes_are_told_with_file_and_key() {
        let folder = folder(&[("cases/broken.json", "{")]);
        let text = r#"
            [preflight]
            speed = 1
            [[preflight.reply]]
            body = "a"
            body-file = "b"
            status = "x"
            [[preflight.case]]
            name = "a"
            call = "order_pull"
            request = "cases/none.json"
            outcome = "fine"
            [[preflight.case]]
            request = "cases/broken.json"
            headers = {}
        "#;
        let mistakes = read_in("w.toml", folder.path(), text).unwrap_err();
        for part in [
            "w.toml: preflight.speed: unknown key; known here: reply, case",
            "w.toml: preflight.reply[0].url: is missing",
            "w.toml: preflight.reply[0]: has a body and a body-file",
            "w.toml: preflight.reply[0].body-file: b cannot be read: ",
            "w.toml: preflight.reply[0].status: expected a status",
            "w.toml: preflight.case[0].request: cases/none.json cannot be read: ",
            "w.toml: preflight.case[0].outcome: expected one of ok, refused, unsupported, retry-later, internal, found",
            "w.toml: preflight.case[1].name: is missing",
            "w.toml: preflight.case[1].call: is missing",
            "w.toml: preflight.case[1].request: cases/broken.json is not JSON: ",
            "w.toml: preflight.case[1].headers: unknown key",
        ] {
            let found = mistakes.iter().filter(|mistake| mistake.starts_with(part)).count();
            assert_eq!(found, 1, "{part}: {mistakes:#?}");
        }
        assert_eq!(mistakes.len(), 11, "{mistakes:#?}");
        let list = read_in("w.toml", Path::new("."), "[preflight]\ncase = 5").unwrap_err();
        assert_eq!(list, ["w.toml: preflight.case: expected sections [[preflight.case]]"]);
    }
}
