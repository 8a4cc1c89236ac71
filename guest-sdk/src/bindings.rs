//! What `wit/` says, in Rust. Eight expansions, and yet one Rust type for each WIT record.
//!
//! A component exports what its world exports, so each interface needs a world of its own: one world with all of them
//! would oblige every plugin to export all. `with` points their common records at [`shared`].
#![expect(
    clippy::same_length_and_capacity,
    clippy::unsafe_derive_deserialize,
    reason = "the generated code takes over buffers of the host's making, and hides a lift function in each enum"
)]

/// The WASI interfaces. Without derives: a resource can be neither cloned nor compared.
pub mod wasi {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package wharf:sdk-wasi;
            world wasi {
                import wasi:config/store@0.2.0-rc.1;
                import wasi:keyvalue/store@0.2.0-draft2;
                import wasi:keyvalue/atomics@0.2.0-draft2;
                import wasi:keyvalue/batch@0.2.0-draft2;
                import wasi:logging/logging@0.1.0-draft;
            }
        ",
        world: "wharf:sdk-wasi/wasi",
        generate_all,
    });
}

/// The records that several interfaces share, and the host's own functions.
pub mod shared {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package wharf:sdk-shared;
            world shared {
                import wharf:channel/host@0.1.0;
                import wharf:channel/platform@0.1.0;
                import wharf:channel/call@0.1.0;
                import wharf:channel/reports@0.1.0;
                import wharf:channel/notices@0.1.0;
            }
        ",
        world: "wharf:sdk-shared/shared",
        generate_unused_types: true,
        additional_derives: [PartialEq, Clone, serde::Serialize, serde::Deserialize],
        additional_type_attributes: {
            "wharf:channel/call@0.1.0/call-context": [#[derive(Default)]],
            "wharf:channel/reports@0.1.0/event-report": [#[derive(Default)]],
            "wharf:channel/notices@0.1.0/entity": [#[derive(Default)]],
        },
        with: { "wharf:channel/call@0.1.0/decimal": crate::Decimal },
        generate_all,
    });
}

/// Expands one interface's world into a module of its own.
macro_rules! interface {
    (
        $module:ident, $world:literal, $macro_name:literal, $shared_name:literal => $shared:ident,
        defaults: { $($defaults:tt)* }
    ) => {
        pub mod $module {
            wit_bindgen::generate!({
                path: "../wit",
                world: $world,
                export_macro_name: $macro_name,
                pub_export_macro: true,
                additional_derives: [PartialEq, Clone, serde::Serialize, serde::Deserialize],
                additional_type_attributes: { $($defaults)* },
                with: {
                    "wharf:channel/host@0.1.0": crate::bindings::shared::wharf::channel::host,
                    "wharf:channel/platform@0.1.0": crate::bindings::shared::wharf::channel::platform,
                    "wharf:channel/call@0.1.0": crate::channel::call,
                    $shared_name: crate::bindings::shared::wharf::channel::$shared,
                    "wasi:config/store@0.2.0-rc.1": crate::bindings::wasi::wasi::config::store,
                    "wasi:keyvalue/store@0.2.0-draft2": crate::bindings::wasi::wasi::keyvalue::store,
                    "wasi:keyvalue/atomics@0.2.0-draft2": crate::bindings::wasi::wasi::keyvalue::atomics,
                    "wasi:keyvalue/batch@0.2.0-draft2": crate::bindings::wasi::wasi::keyvalue::batch,
                    "wasi:logging/logging@0.1.0-draft": crate::bindings::wasi::wasi::logging::logging,
                },
            });
        }
    };
}

interface!(catalog, "wharf:channel/catalog-plugin", "export_catalog", "wharf:channel/reports@0.1.0" => reports, defaults: {});
interface!(
    inventory, "wharf:channel/inventory-plugin", "export_inventory", "wharf:channel/reports@0.1.0" => reports,
    defaults: {
        "wharf:channel/inventory@0.1.0/stock-detail": [#[derive(Default)]],
        "wharf:channel/inventory@0.1.0/stock-update": [#[derive(Default)]],
        "wharf:channel/inventory@0.1.0/inventory-push-request": [#[derive(Default)]],
    }
);
interface!(
    orders, "wharf:channel/orders-plugin", "export_orders", "wharf:channel/reports@0.1.0" => reports,
    defaults: {
        "wharf:channel/orders@0.1.0/order-pull-request": [#[derive(Default)]],
        "wharf:channel/orders@0.1.0/postal-address": [#[derive(Default)]],
        "wharf:channel/orders@0.1.0/order-charges": [#[derive(Default)]],
        "wharf:channel/orders@0.1.0/line-charges": [#[derive(Default)]],
        "wharf:channel/orders@0.1.0/sales-order-line": [#[derive(Default)]],
        "wharf:channel/orders@0.1.0/customer": [#[derive(Default)]],
        "wharf:channel/orders@0.1.0/sales-order": [#[derive(Default)]],
        "wharf:channel/orders@0.1.0/order-page": [#[derive(Default)]],
        "wharf:channel/orders@0.1.0/order-ref": [#[derive(Default)]],
        "wharf:channel/orders@0.1.0/order-acknowledge-request": [#[derive(Default)]],
        "wharf:channel/orders@0.1.0/snapshot-line": [#[derive(Default)]],
        "wharf:channel/orders@0.1.0/unshipped-line": [#[derive(Default)]],
        "wharf:channel/orders@0.1.0/parcel-line": [#[derive(Default)]],
        "wharf:channel/orders@0.1.0/parcel": [#[derive(Default)]],
        "wharf:channel/orders@0.1.0/shipment": [#[derive(Default)]],
        "wharf:channel/orders@0.1.0/order-snapshot": [#[derive(Default)]],
        "wharf:channel/orders@0.1.0/return-line": [#[derive(Default)]],
        "wharf:channel/orders@0.1.0/customer-return": [#[derive(Default)]],
        "wharf:channel/orders@0.1.0/order-update-request": [#[derive(Default)]],
        "wharf:channel/orders@0.1.0/line-writeback": [#[derive(Default)]],
        "wharf:channel/orders@0.1.0/totals-writeback": [#[derive(Default)]],
        "wharf:channel/orders@0.1.0/order-update-response": [#[derive(Default)]],
        "wharf:channel/orders@0.1.0/shipment-submit-request": [#[derive(Default)]],
        "wharf:channel/orders@0.1.0/settlement-transaction": [#[derive(Default)]],
        "wharf:channel/orders@0.1.0/payment-settlement": [#[derive(Default)]],
        "wharf:channel/orders@0.1.0/settle-payment-request": [#[derive(Default)]],
        "wharf:channel/orders@0.1.0/order-returned-request": [#[derive(Default)]],
        "wharf:channel/orders@0.1.0/order-returned-response": [#[derive(Default)]],
    }
);
interface!(
    documents, "wharf:channel/documents-plugin", "export_documents", "wharf:channel/notices@0.1.0" => notices,
    defaults: {
        "wharf:channel/documents@0.1.0/validation-request": [#[derive(Default)]],
        "wharf:channel/documents@0.1.0/price-query": [#[derive(Default)]],
        "wharf:channel/documents@0.1.0/pricing-request": [#[derive(Default)]],
        "wharf:channel/documents@0.1.0/item-price": [#[derive(Default)]],
    }
);
interface!(
    payments, "wharf:channel/payments-plugin", "export_payments", "wharf:channel/notices@0.1.0" => notices,
    defaults: {
        "wharf:channel/payments@0.1.0/payment-method": [#[derive(Default)]],
        "wharf:channel/payments@0.1.0/payment-type": [#[derive(Default)]],
        "wharf:channel/payments@0.1.0/payment-request": [#[derive(Default)]],
        "wharf:channel/payments@0.1.0/page-request": [#[derive(Default)]],
    }
);
interface!(
    events, "wharf:channel/events-plugin", "export_events", "wharf:channel/notices@0.1.0" => notices,
    defaults: { "wharf:channel/events@0.1.0/notification": [#[derive(Default)]], }
);
