//! Keys for callers, and ids for calls.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ulid::Ulid;

use super::StoreError;

/// A new key: 24 random bytes as 32 characters of standard Base64, so without `_` and without padding.
/// Fails only when the system gives no random bytes.
pub fn generate_key() -> Result<String, StoreError> {
    Ok(STANDARD.encode(random::<24>()?))
}

/// A new id of 26 characters that sorts by its time of creation (to the millisecond). Cheap enough for every call:
/// the random part comes from a generator of this thread, not from the system.
#[must_use]
pub fn new_id() -> String {
    Ulid::generate().to_string()
}

/// Bytes from the system's generator.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Io(format!("no random bytes from the system: {error}")))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_32_characters_and_no_underscore() {
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1000 {
            let key = generate_key().unwrap();
            assert_eq!(key.len(), 32);
            assert!(key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'), "{key}");
            assert!(seen.insert(key));
        }
    }

    #[test]
    fn ids_are_unique_and_sort_by_time() {
        let ids: Vec<_> = (0..10_000).map(|_| new_id()).collect();
        assert!(ids.iter().all(|id| id.len() == 26));
        assert!(ids.windows(2).all(|pair| pair[0][..10] <= pair[1][..10]));
        assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), ids.len());
    }
}
