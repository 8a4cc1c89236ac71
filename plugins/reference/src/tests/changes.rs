use super::*;

fn line(id: i64, refnum: Option<&str>, sku: &str, units: i64) -> SnapshotLine {
    SnapshotLine {
        order_item_id: Some(id),
        channel_item_refnum: refnum.map(str::to_owned),
        sku: Some(sku.to_owned()),
        quantity: Some(units),
        ..SnapshotLine::default()
    }
}

fn removed(id: i64, refnum: &str) -> SnapshotLine {
    SnapshotLine { removed: true, ..line(id, Some(refnum), "", 0) }
}

fn update(fake: &mut Fake, lines: Vec<SnapshotLine>) -> OrderUpdateResponse {
    let order = OrderSnapshot { lines, ..snapshot(FIRST) };
    let request = OrderUpdateRequest { order: Some(order), rmas: Vec::new() };
    fake.run(|| Shop::update(&context(), request)).expect("a response")
}

/// Our line numbers under the platform's ids, with units.
fn written_back(response: &OrderUpdateResponse) -> Vec<(i64, &str, Option<i64>)> {
    response.lines.iter().map(|line| (line.order_item_id, line.refnum.as_str(), line.quantity)).collect()
}

#[test]
fn changed_and_added_lines_are_written_back_with_the_new_charges() {
    let mut fake = Fake::new();
    let response = update(&mut fake, vec![line(501, Some("R100001-1"), "S12346", 1), line(502, None, "S12345", 2)]);
    assert!(response.events.is_empty(), "{:?}", response.events);
    assert_eq!(written_back(&response), [(501, "R100001-1", Some(1)), (502, "R100001-3", Some(2))]);
    let totals = response.totals.expect("totals");
    // 16.90 + 66.00 + 49.00 of goods: no shipping, 10.88 tax.
    assert_eq!((totals.shipping_amt, totals.tax_amt), (Some(Decimal::ZERO), Some(decimal("10.88"))));
    let order = &specific(&mut fake, &[FIRST])[0];
    assert_eq!(order.payments[0].amount, decimal("142.78"));
    assert_eq!(order.lines.len(), 3);
}

#[test]
fn a_repeated_update_adds_nothing_twice() {
    let mut fake = Fake::new();
    let lines = || vec![line(501, Some("R100001-1"), "S12346", 1), line(502, None, "S12345", 2)];
    let first = update(&mut fake, lines());
    assert_eq!(update(&mut fake, lines()), first);
    assert_eq!(fake.commits(), 1);
    assert_eq!(specific(&mut fake, &[FIRST])[0].lines.len(), 3);
}

#[test]
fn a_line_that_was_added_is_known_by_the_platforms_id() {
    let mut fake = Fake::new();
    update(&mut fake, vec![line(502, None, "S12345", 2)]);
    let response = update(&mut fake, vec![SnapshotLine { sku: None, ..line(502, None, "", 5) }]);
    assert_eq!(written_back(&response), [(502, "R100001-3", Some(5))]);
}

#[test]
fn removed_lines_go_and_their_numbers_are_not_used_again() {
    let mut fake = Fake::new();
    update(&mut fake, vec![line(502, None, "S12345", 1)]);
    let response = update(&mut fake, vec![removed(502, "R100001-3"), line(503, None, "S12348", 1)]);
    assert_eq!(written_back(&response), [(503, "R100001-4", Some(1))]);
    assert!(update(&mut fake, vec![removed(502, "R100001-3")]).events.is_empty(), "safe to repeat");
    let skus: Vec<String> = specific(&mut fake, &[FIRST])[0].lines.iter().map(|line| line.sku.clone()).collect();
    assert_eq!(skus, ["S12346", "S12347", "S12348"]);
}

#[test]
fn what_went_out_stays_on_the_order() {
    let mut fake = Fake::new();
    submit(&mut fake, FIRST, shipment(1, vec![parcel(Some(10), "R100001-1", 2)]));
    let response = update(&mut fake, vec![removed(501, "R100001-1"), line(502, Some("R100001-2"), "S12347", 1)]);
    assert_eq!(codes(&response.events), ["LINE_SHIPPED"]);
    assert_eq!(written_back(&response), [(502, "R100001-2", Some(1))], "the other line is changed nevertheless");
}

#[test]
fn goods_that_the_shop_does_not_sell_are_not_added() {
    let mut fake = Fake::new();
    let response = update(&mut fake, vec![line(501, None, "AB524235", 1), line(502, None, "S12345", 0)]);
    assert_eq!(codes(&response.events), ["UNKNOWN_SKU", "BAD_QUANTITY"]);
    assert!(response.lines.is_empty() && fake.keys().is_empty());
}

#[test]
fn the_total_never_falls_below_what_was_paid() {
    let mut fake = Fake::new();
    assert!(settle(&mut fake, 1, &["113.98"]).is_empty());
    let response = update(&mut fake, vec![removed(501, "R100001-1")]);
    assert_eq!(codes(&response.events), ["TOTAL_BELOW_PAID"]);
    assert_eq!(specific(&mut fake, &[FIRST])[0].lines.len(), 2, "nothing was changed");
}

#[test]
fn payments_come_to_lines_and_charges_after_every_edit() {
    let mut fake = Fake::new();
    for units in [1, 5, 2, 40] {
        update(&mut fake, vec![line(501, Some("R100001-1"), "S12346", units)]);
        let order = &specific(&mut fake, &[FIRST])[0];
        let goods: Decimal = order.lines.iter().filter_map(|line| Some(line.charges.unit_price? * line.quantity)).sum();
        let charges = order.charges;
        let total = goods + charges.shipping_amt.expect("shipping") + charges.tax_amt.expect("tax");
        assert_eq!(order.payments.iter().map(|payment| payment.amount).sum::<Decimal>(), total);
    }
}

#[test]
fn closed_orders_keep_their_lines() {
    let mut fake = Fake::new();
    cancel(&mut fake, FIRST);
    assert_eq!(codes(&update(&mut fake, vec![line(501, Some("R100001-1"), "", 1)]).events), ["ORDER_CLOSED"]);
    assert!(update(&mut fake, Vec::new()).events.is_empty(), "nothing was to be changed");
}

#[test]
fn rmas_are_noted_once() {
    let mut fake = Fake::new();
    let rma = |number: &str, id| CustomerReturn {
        retailops_rma_id: Some(number.to_owned()),
        retailops_return_id: id,
        ..CustomerReturn::default()
    };
    let request = || OrderUpdateRequest {
        order: Some(snapshot(FIRST)),
        rmas: vec![rma("123", Some(87)), rma("null", Some(88)), rma("123", None)],
    };
    for _ in 0..2 {
        let response = fake.run(|| Shop::update(&context(), request())).expect("a response");
        assert!(response.events.is_empty());
    }
    assert_eq!(fake.commits(), 1);
    assert!(fake.value("order/R100001").is_some_and(|record| record.contains(r#""rmas":["123","return 88"]"#)));
    let bare = OrderUpdateRequest { order: Some(snapshot(FIRST)), rmas: vec![rma("", None)] };
    let response = fake.run(|| Shop::update(&context(), bare)).expect("a response");
    assert_eq!(codes(&response.events), ["MISSING_RMA_ID"]);
}

#[test]
fn an_update_of_no_order_is_refused() {
    let response = Fake::new().run(|| Shop::update(&context(), OrderUpdateRequest::default())).expect("a response");
    assert_eq!(codes(&response.events), ["MISSING_ORDER"]);
}
