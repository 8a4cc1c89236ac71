//! The eleven SDK interactions: read the request as its type, run its function, write the answer.

use bytes::Bytes;
use wharf_protocol::call::CallContext;
use wharf_protocol::sdk::catalog::CatalogPushRequest;
use wharf_protocol::sdk::inventory::InventoryPushRequest;
use wharf_protocol::sdk::order_told as told;
use wharf_protocol::sdk::{Envelope, Interaction, Request, VERSION};

use super::{Failed, Ids, Runner, Subject, encode};
use crate::guest::{Body, Class, functions};

/// Answers one interaction: the JSON of the answer, which keeps the platform's rules.
///
/// # Errors
/// See [`Failed`].
pub async fn answer(
    runner: &impl Runner,
    ids: Ids<'_>,
    interaction: Interaction,
    body: &Bytes,
) -> Result<Vec<u8>, Failed> {
    let text = std::str::from_utf8(body).map_err(|error| Failed::Request(error.to_string()))?;
    let envelope = Envelope::find(text).map_err(|error| Failed::Request(error.to_string()))?;
    let action = envelope.action().map_err(unreadable("action"))?;
    let context = CallContext {
        call_id: ids.call,
        channel: ids.channel,
        action: &action,
        version: VERSION,
        client_id: envelope.client_id().map_err(unreadable("client_id"))?,
        channel_id: envelope.channel_id().map_err(unreadable("channel_info"))?,
    };
    let raw = Body::Keyed(body.clone());
    let class = match interaction {
        Interaction::CatalogPush | Interaction::InventoryPush => Class::Push,
        _ => Class::Sdk,
    };
    macro_rules! with {
        ($function:ident, $request:expr) => {{
            let request = $request;
            if let Some(path) = request.missing() {
                return Err(Failed::Missing(path));
            }
            let subject = Subject::order(request.order_number());
            encode(runner.run::<functions::$function>(subject, raw, class, (context, &request)).await)
        }};
    }
    let written = match interaction {
        Interaction::CatalogGetConfig => {
            // It takes nothing, but what follows its envelope must be JSON all the same.
            read::<serde::de::IgnoredAny>(text)?;
            encode(runner.run::<functions::CatalogGetConfig>(Subject::Nothing, raw, class, (context,)).await)
        }
        Interaction::CatalogPush => with!(CatalogPush, read::<CatalogPushRequest<'_>>(text)?),
        Interaction::InventoryPush => with!(InventoryPush, read::<InventoryPushRequest<'_>>(text)?),
        Interaction::OrderPull => with!(OrderPull, read::<told::OrderPullRequest<'_>>(text)?),
        Interaction::OrderAcknowledge => with!(OrderAcknowledge, read::<told::OrderAcknowledgeRequest<'_>>(text)?),
        Interaction::OrderUpdate => with!(OrderUpdate, read::<told::OrderUpdateRequest<'_>>(text)?),
        Interaction::OrderCancel => {
            with!(OrderCancel, read::<told::OrderCancelBody<'_>>(text)?.order.unwrap_or_default())
        }
        Interaction::OrderShipmentSubmit => with!(OrderShipmentSubmit, read::<told::ShipmentSubmitRequest<'_>>(text)?),
        Interaction::OrderComplete => {
            with!(OrderComplete, read::<told::OrderCompleteBody<'_>>(text)?.order.unwrap_or_default())
        }
        Interaction::OrderSettlePayment => with!(OrderSettlePayment, read::<told::SettlePaymentRequest<'_>>(text)?),
        Interaction::OrderReturned => with!(OrderReturned, read::<told::OrderReturnedRequest<'_>>(text)?),
    };
    Ok(written?.copied().await)
}

fn unreadable(member: &'static str) -> impl FnOnce(serde_json::Error) -> Failed {
    move |error| {
        let error = error.to_string();
        // The place that follows is one within the member.
        let what = error.split_once(" at line ").map_or(error.as_str(), |(what, _)| what);
        Failed::Request(format!("The request's envelope cannot be read at {member}: {what}."))
    }
}

/// Reads a request. Only when that fails it is read once more, slowly, to learn where.
fn read<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, Failed> {
    serde_json::from_str(text).map_err(|_| {
        let mut reader = serde_json::Deserializer::from_str(text);
        let error = match serde_path_to_error::deserialize::<_, T>(&mut reader) {
            Err(error) => match error.path().to_string().as_str() {
                // Outside of any member, or before its name was read.
                "." | "?" => format!("The request cannot be read: {}.", error.inner()),
                path => format!("The request cannot be read at {path}: {}.", error.inner()),
            },
            Ok(_) => reader.end().map_or_else(
                |error| format!("The request cannot be read: {error}."),
                |()| "The request cannot be read.".to_owned(),
            ),
        };
        Failed::Request(error)
    })
}
