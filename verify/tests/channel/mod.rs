//! A small channel in memory that does everything right, and servers that do something wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::{Value, json};
use tiny_http::{Header, Request, Response, Server};

pub(crate) const KEY: &str = "RETAILOPS_SDK";
pub(crate) const NOTIFICATION_KEY: &str = "the-notification-key";
pub(crate) const PATH: &str = "/channels/demo";

/// A request as a handler sees it.
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) api_key: Option<String>,
    pub(crate) content_type: String,
    pub(crate) body: String,
}

pub(crate) type Answer = (u16, Value);

/// A server on a free port of this machine; it ends when it is dropped.
pub(crate) struct Loopback {
    pub(crate) url: String,
    server: Arc<Server>,
    thread: Option<JoinHandle<()>>,
}

impl Loopback {
    pub(crate) fn serving(handler: impl Fn(&Asked) -> Answer + Send + 'static) -> Self {
        let server = Arc::new(Server::http("127.0.0.1:0").unwrap());
        let url = format!("http://{}{PATH}", server.server_addr().to_ip().unwrap());
        let listener = Arc::clone(&server);
        let thread = std::thread::spawn(move || {
            for mut request in listener.incoming_requests() {
                let (status, body) = handler(&asked(&mut request));
                let json = Header::from_bytes("Content-Type", "application/json; charset=utf-8").unwrap();
                // The caller may have given up; that is its own finding.
                drop(
                    request.respond(Response::from_string(body.to_string()).with_status_code(status).with_header(json)),
                );
            }
        });
        Self { url, server, thread: Some(thread) }
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.server.unblock();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn asked(request: &mut Request) -> Asked {
    let mut body = String::new();
    request.as_reader().read_to_string(&mut body).unwrap();
    let header = |name: &'static str| {
        request.headers().iter().find(|header| header.field.equiv(name)).map(|header| header.value.to_string())
    };
    let (path, query) = request.url().split_once('?').unwrap_or((request.url(), ""));
    Asked {
        method: request.method().to_string(),
        path: path.into(),
        query: query.into(),
        api_key: header("X-API-KEY"),
        content_type: header("Content-Type").unwrap_or_default(),
        body,
    }
}

/// Two orders for each page, so that paging happens.
const PAGE: usize = 2;

/// The channel's state.
pub(crate) struct Channel {
    orders: BTreeMap<String, Value>,
    acknowledged: BTreeSet<String>,
}

impl Channel {
    pub(crate) fn with_orders(count: usize) -> Self {
        let orders = (1..=count).map(|n| (format!("T-{n:03}"), order(n))).collect();
        Self { orders, acknowledged: BTreeSet::new() }
    }

    /// A server that answers as this channel.
    pub(crate) fn served(self) -> Loopback {
        let channel = Mutex::new(self);
        Loopback::serving(move |asked| channel.lock().unwrap().answer(asked))
    }

    pub(crate) fn answer(&mut self, asked: &Asked) -> Answer {
        let Some(name) = asked.path.strip_prefix(PATH).map(|rest| rest.trim_start_matches('/')) else {
            return (404, json!({}));
        };
        if asked.method != "POST" {
            return (405, json!({}));
        }
        if name == "notifications" {
            return notified(asked);
        }
        let Ok(body) = serde_json::from_str::<Value>(&asked.body) else { return (400, json!({})) };
        if body["integration_auth_token"] != KEY {
            return (401, json!({}));
        }
        match name {
            "catalog_get_config_v1" => (200, json!({"sku_fanout":"no_fanout"})),
            "catalog_push_v1" | "inventory_push_v1" | "order_settle_payment_v1" | "order_returned_v1" => {
                (200, json!({"events":[]}))
            }
            "order_shipment_submit_v1" => (200, json!({"events": self.unknown([&body["channel_order_refnum"]])})),
            "order_update_v1" => (200, json!({"events":[],"line_items":[]})),
            "order_pull_v1" => (200, self.pull(&body)),
            "order_acknowledge_v1" => (200, self.acknowledge(&body)),
            "order_cancel_v1" | "order_complete_v1" => {
                let events = self.unknown([&body["order"]["channel_order_refnum"]]);
                (200, json!({"status": if events.is_empty() { "success" } else { "fail" }, "events": events}))
            }
            _ => (404, json!({})),
        }
    }

