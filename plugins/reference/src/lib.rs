//! A complete small shop, kept in the key-value store: it answers every interaction and every notification.
//!
//! Its goods have SKUs from `S12345` on ([`products::KNOWN`]) and EANs with the prefix 20, which the standard keeps for
//! use inside a shop. Its orders are numbered from `R100001` on, and always the same ones for the same settings.
//!
//! What it keeps, and in how many keys:
//!
//! | key | holds | at most |
//! | --- | --- | --- |
//! | `acknowledged` | numbers of the orders that the platform has taken | 1 |
//! | `order/R100001` | an order, once something happened to it | one per order, 500 |
//! | `catalog` | products that were pushed | 1, with some 300 products |
//! | `stock/S12345` | the level of a known SKU | one per product |
//! | `documents/00`, `payments/00`, `signatures/00` … | documents, payments and signatures, the latest 4096 of each | 64 of each |
//!
//! An order that nothing has happened to needs no key: it is made up again whenever it is asked for. Each call makes
//! one commit at most; where two calls can meet in a key it is a compare-and-set.

mod catalog;
mod changes;
mod contacts;
mod documents;
mod fulfilment;
mod inventory;
mod ledger;
mod money;
mod page;
mod payments;
mod pricing;
pub mod products;
mod pull;
mod seed;
mod settings;
mod shelf;
mod totals;

use wharf_sdk::prelude::*;

/// The plugin.
pub struct Shop;

impl Catalog for Shop {
    fn get_config(_: &CallContext) -> Result<CatalogConfig, Failure> {
        catalog::get_config()
    }

    fn push(_: &CallContext, request: CatalogPushRequest) -> Result<EventReport, Failure> {
        catalog::push(&request)
    }
}

impl Inventory for Shop {
    fn push(_: &CallContext, request: InventoryPushRequest) -> Result<EventReport, Failure> {
        inventory::push(request)
    }
}

impl Orders for Shop {
    fn pull(_: &CallContext, request: OrderPullRequest) -> Result<OrderPage, Failure> {
        pull::pull(&request)
    }

    fn acknowledge(_: &CallContext, request: OrderAcknowledgeRequest) -> Result<EventReport, Failure> {
        pull::acknowledge(&request)
    }

    fn update(_: &CallContext, request: OrderUpdateRequest) -> Result<OrderUpdateResponse, Failure> {
        changes::update(&request)
    }

    fn cancel(_: &CallContext, order: OrderRef) -> Result<StatusReport, Failure> {
        fulfilment::cancel(&order)
    }

    fn submit_shipment(_: &CallContext, request: ShipmentSubmitRequest) -> Result<EventReport, Failure> {
        fulfilment::submit(&request)
    }

    fn complete(_: &CallContext, order: OrderSnapshot) -> Result<StatusReport, Failure> {
        fulfilment::complete(&order)
    }

    fn settle_payment(_: &CallContext, request: SettlePaymentRequest) -> Result<EventReport, Failure> {
        money::settle(&request)
    }

    fn returned(_: &CallContext, request: OrderReturnedRequest) -> Result<OrderReturnedResponse, Failure> {
        money::returned(&request)
    }
}

impl Documents for Shop {
    fn validate(_: &CallContext, request: ValidationRequest) -> Result<ValidationAnswer, Failure> {
        documents::validate(&request)
    }

    fn cancelled(_: &CallContext, document: Entity) -> Result<(), Failure> {
        documents::cancelled(document)
    }

    fn price(_: &CallContext, request: PricingRequest) -> Result<PricingAnswer, Failure> {
        pricing::price(request)
    }
}

impl Payments for Shop {
    fn validate(_: &CallContext, request: PaymentRequest) -> Result<PaymentAnswer, Failure> {
        payments::validate(&request)
    }

    fn page(_: &CallContext, request: PageRequest) -> Result<HtmlPage, Failure> {
        page::page(&request)
    }
}

impl Events for Shop {
    fn handle(_: &CallContext, notification: Notification) -> Result<Reply, Failure> {
        contacts::handle(&notification)
    }
}

wharf_sdk::export!(Shop: Catalog, Inventory, Orders, Documents, Payments, Events);

#[cfg(test)]
mod tests;
