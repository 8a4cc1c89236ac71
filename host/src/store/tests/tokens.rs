use super::*;

#[tokio::test]
async fn tokens_are_found_by_digest_until_revoked() {
    let (_dir, store) = fresh().await;
    let only = Some(vec!["acme".to_owned()]);
    let made = store.create_token("ci", Role::Deploy, only, Digest::of(b"token")).await.unwrap();
    assert_eq!(store.token_by_digest(&Digest::of(b"token")).unwrap().as_ref(), Some(&made));
    assert_eq!(store.token_by_digest(&Digest::of(b"other")).unwrap(), None);
    assert_eq!(store.tokens().unwrap(), std::slice::from_ref(&made));
    assert!(store.revoke_token(&made.id).await.unwrap());
    assert!(!store.revoke_token(&made.id).await.unwrap());
    assert_eq!(store.token_by_digest(&Digest::of(b"token")).unwrap(), None);
}
