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

#[tokio::test]
async fn a_token_is_not_good_for_another_channel_of_the_same_name() {
    let (_dir, store) = fresh().await;
    let channels = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let both = store.create_token("both", Role::Admin, channels(&["acme", "bolt"]), Digest::of(b"1")).await.unwrap();
    store.create_token("one", Role::Admin, channels(&["acme"]), Digest::of(b"2")).await.unwrap();
    store.create_token("all", Role::Admin, None, Digest::of(b"3")).await.unwrap();
    store.delete_channel("acme").await.unwrap();
    let left: Vec<_> = store.tokens().unwrap().into_iter().map(|token| (token.name, token.channels)).collect();
    assert_eq!(left.len(), 3);
    for (name, expected) in [("both", channels(&["bolt"])), ("one", channels(&[])), ("all", None)] {
        assert!(left.contains(&(name.to_owned(), expected)), "{name}: {left:?}");
    }
    assert!(store.revoke_token(&both.id).await.unwrap());
}
