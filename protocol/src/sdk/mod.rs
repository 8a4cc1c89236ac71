//! The RetailOps SDK: eleven interactions that the platform calls on a channel.

pub mod catalog;
pub mod envelope;
pub mod inventory;
pub mod order_given;
pub mod order_told;
pub mod reports;

pub use envelope::Envelope;

/// The public test key: a channel in testing mode accepts it, one in production never does (retailops-sdk section 2).
pub const TEST_KEY: &str = "RETAILOPS_SDK";

/// The contract version of every SDK call, also the number in its path.
pub const VERSION: u32 = 1;

macro_rules! interactions {
    ($( $(#[$m:meta])* $case:ident = $name:literal, $interface:literal, $function:literal; )*) => {
        /// One of the eleven interactions.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Interaction { $( $(#[$m])* $case, )* }

        impl Interaction {
            /// All of them, in the order of an order's life.
            pub const ALL: [Self; 11] = [$( Self::$case ),*];

            /// The platform's name, such as `order_pull`.
            pub fn name(self) -> &'static str {
                match self { $( Self::$case => $name, )* }
            }

            /// The last segment of its path, such as `order_pull_v1`.
            pub fn path(self) -> &'static str {
                match self { $( Self::$case => concat!($name, "_v1"), )* }
            }

            /// The interface and the function of the contract that answer it.
            pub fn function(self) -> (&'static str, &'static str) {
                match self { $( Self::$case => ($interface, $function), )* }
            }
        }
    };
}

interactions! {
    /// How the channel wants catalog pushes.
    CatalogGetConfig = "catalog_get_config", "catalog", "get-config";
    /// Product data.
    CatalogPush = "catalog_push", "catalog", "push";
    /// Stock levels.
    InventoryPush = "inventory_push", "inventory", "push";
    /// Orders ready to be fulfilled.
    OrderPull = "order_pull", "orders", "pull";
    /// Orders that were taken.
    OrderAcknowledge = "order_acknowledge", "orders", "acknowledge";
    /// An edited order.
    OrderUpdate = "order_update", "orders", "update";
    /// A cancelled order.
    OrderCancel = "order_cancel", "orders", "cancel";
    /// A shipment that went out.
    OrderShipmentSubmit = "order_shipment_submit", "orders", "submit-shipment";
    /// Nothing more will be shipped.
    OrderComplete = "order_complete", "orders", "complete";
    /// Payments to capture.
    OrderSettlePayment = "order_settle_payment", "orders", "settle-payment";
    /// A processed return.
    OrderReturned = "order_returned", "orders", "returned";
}

impl Interaction {
    /// The interaction of a path segment such as `order_pull_v1`.
    pub fn of_path(segment: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|interaction| interaction.path() == segment)
    }

    /// Whether its answer has `events`: all but two have (retailops-sdk section 4.3).
    pub fn reports_events(self) -> bool {
        !matches!(self, Self::CatalogGetConfig | Self::OrderPull)
    }

    /// Whether its answer has a `status`.
    pub fn reports_status(self) -> bool {
        matches!(self, Self::OrderCancel | Self::OrderComplete)
    }
}

/// What a host wants to know of a request before any guest sees it.
pub trait Request {
    /// The JSON path of a member without which no guest can do anything useful, if it is missing.
    fn missing(&self) -> Option<&'static str> {
        None
    }

    /// The channel's number of the order that it is about; of several, the first.
    fn order_number(&self) -> Option<&str> {
        None
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
