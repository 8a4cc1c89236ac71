use super::*;

#[test]
fn cancelling_twice_succeeds_twice() {
    let mut fake = Fake::new();
    assert_eq!(cancel(&mut fake, FIRST), StatusReport::success());
    assert_eq!(cancel(&mut fake, FIRST), StatusReport::success());
    assert_eq!(fake.commits(), 1);
}

#[test]
fn a_shipped_order_cannot_be_cancelled() {
    let mut fake = Fake::new();
    assert!(submit(&mut fake, FIRST, shipment(1, vec![parcel(Some(10), "R100001-1", 1)])).is_empty());
    let report = cancel(&mut fake, FIRST);
    assert_eq!(report.status, Outcome::Fail);
    assert_eq!(codes(&report.events), ["ORDER_SHIPPED"]);
    assert_eq!(report.events[0].severity, EventSeverity::Error);
}

#[test]
fn unknown_orders_fail_with_an_error_event_and_leave_no_key() {
    let mut fake = Fake::new();
    for report in [cancel(&mut fake, "496"), complete(&mut fake, snapshot("R100004")), cancel(&mut fake, "")] {
        assert_eq!(report.status, Outcome::Fail);
        assert_eq!(report.events[0].severity, EventSeverity::Error);
    }
    assert_eq!(codes(&submit(&mut fake, "496", shipment(1, Vec::new()))), ["UNKNOWN_ORDER"]);
    assert!(fake.keys().is_empty());
}

#[test]
fn a_repeated_shipment_ships_once_and_refreshes_the_tracking() {
    let mut fake = Fake::new();
    let first = shipment(1, vec![parcel(Some(10), "R100001-1", 2)]);
    assert!(submit(&mut fake, FIRST, first.clone()).is_empty());
    assert!(submit(&mut fake, FIRST, first).is_empty());
    assert_eq!(fake.commits(), 1);
    let corrected = Parcel { tracking_number: Some("1Z000".to_owned()), ..parcel(Some(10), "R100001-1", 2) };
    assert!(submit(&mut fake, FIRST, shipment(1, vec![corrected])).is_empty());
    assert!(fake.value("order/R100001").is_some_and(|record| record.contains("1Z000") && !record.contains("1Z999")));
    let more = shipment(2, vec![parcel(Some(11), "R100001-1", 1)]);
    assert_eq!(codes(&submit(&mut fake, FIRST, more)), ["TOO_MANY_UNITS"]);
}

#[test]
fn parcels_without_an_id_go_by_their_place_in_the_shipment() {
    let mut fake = Fake::new();
    let twice = || shipment(1, vec![parcel(None, "R100001-1", 1), parcel(None, "R100001-1", 1)]);
    assert!(submit(&mut fake, FIRST, twice()).is_empty());
    assert!(submit(&mut fake, FIRST, twice()).is_empty(), "a repeat ships nothing more");
    let nameless = Shipment { retailops_shipment_id: None, ..shipment(0, vec![parcel(None, "R100001-2", 1)]) };
    assert_eq!(codes(&submit(&mut fake, FIRST, nameless)), ["MISSING_SHIPMENT_ID"]);
}

#[test]
fn lines_go_by_number_first_and_by_sku_then() {
    let mut fake = Fake::new();
    let mut mixed = parcel(Some(10), "R100001-1", 2);
    mixed.lines[0].sku = Some("S12347".to_owned());
    mixed.lines.push(ParcelLine { sku: Some("S12347".to_owned()), quantity: 3, ..ParcelLine::default() });
    mixed.lines.push(ParcelLine { sku: Some("S99999".to_owned()), quantity: 1, ..ParcelLine::default() });
    assert_eq!(codes(&submit(&mut fake, FIRST, shipment(1, vec![mixed]))), ["UNKNOWN_LINE"]);
    let report = complete(&mut fake, snapshot(FIRST));
    assert_eq!(report, StatusReport::success());
    let unshipped =
        UnshippedLine { sku: Some("S12347".to_owned()), unshipped_quantity: Some(0), ..UnshippedLine::default() };
    let again = complete(&mut fake, OrderSnapshot { unshipped: vec![unshipped], ..snapshot(FIRST) });
    assert_eq!(again, StatusReport::success(), "all units have gone out, so the lists agree");
}

#[test]
fn two_lines_of_one_parcel_cannot_oversell_together() {
    let mut fake = Fake::new();
    let mut double = parcel(Some(10), "R100001-1", 2);
    double.lines.push(double.lines[0].clone());
    assert_eq!(codes(&submit(&mut fake, FIRST, shipment(1, vec![double]))), ["TOO_MANY_UNITS"]);
    let negative = parcel(Some(11), "R100001-1", -1);
    assert_eq!(codes(&submit(&mut fake, FIRST, shipment(1, vec![negative]))), ["TOO_MANY_UNITS"]);
    assert!(fake.keys().is_empty());
}

