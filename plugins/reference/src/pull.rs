//! Orders are offered until they are acknowledged.

use crate::ledger::{self, Status};
use crate::{seed, settings};
use std::collections::{BTreeMap, BTreeSet};
use wharf_sdk::orders::{OrderAcknowledgeRequest, OrderPage, OrderPullRequest, SalesOrder};
use wharf_sdk::reports::EventReport;
use wharf_sdk::{Failure, kv, log};

/// Under this key: the numbers of the orders that the platform has taken, with its ids for them (0: not told).
const ACKNOWLEDGED: &str = "acknowledged";

/// The most orders in an answer.
const MOST: usize = 100;

type Acknowledged = BTreeMap<u32, i64>;

pub(crate) fn pull(request: &OrderPullRequest) -> Result<OrderPage, Failure> {
    if !request.specific_orders.is_empty() {
        return specific(request);
    }
    let after = match request.page_token.as_str() {
        "" => 0,
        // The last order of the page before: acknowledging, which takes orders out, moves nothing.
        token => seed::number(token)
            .ok_or_else(|| Failure::refused("BAD_PAGE_TOKEN", "the page token is none that this shop gave"))?,
    };
    let size = settings::page_size()?;
    let last = settings::orders()?;
    let taken: Acknowledged = kv::get_json(ACKNOWLEDGED)?.unwrap_or_default();
    let mut offered = (after.saturating_add(1)..=last).filter(|number| !taken.contains_key(number));
    let numbers: Vec<String> = offered.by_ref().take(size).map(seed::refnum).collect();
    let more = offered.next().is_some();
    Ok(OrderPage {
        next_page_token: numbers.last().filter(|_| more).cloned().unwrap_or_default(),
        orders: orders(&numbers)?,
    })
}

/// Exactly these, acknowledged or not. The answer has no place to say that an order is unknown: the log has.
fn specific(request: &OrderPullRequest) -> Result<OrderPage, Failure> {
    let mut seen = BTreeSet::new();
    let asked: Vec<String> = request
        .specific_orders
        .iter()
        .map(|selector| selector.channel_order_refnum.clone())
        .filter(|refnum| seen.insert(refnum.clone()))
        .take(MOST)
        .collect();
    let orders = orders(&asked)?;
    if orders.len() < seen.len() {
        log::warn(format_args!("{} orders were asked for, {} are given", seen.len(), orders.len()));
    }
    Ok(OrderPage { next_page_token: String::new(), orders })
}

fn orders(refnums: &[String]) -> Result<Vec<SalesOrder>, Failure> {
    let records = ledger::load(refnums)?.into_iter();
    Ok(records.map(|record| SalesOrder { cancel: record.status == Status::Cancelled, ..record.order }).collect())
}

pub(crate) fn acknowledge(request: &OrderAcknowledgeRequest) -> Result<EventReport, Failure> {
    let last = settings::orders()?;
    let mut events = Vec::new();
    let mut taken = Vec::new();
    for order in &request.orders {
        match seed::number(&order.channel_order_refnum) {
            Some(number) if (1..=last).contains(&number) => {
                taken.push((number, order.retailops_order_id.unwrap_or(0)));
            }
            _ => events.push(ledger::unknown(&order.channel_order_refnum)),
        }
    }
    if !taken.is_empty() {
        kv::update_json(ACKNOWLEDGED, |acknowledged: &mut Option<Acknowledged>| {
            let acknowledged = acknowledged.get_or_insert_default();
            for (number, id) in &taken {
                let known = acknowledged.entry(*number).or_insert(*id);
                // A repeat without an id takes nothing away.
                if *id != 0 {
                    *known = *id;
                }
            }
        })?;
    }
    Ok(events.into())
}
