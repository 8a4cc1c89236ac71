//! Pages of ours, for when a guest gives none. They stand in a fixed table, in English and in French.

use super::address;

/// What a page of ours says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notice {
    /// The address opens nothing.
    NoSuchAddress,
    /// What was sent is no form, or is too large.
    UnreadableForm,
    /// The page was open for too long, or the form is not its own.
    ExpiredForm,
    /// The page of another origin sent the form.
    ForeignForm,
    /// The guest failed, and nothing was changed.
    Unavailable,
    /// The guest failed when it had been asked to do something.
    Unknown,
}

/// The language of a page of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    English,
    French,
}

impl Language {
    /// By the first letters of the address's code, since spellings differ: `fr`, `FR`, `fr-CA`.
    pub(super) fn of(query: &str) -> Self {
        let french = address::language(query).is_some_and(|code| code[..2].eq_ignore_ascii_case("fr"));
        if french { Self::French } else { Self::English }
    }

    fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
        }
    }

    fn close(self) -> &'static str {
        match self {
            Self::English => "Close",
            Self::French => "Fermer",
        }
    }
}

/// Readable on a phone, by daylight and by night; what can be pressed is 44 px high, and seen when it has the focus.
const STYLE: &str = ":root{color-scheme:light dark;--ink:#1c1c1e;--paper:#fff;--accent:#0a5c4a}\
@media(prefers-color-scheme:dark){:root{--ink:#f2f2f0;--paper:#161917;--accent:#7fd6bd}}\
body{font:1.0625rem/1.5 system-ui,sans-serif;margin:0;padding:1.5rem 1rem;color:var(--ink);background:var(--paper);\
overflow-wrap:anywhere}main{max-width:30rem;margin:0 auto}h1{font-size:1.375rem;line-height:1.25}\
a,button{box-sizing:border-box;display:inline-block;min-height:2.75rem;padding:.625rem 1.25rem;margin:.5rem .75rem 0 0;\
font:inherit;line-height:1.5rem;color:var(--accent);background:none;border:1px solid;border-radius:.5rem;\
text-decoration:none;cursor:pointer}a:focus-visible,button:focus-visible{outline:3px solid;outline-offset:2px}";

impl Notice {
    /// Title, text, and what the link says that opens the page again.
    fn words(self, language: Language) -> (&'static str, &'static str, Option<&'static str>) {
        match (self, language) {
            (Self::NoSuchAddress, Language::English) => (
                "This page cannot be opened",
                "The address is not valid. Please close this window and try again.",
                None,
            ),
            (Self::NoSuchAddress, Language::French) => (
                "Cette page ne peut pas être ouverte",
                "L’adresse n’est pas valide. Veuillez fermer cette fenêtre et réessayer.",
                None,
            ),
            (Self::UnreadableForm, Language::English) => {
                ("The form could not be read", "Nothing was changed.", Some("Open the page again"))
            }
            (Self::UnreadableForm, Language::French) => {
                ("Le formulaire n’a pas pu être lu", "Rien n’a été modifié.", Some("Rouvrir la page"))
            }
            (Self::ExpiredForm, Language::English) => (
                "The form has expired",
                "Nothing was changed. Please open the page again and send the form from there.",
                Some("Open the page again"),
            ),
            (Self::ExpiredForm, Language::French) => (
                "Le formulaire a expiré",
                "Rien n’a été modifié. Veuillez rouvrir la page et renvoyer le formulaire.",
                Some("Rouvrir la page"),
            ),
            (Self::ForeignForm, Language::English) => (
                "The form was sent from another site",
                "Nothing was changed. If you want to go on, please open the page itself.",
                Some("Open the page"),
            ),
            (Self::ForeignForm, Language::French) => (
                "Le formulaire provient d’un autre site",
                "Rien n’a été modifié. Pour continuer, veuillez ouvrir la page elle-même.",
                Some("Ouvrir la page"),
            ),
            (Self::Unavailable, Language::English) => (
                "The page is not available",
                "Nothing was changed. Please try again later, or close this window.",
                Some("Try again"),
            ),
            (Self::Unavailable, Language::French) => (
                "La page n’est pas disponible",
                "Rien n’a été modifié. Veuillez réessayer plus tard, ou fermer cette fenêtre.",
                Some("Réessayer"),
            ),
            (Self::Unknown, Language::English) => (
                "The outcome is not known",
                "What you sent may have been done all the same. Please make sure of it before you pay or sign again.",
                Some("See how it stands"),
            ),
            (Self::Unknown, Language::French) => (
                "Le résultat n’est pas connu",
                "Votre demande a peut-être été exécutée malgré tout. Veuillez vous en assurer avant de payer ou de signer à nouveau.",
                Some("Voir où en est l’opération"),
            ),
        }
    }

    /// The whole page, with a button that closes the window if asked for.
    pub(super) fn page(self, language: Language, closes: bool) -> String {
        let (title, text, link) = self.words(language);
        // An empty address is the page's own, without the form that was sent.
        let link = link.map(|link| format!("<a href=\"\">{link}</a>")).unwrap_or_default();
        let button =
            if closes { format!("<button type=\"button\">{}</button>", language.close()) } else { String::new() };
        format!(
            "<!doctype html><html lang=\"{code}\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title>\
             <style>{STYLE}</style></head><body><main><h1>{title}</h1><p role=\"alert\">{text}</p>{link}{button}</main></body></html>",
            code = language.code(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notice_speaks_both_languages_and_none_of_success() {
        for notice in [
            Notice::NoSuchAddress,
            Notice::UnreadableForm,
            Notice::ExpiredForm,
            Notice::ForeignForm,
            Notice::Unavailable,
            Notice::Unknown,
        ] {
            let (english, french) = (notice.page(Language::English, false), notice.page(Language::French, false));
            assert!(english.contains("<html lang=\"en\">") && french.contains("<html lang=\"fr\">"), "{notice:?}");
            assert_ne!(notice.words(Language::English).0, notice.words(Language::French).0);
            assert_eq!(english.contains("<a href=\"\">"), french.contains("<a href=\"\">"), "{notice:?}");
            for page in [english, french] {
                assert!(!page.contains("<script") && !page.contains("<button"), "{page}");
                assert!(
                    !["success", "succès", "was made", "effectué"].iter().any(|word| page.contains(word)),
                    "{page}"
                );
            }
        }
    }

    #[test]
    fn french_is_spoken_to_the_french() {
        for (query, language) in [
            ("localisation=fr", Language::French),
            ("a=1&localisation=FR-ca", Language::French),
            ("localisation=en", Language::English),
            ("localisation=gb&localisation=es", Language::English),
            ("", Language::English),
            ("localisation=%C3%A9", Language::English),
        ] {
            assert_eq!(Language::of(query), language, "{query}");
        }
    }
}