    fn pull(&self, body: &Value) -> Value {
        let wanted: Vec<&str> = body["specific_orders"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| one["channel_refnum"].as_str())
            .collect();
        if !wanted.is_empty() {
            let orders: Vec<&Value> = wanted.iter().filter_map(|number| self.orders.get(*number)).collect();
            return json!({"next_page_token":"","orders":orders});
        }
        let after = body["page_token"].as_str().unwrap_or_default();
        let mut waiting: Vec<_> = self
            .orders
            .iter()
            .filter(|(number, _)| number.as_str() > after && !self.acknowledged.contains(*number))
            .collect();
        let token = if waiting.len() > PAGE { waiting[PAGE - 1].0.as_str() } else { "" };
        waiting.truncate(PAGE);
        json!({"next_page_token": token, "orders": waiting.iter().map(|(_, order)| order).collect::<Vec<_>>()})
    }

    fn acknowledge(&mut self, body: &Value) -> Value {
        let named: Vec<&Value> =
            body["orders"].as_array().into_iter().flatten().map(|order| &order["channel_order_refnum"]).collect();
        self.acknowledged.extend(named.iter().filter_map(|number| number.as_str().map(str::to_owned)));
        json!({"events": self.unknown(named)})
    }

    fn unknown<'a>(&self, numbers: impl IntoIterator<Item = &'a Value>) -> Vec<Value> {
        let unknown = numbers
            .into_iter()
            .filter(|number| !number.as_str().is_some_and(|number| self.orders.contains_key(number)));
        unknown.map(|number| json!({"event_type":"error","code":"UNKNOWN","message":format!("no order {number}"),"associations":[]})).collect()
    }
}

fn order(n: usize) -> Value {
    json!({
        "channel_order_refnum": format!("T-{n:03}"), "ship_service_code": "Ground", "currency_code": "EUR",
        "channel_date_created": "2026-11-01T10:00:00Z", "billing_address": {}, "shipping_address": {},
        "currency_values": {"shipping_amt": 4.9}, "payment_transactions": [], "attributes": [], "tags": [], "cancel": false,
        "order_items": [{
            "channel_item_refnum": "1", "sku": "TEST-SKU", "quantity": 2, "item_type": "ship", "currency_values": {"unit_price": 9.5}, "options": [],
        }],
    })
}

fn notified(asked: &Asked) -> Answer {
    if asked.api_key.as_deref() != Some(NOTIFICATION_KEY) {
        return (401, json!({}));
    }
    let text = match (asked.query.strip_prefix("notification="), asked.body.strip_prefix("notification=")) {
        (Some(argument), _) => decoded(argument),
        (None, Some(field)) if asked.content_type.starts_with("application/x-www-form-urlencoded") => decoded(field),
        _ => asked.body.clone(),
    };
    let Ok(note) = serde_json::from_str::<Value>(&text) else { return (400, json!({})) };
    let data = match note["eventType"].as_str().unwrap_or_default() {
        "document.cancellation" | "workflow.validation" => return (202, json!({})),
        "document.validation" => json!({"internalCode":"EXT"}),
        "document.pricing" => priced(&note["data"]),
        "payment.validation" => json!({"status":"paid"}),
        event if event.starts_with("contact.") => json!([]),
        _ => return (422, json!({})),
    };
    (200, json!({"success":true,"message":"","errorLevel":0,"errorCode":"","data":data}))
}

fn priced(asked: &Value) -> Value {
    let item = &asked["items"][0];
    let price =
        json!({"catalogInternalCode": item["catalogInternalCode"], "eanCode": item["eanCode"], "unitSalesPrice": 12.5});
    json!({"storeCode": asked["storeCode"], "currencyCode": asked["currencyCode"], "items": [price]})
}

/// Undoes the encoding of forms and queries.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes().iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let hex = [*rest.next().unwrap(), *rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap()
            }
            byte => *byte,
        });
    }
    String::from_utf8(bytes).unwrap()
}
