use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::*;
use crate::notification::Notification;
use crate::notification::documents::PricingRequest;
use crate::notification::payments::PaymentRequest;
use crate::sdk::catalog::CatalogPushRequest;
use crate::sdk::envelope::Envelope;
use crate::sdk::inventory::InventoryPushRequest;
use crate::sdk::order_told::{
    OrderAcknowledgeRequest, OrderCancelBody, OrderCompleteBody, OrderPullRequest, OrderReturnedRequest,
    OrderUpdateRequest, SettlePaymentRequest, ShipmentSubmitRequest,
};

fn reads<'a, T: Deserialize<'a>>(body: &'a str, what: &str) {
    if let Err(error) = serde_json::from_str::<T>(body) {
        panic!("{what}: {error}");
    }
}

fn decodes(interaction: Interaction, body: &str, what: &str) {
    let envelope = Envelope::find(body).unwrap_or_else(|error| panic!("{what}: {error}"));
    for readable in [envelope.action().is_ok(), envelope.client_id().is_ok(), envelope.channel_id().is_ok()] {
        assert!(readable, "{what}: the envelope is not readable");
    }
    match interaction {
        Interaction::CatalogGetConfig => {}
        Interaction::CatalogPush => reads::<CatalogPushRequest<'_>>(body, what),
        Interaction::InventoryPush => reads::<InventoryPushRequest<'_>>(body, what),
        Interaction::OrderPull => reads::<OrderPullRequest<'_>>(body, what),
        Interaction::OrderAcknowledge => reads::<OrderAcknowledgeRequest<'_>>(body, what),
        Interaction::OrderUpdate => reads::<OrderUpdateRequest<'_>>(body, what),
        Interaction::OrderCancel => reads::<OrderCancelBody<'_>>(body, what),
        Interaction::OrderShipmentSubmit => reads::<ShipmentSubmitRequest<'_>>(body, what),
        Interaction::OrderComplete => reads::<OrderCompleteBody<'_>>(body, what),
        Interaction::OrderSettlePayment => reads::<SettlePaymentRequest<'_>>(body, what),
        Interaction::OrderReturned => reads::<OrderReturnedRequest<'_>>(body, what),
    }
}

#[test]
fn every_example_decodes_into_its_type() {
    for example in all() {
        match example.call {
            Call::Sdk(interaction) => {
                decodes(interaction, example.body, example.name);
                let body = example.with_key("k\"ey");
                assert_eq!(Envelope::find(&body).unwrap().token().unwrap(), "k\"ey", "{}", example.name);
                assert_eq!(
                    example.with_key("x").matches(crate::sdk::envelope::KEY_MEMBER).count(),
                    1,
                    "{}",
                    example.name
                );
            }
            Call::Notification(kind) => {
                let note: Notification<'_> =
                    serde_json::from_str(example.body).unwrap_or_else(|error| panic!("{}: {error}", example.name));
                assert_eq!(EventKind::of(&note.event_type), Some(kind), "{}", example.name);
                match kind {
                    EventKind::DocumentPricing => reads::<PricingRequest<'_>>(note.data_text().unwrap(), example.name),
                    EventKind::PaymentValidation => {
                        reads::<PaymentRequest<'_>>(note.data_text().unwrap(), example.name);
                    }
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn every_interaction_and_every_kind_of_event_has_a_plain_example() {
    for interaction in Interaction::ALL {
        let plain = of(interaction).next().unwrap();
        assert_eq!((plain.name, plain.strict), (interaction.name(), true));
    }
    for event in [
        "document.validation",
        "document.cancellation",
        "document.pricing",
        "payment.validation",
        "contact.search",
        "contact.details",
        "contact.validation",
    ] {
        assert!(notifications().any(|example| example.body.contains(event)), "{event}");
    }
}

#[test]
fn every_file_beside_the_examples_is_listed() {
    let listed = |name: &str| all().iter().any(|example| format!("{}.json", example.name) == name);
    for file in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(listed(&name), "{name} is not in the list");
    }
}

/// The platform's own files; they are no part of this repository and may be absent.
fn platform(folder: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/domain")).join(folder);
    path.is_dir().then_some(path)
}

fn interaction_in(name: &str) -> Option<Interaction> {
    Interaction::ALL.into_iter().find(|interaction| name.contains(interaction.path()))
}

#[test]
fn the_platforms_own_examples_decode() {
    for folder in ["examples", "samples"].into_iter().filter_map(platform) {
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            decodes(interaction_in(&name).unwrap(), &fs::read_to_string(&path).unwrap(), &name);
        }
    }
}

#[test]
fn strict_examples_are_valid_for_the_platform_and_the_others_are_not() {
    let Some(folder) = platform("schema") else { return };
    for example in all() {
        let Call::Sdk(interaction) = example.call else { continue };
        let text = fs::read_to_string(folder.join(format!("{}.json", interaction.path()))).unwrap();
        let file: Value = serde_json::from_str(&text).unwrap();
        let mut schema = file["links"][0]["schema"].clone();
        schema["definitions"] = file["definitions"].clone();
        let validator = jsonschema::draft4::options().should_validate_formats(true).build(&schema).unwrap();
        let body: Value = serde_json::from_str(&example.with_key("k")).unwrap();
        let errors: Vec<_> =
            validator.iter_errors(&body).map(|error| format!("{} {error}", error.instance_path())).collect();
        assert_eq!(errors.is_empty(), example.strict, "{}: {errors:?}", example.name);
    }
}
