//! Settlements and returns.

use crate::fulfilment::{about_line, send};
use crate::ledger::{self, MOST, Record, TakenBack};
use wharf_sdk::orders::{
    CustomerReturn, OrderReturnedRequest, OrderReturnedResponse, PaymentSettlement, SettlePaymentRequest,
    SettlementTransaction,
};
use wharf_sdk::reports::{Event, EventReport};
use wharf_sdk::{Decimal, Failure};

pub(crate) fn settle(request: &SettlePaymentRequest) -> Result<EventReport, Failure> {
    let refnum = request.order.as_ref().map_or("", |order| &order.channel_order_refnum);
    let Some(payment) = &request.payment else {
        return Ok(Event::error("MISSING_PAYMENT", "the request has no payment").into());
    };
    let events = ledger::edit(refnum, |record| match series(record, payment) {
        Ok(series) => {
            let transactions = payment.transactions.iter().enumerate();
            transactions.filter_map(|(place, one)| capture(record, series, place, one).err()).collect()
        }
        Err(event) => vec![event],
    })?;
    Ok(events.unwrap_or_else(|| vec![ledger::unknown(refnum)]).into())
}

/// The series, once it is clear that the payment can be of this order.
fn series(record: &Record, payment: &PaymentSettlement) -> Result<i64, Event> {
    if payment.currency.as_ref().is_some_and(|currency| *currency != record.order.currency) {
        return Err(record.refuse("OTHER_CURRENCY", format!("the order is in {}", record.order.currency)));
    }
    let id = payment.payment_series_id;
    id.ok_or_else(|| record.refuse("MISSING_SERIES", "without a payment series a repeat could be captured twice"))
}

fn capture(record: &mut Record, series: i64, place: usize, transaction: &SettlementTransaction) -> Result<(), Event> {
    let Some(amount) = transaction.amount.filter(|amount| amount.is_positive()) else {
        return Err(record.refuse("BAD_AMOUNT", "a transaction needs an amount above 0"));
    };
    let key = format!("{series}/{place}");
    match record.settled.get(&key) {
        Some(settled) if *settled == amount => return Ok(()),
        Some(settled) => {
            let message = format!("this transaction was settled with {settled}");
            return Err(record.refuse("SETTLED_DIFFERENTLY", message));
        }
        None => {}
    }
    let balance = record.balance();
    if amount > balance {
        let message = format!("{amount} is more than the {balance} that can still be captured");
        return Err(record.refuse("EXCEEDS_BALANCE", message));
    }
    if record.settled.len() >= MOST {
        return Err(record.refuse("TOO_MANY_SETTLEMENTS", format!("an order has at most {MOST} settlements")));
    }
    record.settled.insert(key, amount);
    Ok(())
}

pub(crate) fn returned(request: &OrderReturnedRequest) -> Result<OrderReturnedResponse, Failure> {
    let refnum = request.order.as_ref().map_or("", |order| &order.channel_order_refnum);
    let Some(returned) = &request.returned else {
        return Ok(refused(Event::error("MISSING_RETURN", "the request has no return")));
    };
    let response = ledger::edit(refnum, |record| {
        let mut events = Vec::new();
        if let Some(order) = &request.order {
            record.learn(order);
            events = order.shipments.iter().flat_map(|shipment| send(record, shipment)).collect();
        }
        match take_back(record, returned) {
            Ok(store_credit) => OrderReturnedResponse { events, channel_store_credit_amount: store_credit },
            Err(event) => {
                events.push(event);
                OrderReturnedResponse { events, channel_store_credit_amount: None }
            }
        }
    })?;
    Ok(response.unwrap_or_else(|| refused(ledger::unknown(refnum))))
}

fn refused(event: Event) -> OrderReturnedResponse {
    OrderReturnedResponse { events: vec![event], channel_store_credit_amount: None }
}

/// Books the return and gives the store credit, if that is how it is refunded; a repeat gives the same again.
fn take_back(record: &mut Record, returned: &CustomerReturn) -> Result<Option<Decimal>, Event> {
    let Some(id) = returned.retailops_return_id else {
        return Err(record.refuse("MISSING_RETURN_ID", "without an id a repeat could be refunded twice"));
    };
    if let Some(known) = record.returns.get(&id) {
        return Ok(known.store_credit);
    }
    if record.returns.len() >= MOST {
        return Err(record.refuse("TOO_MANY_RETURNS", format!("an order has at most {MOST} returns")));
    }
    let refund = returned.refund_amt.unwrap_or_default();
    let refunded: Decimal = record.returns.values().map(|back| back.refund).sum();
    let refundable = record.payable() - refunded;
    if refund.is_negative() || refund > refundable {
        let message = format!("{refund} is not between 0 and the {refundable} that can still be refunded");
        return Err(record.refuse("EXCEEDS_REFUNDABLE", message));
    }
    let lines = lines(record, returned)?;
    let action = returned.refund_action.as_deref().unwrap_or_default();
    let as_credit = action.trim().eq_ignore_ascii_case("storecredit");
    let store_credit = as_credit.then_some(refund);
    record.returns.insert(id, TakenBack { refund, store_credit, lines });
    Ok(store_credit)
}

/// What came back, by our line numbers: not more than went out.
fn lines(record: &Record, returned: &CustomerReturn) -> Result<Vec<(String, i64)>, Event> {
    let mut lines: Vec<(String, i64)> = Vec::new();
    for line in &returned.lines {
        let (refnum, sku) = (line.channel_item_refnum.as_deref(), line.sku.as_deref());
        let Some(place) = record.line(refnum, line.order_item_id, sku) else {
            let event = record.refuse("UNKNOWN_LINE", "the return has a line that the order has not");
            return Err(about_line(event, refnum, sku));
        };
        let number = &record.order.lines[place].channel_item_refnum;
        let in_return: i64 = lines.iter().filter(|(other, _)| other == number).map(|(_, units)| units).sum();
        let left = record.shipped(number) - record.taken_back(number) - in_return;
        if line.quantity < 0 || line.quantity > left {
            let event = record.refuse("TOO_MANY_UNITS", format!("{left} units of the line can come back"));
            return Err(about_line(event, Some(number), None));
        }
        lines.push((number.clone(), line.quantity));
    }
    Ok(lines)
}
