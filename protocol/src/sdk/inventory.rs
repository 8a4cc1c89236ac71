//! `inventory_push`.

use super::Request;
use crate::Text;

cases! {
    /// Where the counted stock is.
    StockKind { Internal = "internal" "internal", External = "external" "external", Inflight = "inflight" "inflight", }
}

told! {
    /// One part of a SKU's stock.
    StockDetail {
        /// Where it is; blank and unknown spellings are absent.
        #[serde(rename = "quantity_type")]
        kind: Option<StockKind> = "kind" by "crate::lenient::case",
        /// Units that can be sold now.
        available_quantity: Option<i64> = "available-quantity",
        /// All units.
        total_quantity: Option<i64> = "total-quantity",
        /// Free text.
        estimated_availability_date: Option<Text<'a>> = "estimated-availability-date",
        /// The RetailOps facility.
        facility_name: Option<Text<'a>> = "facility-name",
        /// The vendor of external stock.
        vendor_name: Option<Text<'a>> = "vendor-name",
        /// The purchase order behind inflight stock.
        #[serde(rename = "po")]
        purchase_order: Option<Text<'a>> = "purchase-order",
        /// Where it goes.
        #[serde(rename = "po_destination")]
        purchase_order_destination: Option<Text<'a>> = "purchase-order-destination",
    }

    /// The absolute stock of one SKU.
    StockUpdate {
        /// Empty when the platform left it out.
        sku: Text<'a> = "sku",
        /// Units that can be sold.
        quantity_available: Option<i64> = "quantity-available",
        /// The breakdown.
        #[serde(rename = "quantity_detail")]
        details: Vec<StockDetail<'a>> = "details",
    }

    /// Stock levels of a number of SKUs.
    InventoryPushRequest {
        /// One for each SKU.
        #[serde(rename = "inventory_updates")]
        updates: Vec<StockUpdate<'a>> = "updates",
    }
}

impl Request for InventoryPushRequest<'_> {}
