//! What the platform tells about orders: eight of the interactions' requests.

use super::Request;
use super::order_given::{PaymentProcessor, TransactionKind};
use crate::{Decimal, Text};

told! {
    /// Names one order.
    OrderSelector {
        /// The channel's order number.
        #[serde(rename = "channel_refnum")]
        channel_order_refnum: Text<'a> = "channel-order-refnum",
    }

    /// `order_pull`: which orders the platform wants.
    OrderPullRequest {
        /// Empty on the first call.
        page_token: Text<'a> = "page-token",
        /// When not empty, exactly these.
        specific_orders: Vec<OrderSelector<'a>> = "specific-orders",
    }

    /// Names an order on both sides; the whole of `order_cancel`'s `order`.
    OrderRef {
        /// The channel's order number.
        channel_order_refnum: Text<'a> = "channel-order-refnum",
        /// RetailOps' id; 0 is absent.
        retailops_order_id: Option<i64> = "retailops-order-id" by "crate::lenient::order_id",
    }

    /// `order_acknowledge`.
    OrderAcknowledgeRequest {
        /// The orders that were taken.
        orders: Vec<OrderRef<'a>> = "orders",
    }

    /// A line as RetailOps has it now.
    SnapshotLine {
        /// RetailOps' id of the line.
        order_item_id: Option<i64> = "order-item-id",
        /// The channel's number of the line.
        channel_item_refnum: Option<Text<'a>> = "channel-item-refnum",
        /// Stock keeping unit.
        sku: Option<Text<'a>> = "sku",
        /// Units ordered now.
        quantity: Option<i64> = "quantity",
        /// Base price of one unit.
        unit_price: Option<Decimal> = "unit-price",
        /// Shipping charged on this line.
        direct_ship_amt: Option<Decimal> = "direct-ship-amt",
        /// Share of the order's shipping.
        apportioned_ship_amt: Option<Decimal> = "apportioned-ship-amt",
        /// Estimated cost.
        estimated_cost: Option<Decimal> = "estimated-cost",
        /// Estimated cost of one unit.
        estimated_unit_cost: Option<Decimal> = "estimated-unit-cost",
        /// Estimated cost of all units.
        estimated_extended_cost: Option<Decimal> = "estimated-extended-cost",
        /// Free text.
        estimated_ship_date: Option<Text<'a>> = "estimated-ship-date",
        /// Taken off the order; any spelling (retailops-sdk section 6.2, row 17).
        removed: bool = "removed",
    }

    /// A line, or part of one, that was not shipped.
    UnshippedLine {
        /// The channel's number of the line.
        channel_item_refnum: Option<Text<'a>> = "channel-item-refnum",
        /// Stock keeping unit.
        sku: Option<Text<'a>> = "sku",
        /// Units ordered.
        ordered_quantity: Option<i64> = "ordered-quantity",
        /// Of these, not shipped.
        unshipped_quantity: Option<i64> = "unshipped-quantity",
        /// Unit price after discounts.
        effective_unit_price: Option<Decimal> = "effective-unit-price",
        /// Line price after discounts.
        effective_extended_price: Option<Decimal> = "effective-extended-price",
    }

    /// What is in a parcel.
    ParcelLine {
        /// Stock keeping unit.
        sku: Option<Text<'a>> = "sku",
        /// RetailOps' id of the order line.
        #[serde(rename = "retailops_order_item_id")]
        order_item_id: Option<i64> = "order-item-id",
        /// RetailOps' id of the shipment line.
        #[serde(rename = "retailops_shipment_item_id")]
        shipment_item_id: Option<i64> = "shipment-item-id",
        /// The channel's number of the line.
        channel_item_refnum: Option<Text<'a>> = "channel-item-refnum",
        /// Units in this parcel.
        quantity: i64 = "quantity",
    }

    /// One parcel, the wire's `package`.
    Parcel {
        /// RetailOps' id.
        retailops_package_id: Option<i64> = "retailops-package-id",
        /// Carrier.
        carrier_name: Option<Text<'a>> = "carrier-name",
        /// Service within the carrier.
        carrier_class_name: Option<Text<'a>> = "carrier-class-name",
        /// The channel's code of carrier and class.
        channel_ship_code: Option<Text<'a>> = "channel-ship-code",
        /// Tracking number.
        tracking_number: Option<Text<'a>> = "tracking-number",
        /// Kilograms.
        weight_kg: Option<f64> = "weight-kg",
        /// Free text.
        date_shipped: Option<Text<'a>> = "date-shipped",
        /// What is in it.
        #[serde(rename = "package_items")]
        lines: Vec<ParcelLine<'a>> = "lines",
    }

    /// Goods that left one place together.
    Shipment {
        /// RetailOps' id.
        retailops_shipment_id: Option<i64> = "retailops-shipment-id",
        /// Seen here in live payloads, undeclared in the schema (retailops-sdk section 10.4).
        date_shipped: Option<Text<'a>> = "date-shipped",
        /// The parcels.
        #[serde(rename = "packages")]
        parcels: Vec<Parcel<'a>> = "parcels",
    }

    /// RetailOps' present view of an order; the whole of `order_complete`'s `order`.
    OrderSnapshot {
        /// The channel's order number.
        channel_order_refnum: Text<'a> = "channel-order-refnum",
        /// RetailOps' id; 0 is absent.
        retailops_order_id: Option<i64> = "retailops-order-id" by "crate::lenient::order_id",
        /// RetailOps' grand total.
        grand_total: Option<Decimal> = "grand-total",
        /// The lines now.
        #[serde(rename = "order_items")]
        lines: Vec<SnapshotLine<'a>> = "lines",
        /// What was not shipped.
        #[serde(rename = "unshipped_items")]
        unshipped: Vec<UnshippedLine<'a>> = "unshipped",
        /// All shipments so far.
        shipments: Vec<Shipment<'a>> = "shipments",
    }

    /// One returned line.
    ReturnLine {
        /// RetailOps' id of the order line.
        #[serde(rename = "retailops_item_id")]
        order_item_id: Option<i64> = "order-item-id",
        /// The channel's number of the line.
        channel_item_refnum: Option<Text<'a>> = "channel-item-refnum",
        /// Stock keeping unit.
        sku: Option<Text<'a>> = "sku",
        /// Units returned.
        quantity: i64 = "quantity",
        /// Free text.
        reason: Option<Text<'a>> = "reason",
        /// Price of the goods.
        product_amt: Option<Decimal> = "product-amt",
        /// Subtotal.
        subtotal_amt: Option<Decimal> = "subtotal-amt",
        /// Credited.
        credit_amt: Option<Decimal> = "credit-amt",
        /// Tax.
        tax_amt: Option<Decimal> = "tax-amt",
        /// Shipping.
        shipping_amt: Option<Decimal> = "shipping-amt",
        /// Tax on shipping.
        item_shipping_tax_amt: Option<Decimal> = "item-shipping-tax-amt",
        /// Gift wrap.
        giftwrap_amt: Option<Decimal> = "giftwrap-amt",
        /// Tax on gift wrap.
        giftwrap_tax_amt: Option<Decimal> = "giftwrap-tax-amt",
        /// Recycling.
        recycling_amt: Option<Decimal> = "recycling-amt",
        /// Restocking fee.
        restock_fee_amt: Option<Decimal> = "restock-fee-amt",
    }

    /// A return, announced or processed.
    CustomerReturn {
        /// RetailOps' id.
        retailops_return_id: Option<i64> = "retailops-return-id",
        /// The RMA it belongs to.
        retailops_rma_id: Option<Text<'a>> = "retailops-rma-id",
        /// Price of the goods.
        product_amt: Option<Decimal> = "product-amt",
        /// Subtotal.
        subtotal_amt: Option<Decimal> = "subtotal-amt",
        /// Discount.
        discount_amt: Option<Decimal> = "discount-amt",
        /// Shipping part; a number although one schema says integer (section 6.2, row 18).
        shipping_amt: Option<Decimal> = "shipping-amt",
        /// Tax.
        tax_amt: Option<Decimal> = "tax-amt",
        /// The whole refund.
        refund_amt: Option<Decimal> = "refund-amt",
        /// Free text.
        refund_action: Option<Text<'a>> = "refund-action",
        /// The returned lines.
        #[serde(rename = "items")]
        lines: Vec<ReturnLine<'a>> = "lines",
    }

    /// `order_update`.
    OrderUpdateRequest {
        /// The order as it is now.
        order: Option<OrderSnapshot<'a>> = "order",
        /// Announced returns.
        rmas: Vec<CustomerReturn<'a>> = "rmas",
    }

    /// `order_shipment_submit`.
    ShipmentSubmitRequest {
        /// The channel's order number.
        channel_order_refnum: Text<'a> = "channel-order-refnum",
        /// RetailOps' id; 0 is absent.
        retailops_order_id: Option<i64> = "retailops-order-id" by "crate::lenient::order_id",
        /// The shipment.
        shipment: Option<Shipment<'a>> = "shipment",
    }

    /// A transaction to settle.
    SettlementTransaction {
        /// How RetailOps books it.
        #[serde(rename = "payment_processing_type")]
        processor: Option<PaymentProcessor> = "processor" by "crate::lenient::case",
        /// What to do.
        #[serde(rename = "transaction_type")]
        kind: Option<TransactionKind> = "kind" by "crate::lenient::case",
        /// Tender.
        payment_type: Option<Text<'a>> = "payment-type",
        /// Amount.
        amount: Option<Decimal> = "amount",
    }

    /// The payments to settle.
    PaymentSettlement {
        /// Currency.
        #[serde(rename = "currency_code")]
        currency: Option<Text<'a>> = "currency",
        /// Groups transactions.
        payment_series_id: Option<i64> = "payment-series-id",
        /// The transactions.
        #[serde(rename = "payment_transactions")]
        transactions: Vec<SettlementTransaction<'a>> = "transactions",
    }

    /// `order_settle_payment`.
    SettlePaymentRequest {
        /// The order as it is now.
        order: Option<OrderSnapshot<'a>> = "order",
        /// What to settle.
        payment: Option<PaymentSettlement<'a>> = "payment",
    }

    /// `order_returned`.
    OrderReturnedRequest {
        /// The order as it is now.
        order: Option<OrderSnapshot<'a>> = "order",
        /// The return.
        #[serde(rename = "return")]
        returned: Option<CustomerReturn<'a>> = "returned",
    }
}

