//! The echo plugin's `inventory_push`, written natively in the same server: what `cargo xtask bench` compares Wharf with.
//!
//! Everything is as in Wharf but the guest: the accept loop, the envelope, the key, the typed request, the rules, the JSON.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use subtle::ConstantTimeEq;
use wharf::listen::{self, Stop};
use wharf::store::Digest;
use wharf_protocol::Check;
use wharf_protocol::sdk::inventory::InventoryPushRequest;
use wharf_protocol::sdk::reports::{Event, EventAssociation, EventReport, EventSeverity, SubjectKind};
use wharf_protocol::sdk::{Envelope, TEST_KEY};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let listener = listen::bind(([127, 0, 0, 1], 0).into())?;
    #[expect(clippy::print_stdout, reason = "the ready line")]
    {
        println!("{{\"ready\":true,\"edge\":\"{0}\",\"admin\":\"{0}\"}}", listener.local_addr()?);
    }
    let limits = listen::Limits {
        header_time: Duration::from_secs(10),
        header_size: 16 << 10,
        headers: 100,
        idle_time: Duration::from_mins(1),
        write_time: Duration::from_secs(10),
        handshake_time: Duration::from_secs(5),
        connections: 4096,
        connections_per_address: 4096,
        drain: Duration::from_secs(1),
    };
    let key = Arc::new(Digest::of(TEST_KEY.as_bytes()));
    let handle = move |request| answer(request, Arc::clone(&key));
    listen::serve(listener, limits, None, handle, Stop::default()).await;
    Ok(())
}

async fn answer(request: Request<Incoming>, key: Arc<Digest>) -> Response<Full<Bytes>> {
    let body = match Limited::new(request.into_body(), 4 << 20).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return respond(413, "{}".into()),
    };
    match push(&body, &key) {
        Ok(answer) => respond(200, answer.into()),
        Err(status) => respond(status, "{}".into()),
    }
}

fn push(body: &[u8], key: &Digest) -> Result<Vec<u8>, u16> {
    let text = std::str::from_utf8(body).map_err(|_| 400_u16)?;
    let envelope = Envelope::find(text).map_err(|_| 400_u16)?;
    let token = envelope.token().ok_or(401_u16)?;
    if !bool::from(Digest::of(token.as_bytes()).0.ct_eq(&key.0)) {
        return Err(401);
    }
    let request: InventoryPushRequest<'_> = serde_json::from_str(text).map_err(|_| 400_u16)?;
    let events = request.updates.iter().map(|update| Event {
        severity: EventSeverity::Info,
        code: "STOCK".to_owned(),
        message: format!("{} units of {}", update.quantity_available.unwrap_or(0), update.sku),
        diagnostic_data: None,
        associations: vec![EventAssociation { kind: SubjectKind::SkuNumber, identifier: update.sku.to_string() }],
    });
    let report = EventReport { events: events.collect() };
    report.check().map_err(|_| 502_u16)?;
    serde_json::to_vec(&report).map_err(|_| 500_u16)
}

fn respond(status: u16, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    response
}
