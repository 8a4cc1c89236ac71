//! What every function of the contract takes and gives.

/// Who is calling, as a guest is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "component",
    derive(wasmtime::component::ComponentType, wasmtime::component::Lower),
    component(record)
)]
pub struct CallContext<'a> {
    /// The host's id of this call.
    #[cfg_attr(feature = "component", component(name = "call-id"))]
    pub call_id: &'a str,
    /// The channel's slug.
    #[cfg_attr(feature = "component", component(name = "channel"))]
    pub channel: &'a str,
    /// What the caller called the interaction.
    #[cfg_attr(feature = "component", component(name = "action"))]
    pub action: &'a str,
    /// The contract version; 0 for a notification.
    #[cfg_attr(feature = "component", component(name = "version"))]
    pub version: u32,
    /// The RetailOps tenant; 0 for a notification.
    #[cfg_attr(feature = "component", component(name = "client-id"))]
    pub client_id: i64,
    /// The channel's id inside RetailOps.
    #[cfg_attr(feature = "component", component(name = "channel-id"))]
    pub channel_id: Option<i64>,
}

/// A business no.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "component",
    derive(wasmtime::component::ComponentType, wasmtime::component::Lift),
    component(record)
)]
pub struct Refusal {
    /// The channel's own stable code.
    #[cfg_attr(feature = "component", component(name = "code"))]
    pub code: String,
    /// One sentence for people.
    #[cfg_attr(feature = "component", component(name = "message"))]
    pub message: String,
}

/// Why a guest gives no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "component",
    derive(wasmtime::component::ComponentType, wasmtime::component::Lift),
    component(variant)
)]
pub enum Failure {
    /// The plugin does not do this.
    #[cfg_attr(feature = "component", component(name = "unsupported"))]
    Unsupported,
    /// A business no.
    #[cfg_attr(feature = "component", component(name = "refused"))]
    Refused(Refusal),
    /// Try again, after so many seconds if given.
    #[cfg_attr(feature = "component", component(name = "retry-later"))]
    RetryLater(Option<u32>),
    /// The plugin failed; the text is for the channel's log.
    #[cfg_attr(feature = "component", component(name = "internal"))]
    Internal(String),
}