/// The envelope member around the only argument of `order_cancel` and `order_complete`.
#[derive(Debug, serde::Deserialize)]
#[serde(bound(deserialize = "Option<T>: crate::lenient::Lenient<'de>"))]
pub struct Order<T> {
    /// The order; absent when the platform left it out.
    #[serde(default, deserialize_with = "crate::lenient::field")]
    pub order: Option<T>,
}

/// The payload of `order_cancel`.
pub type OrderCancelBody<'a> = Order<OrderRef<'a>>;
/// The payload of `order_complete`.
pub type OrderCompleteBody<'a> = Order<OrderSnapshot<'a>>;

const ORDER_NUMBER: &str = "channel_order_refnum";
const NESTED_ORDER_NUMBER: &str = "order.channel_order_refnum";

/// A number that is not blank.
fn number<'a>(text: &'a Text<'_>) -> Option<&'a str> {
    Some(text.as_str()).filter(|number| !number.is_empty())
}

fn number_of<'a>(order: Option<&'a OrderSnapshot<'_>>) -> Option<&'a str> {
    order.and_then(OrderSnapshot::order_number)
}

impl Request for OrderPullRequest<'_> {}

impl Request for OrderAcknowledgeRequest<'_> {
    fn order_number(&self) -> Option<&str> {
        self.orders.first().and_then(OrderRef::order_number)
    }
}

