use super::*;

fn share(text: &str) -> Share {
    text.parse().unwrap()
}

fn canary(release: u64) -> Move {
    Move::Canary { release, share: share("10%") }
}

async fn refused(store: &Store, wish: Move) -> StoreError {
    let before = (store.desired().unwrap(), store.receipts("acme", 99).unwrap());
    let error = store.swap("acme", wish, by("ann")).await.unwrap_err();
    let after = (store.desired().unwrap(), store.receipts("acme", 99).unwrap());
    assert_eq!(after, before, "what was refused changes nothing: {error}");
    error
}

/// What a receipt says was done, from where to where.
fn told(receipt: &Receipt) -> (Change, Option<u64>, Option<u64>) {
    (receipt.change, receipt.from, receipt.to)
}

#[tokio::test]
async fn a_deploy_adds_a_release_and_makes_it_answer_in_one_revision() {
    let (_dir, store) = fresh().await;
    let digest = store.put_component(b"component").unwrap();
    let before = store.desired().unwrap().revision;
    for (activate, expected, active) in
        [(true, (None, Some(1)), Some(1)), (true, (Some(1), Some(2)), Some(2)), (false, (None, Some(3)), Some(2))]
    {
        let wish = Move::Deploy { spec: Box::new(spec(digest)), activate };
        let Swapped { receipt, release } = store.swap("acme", wish, by("ann")).await.unwrap();
        assert_eq!(told(&receipt), (Change::Deploy, expected.0, expected.1));
        assert_eq!(release.map(|release| release.number), receipt.to);
        assert_eq!(receipt.reason, if activate { "" } else { "not activated" });
        let found = store.channel("acme").unwrap().unwrap();
        assert_eq!((found.active, found.revision), (active, receipt.revision));
    }
    assert_eq!(store.desired().unwrap().revision, before + 3);
}

#[tokio::test]
async fn activation_remembers_the_release_before() {
    let (_dir, store) = fresh().await;
    with_releases(&store, 2).await;
    assert_eq!(told(&swap(&store, Move::Activate(1)).await), (Change::Activate, None, Some(1)));
    let second = swap(&store, Move::Activate(2)).await;
    assert_eq!(told(&second), (Change::Activate, Some(1), Some(2)));
    assert_eq!(pointers(&store), (Some(2), Some(1), None));
    assert!(matches!(refused(&store, Move::Activate(9)).await, StoreError::NoRelease { number: 9, .. }));
    let nobody = store.swap("nobody", Move::Activate(1), by("ann")).await;
    assert!(matches!(nobody, Err(StoreError::NoChannel(_))));
}

#[tokio::test]
async fn activating_the_active_release_changes_nothing() {
    let (_dir, store) = fresh().await;
    with_releases(&store, 1).await;
    let first = swap(&store, Move::Activate(1)).await;
    let before = (store.desired().unwrap(), store.receipts("acme", 9).unwrap());
    let again = swap(&store, Move::Activate(1)).await;
    assert_eq!(told(&again), (Change::Activate, Some(1), Some(1)));
    assert_eq!(again.revision, first.revision);
    assert_eq!((store.desired().unwrap(), store.receipts("acme", 9).unwrap()), before);
}

#[tokio::test]
async fn each_rollback_goes_one_further_back_and_never_forward() {
    let (_dir, store) = fresh().await;
    with_releases(&store, 3).await;
    assert!(matches!(refused(&store, Move::Rollback).await, StoreError::NoPrevious(_)));
    for number in [1, 2, 3] {
        swap(&store, Move::Activate(number)).await;
    }
    assert_eq!(told(&swap(&store, Move::Rollback).await), (Change::Rollback, Some(3), Some(2)));
    assert_eq!(pointers(&store), (Some(2), Some(1), None));
    assert_eq!(told(&swap(&store, Move::Rollback).await), (Change::Rollback, Some(2), Some(1)));
    assert_eq!(pointers(&store), (Some(1), None, None));
    let end = refused(&store, Move::Rollback).await;
    assert!(end.to_string().contains("activate one by its number instead"), "{end}");
}

