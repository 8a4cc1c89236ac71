//! The pages that the platform shows in a frame: plain HTML, no script. One to pay a document, one to sign it.
//!
//! The address says which document it is about, and nothing else of it is believed: what is to be paid the shop knows from the
//! document as it was saved.

mod html;
mod pay;
mod sign;
mod words;

use crate::documents::{self, Document};
use html::Sheet;
use wharf_sdk::Failure;
use wharf_sdk::payments::{HtmlPage, PageMessage, PageRequest};
use words::Words;

/// The platform's kind of object that the shop knows.
const DOCUMENT: i64 = 3;

pub(crate) fn page(request: &PageRequest) -> Result<HtmlPage, Failure> {
    let words = words::of(request.localisation.as_deref());
    let is_document = request.object_type_id.is_none_or(|kind| kind == DOCUMENT);
    let document = if is_document { documents::open(request.entity)? } else { None };
    let task = match (&request.process_id, request.payment_method_id) {
        (Some(process), _) => Task::Sign(process),
        (None, Some(method)) => Task::Pay(method),
        (None, None) => return nothing(words, words.impossible),
    };
    match (document, task) {
        (Some(document), Task::Pay(method)) => pay::page(&Visit { words, request, document: &document }, method),
        (Some(document), Task::Sign(process)) => sign::page(&Visit { words, request, document: &document }, process),
        (None, _) => nothing(words, words.unknown),
    }
}

/// What a page is for.
enum Task<'a> {
    Pay(i64),
    Sign(&'a str),
}

/// A page that is being looked at.
struct Visit<'a> {
    words: &'static Words,
    request: &'a PageRequest,
    document: &'a Document,
}

impl Visit<'_> {
    fn field(&self, name: &str) -> Option<&str> {
        self.request.form.iter().find(|field| field.name == name).map(|field| field.value.as_str())
    }

    /// Whether the form that was sent showed the document as it was saved last.
    fn is_current(&self) -> bool {
        self.field("revision").is_some_and(|seen| seen == self.document.revision.to_string())
    }

    /// The fields that no one sees, with what was wrong with the last form above those that follow.
    fn form_begins(&self, error: Option<&str>) -> String {
        let token = html::escape(&self.request.form_token);
        let revision = self.document.revision;
        let error = error
            .map(|error| format!("<p class=\"error\" id=\"error\" role=\"alert\">{}</p>", html::escape(error)))
            .unwrap_or_default();
        format!(
            "<form method=\"post\"><input type=\"hidden\" name=\"form-token\" value=\"{token}\">\
             <input type=\"hidden\" name=\"revision\" value=\"{revision}\">{error}"
        )
    }

    /// The document, as a list of what it is and what it is about.
    fn summary(&self) -> Vec<(&'static str, String)> {
        let (words, facts) = (self.words, &self.document.facts);
        let named = Some(&facts.reference).filter(|reference| !reference.is_empty());
        let mut rows = vec![(words.document, named.unwrap_or(&self.document.code).clone())];
        if !facts.description.is_empty() {
            let more = if facts.more == 0 { String::new() } else { words.and_more(facts.more) };
            rows.push((words.about, format!("{}{more}", facts.description)));
        }
        rows
    }
}

fn nothing(words: &'static Words, why: &str) -> Result<HtmlPage, Failure> {
    let sheet = Sheet::new(words, words.payment)?.status("sorry", why);
    Ok(HtmlPage { html: sheet.finish(), message: Some(PageMessage::Error) })
}