impl Request for OrderUpdateRequest<'_> {
    fn order_number(&self) -> Option<&str> {
        number_of(self.order.as_ref())
    }
}

impl Request for SettlePaymentRequest<'_> {
    fn order_number(&self) -> Option<&str> {
        number_of(self.order.as_ref())
    }
}

impl Request for OrderReturnedRequest<'_> {
    fn order_number(&self) -> Option<&str> {
        number_of(self.order.as_ref())
    }
}

impl Request for ShipmentSubmitRequest<'_> {
    fn missing(&self) -> Option<&'static str> {
        self.channel_order_refnum.is_empty().then_some(ORDER_NUMBER)
    }

    fn order_number(&self) -> Option<&str> {
        number(&self.channel_order_refnum)
    }
}

impl Request for OrderRef<'_> {
    fn missing(&self) -> Option<&'static str> {
        self.channel_order_refnum.is_empty().then_some(NESTED_ORDER_NUMBER)
    }

    fn order_number(&self) -> Option<&str> {
        number(&self.channel_order_refnum)
    }
}

impl Request for OrderSnapshot<'_> {
    fn missing(&self) -> Option<&'static str> {
        self.channel_order_refnum.is_empty().then_some(NESTED_ORDER_NUMBER)
    }

    fn order_number(&self) -> Option<&str> {
        number(&self.channel_order_refnum)
    }
}
