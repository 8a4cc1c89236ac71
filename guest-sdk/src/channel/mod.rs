//! The six interfaces: a trait for each, and the records that it speaks in.

/// Writes an interface's trait, and joins it to the generated bindings.
///
/// A method that a plugin leaves out answers [`Failure::Unsupported`](crate::Failure::Unsupported).
macro_rules! interface {
    (
        $(#[$docs:meta])*
        trait $trait:ident for $module:ident {
            $( $(#[$fn_docs:meta])* fn $name:ident($($arg:ident: $type:ty)?) -> $answer:ty; )*
        }
    ) => {
        $(#[$docs])*
        pub trait $trait {
            $(
                $(#[$fn_docs])*
                ///
                /// # Errors
                /// Unless implemented: [`Failure::Unsupported`](crate::Failure::Unsupported).
                fn $name(context: &crate::CallContext $(, $arg: $type)?) -> Result<$answer, crate::Failure> {
                    let _ = (context, $($arg)?);
                    Err(crate::Failure::Unsupported)
                }
            )*
        }

        impl<T: $trait> crate::bindings::$module::exports::wharf::channel::$module::Guest for T {
            $(
                fn $name(context: crate::CallContext $(, $arg: $type)?) -> Result<$answer, crate::Failure> {
                    crate::below::enter();
                    <T as $trait>::$name(&context $(, $arg)?)
                }
            )*
        }
    };
}

pub(crate) mod call;
pub mod catalog;
pub mod documents;
pub mod events;
pub mod inventory;
pub mod notices;
pub mod orders;
pub mod payments;
pub mod reports;
