//! Parcels go out, and orders come to their end.

use crate::ledger::{self, LONGEST, MOST, Record, SentParcel, Status};
use wharf_sdk::Failure;
use wharf_sdk::orders::{OrderRef, OrderSnapshot, Parcel, Shipment, ShipmentSubmitRequest};
use wharf_sdk::reports::{Event, EventReport, EventSeverity, Outcome, StatusReport, SubjectKind};

pub(crate) fn submit(request: &ShipmentSubmitRequest) -> Result<EventReport, Failure> {
    let refnum = &request.channel_order_refnum;
    let Some(shipment) = &request.shipment else {
        return Ok(Event::error("MISSING_SHIPMENT", "the request has no shipment").into());
    };
    let events = ledger::edit(refnum, |record| {
        record.retailops_order_id = request.retailops_order_id.or(record.retailops_order_id);
        send(record, shipment)
    })?;
    Ok(events.unwrap_or_else(|| vec![ledger::unknown(refnum)]).into())
}

/// Books the parcels that are new. Those that are known already only get their tracking number refreshed.
pub(crate) fn send(record: &mut Record, shipment: &Shipment) -> Vec<Event> {
    let mut events = Vec::new();
    for (position, parcel) in shipment.parcels.iter().enumerate() {
        let Some(id) = parcel_id(shipment, parcel, position) else {
            events.push(record.refuse("MISSING_SHIPMENT_ID", "neither the shipment nor the parcel has an id"));
            continue;
        };
        if let Some(known) = record.parcels.get_mut(&id) {
            known.tracking = clipped(parcel.tracking_number.as_deref());
            known.carrier = clipped(parcel.carrier_name.as_deref());
            continue;
        }
        if let Err(event) = may_ship(record) {
            events.push(about_shipment(event, shipment));
            continue;
        }
        match pack(record, parcel, &mut events) {
            Ok(lines) => {
                let sent = SentParcel {
                    shipment: shipment.retailops_shipment_id,
                    carrier: clipped(parcel.carrier_name.as_deref()),
                    tracking: clipped(parcel.tracking_number.as_deref()),
                    lines,
                };
                record.parcels.insert(id, sent);
            }
            Err(event) => events.push(about_shipment(event, shipment)),
        }
    }
    events
}

fn parcel_id(shipment: &Shipment, parcel: &Parcel, position: usize) -> Option<String> {
    let by_position = || Some(format!("shipment {} parcel {position}", shipment.retailops_shipment_id?));
    parcel.retailops_package_id.map(|id| id.to_string()).or_else(by_position)
}

fn clipped(text: Option<&str>) -> Option<String> {
    text.map(|text| text[..text.floor_char_boundary(LONGEST)].to_owned())
}

fn may_ship(record: &Record) -> Result<(), Event> {
    match record.status {
        Status::Open if record.parcels.len() < MOST => Ok(()),
        Status::Open => Err(record.refuse("TOO_MANY_PARCELS", format!("an order has at most {MOST} parcels"))),
        Status::Cancelled => Err(record.refuse("ORDER_CANCELLED", "the order is cancelled")),
        Status::Completed => Err(record.refuse("ORDER_COMPLETED", "the order is completed")),
    }
}

fn about_shipment(event: Event, shipment: &Shipment) -> Event {
    match shipment.retailops_shipment_id {
        Some(id) => event.about(SubjectKind::ShipmentId, id),
        None => event,
    }
}

/// What is in the parcel, by our line numbers. Lines we do not know are told and left out; a parcel with more units
/// than the order has left is refused whole.
fn pack(record: &Record, parcel: &Parcel, events: &mut Vec<Event>) -> Result<Vec<(String, i64)>, Event> {
    let mut packed: Vec<(String, i64)> = Vec::new();
    for line in &parcel.lines {
        let (refnum, sku) = (line.channel_item_refnum.as_deref(), line.sku.as_deref());
        let Some(place) = record.line(refnum, line.order_item_id, sku) else {
            let event = record.refuse("UNKNOWN_LINE", "the parcel has a line that the order has not");
            events.push(about_line(event, refnum, sku));
            continue;
        };
        let ordered = &record.order.lines[place];
        let number = &ordered.channel_item_refnum;
        let before = packed.iter().filter(|(other, _)| other == number).map(|(_, units)| units).sum::<i64>();
        let left = ordered.quantity - record.shipped(number) - before;
        if !(0..=left).contains(&line.quantity) {
            let event = record.refuse("TOO_MANY_UNITS", "the parcel has more units than the order has left");
            return Err(event.about(SubjectKind::OrderItemRefnum, number));
        }
        packed.push((number.clone(), line.quantity));
    }
    packed.retain(|(_, units)| *units > 0);
    Ok(packed)
}

/// Names the line as well as the request does.
pub(crate) fn about_line(event: Event, refnum: Option<&str>, sku: Option<&str>) -> Event {
    let event = match refnum {
        Some(refnum) => event.about(SubjectKind::OrderItemRefnum, refnum),
        None => event,
    };
    match sku {
        Some(sku) => event.about(SubjectKind::SkuNumber, sku),
        None => event,
    }
}

pub(crate) fn cancel(order: &OrderRef) -> Result<StatusReport, Failure> {
    let refnum = &order.channel_order_refnum;
    let report = ledger::edit(refnum, |record| {
        if !record.parcels.is_empty() {
            return StatusReport::fail(record.refuse("ORDER_SHIPPED", "parts of the order have gone out already"));
        }
        record.retailops_order_id = order.retailops_order_id.or(record.retailops_order_id);
        record.status = Status::Cancelled;
        StatusReport::success()
    })?;
    Ok(report.unwrap_or_else(|| StatusReport::fail(ledger::unknown(refnum))))
}

pub(crate) fn complete(order: &OrderSnapshot) -> Result<StatusReport, Failure> {
    let refnum = &order.channel_order_refnum;
    let report = ledger::edit(refnum, |record| {
        if record.status == Status::Cancelled {
            return StatusReport::fail(record.refuse("ORDER_CANCELLED", "the order is cancelled"));
        }
        let before = record.clone();
        record.learn(order);
        let mut events = Vec::new();
        for shipment in &order.shipments {
            events.extend(send(record, shipment));
        }
        if events.iter().any(|event| event.severity == EventSeverity::Error) {
            // A shipment that cannot be booked would be counted as cancelled: the order stays as it was.
            *record = before;
            return StatusReport { status: Outcome::Fail, events };
        }
        record.status = Status::Completed;
        events.extend(differences(record, order));
        StatusReport { status: Outcome::Success, events }
    })?;
    Ok(report.unwrap_or_else(|| StatusReport::fail(ledger::unknown(refnum))))
}

/// Where the platform's list of unshipped units and our own count part ways, our count stands.
fn differences(record: &Record, order: &OrderSnapshot) -> Vec<Event> {
    let mut events = Vec::new();
    for line in &order.unshipped {
        let (refnum, sku) = (line.channel_item_refnum.as_deref(), line.sku.as_deref());
        let place = record.line(refnum, None, sku);
        let counted = place.map(|place| &record.order.lines[place]);
        let counted = counted.map_or(0, |line| line.quantity - record.shipped(&line.channel_item_refnum));
        if line.unshipped_quantity.is_some_and(|told| told != counted) {
            let event = Event::warning("UNSHIPPED_DIFFERS", format!("{counted} units are unshipped by our count"));
            events.push(about_line(event, refnum, sku));
        }
    }
    events
}