#[test]
fn completing_books_the_shipments_it_repeats_and_those_that_are_new() {
    let mut fake = Fake::new();
    let told = shipment(1, vec![parcel(Some(10), "R100001-1", 2)]);
    submit(&mut fake, FIRST, told.clone());
    let new = shipment(2, vec![parcel(Some(11), "R100001-2", 1)]);
    let unshipped = |units| UnshippedLine {
        channel_item_refnum: Some("R100001-2".to_owned()),
        unshipped_quantity: Some(units),
        ..UnshippedLine::default()
    };
    let order = OrderSnapshot { shipments: vec![told, new], unshipped: vec![unshipped(2)], ..snapshot(FIRST) };
    assert_eq!(complete(&mut fake, order.clone()), StatusReport::success());
    assert_eq!(complete(&mut fake, order), StatusReport::success(), "safe to repeat");
    let differing = OrderSnapshot { unshipped: vec![unshipped(1)], ..snapshot(FIRST) };
    let report = complete(&mut fake, differing);
    assert_eq!((report.status, codes(&report.events)), (Outcome::Success, vec!["UNSHIPPED_DIFFERS"]));
}

#[test]
fn completing_takes_unshipped_units_off_the_bill() {
    let mut fake = Fake::new();
    submit(&mut fake, FIRST, shipment(1, vec![parcel(Some(10), "R100001-1", 2)]));
    complete(&mut fake, snapshot(FIRST));
    // 33.80 of goods, 5.95 shipping, 2.79 tax.
    assert_eq!(codes(&settle(&mut fake, 1, &["42.55"])), ["EXCEEDS_BALANCE"]);
    assert!(settle(&mut fake, 1, &["42.54"]).is_empty());
}

#[test]
fn a_completion_that_cannot_be_booked_fails_and_changes_nothing() {
    let mut fake = Fake::new();
    let order =
        OrderSnapshot { shipments: vec![shipment(1, vec![parcel(Some(10), "R100001-1", 9)])], ..snapshot(FIRST) };
    let report = complete(&mut fake, order);
    assert_eq!((report.status, codes(&report.events)), (Outcome::Fail, vec!["TOO_MANY_UNITS"]));
    assert!(fake.keys().is_empty());
}

#[test]
fn closed_orders_take_no_parcels() {
    let mut fake = Fake::new();
    cancel(&mut fake, FIRST);
    let late = || shipment(1, vec![parcel(Some(10), "R100001-1", 1)]);
    assert_eq!(codes(&submit(&mut fake, FIRST, late())), ["ORDER_CANCELLED"]);
    assert_eq!(complete(&mut fake, snapshot(FIRST)).status, Outcome::Fail);
    complete(&mut fake, snapshot("R100002"));
    let events = submit(&mut fake, "R100002", shipment(1, vec![parcel(Some(10), "R100002-1", 1)]));
    assert_eq!(codes(&events), ["ORDER_COMPLETED"]);
    assert_eq!(cancel(&mut fake, "R100002"), StatusReport::success(), "nothing went out");
}

#[test]
fn calls_that_meet_in_one_order_are_both_kept() {
    let mut other = Fake::new();
    submit(&mut other, FIRST, shipment(1, vec![parcel(Some(10), "R100001-1", 2)]));
    let theirs = other.value("order/R100001").expect("a record");
    let mut fake = Fake::new().meddle("order/R100001", theirs);
    assert!(submit(&mut fake, FIRST, shipment(2, vec![parcel(Some(11), "R100001-2", 3)])).is_empty());
    let report = cancel(&mut fake, FIRST);
    assert_eq!(codes(&report.events), ["ORDER_SHIPPED"]);
    let record = fake.value("order/R100001").expect("a record");
    assert!(record.contains(r#"["R100001-1",2]"#) && record.contains(r#"["R100001-2",3]"#));
}

#[test]
fn the_longest_history_fits_into_a_value() {
    let mut fake = Fake::new();
    let line = SnapshotLine {
        channel_item_refnum: Some("R100001-1".to_owned()),
        quantity: Some(1000),
        ..SnapshotLine::default()
    };
    let order = OrderSnapshot { lines: vec![line], ..snapshot(FIRST) };
    let request = OrderUpdateRequest { order: Some(order), rmas: Vec::new() };
    fake.run(|| Shop::update(&context(), request)).expect("a response");
    let mut refused = 0;
    for id in 0..60 {
        let parcel = Parcel { tracking_number: Some("9".repeat(5000)), ..parcel(Some(id), "R100001-1", 1) };
        refused += submit(&mut fake, FIRST, shipment(id, vec![parcel])).len();
    }
    assert_eq!(refused, 10);
    assert!(fake.value("order/R100001").is_some_and(|record| record.len() < 32 << 10));
}
