//! Makes a component of a plugin.

/// Exports a plugin's interfaces, and only those: `wharf_sdk::export!(MyPlugin: Catalog, Orders);`
///
/// Takes the type's name and the interfaces it implements, out of `Catalog`, `Inventory`, `Orders`, `Documents`,
/// `Payments` and `Events`. Call it once, at the root of a crate with `crate-type = ["cdylib"]`. Wharf answers for the
/// interfaces that are not named. When the crate is compiled for anything but WebAssembly, as for its tests, the macro
/// only checks that the traits are implemented.
#[macro_export]
macro_rules! export {
    ($plugin:ident: $($interface:ident),+ $(,)?) => {
        $( $crate::__export_one!($plugin: $interface); )+
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_one {
    ($plugin:ident: Catalog) => { $crate::__export_one!($plugin: Catalog, catalog, export_catalog); };
    ($plugin:ident: Inventory) => { $crate::__export_one!($plugin: Inventory, inventory, export_inventory); };
    ($plugin:ident: Orders) => { $crate::__export_one!($plugin: Orders, orders, export_orders); };
    ($plugin:ident: Documents) => { $crate::__export_one!($plugin: Documents, documents, export_documents); };
    ($plugin:ident: Payments) => { $crate::__export_one!($plugin: Payments, payments, export_payments); };
    ($plugin:ident: Events) => { $crate::__export_one!($plugin: Events, events, export_events); };
    ($plugin:ident: $unknown:ident) => {
        compile_error!(concat!(
            "no interface `", stringify!($unknown),
            "`: name Catalog, Inventory, Orders, Documents, Payments or Events"
        ));
    };
    ($plugin:ident: $trait:ident, $module:ident, $export:ident) => {
        const _: () = {
            const fn implements<T: $crate::$trait>() {}
            implements::<$plugin>();
        };
        #[cfg(target_arch = "wasm32")]
        $crate::bindings::$module::$export!($plugin with_types_in $crate::bindings::$module);
    };
}
