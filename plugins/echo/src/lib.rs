//! The smallest useful plugin: it tells what it was told.

use wharf_sdk::prelude::*;

struct Echo;

impl Inventory for Echo {
    fn push(_: &CallContext, request: InventoryPushRequest) -> Result<EventReport, Failure> {
        let events = request.updates.into_iter().map(|update| {
            let message = format!("{} units of {}", update.quantity_available.unwrap_or(0), update.sku);
            Event::info("STOCK", message).about(SubjectKind::SkuNumber, update.sku)
        });
        Ok(EventReport::from(events.collect::<Vec<_>>()))
    }
}

impl Events for Echo {
    fn handle(_: &CallContext, notification: Notification) -> Result<Reply, Failure> {
        Ok(Reply { data: notification.data, ..Reply::ok() })
    }
}

wharf_sdk::export!(Echo: Inventory, Events);

#[cfg(test)]
mod tests {
    use super::*;
    use wharf_sdk::testing::{Fake, context};

    #[test]
    fn every_stock_level_comes_back_as_an_event() {
        let update =
            |sku: &str, units| StockUpdate { sku: sku.to_owned(), quantity_available: units, ..StockUpdate::default() };
        let request = InventoryPushRequest { updates: vec![update("S1", Some(7)), update("S2", None)] };
        let report = Fake::new().run(|| Echo::push(&context(), request)).expect("a report");
        let messages: Vec<&str> = report.events.iter().map(|event| event.message.as_str()).collect();
        assert_eq!(messages, ["7 units of S1", "0 units of S2"]);
        assert_eq!(report.events[0].associations[0].identifier, "S1");
        assert!(report.events.iter().all(|event| event.severity == EventSeverity::Info));
    }

    #[test]
    fn data_comes_back_as_it_was() {
        for data in [None, Some(r#"{"searchString":"Åse"}"#.to_owned())] {
            let notification =
                Notification { event_type: "contact.search".to_owned(), data: data.clone(), ..Notification::default() };
            let reply = Echo::handle(&context(), notification).expect("a reply");
            assert_eq!((reply.data, reply.verdict), (data, Verdict::ok()));
        }
    }
}