#[tokio::test]
async fn the_way_back_is_the_order_of_the_last_activations() {
    let (_dir, store) = fresh().await;
    with_releases(&store, 4).await;
    let mut way: Vec<u64> = Vec::new();
    let mut dice = 1_u64;
    for step in 0..200 {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (number, back) = ((dice >> 33) % 4 + 1, (dice >> 40).is_multiple_of(3));
        if back && way.len() > 1 {
            swap(&store, Move::Rollback).await;
            way.pop();
        } else {
            swap(&store, Move::Activate(number)).await;
            way.retain(|other| *other != number);
            way.push(number);
        }
        let behind = way.iter().rev().nth(1).copied();
        assert_eq!(pointers(&store), (way.last().copied(), behind, None), "step {step}: {way:?}");
    }
}

#[tokio::test]
async fn a_wrong_expectation_changes_nothing_and_tells_who_was_there() {
    let (_dir, store) = fresh().await;
    with_releases(&store, 3).await;
    let expecting = |expected| By { expected, ..by("ann") };
    let seen = store.channel("acme").unwrap().unwrap().revision;
    store.swap("acme", Move::Activate(1), expecting(Expected::Active(None))).await.unwrap();
    let last = store.swap("acme", Move::Activate(2), by("bob")).await.unwrap().receipt;
    for (expected, found) in [
        (Expected::Active(Some(1)), "expected was release 1 active"),
        (Expected::Active(None), "expected was no active release"),
        (Expected::Revision(seen), &format!("expected was revision {seen}")),
    ] {
        let before = store.desired().unwrap();
        let conflict = store.swap("acme", Move::Activate(3), expecting(expected)).await.unwrap_err();
        assert_eq!(store.desired().unwrap(), before);
        assert!(matches!(&conflict, StoreError::Conflict { last: Some(found), .. } if **found == last));
        let told = format!(
            "channel acme has release 2 active since revision {}, {found}; bob changed it last (activate from 1 to 2); look at it again (wharf releases acme) and repeat",
            last.revision
        );
        assert_eq!(conflict.to_string(), told);
    }
    store.swap("acme", Move::Activate(3), expecting(Expected::Revision(last.revision))).await.unwrap();
}

#[tokio::test]
async fn of_two_administrators_at_once_one_wins_and_the_other_is_told() {
    let (_dir, store) = fresh().await;
    with_releases(&store, 3).await;
    swap(&store, Move::Activate(1)).await;
    let expecting = |who: &str| By { expected: Expected::Active(Some(1)), ..by(who) };
    let (ann, bob) = tokio::join!(
        store.swap("acme", Move::Activate(2), expecting("ann")),
        store.swap("acme", Move::Activate(3), expecting("bob"))
    );
    let (won, lost) = match (ann, bob) {
        (Ok(won), Err(lost)) | (Err(lost), Ok(won)) => (won.receipt, lost),
        both => panic!("one must win: {both:?}"),
    };
    assert_eq!(pointers(&store), (won.to, Some(1), None));
    assert!(lost.to_string().contains(&format!("{} changed it last", won.who)), "{lost}");
}

#[tokio::test]
async fn a_canary_runs_beside_the_active_release_and_keeps_its_start() {
    let (dir, store) = fresh().await;
    with_releases(&store, 3).await;
    assert!(matches!(refused(&store, canary(2)).await, StoreError::NoActive(_)));
    swap(&store, Move::Activate(1)).await;
    assert!(matches!(refused(&store, canary(1)).await, StoreError::AlreadyActive { release: 1, .. }));
    assert!(matches!(refused(&store, canary(9)).await, StoreError::NoRelease { number: 9, .. }));
    let begun = swap(&store, canary(2)).await;
    assert_eq!((told(&begun), begun.share), ((Change::Canary, Some(1), Some(2)), Some(share("10%"))));
    let first = store.channel("acme").unwrap().unwrap().canary.unwrap();
    let more = swap(&store, Move::Canary { release: 2, share: share("50%") }).await;
    assert_eq!(more.share, Some(share("50%")));
    drop(store);
    let found = open(&dir).channel("acme").unwrap().unwrap();
    assert_eq!(found.canary, Some(Canary { share: share("50%"), ..first }));
    assert_eq!((found.active, found.previous), (Some(1), None));
}

