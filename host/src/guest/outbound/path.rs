//! Paths where only a part of a host is granted: in a form in which no server reads another path than we do.

/// What makes servers leave a path: dots, slashes and backslashes that are encoded, once or twice.
const HIDDEN: [&str; 6] = ["%2e", "%2f", "%5c", "%252e", "%252f", "%255c"];

/// The path with its unreserved characters decoded and without empty ends; `None` when servers may disagree on where it leads.
pub(super) fn normal(path: &str) -> Option<String> {
    let lower = path.to_ascii_lowercase();
    let climbs = |segment: &str| {
        // Some servers cut a segment at `;` before they look at it.
        let name = segment.split(';').next().unwrap_or(segment);
        matches!(name, "." | "..")
    };
    if !path.starts_with('/')
        || path.contains('\\')
        || HIDDEN.iter().any(|hidden| lower.contains(hidden))
        || path.split('/').any(climbs)
    {
        return None;
    }
    let (mut normal, mut rest) = (String::with_capacity(path.len()), path);
    while let Some((before, after)) = rest.split_once('%') {
        normal.push_str(before);
        let code = after.get(..2).filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        let byte = u8::from_str_radix(code, 16).ok()?;
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') {
            normal.push(char::from(byte));
        } else {
            normal.push('%');
            normal.push_str(&code.to_ascii_uppercase());
        }
        rest = &after[2..];
    }
    normal.push_str(rest);
    Some(normal)
}

/// Whether `path` is `prefix` or lies below it. Both are normal; the prefix has no slash at its end.
pub(super) fn below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unreserved_characters_are_decoded_and_others_keep_their_code() {
        assert_eq!(normal("/%762/a%20b%c3%a9").as_deref(), Some("/v2/a%20b%C3%A9"));
        assert_eq!(normal("/").as_deref(), Some("/"));
        assert_eq!(normal("/a//b").as_deref(), Some("/a//b"));
        assert_eq!(normal("/a.b/..c/d..").as_deref(), Some("/a.b/..c/d.."));
    }

    #[test]
    fn a_path_that_may_lead_elsewhere_is_none() {
        for path in [
            "",
            "a",
            "/..",
            "/v2/../a",
            "/v2/./a",
            "/v2/%2e%2e/a",
            "/v2/%2E./a",
            "/v2/..%2fa",
            "/v2/..%5Ca",
            "/v2\\..\\a",
            "/v2/..;/a",
            "/v2/.;x=1/a",
            "/v2/%252e%252e/a",
            "/v2/%",
            "/v2/%4",
            "/v2/%zz",
            "/v2/%+1",
        ] {
            assert_eq!(normal(path), None, "{path}");
        }
    }

    #[test]
    fn a_prefix_ends_where_a_segment_ends() {
        for (path, is_below) in
            [("/v2", true), ("/v2/", true), ("/v2/a", true), ("/v20", false), ("/v", false), ("//v2", false)]
        {
            assert_eq!(below(path, "/v2"), is_below, "{path}");
        }
    }
}
