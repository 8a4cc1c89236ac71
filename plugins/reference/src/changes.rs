//! Edits that were made to an order at the platform.

use crate::fulfilment::{about_line, send};
use crate::ledger::{self, LONGEST, MOST, Record, Status};
use crate::products::Assortment;
use crate::{seed, totals};
use wharf_sdk::orders::{
    CustomerReturn, LineCharges, LineWriteback, OrderSnapshot, OrderUpdateRequest, OrderUpdateResponse, SalesOrderLine,
    SnapshotLine, TotalsWriteback, TransactionKind,
};
use wharf_sdk::reports::Event;
use wharf_sdk::{Decimal, Failure};

pub(crate) fn update(request: &OrderUpdateRequest) -> Result<OrderUpdateResponse, Failure> {
    let Some(order) = &request.order else {
        return Ok(refused(ledger::unknown("")));
    };
    let adds_lines = order.lines.iter().any(|line| !line.removed);
    let assortment = if adds_lines { Some(Assortment::load()?) } else { None };
    let response = ledger::edit(&order.channel_order_refnum, |record| {
        let mut response = OrderUpdateResponse::default();
        record.learn(order);
        for shipment in &order.shipments {
            response.events.extend(send(record, shipment));
        }
        response.events.extend(open_rmas(record, &request.rmas));
        match edit_lines(record, order, assortment.as_ref(), &mut response.events) {
            Ok(lines) => {
                response.lines = lines;
                response.totals = Some(totals_of(record));
            }
            Err(event) => response.events.push(event),
        }
        response
    })?;
    Ok(response.unwrap_or_else(|| refused(ledger::unknown(&order.channel_order_refnum))))
}

fn refused(event: Event) -> OrderUpdateResponse {
    OrderUpdateResponse { events: vec![event], ..OrderUpdateResponse::default() }
}

/// Notes the RMAs: by their own number, or by the id of the return.
fn open_rmas(record: &mut Record, rmas: &[CustomerReturn]) -> Option<Event> {
    for rma in rmas {
        // The platform is known to send the four letters.
        let number = rma.retailops_rma_id.clone().filter(|number| !number.is_empty() && number != "null");
        let Some(name) = number.or_else(|| Some(format!("return {}", rma.retailops_return_id?))) else {
            return Some(record.refuse("MISSING_RMA_ID", "an RMA has neither a number nor a return's id"));
        };
        if name.len() > LONGEST {
            return Some(record.refuse("BAD_RMA_ID", format!("an RMA's number has at most {LONGEST} bytes")));
        }
        if record.rmas.len() >= MOST && !record.rmas.contains(&name) {
            return Some(record.refuse("TOO_MANY_RMAS", format!("an order has at most {MOST} RMAs")));
        }
        record.rmas.insert(name);
    }
    None
}

/// Makes the order's lines those of the platform: all of it, or none of it if the money would not add up.
fn edit_lines(
    record: &mut Record,
    order: &OrderSnapshot,
    assortment: Option<&Assortment>,
    events: &mut Vec<Event>,
) -> Result<Vec<LineWriteback>, Event> {
    if order.lines.is_empty() {
        return Ok(Vec::new());
    }
    if record.status != Status::Open {
        return Err(record.refuse("ORDER_CLOSED", "the order is cancelled or completed: its lines stay as they are"));
    }
    let mut edited = record.clone();
    let mut lines = Vec::new();
    for line in &order.lines {
        match edit_line(&mut edited, line, assortment) {
            Ok(number) => lines.extend(number.and_then(|number| writeback(&edited, line, &number))),
            Err(event) => events.push(about_line(event, line.channel_item_refnum.as_deref(), line.sku.as_deref())),
        }
    }
    charge(&mut edited)?;
    *record = edited;
    Ok(lines)
}

