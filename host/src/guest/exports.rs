//! The functions of the contract, and where a component has them.

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentExportIndex, ComponentNamedList, InstancePre, Lift, Lower};
use wharf_protocol::call::{CallContext, Failure};
use wharf_protocol::notification::{Entity, documents, events, payments};
use wharf_protocol::sdk::{catalog, inventory, order_given, order_told, reports};

use super::cause::one_line;
use super::state::CallState;

/// The contract's version, part of every interface's name.
pub(super) const VERSION: &str = "0.1.0";

/// A function of the contract: its name, what it takes and what it gives.
pub trait Function: Send + Sync + 'static {
    /// Its place in [`Exports`].
    const INDEX: usize;
    /// Its interface and name, such as `orders.pull`.
    const NAME: &'static str;
    /// What it takes: borrowed, lowered as it is.
    type Params<'a>: ComponentNamedList + Lower + Send + Sync;
    /// What it gives.
    type Answer: Lift + Send + Sync + 'static;
}

/// The parameter of a function that takes nothing but the context.
type Alone<'a> = (CallContext<'a>,);
/// The parameters of a function that takes the context and a request.
type With<'a, R> = (CallContext<'a>, &'a R);

macro_rules! contract {
    ($( $case:ident = $interface:literal $function:literal, $params:ty => $answer:ty; )*) => {
        /// A marker for each function of the contract.
        pub mod functions {
            $(
                #[doc = concat!("`", $interface, ".", $function, "`")]
                pub struct $case;
            )*
        }

        #[derive(Clone, Copy)]
        enum Place { $( $case, )* }

        const COUNT: usize = [$( Place::$case ),*].len();

        $(
            impl Function for functions::$case {
                const INDEX: usize = Place::$case as usize;
                const NAME: &'static str = concat!($interface, ".", $function);
                type Params<'a> = $params;
                type Answer = $answer;
            }
        )*

        impl Exports {
            /// Finds every function that the component exports, and checks its type against ours.
            pub(super) fn resolve(pre: &InstancePre<CallState>) -> Result<Self, ContractError> {
                let mut indices = [None; COUNT];
                $( indices[Place::$case as usize] = find::<functions::$case>(pre, $interface, $function)?; )*
                Ok(Self { indices })
            }
        }
    };
}

contract! {
    CatalogGetConfig = "catalog" "get-config", Alone<'a> => catalog::CatalogConfig;
    CatalogPush = "catalog" "push", With<'a, catalog::CatalogPushRequest<'a>> => reports::EventReport;
    InventoryPush = "inventory" "push", With<'a, inventory::InventoryPushRequest<'a>> => reports::EventReport;
    OrderPull = "orders" "pull", With<'a, order_told::OrderPullRequest<'a>> => order_given::OrderPage;
    OrderAcknowledge = "orders" "acknowledge", With<'a, order_told::OrderAcknowledgeRequest<'a>> => reports::EventReport;
    OrderUpdate = "orders" "update", With<'a, order_told::OrderUpdateRequest<'a>> => order_given::OrderUpdateResponse;
    OrderCancel = "orders" "cancel", With<'a, order_told::OrderRef<'a>> => reports::StatusReport;
    OrderShipmentSubmit = "orders" "submit-shipment", With<'a, order_told::ShipmentSubmitRequest<'a>> => reports::EventReport;
    OrderComplete = "orders" "complete", With<'a, order_told::OrderSnapshot<'a>> => reports::StatusReport;
    OrderSettlePayment = "orders" "settle-payment", With<'a, order_told::SettlePaymentRequest<'a>> => reports::EventReport;
    OrderReturned = "orders" "returned", With<'a, order_told::OrderReturnedRequest<'a>> => order_given::OrderReturnedResponse;
    DocumentValidate = "documents" "validate", With<'a, documents::ValidationRequest<'a>> => documents::ValidationAnswer;
    DocumentCancelled = "documents" "cancelled", With<'a, Entity> => ();
    DocumentPrice = "documents" "price", With<'a, documents::PricingRequest<'a>> => documents::PricingAnswer;
    PaymentValidate = "payments" "validate", With<'a, payments::PaymentRequest<'a>> => payments::PaymentAnswer;
    PaymentPage = "payments" "page", With<'a, payments::PageRequest<'a>> => payments::Page;
    EventHandle = "events" "handle", With<'a, events::Event<'a>> => events::EventReply;
}

/// A component that does not fit the contract once its types are known.
#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    /// An interface that it imports is another one than ours of that name.
    #[error(
        "the component imports {0} in a version or with types that this host does not have; build it with the current wharf-sdk"
    )]
    Import(String),
    /// A function is missing.
    #[error(
        "the component exports wharf:channel/{interface}@{VERSION} without its function {function}; build it with the current wharf-sdk"
    )]
    Missing {
        /// The interface.
        interface: &'static str,
        /// The function.
        function: &'static str,
    },
    /// A function has another type.
    #[error(
        "the component's {0} takes or gives something else than the contract's type; build it with the current wharf-sdk"
    )]
    Type(&'static str),
}

/// Where a component has each function of the contract; found once, when it is loaded.
pub(super) struct Exports {
    indices: [Option<ComponentExportIndex>; COUNT],
}

impl Exports {
    /// The function's index, if the component has it.
    pub(super) fn index<F: Function>(&self) -> Option<&ComponentExportIndex> {
        self.indices[F::INDEX].as_ref()
    }
}

/// The full name of one of our interfaces.
pub(super) fn interface_name(interface: &str) -> String {
    format!("wharf:channel/{interface}@{VERSION}")
}

fn find<F: Function>(
    pre: &InstancePre<CallState>,
    interface: &'static str,
    function: &'static str,
) -> Result<Option<ComponentExportIndex>, ContractError> {
    let component: &Component = pre.component();
    let Some(instance) = component.get_export_index(None, interface_name(interface).as_str()) else { return Ok(None) };
    let Some((ComponentItem::ComponentFunc(found), index)) = component.get_export(Some(&instance), function) else {
        return Err(ContractError::Missing { interface, function });
    };
    found.typecheck::<F::Params<'_>, (Result<F::Answer, Failure>,)>(&pre.instance_type()).map_err(|error| {
        tracing::info!(function = F::NAME, cause = %one_line(&format!("{error:#}")), "a function has another type");
        ContractError::Type(F::NAME)
    })?;
    Ok(Some(index))
}
