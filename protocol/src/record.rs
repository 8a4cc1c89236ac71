//! How a record is declared once for JSON, JSON Schema and the component boundary.

/// Declares records that the platform tells of: borrowed, read leniently, lowered into a guest.
///
/// A field reads `name: Type = "name-in-wit"`, and `by "path::of::reader"` where the usual reader does not fit.
macro_rules! told {
    ($( $(#[$m:meta])* $name:ident { $($body:tt)* } )*) => {
        $( told!(@fields [$(#[$m])*] $name [] $($body)*); )*
    };
    (@fields [$($m:tt)*] $name:ident [$($done:tt)*] $(#[$fm:meta])* $field:ident : $ty:ty = $wit:literal by $reader:literal, $($rest:tt)*) => {
        told!(@fields [$($m)*] $name [$($done)*
            $(#[$fm])*
            #[serde(default, deserialize_with = $reader)]
            #[cfg_attr(feature = "component", component(name = $wit))]
            pub $field: $ty,
        ] $($rest)*);
    };
    (@fields [$($m:tt)*] $name:ident [$($done:tt)*] $(#[$fm:meta])* $field:ident : $ty:ty = $wit:literal, $($rest:tt)*) => {
        told!(@fields [$($m)*] $name [$($done)*] $(#[$fm])* $field: $ty = $wit by "crate::lenient::field", $($rest)*);
    };
    (@fields [$($m:tt)*] $name:ident [$($done:tt)*]) => {
        #[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        $($m)*
        #[serde(bound(deserialize = "'de: 'a"))]
        #[cfg_attr(
            feature = "component",
            derive(wasmtime::component::ComponentType, wasmtime::component::Lower),
            component(record)
        )]
        pub struct $name<'a> { $($done)* }
        crate::lenient::record!($name);
    };
}

/// Declares records that a guest answers with: owned, lifted out of a guest, written strictly.
///
/// A field reads `name: Type = "name-in-wit"`. An absent option is not written.
macro_rules! given {
    ($( $(#[$m:meta])* $name:ident { $( $(#[$fm:meta])* $field:ident : $ty:ty = $wit:literal, )* } )*) => { $(
        #[serde_with::skip_serializing_none]
        #[serde_with::apply(
            String => #[serde(serialize_with = "crate::text::write")],
            Option<String> => #[serde(serialize_with = "crate::text::write_some")],
        )]
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        $(#[$m])*
        #[cfg_attr(
            feature = "component",
            derive(wasmtime::component::ComponentType, wasmtime::component::Lift),
            component(record)
        )]
        pub struct $name { $(
            $(#[$fm])*
            #[cfg_attr(feature = "component", component(name = $wit))]
            pub $field: $ty,
        )* }
    )* };
}

/// Declares an enum of the contract: each case with its spelling in WIT and in JSON.
macro_rules! cases {
    ($( $(#[$m:meta])* $name:ident { $( $(#[$cm:meta])* $case:ident = $wit:literal $json:literal, )* } )*) => { $(
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[cfg_attr(
            feature = "component",
            derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower),
            component(enum)
        )]
        #[repr(u8)]
        $(#[$m])*
        pub enum $name { $(
            $(#[$cm])*
            #[serde(rename = $json)]
            #[cfg_attr(feature = "component", component(name = $wit))]
            $case,
        )* }
    )* };
}
