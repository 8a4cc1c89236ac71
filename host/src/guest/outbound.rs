//! Requests that a guest sends out: to granted hosts only, to public addresses only, within the call's time.

mod address;
mod grant;
mod recorded;
mod send;

pub use grant::HostPattern;
pub use send::Outbound;
pub(super) use send::Sender;
