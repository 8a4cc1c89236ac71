//! HTML: one sheet for all pages, readable on a phone, by daylight and by night, and with a keyboard alone.

use super::words::Words;
use crate::settings;
use std::fmt::Write as _;
use wharf_sdk::{Decimal, Failure};

/// Text has a contrast of 4.5 and more on what is behind it, and what can be pressed is 44 px high.
const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c1c1e;--soft:#565a58;--paper:#fff;--line:#767a78;--accent:#0a5c4a;--on:#fff;--wrong:#a3231b;--tint:#eef5f2}\
@media(prefers-color-scheme:dark){:root{--ink:#f2f2f0;--soft:#b6bab7;--paper:#161917;--line:#8b908d;--accent:#7fd6bd;--on:#0b2a22;--wrong:#ffb4ab;--tint:#20302b}}\
*{box-sizing:border-box}\
body{margin:0;padding:1.25rem 1rem;font:1.0625rem/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);overflow-wrap:anywhere}\
main{max-width:28rem;margin:0 auto}\
.shop{margin:0;color:var(--soft)}h1{margin:0 0 1rem;font-size:1.5rem;line-height:1.25}\
dl{margin:0 0 1.25rem;border-top:1px solid var(--line)}\
dl div{display:flex;flex-wrap:wrap;align-items:baseline;justify-content:space-between;gap:0 1rem;padding:.5rem 0;border-bottom:1px solid var(--line)}\
dt{color:var(--soft)}dd{margin:0 0 0 auto;text-align:right}.total div:last-child dd{font-size:1.375rem;font-weight:600}\
fieldset{margin:0 0 1.25rem;padding:0;border:0}legend,.label{padding:0;font-weight:600}\
.pick{display:flex;align-items:center;gap:.75rem;min-height:3rem;margin-top:.5rem;padding:.5rem .75rem;border:1px solid var(--line);border-radius:.5rem;cursor:pointer}\
.pick:has(:checked){border-color:var(--accent);background:var(--tint)}\
.pick input{flex:none;width:1.25rem;height:1.25rem;margin:0;accent-color:var(--accent)}\
.pick span{display:block}.pick small{display:block;color:var(--soft);font-size:.9375rem}\
.text{display:block;width:100%;min-height:3rem;margin:.5rem 0 1.25rem;padding:.5rem .75rem;font:inherit;color:inherit;background:var(--paper);border:1px solid var(--line);border-radius:.5rem}\
button,.link{display:block;width:100%;min-height:3rem;margin-top:.75rem;padding:.625rem 1rem;font:inherit;text-align:center;text-decoration:none;color:var(--accent);background:none;border:1px solid var(--accent);border-radius:.5rem;cursor:pointer}\
button.main{font-weight:600;color:var(--on);background:var(--accent)}\
:focus-visible{outline:3px solid var(--ink);outline-offset:2px}\
.error,.sorry{padding:.75rem;border-left:.25rem solid var(--wrong);color:var(--wrong);background:none}\
.done{padding:.75rem;border-left:.25rem solid var(--accent);background:var(--tint)}\
.error,.sorry,.done{margin:0 0 1.25rem;font-weight:600}.note{margin:1.5rem 0 0;color:var(--soft);font-size:.9375rem}";

/// A page that is being written.
pub(super) struct Sheet {
    html: String,
}

impl Sheet {
    /// Begins a page with the shop's name and a title.
    pub(super) fn new(words: &Words, title: &str) -> Result<Self, Failure> {
        let shop = settings::merchant()?;
        let html = format!(
            "<!doctype html><html lang=\"{language}\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <title>{title} – {shop}</title><style>{STYLE}</style></head><body><main>\
             <p class=\"shop\">{shop}</p><h1>{title}</h1>",
            language = words.language,
            shop = escape(&shop),
        );
        Ok(Self { html })
    }

    /// Adds what has become of it, which is read out.
    pub(super) fn status(self, class: &str, text: &str) -> Self {
        self.html(&format!("<p class=\"{class}\" role=\"status\">{}</p>", escape(text)))
    }

    /// Adds a list of names and values.
    pub(super) fn rows(self, rows: &[(&str, String)]) -> Self {
        self.list("", rows)
    }

    /// Adds a list whose last value is what it all comes to.
    pub(super) fn total(self, rows: &[(&str, String)]) -> Self {
        self.list(" class=\"total\"", rows)
    }

    fn list(mut self, class: &str, rows: &[(&str, String)]) -> Self {
        let _ = write!(self.html, "<dl{class}>");
        for (name, value) in rows {
            let _ = write!(self.html, "<div><dt>{}</dt><dd>{}</dd></div>", escape(name), escape(value));
        }
        self.html.push_str("</dl>");
        self
    }

    /// Adds HTML as it is.
    pub(super) fn html(mut self, html: &str) -> Self {
        self.html.push_str(html);
        self
    }

    /// Adds a link that opens the same page anew.
    pub(super) fn again(self, text: &str) -> Self {
        self.html(&format!("<a class=\"link\" href=\"\">{}</a>", escape(text)))
    }

    /// Adds a line in small print.
    pub(super) fn note(self, text: &str) -> Self {
        self.html(&format!("<p class=\"note\">{}</p>", escape(text)))
    }

    pub(super) fn finish(self) -> String {
        self.html + "</main></body></html>"
    }
}

/// For text between tags and in quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// An amount as it is written in the language: `1,234.50 EUR`, `1 234,50 EUR`.
pub(super) fn amount(words: &Words, amount: Decimal, currency: &str) -> String {
    let text = amount.normalize().to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) && digit.is_ascii_digit() && !grouped.ends_with('-') {
            grouped.push(words.group);
        }
        grouped.push(digit);
    }
    // The yen has no smaller coin.
    let least = if currency == "JPY" { 0 } else { 2 };
    let fraction = format!("{fraction:0<least$}");
    let point = if fraction.is_empty() { String::new() } else { words.point.to_string() };
    format!("{grouped}{point}{fraction}\u{a0}{currency}")
}
