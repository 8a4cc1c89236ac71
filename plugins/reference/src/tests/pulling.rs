use super::*;

fn numbers(orders: &[SalesOrder]) -> Vec<&str> {
    orders.iter().map(|order| order.channel_order_refnum.as_str()).collect()
}

fn acknowledge(fake: &mut Fake, orders: Vec<OrderRef>) -> Vec<Event> {
    let request = OrderAcknowledgeRequest { orders };
    fake.run(|| Shop::acknowledge(&context(), request)).expect("a report").events
}

#[test]
fn a_new_shop_offers_three_orders_and_writes_nothing() {
    let mut fake = Fake::new();
    let page = pull(&mut fake, "");
    assert_eq!(numbers(&page.orders), ["R100001", "R100002", "R100003"]);
    assert_eq!(page.next_page_token, "");
    assert!(page.orders.iter().all(|order| order.currency == "USD" && !order.cancel));
    assert_eq!(fake.commits(), 0);
}

#[test]
fn pages_follow_each_other_without_gap_or_repeat() {
    let mut fake = Fake::new().config("orders", 45).config("page_size", 20);
    let mut token = String::new();
    let mut seen = Vec::new();
    for expected in [20, 20, 5] {
        let page = pull(&mut fake, &token);
        assert_eq!(page.orders.len(), expected);
        assert!(page.next_page_token.len() <= 35);
        seen.extend(page.orders.into_iter().map(|order| order.channel_order_refnum));
        token = page.next_page_token;
    }
    assert_eq!(token, "");
    assert_eq!(seen.len(), 45);
    assert!(seen.is_sorted_by(|one, next| one < next));
}

#[test]
fn a_page_that_ends_with_the_last_order_has_no_next() {
    let page = pull(&mut Fake::new().config("orders", 20), "");
    assert_eq!((page.orders.len(), page.next_page_token.as_str()), (20, ""));
    let page = pull(&mut Fake::new().config("orders", 0), "");
    assert_eq!((page.orders.len(), page.next_page_token.as_str()), (0, ""));
}

#[test]
fn acknowledging_between_pages_skips_nothing() {
    let mut fake = Fake::new().config("orders", 4).config("page_size", 2);
    let first = pull(&mut fake, "");
    let taken = first.orders.iter().map(|order| order_ref(&order.channel_order_refnum, 0)).collect();
    assert!(acknowledge(&mut fake, taken).is_empty());
    assert_eq!(numbers(&pull(&mut fake, &first.next_page_token).orders), ["R100003", "R100004"]);
}

#[test]
fn orders_are_offered_until_they_are_acknowledged() {
    let mut fake = Fake::new();
    assert_eq!(pull(&mut fake, "").orders.len(), 3);
    assert_eq!(pull(&mut fake, "").orders.len(), 3);
    acknowledge(&mut fake, vec![order_ref("R100002", 0)]);
    assert_eq!(numbers(&pull(&mut fake, "").orders), ["R100001", "R100003"]);
}

#[test]
fn acknowledging_again_changes_nothing_and_keeps_the_id() {
    let mut fake = Fake::new();
    assert!(acknowledge(&mut fake, vec![order_ref(FIRST, 77)]).is_empty());
    assert!(acknowledge(&mut fake, vec![order_ref(FIRST, 0), order_ref(FIRST, 77)]).is_empty());
    assert_eq!(fake.value("acknowledged").as_deref(), Some(r#"{"1":77}"#));
    assert_eq!(fake.commits(), 1);
}

#[test]
fn an_unknown_number_is_an_event_and_the_rest_is_acknowledged() {
    let mut fake = Fake::new();
    let orders = ["496", "R100004", "", "R100003"].map(|refnum| order_ref(refnum, 0)).to_vec();
    let events = acknowledge(&mut fake, orders);
    assert_eq!(codes(&events), ["UNKNOWN_ORDER", "UNKNOWN_ORDER", "MISSING_ORDER"]);
    assert_eq!(events[0].associations[0].identifier, "496");
    assert_eq!(numbers(&pull(&mut fake, "").orders), ["R100001", "R100002"]);
}

#[test]
fn acknowledgements_that_meet_are_both_kept() {
    let mut fake = Fake::new().meddle("acknowledged", r#"{"2":5}"#);
    acknowledge(&mut fake, vec![order_ref(FIRST, 0)]);
    assert_eq!(fake.value("acknowledged").as_deref(), Some(r#"{"1":0,"2":5}"#));
}

#[test]
fn specific_orders_lift_the_filter_and_ignore_the_token() {
    let mut fake = Fake::new();
    acknowledge(&mut fake, vec![order_ref("R100002", 0)]);
    let orders = specific(&mut fake, &["R100002", "R100001", "R100002", "unknown"]);
    assert_eq!(numbers(&orders), ["R100002", "R100001"]);
    assert!(fake.logs().iter().any(|line| { line.message.contains("3 orders were asked for, 2 are given") }));
}

#[test]
fn more_specific_orders_than_an_answer_holds_are_cut() {
    let mut fake = Fake::new().config("orders", 150);
    let asked: Vec<String> = (1..=150).map(crate::seed::refnum).collect();
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    assert_eq!(specific(&mut fake, &asked).len(), 100);
}

#[test]
fn a_foreign_page_token_is_refused() {
    let request = OrderPullRequest { page_token: "string".to_owned(), ..OrderPullRequest::default() };
    let failure = Fake::new().run(|| Shop::pull(&context(), request));
    assert!(matches!(failure, Err(Failure::Refused(refusal)) if refusal.code == "BAD_PAGE_TOKEN"));
}

#[test]
fn a_cancelled_order_is_offered_as_cancelled() {
    let mut fake = Fake::new();
    cancel(&mut fake, "R100002");
    let cancelled: Vec<bool> = pull(&mut fake, "").orders.iter().map(|order| order.cancel).collect();
    assert_eq!(cancelled, [false, true, false]);
}
