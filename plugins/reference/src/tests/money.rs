use super::*;

fn give_back(fake: &mut Fake, returned: CustomerReturn) -> OrderReturnedResponse {
    let request = OrderReturnedRequest { order: Some(snapshot(FIRST)), returned: Some(returned) };
    fake.run(|| Shop::returned(&context(), request)).expect("a response")
}

/// A return of one unit of the first line.
fn one_unit(id: i64, refund: &str, action: &str) -> CustomerReturn {
    CustomerReturn {
        retailops_return_id: Some(id),
        refund_amt: Some(decimal(refund)),
        refund_action: Some(action.to_owned()),
        lines: vec![ReturnLine {
            channel_item_refnum: Some("R100001-1".to_owned()),
            quantity: 1,
            ..ReturnLine::default()
        }],
        ..CustomerReturn::default()
    }
}

/// A world in which both units of the first line have gone out.
fn shipped() -> Fake {
    let mut fake = Fake::new();
    submit(&mut fake, FIRST, shipment(1, vec![parcel(Some(10), "R100001-1", 2)]));
    fake
}

#[test]
fn no_more_than_the_balance_is_captured() {
    let mut fake = Fake::new();
    assert!(settle(&mut fake, 1, &["100.00"]).is_empty());
    let events = settle(&mut fake, 2, &["13.99"]);
    assert_eq!((codes(&events), events[0].severity), (vec!["EXCEEDS_BALANCE"], EventSeverity::Error));
    assert!(settle(&mut fake, 2, &["13.98"]).is_empty());
    assert_eq!(codes(&settle(&mut fake, 3, &["0.01"])), ["EXCEEDS_BALANCE"]);
}

#[test]
fn a_repeat_by_series_and_position_captures_once() {
    let mut fake = Fake::new();
    assert!(settle(&mut fake, 1, &["60", "53.98"]).is_empty());
    assert!(settle(&mut fake, 1, &["60.00", "53.98"]).is_empty());
    assert_eq!(fake.commits(), 1);
    assert_eq!(codes(&settle(&mut fake, 1, &["60", "50"])), ["SETTLED_DIFFERENTLY"]);
    assert_eq!(codes(&settle(&mut fake, 2, &["60"])), ["EXCEEDS_BALANCE"]);
}

#[test]
fn a_cancelled_order_has_no_balance() {
    let mut fake = Fake::new();
    cancel(&mut fake, FIRST);
    assert_eq!(codes(&settle(&mut fake, 1, &["0.01"])), ["EXCEEDS_BALANCE"]);
}

#[test]
fn a_gift_card_was_captured_when_the_order_was_placed() {
    let record = crate::seed::record(5, "USD");
    let authorised: Decimal =
        record.order.payments.iter().filter(|one| one.kind == TransactionKind::Auth).map(|one| one.amount).sum();
    assert_eq!(record.paid_at_once(), decimal("5.00"));
    assert_eq!(record.balance(), authorised);
}

#[test]
fn settlements_that_cannot_be_judged_are_refused() {
    let mut fake = Fake::new();
    assert_eq!(codes(&settle(&mut fake, 1, &["0", "-5"])), ["BAD_AMOUNT", "BAD_AMOUNT"]);
    let mut settle_with = |refnum: &str, payment: Option<PaymentSettlement>| {
        let request = SettlePaymentRequest { order: Some(snapshot(refnum)), payment };
        fake.run(|| Shop::settle_payment(&context(), request)).expect("a report").events
    };
    assert_eq!(codes(&settle_with(FIRST, None)), ["MISSING_PAYMENT"]);
    assert_eq!(codes(&settle_with(FIRST, Some(PaymentSettlement::default()))), ["MISSING_SERIES"]);
    let foreign = PaymentSettlement {
        currency: Some("AUD".to_owned()),
        payment_series_id: Some(1),
        ..PaymentSettlement::default()
    };
    assert_eq!(codes(&settle_with(FIRST, Some(foreign.clone()))), ["OTHER_CURRENCY"]);
    assert_eq!(codes(&settle_with("string", Some(foreign))), ["UNKNOWN_ORDER"]);
    assert!(fake.keys().is_empty());
}

