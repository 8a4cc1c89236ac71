//! `catalog_get_config` and `catalog_push`.

use super::Request;
use crate::{Breach, Check};

cases! {
    /// Which SKUs the platform pushes when one changes.
    SkuFanout {
        /// The changed SKU and its relatives.
        RelatedSkus = "related-skus" "related_skus",
        /// Only the changed SKU.
        NoFanout = "no-fanout" "no_fanout",
    }
}

given! {
    /// How the channel wants catalog pushes.
    CatalogConfig {
        /// Which SKUs are pushed.
        sku_fanout: SkuFanout = "sku-fanout",
    }
}

impl Check for CatalogConfig {
    fn check(&self) -> Result<(), Breach> {
        Ok(())
    }
}

/// New and changed products.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(bound(deserialize = "'de: 'a"))]
#[cfg_attr(
    feature = "component",
    derive(wasmtime::component::ComponentType, wasmtime::component::Lower),
    component(record)
)]
pub struct CatalogPushRequest<'a> {
    /// The evaluated feed template as JSON text. The older spelling is read too (retailops-sdk section 6.1, row 1).
    #[serde(alias = "TemplateOutput", default = "empty_object", deserialize_with = "crate::lenient::json_object")]
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    #[cfg_attr(feature = "component", component(name = "template-output"))]
    pub template_output: &'a str,
}

fn empty_object() -> &'static str {
    crate::lenient::EMPTY_OBJECT
}

impl Request for CatalogPushRequest<'_> {}
