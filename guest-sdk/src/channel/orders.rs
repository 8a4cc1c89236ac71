//! The life of an order: pull, acknowledge, then updates, shipments and settlements, complete or cancel, and later returns.

pub use crate::bindings::orders::exports::wharf::channel::orders::{
    AttributeKind, Customer, CustomerReturn, FulfillmentMode, LineCharges, LineOption, LineWriteback, OptionKind,
    OrderAcknowledgeRequest, OrderAttribute, OrderCharges, OrderPage, OrderPullRequest, OrderRef, OrderReturnedRequest,
    OrderReturnedResponse, OrderSelector, OrderSnapshot, OrderUpdateRequest, OrderUpdateResponse, Parcel, ParcelLine,
    PaymentProcessor, PaymentSettlement, PaymentTransaction, PostalAddress, ReturnLine, SalesOrder, SalesOrderLine,
    SettlePaymentRequest, SettlementTransaction, Shipment, ShipmentSubmitRequest, SnapshotLine, TotalsWriteback,
    TransactionKind, UnshippedLine,
};
use crate::reports::{EventReport, StatusReport};

interface! {
    /// The life of an order.
    ///
    /// The platform repeats calls and gives no request id, so every method must be safe to repeat: order numbers and
    /// the `retailops_*_id` fields are the idempotency keys.
    trait Orders for orders {
        /// Gives orders that are ready to be fulfilled, again and again until they are acknowledged.
        fn pull(request: OrderPullRequest) -> OrderPage;
        /// The platform has taken these orders. An unknown number is an event; the rest is acknowledged.
        fn acknowledge(request: OrderAcknowledgeRequest) -> EventReport;
        /// An order was edited.
        fn update(request: OrderUpdateRequest) -> OrderUpdateResponse;
        /// Cancels an order. Cancelling a cancelled order is a success.
        fn cancel(order: OrderRef) -> StatusReport;
        /// A shipment went out.
        fn submit_shipment(request: ShipmentSubmitRequest) -> EventReport;
        /// Nothing more will be shipped; what is unshipped should be treated as cancelled.
        fn complete(order: OrderSnapshot) -> StatusReport;
        /// Captures payments, or confirms that they are captured. Refuse with an `error` event.
        fn settle_payment(request: SettlePaymentRequest) -> EventReport;
        /// A return was processed.
        fn returned(request: OrderReturnedRequest) -> OrderReturnedResponse;
    }
}

/// To be shipped, as nearly every line is.
impl Default for FulfillmentMode {
    fn default() -> Self {
        Self::Ship
    }
}
