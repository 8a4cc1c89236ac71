//! The page that a document is signed on: a name, and the word that it was read.

use super::Visit;
use super::html::{self, Sheet};
use crate::documents;
use crate::shelf;
use serde::{Deserialize, Serialize};
use wharf_sdk::payments::{HtmlPage, PageMessage};
use wharf_sdk::{Failure, log};

const SHELF: &str = "signatures";

/// A signature. Once given it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Signature {
    code: String,
    signer: String,
}

pub(super) fn page(visit: &Visit, process: &str) -> Result<HtmlPage, Failure> {
    let words = visit.words;
    let entity = visit.request.entity;
    let name = format!("{}/{}/{process}", entity.entity_type_id, entity.entity_id.unwrap_or_default());
    if let Some(signature) = shelf::get(SHELF, &name)? {
        return signed(visit, &signature);
    }
    let signer = documents::short(visit.field("signer").unwrap_or_default());
    match visit.field("decision") {
        Some("refuse") => left(visit),
        Some("sign") if !visit.is_current() => form(visit, &signer, Some(words.changed)),
        Some("sign") if signer.is_empty() => form(visit, &signer, Some(words.no_signer)),
        Some("sign") if visit.field("read") != Some("yes") => form(visit, &signer, Some(words.not_read)),
        Some("sign") => signed(visit, &book(&name, &signer)?),
        _ => form(visit, &signer, None),
    }
}

/// Keeps the signature under its name, unless there is one already.
fn book(name: &str, signer: &str) -> Result<Signature, Failure> {
    let code = format!("SIG-{:016X}", shelf::fingerprint(name));
    let (signature, is_new) = shelf::update(SHELF, name, |signature: &mut Option<Signature>| {
        let is_new = signature.is_none();
        let new = || Signature { code: code.clone(), signer: signer.to_owned() };
        (signature.get_or_insert_with(new).clone(), is_new)
    })?;
    if is_new {
        log::info(format_args!("signature {code} was given"));
    }
    Ok(signature)
}

fn form(visit: &Visit, signer: &str, error: Option<&str>) -> Result<HtmlPage, Failure> {
    let words = visit.words;
    let sheet = Sheet::new(words, words.signature)?.rows(&rows(visit)?).html(&visit.form_begins(error)).html(&format!(
        "<label class=\"label\" for=\"signer\">{name}</label>\
         <input class=\"text\" id=\"signer\" name=\"signer\" autocomplete=\"name\" maxlength=\"{most}\" value=\"{signer}\"{wrong}>\
         <label class=\"pick\"><input type=\"checkbox\" name=\"read\" value=\"yes\"><span>{agree}</span></label>\
         <button class=\"main\" name=\"decision\" value=\"sign\">{sign}</button>\
         <button name=\"decision\" value=\"refuse\">{refuse}</button></form>",
        name = words.signer,
        most = documents::LONGEST,
        signer = html::escape(signer),
        wrong = if error.is_some() { " aria-describedby=\"error\"" } else { "" },
        agree = words.agree,
        sign = words.sign,
        refuse = words.refuse,
    ));
    Ok(HtmlPage { html: sheet.note(words.demonstration_signature).finish(), message: None })
}

fn signed(visit: &Visit, signature: &Signature) -> Result<HtmlPage, Failure> {
    let words = visit.words;
    let mut rows = rows(visit)?;
    rows.push((words.signed_by, signature.signer.clone()));
    rows.push((words.reference, signature.code.clone()));
    let sheet = Sheet::new(words, words.signature)?.status("done", words.signed).rows(&rows);
    Ok(HtmlPage { html: sheet.finish(), message: Some(PageMessage::Success) })
}

fn left(visit: &Visit) -> Result<HtmlPage, Failure> {
    let words = visit.words;
    let sheet = Sheet::new(words, words.signature)?.status("sorry", words.not_signed).rows(&rows(visit)?);
    Ok(HtmlPage { html: sheet.again(words.sign_after_all).finish(), message: Some(PageMessage::Error) })
}

/// What is signed.
fn rows(visit: &Visit) -> Result<Vec<(&'static str, String)>, Failure> {
    let mut rows = visit.summary();
    if let Some(due) = visit.document.total()? {
        rows.push((visit.words.amount, html::amount(visit.words, due.amount, &due.currency)));
    }
    Ok(rows)
}
