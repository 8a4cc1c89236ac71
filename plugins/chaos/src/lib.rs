//! The hostile guest: a plugin that does whatever its setting `behaviour` says, to see what becomes of the host.
//!
//! It answers all six interfaces, and every function behaves alike; see [`Behaviour`] for the choice. A page is instead the
//! setting `html` as it is, where there is one, and says that a payment succeeded.

mod answers;
mod behaviour;
mod fetch;
mod forward;
mod illegal;
mod platform;

pub use behaviour::Behaviour;

use answers::Answer;
use wharf_sdk::prelude::*;

struct Chaos;

/// Behaves, and then answers with what came of it.
fn behave<A: Answer>(context: &CallContext, answer: impl FnOnce(String) -> A) -> Result<A, Failure> {
    let name = wharf_sdk::config::get("behaviour")?.unwrap_or_else(|| "answer".to_owned());
    let behaviour: Behaviour = name.parse().map_err(Failure::internal)?;
    match behaviour {
        Behaviour::IllegalAnswer => Ok(answer(String::new()).illegal()),
        Behaviour::HugeAnswer => {
            let kilobytes = wharf_sdk::config::parse("kilobytes")?.unwrap_or(32 << 10);
            Ok(answer("chaos! ".repeat((kilobytes << 10) / 7)))
        }
        Behaviour::Forward => {
            let (note, illegal) = forward::forward();
            Ok(if illegal { answer(note).illegal() } else { answer(note) })
        }
        other => other.perform(context).map(answer),
    }
}

impl Catalog for Chaos {
    fn get_config(context: &CallContext) -> Result<CatalogConfig, Failure> {
        behave(context, |_| CatalogConfig { sku_fanout: SkuFanout::NoFanout })
    }

    fn push(context: &CallContext, _: CatalogPushRequest) -> Result<EventReport, Failure> {
        behave(context, answers::report)
    }
}

impl Inventory for Chaos {
    fn push(context: &CallContext, _: InventoryPushRequest) -> Result<EventReport, Failure> {
        behave(context, answers::report)
    }
}

impl Orders for Chaos {
    fn pull(context: &CallContext, _: OrderPullRequest) -> Result<OrderPage, Failure> {
        behave(context, answers::page)
    }

    fn acknowledge(context: &CallContext, _: OrderAcknowledgeRequest) -> Result<EventReport, Failure> {
        behave(context, answers::report)
    }

    fn update(context: &CallContext, _: OrderUpdateRequest) -> Result<OrderUpdateResponse, Failure> {
        behave(context, |note| OrderUpdateResponse {
            events: answers::report(note).events,
            ..OrderUpdateResponse::default()
        })
    }

    fn cancel(context: &CallContext, _: OrderRef) -> Result<StatusReport, Failure> {
        behave(context, answers::status)
    }

    fn submit_shipment(context: &CallContext, _: ShipmentSubmitRequest) -> Result<EventReport, Failure> {
        behave(context, answers::report)
    }

    fn complete(context: &CallContext, _: OrderSnapshot) -> Result<StatusReport, Failure> {
        behave(context, answers::status)
    }

    fn settle_payment(context: &CallContext, _: SettlePaymentRequest) -> Result<EventReport, Failure> {
        behave(context, answers::report)
    }

    fn returned(context: &CallContext, _: OrderReturnedRequest) -> Result<OrderReturnedResponse, Failure> {
        behave(context, |note| OrderReturnedResponse {
            events: answers::report(note).events,
            channel_store_credit_amount: None,
        })
    }
}

impl Documents for Chaos {
    fn validate(context: &CallContext, request: ValidationRequest) -> Result<ValidationAnswer, Failure> {
        behave(context, |note| ValidationAnswer {
            verdict: answers::verdict(note),
            force_validation: false,
            internal_code: Some(request.internal_code.unwrap_or_else(|| "CHAOS-1".to_owned())),
        })
    }

    fn cancelled(context: &CallContext, _: Entity) -> Result<(), Failure> {
        behave(context, drop)
    }

    fn price(context: &CallContext, request: PricingRequest) -> Result<PricingAnswer, Failure> {
        behave(context, |note| PricingAnswer {
            verdict: answers::verdict(note),
            store_code: request.store_code,
            currency_code: request.currency_code,
            validity_date: None,
            items: request.items.into_iter().map(answers::price).collect(),
        })
    }
}

impl Payments for Chaos {
    fn validate(context: &CallContext, _: PaymentRequest) -> Result<PaymentAnswer, Failure> {
        behave(context, |note| PaymentAnswer {
            verdict: answers::verdict(note),
            status: Some(PaymentStatus::Pending),
            internal_code: None,
        })
    }

    fn page(context: &CallContext, request: PageRequest) -> Result<HtmlPage, Failure> {
        match wharf_sdk::config::get("html")? {
            Some(html) => Ok(HtmlPage { html, message: Some(PageMessage::Success) }),
            None => behave(context, |note| answers::html(&note, &request.form_token)),
        }
    }
}

impl Events for Chaos {
    fn handle(context: &CallContext, _: Notification) -> Result<Reply, Failure> {
        behave(context, |note| Reply { verdict: answers::verdict(note), data: None })
    }
}

wharf_sdk::export!(Chaos: Catalog, Inventory, Orders, Documents, Payments, Events);

#[cfg(test)]
mod tests;