/// Edits one line and gives its number; none if it was removed.
fn edit_line(
    record: &mut Record,
    line: &SnapshotLine,
    assortment: Option<&Assortment>,
) -> Result<Option<String>, Event> {
    let (refnum, sku) = (line.channel_item_refnum.as_deref(), line.sku.as_deref());
    let Some(place) = record.line(refnum, line.order_item_id, sku) else {
        return if line.removed { Ok(None) } else { add_line(record, line, assortment).map(Some) };
    };
    let number = record.order.lines[place].channel_item_refnum.clone();
    let shipped = record.shipped(&number);
    let units = if line.removed { 0 } else { line.quantity.unwrap_or(record.order.lines[place].quantity) };
    if units < shipped || units < 0 {
        return Err(record.refuse("LINE_SHIPPED", format!("{shipped} units of the line have gone out already")));
    }
    if units == 0 {
        record.order.lines.remove(place);
        record.items.retain(|_, other| *other != number);
        return Ok(None);
    }
    record.order.lines[place].quantity = units;
    record.items.extend(line.order_item_id.map(|id| (id, number.clone())));
    Ok(Some(number))
}

fn add_line(record: &mut Record, line: &SnapshotLine, assortment: Option<&Assortment>) -> Result<String, Event> {
    let product = assortment.zip(line.sku.as_deref()).and_then(|(assortment, sku)| assortment.by_sku(sku));
    let Some(product) = product else {
        return Err(record.refuse("UNKNOWN_SKU", "the added line has a SKU that the shop does not sell"));
    };
    let units = line.quantity.unwrap_or(1);
    if units < 1 {
        return Err(record.refuse("BAD_QUANTITY", "an added line needs one unit or more"));
    }
    if record.order.lines.len() >= MOST {
        return Err(record.refuse("TOO_MANY_LINES", format!("an order has at most {MOST} lines")));
    }
    let number = seed::line_refnum(&record.order.channel_order_refnum, record.next_line);
    record.next_line += 1;
    record.order.lines.push(SalesOrderLine {
        channel_item_refnum: number.clone(),
        sku: product.sku,
        sku_description: Some(product.title),
        quantity: units,
        charges: LineCharges {
            unit_price: line.unit_price.filter(|price| price.is_positive()).or(Some(product.price)),
            ..LineCharges::default()
        },
        ..SalesOrderLine::default()
    });
    record.items.extend(line.order_item_id.map(|id| (id, number.clone())));
    Ok(number)
}

/// Charges the order as its lines now are, and moves the authorised payment along.
fn charge(record: &mut Record) -> Result<(), Event> {
    let goods = record.goods();
    let shipping = if record.order.lines.is_empty() { Decimal::ZERO } else { totals::shipping(goods) };
    let charges = totals::charges(goods, shipping, record.discount_pct, record.tax_pct);
    let authorised = totals::total(goods, &charges) - record.paid_at_once();
    let settled: Decimal = record.settled.values().sum();
    if authorised < settled {
        let paid = settled + record.paid_at_once();
        return Err(
            record.refuse("TOTAL_BELOW_PAID", format!("{paid} has been paid already: return the goods instead"))
        );
    }
    record.order.charges = charges;
    for payment in &mut record.order.payments {
        if payment.kind == TransactionKind::Auth {
            payment.amount = authorised;
        }
    }
    Ok(())
}

/// The line as it now is; none if the platform did not give it an id to be told by.
fn writeback(record: &Record, line: &SnapshotLine, number: &str) -> Option<LineWriteback> {
    let place = record.line(Some(number), None, None)?;
    Some(LineWriteback {
        order_item_id: line.order_item_id?,
        refnum: number.to_owned(),
        quantity: Some(record.order.lines[place].quantity),
        ..LineWriteback::default()
    })
}

fn totals_of(record: &Record) -> TotalsWriteback {
    TotalsWriteback {
        shipping_amt: record.order.charges.shipping_amt,
        tax_amt: record.order.charges.tax_amt,
        discount_amt: record.order.charges.discount_amt,
        ..TotalsWriteback::default()
    }
}