#[test]
fn store_credit_is_given_once_and_told_again() {
    let mut fake = shipped();
    let first = give_back(&mut fake, one_unit(87, "16.90", "storecredit"));
    assert_eq!((first.channel_store_credit_amount, first.events.len()), (Some(decimal("16.90")), 0));
    let commits = fake.commits();
    assert_eq!(give_back(&mut fake, one_unit(87, "16.90", "storecredit")), first);
    assert_eq!(give_back(&mut fake, one_unit(87, "99.00", "refund")), first, "the first answer stands");
    assert_eq!(fake.commits(), commits);
}

#[test]
fn a_plain_refund_gives_no_store_credit() {
    let response = give_back(&mut shipped(), one_unit(87, "16.90", "refund"));
    assert_eq!(response, OrderReturnedResponse::default());
}

#[test]
fn no_more_units_come_back_than_went_out() {
    let mut fake = shipped();
    give_back(&mut fake, one_unit(1, "16.90", "refund"));
    let twice = |id| {
        let mut returned = one_unit(id, "0", "refund");
        returned.lines.push(returned.lines[0].clone());
        returned
    };
    assert_eq!(codes(&give_back(&mut fake, twice(2)).events), ["TOO_MANY_UNITS"]);
    assert!(give_back(&mut fake, one_unit(3, "16.90", "refund")).events.is_empty());
    assert_eq!(codes(&give_back(&mut fake, one_unit(4, "0", "refund")).events), ["TOO_MANY_UNITS"]);
}

#[test]
fn no_more_money_goes_back_than_came() {
    let mut fake = shipped();
    assert_eq!(codes(&give_back(&mut fake, one_unit(1, "113.99", "refund")).events), ["EXCEEDS_REFUNDABLE"]);
    assert_eq!(codes(&give_back(&mut fake, one_unit(1, "-1", "refund")).events), ["EXCEEDS_REFUNDABLE"]);
    assert!(give_back(&mut fake, one_unit(1, "100", "refund")).events.is_empty());
    assert_eq!(codes(&give_back(&mut fake, one_unit(2, "13.99", "refund")).events), ["EXCEEDS_REFUNDABLE"]);
}

#[test]
fn a_return_learns_of_shipments_it_comes_with() {
    let mut fake = Fake::new();
    let order =
        OrderSnapshot { shipments: vec![shipment(1, vec![parcel(Some(10), "R100001-1", 1)])], ..snapshot(FIRST) };
    let request = OrderReturnedRequest { order: Some(order), returned: Some(one_unit(87, "16.90", "refund")) };
    let response = fake.run(|| Shop::returned(&context(), request)).expect("a response");
    assert_eq!(response, OrderReturnedResponse::default());
    assert_eq!(fake.commits(), 1);
}

#[test]
fn returns_that_cannot_be_judged_are_refused() {
    let mut fake = shipped();
    let nameless = CustomerReturn { retailops_return_id: None, ..one_unit(0, "1", "refund") };
    assert_eq!(codes(&give_back(&mut fake, nameless).events), ["MISSING_RETURN_ID"]);
    let mut strange = one_unit(1, "1", "refund");
    strange.lines[0].channel_item_refnum = Some("return_item 90".to_owned());
    assert_eq!(codes(&give_back(&mut fake, strange).events), ["UNKNOWN_LINE"]);
    let request = OrderReturnedRequest { order: None, returned: Some(one_unit(1, "1", "refund")) };
    let response = fake.run(|| Shop::returned(&context(), request)).expect("a response");
    assert_eq!(codes(&response.events), ["MISSING_ORDER"]);
}
