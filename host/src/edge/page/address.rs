//! What the frame's address says. Nothing in it is proven but the form of its ids.

use wharf_protocol::Text;
use wharf_protocol::notification::Entity;
use wharf_protocol::notification::payments::PageRequest;

/// Longest id of a signature process, in bytes. A GUID has 36.
const LONGEST_PROCESS: usize = 64;

/// Reads the query. What is no id is absent: also a placeholder such as `{processID}` that the platform left as it was
/// registered.
pub(super) fn read(query: &str) -> PageRequest<'static> {
    let mut request = PageRequest::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let number = value.parse::<i64>().ok();
        match &*name {
            "entityTypeID" => request.entity = Entity { entity_type_id: number.unwrap_or(0), ..request.entity },
            "entityID" => request.entity.entity_id = number,
            "storeID" => request.store_id = number,
            "objectTypeID" => request.object_type_id = number,
            "paymentMethodID" => request.payment_method_id = number,
            "processID" => request.process_id = is_process(&value).then(|| Text::from(value.into_owned())),
            "localisation" => request.localisation = is_language(&value).then(|| Text::from(value.into_owned())),
            "winLangID" => request.win_lang_id = number,
            _ => {}
        }
    }
    request
}

/// The code of the user's language, as the address has it.
pub(super) fn language(query: &str) -> Option<String> {
    let languages = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "localisation");
    languages.last().map(|(_, code)| code.into_owned()).filter(|code| is_language(code))
}

fn is_process(id: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    (1..=LONGEST_PROCESS).contains(&id.len()) && id.bytes().all(legal)
}

/// Which codes there are is told in two ways that differ (`es`, `sp`), so every short one is taken.
fn is_language(code: &str) -> bool {
    (2..=8).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_the_address_are_numbers_or_absent() {
        let request = read(
            "storeID=3&objectTypeID=3&entityTypeID=5&entityID=77&paymentMethodID=x&localisation=fr&winLangID=1036",
        );
        assert_eq!((request.store_id, request.object_type_id), (Some(3), Some(3)));
        assert_eq!((request.entity.entity_type_id, request.entity.entity_id), (5, Some(77)));
        assert_eq!((request.payment_method_id, request.win_lang_id), (None, Some(1036)));
        assert_eq!(request.localisation.as_deref(), Some("fr"));
    }

    #[test]
    fn a_process_has_an_id_or_there_is_none() {
        let long = "x".repeat(65);
        let process = |text: &str| read(&format!("processID={text}")).process_id.map(|id| id.to_string());
        for good in ["7", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "a.b_c:d"] {
            assert_eq!(process(good).as_deref(), Some(good));
        }
        for bad in ["", "%7BprocessID%7D", "{processID}", "%3Cb%3E", "a%20b", "a/b", "%C3%A9", &long] {
            assert_eq!(process(bad), None, "{bad}");
        }
    }

    #[test]
    fn any_short_code_is_a_language() {
        for (code, language) in [("fr", Some("fr")), ("sp", Some("sp")), ("pt-BR", Some("pt-BR")), ("e", None)] {
            assert_eq!(read(&format!("localisation={code}")).localisation.as_deref(), language);
            assert_eq!(super::language(&format!("a=1&localisation={code}")).as_deref(), language);
        }
        for bad in ["%00", "%22%3E", "{localisation}", "abcdefghi"] {
            assert_eq!(super::language(&format!("localisation={bad}")), None, "{bad}");
        }
    }
}