#[tokio::test]
async fn a_canary_keeps_other_releases_out() {
    let (_dir, store) = fresh().await;
    with_releases(&store, 3).await;
    swap(&store, Move::Activate(1)).await;
    swap(&store, canary(2)).await;
    let digest = store.put_component(b"component").unwrap();
    let spec = || Box::new(spec(digest));
    for wish in [Move::Activate(3), Move::Activate(1), canary(3), Move::Deploy { spec: spec(), activate: true }] {
        let runs = refused(&store, wish).await;
        assert!(matches!(runs, StoreError::CanaryRuns { release: 2, .. }));
        assert!(runs.to_string().contains("promote it") && runs.to_string().contains("--no-activate"), "{runs}");
    }
    let added = swap(&store, Move::Deploy { spec: spec(), activate: false }).await;
    assert_eq!(added.to, Some(4), "and the refused deploy used up no number");
    assert_eq!(pointers(&store), (Some(1), None, Some(2)));
}

#[tokio::test]
async fn a_canary_is_promoted_by_name_by_number_or_by_activation() {
    for wish in [Move::Promote(None), Move::Promote(Some(2)), Move::Activate(2)] {
        let (_dir, store) = fresh().await;
        with_releases(&store, 2).await;
        swap(&store, Move::Activate(1)).await;
        assert!(matches!(refused(&store, Move::Promote(None)).await, StoreError::NoCanary(_)));
        swap(&store, canary(2)).await;
        let other = refused(&store, Move::Promote(Some(1))).await;
        assert!(matches!(other, StoreError::OtherCanary { expected: 1, release: 2, .. }), "{other}");
        assert_eq!(told(&swap(&store, wish).await), (Change::Promote, Some(1), Some(2)));
        assert_eq!(pointers(&store), (Some(2), Some(1), None));
    }
}

#[tokio::test]
async fn a_canary_is_aborted_by_name_by_number_or_by_rollback() {
    for wish in [Move::Abort(None), Move::Abort(Some(3)), Move::Rollback] {
        let (_dir, store) = fresh().await;
        with_releases(&store, 3).await;
        swap(&store, Move::Activate(1)).await;
        swap(&store, Move::Activate(2)).await;
        assert!(matches!(refused(&store, Move::Abort(None)).await, StoreError::NoCanary(_)));
        swap(&store, canary(3)).await;
        assert!(matches!(refused(&store, Move::Abort(Some(1))).await, StoreError::OtherCanary { .. }));
        assert_eq!(told(&swap(&store, wish).await), (Change::Abort, Some(3), Some(2)));
        assert_eq!(pointers(&store), (Some(2), Some(1), None));
    }
}

#[tokio::test]
async fn a_return_ends_the_canary_or_goes_back_from_the_active_release() {
    let (_dir, store) = fresh().await;
    with_releases(&store, 4).await;
    for number in [1, 2, 3] {
        swap(&store, Move::Activate(number)).await;
    }
    swap(&store, canary(4)).await;
    assert_eq!(told(&swap(&store, Move::Return { from: 4, to: 3 }).await), (Change::Return, Some(4), Some(3)));
    assert_eq!(pointers(&store), (Some(3), Some(2), None));

    assert!(matches!(refused(&store, Move::Return { from: 4, to: 3 }).await, StoreError::Conflict { .. }));
    assert!(matches!(refused(&store, Move::Return { from: 3, to: 9 }).await, StoreError::NoRelease { .. }));
    assert!(matches!(refused(&store, Move::Return { from: 3, to: 3 }).await, StoreError::AlreadyActive { .. }));
    assert_eq!(told(&swap(&store, Move::Return { from: 3, to: 2 }).await), (Change::Return, Some(3), Some(2)));
    assert_eq!(pointers(&store), (Some(2), Some(1), None), "a rollback then goes further back, not to what failed");

    swap(&store, canary(4)).await;
    let both = swap(&store, Move::Return { from: 2, to: 1 }).await;
    assert_eq!(both.reason, "the canary of release 4 ended with it");
    assert_eq!(pointers(&store), (Some(1), None, None));
}
