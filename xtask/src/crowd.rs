//! Callers of a node under measurement, and what they see.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::json;

use crate::build;
use crate::node::Node;

/// What one kind of caller saw.
#[derive(Default)]
pub(crate) struct Seen {
    /// How long each call took that was answered with 200.
    pub(crate) good: Vec<Duration>,
    /// How long each call took that was turned away with 503 or 429.
    pub(crate) shed: Vec<Duration>,
    pub(crate) other: u64,
}

impl Seen {
    pub(crate) fn join(mut self, mut more: Self) -> Self {
        self.good.append(&mut more.good);
        self.shed.append(&mut more.shed);
        self.other += more.other;
        self
    }

    pub(crate) fn sorted(mut self) -> Self {
        self.good.sort();
        self.shed.sort();
        self
    }
}

/// This percentile of sorted times.
pub(crate) fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// What the same callers saw `beside` something, against what they saw in quiet: p50 and p99, each with its ratio.
///
/// # Errors
/// A call beside it failed.
pub(crate) fn compared(quiet: Seen, beside: Seen) -> anyhow::Result<String> {
    let (quiet, beside) = (quiet.sorted(), beside.sorted());
    ensure!(beside.other == 0 && beside.shed.is_empty(), "a call of the neighbour failed");
    let percentile = |percent| {
        let (before, after) = (at(&quiet.good, percent), at(&beside.good, percent));
        let ratio = after.as_secs_f64() / before.as_secs_f64();
        format!("p{percent} {before:>9.2?} → {after:>9.2?} ({ratio:.2}×)")
    };
    Ok(format!("{}   {}   {} calls, 0 failed", percentile(50), percentile(99), beside.good.len()))
}

/// A crowd: so many callers, each with a connection of its own, each calling once every `pause` whatever the answers do.
pub(crate) struct Crowd {
    url: String,
    body: String,
    callers: u32,
    pause: Duration,
}

impl Crowd {
    pub(crate) fn new(node: &Node, channel: &str, interaction: &str, callers: u32, pause: Duration) -> Self {
        let body = json!({
            "integration_auth_token": "RETAILOPS_SDK", "action": interaction, "version": 1, "client_id": 1,
            "channel_info": { "id": 1 }, "inventory_updates": [{ "sku": "A", "quantity_available": 1 }],
        });
        Self { url: format!("{}/{interaction}_v1", node.base(channel)), body: body.to_string(), callers, pause }
    }

    /// One of the calls, as it stands on a connection.
    pub(crate) fn head_and_body(&self) -> String {
        let path = self.url.splitn(4, '/').nth(3).unwrap_or_default();
        format!("POST /{path} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{}", self.body.len(), self.body)
    }

    fn caller(&self, over: &AtomicBool, offset: u32) -> Seen {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        let agent: ureq::Agent = config.timeout_global(Some(Duration::from_secs(30))).build().into();
        let mut seen = Seen::default();
        let mut next = Instant::now() + self.pause.mul_f64(f64::from(offset) / f64::from(self.callers));
        while !over.load(Relaxed) {
            #[expect(clippy::disallowed_methods, reason = "a caller that waits for its turn")]
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            next += self.pause;
            let began = Instant::now();
            let answer = agent.post(&self.url).content_type("application/json").send(&self.body);
            let status = answer.and_then(|mut answer| {
                answer.body_mut().read_to_string()?;
                Ok(answer.status().as_u16())
            });
            match status {
                Ok(200) => seen.good.push(began.elapsed()),
                Ok(503 | 429) => seen.shed.push(began.elapsed()),
                _ => seen.other += 1,
            }
        }
        seen
    }

    /// Calls for so long, from the processors that this thread may use.
    pub(crate) fn call(&self, time: Duration) -> Seen {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let over = &over;
            let callers: Vec<_> =
                (0..self.callers).map(|offset| scope.spawn(move || self.caller(over, offset))).collect();
            #[expect(clippy::disallowed_methods, reason = "the round takes its time")]
            std::thread::sleep(time);
            over.store(true, Relaxed);
            let seen = callers.into_iter().filter_map(|caller| caller.join().ok());
            seen.fold(Seen::default(), Seen::join).sorted()
        })
    }
}

/// Makes a channel that answers with one of the plugins.
pub(crate) fn deploy(node: &Node, channel: &str, plugin: &str, settings: &[&str]) -> anyhow::Result<()> {
    let file = build::target().join("plugins").join(format!("{plugin}.wasm"));
    node.wharf(&["channel", "create", channel, "--mode", "testing"])?;
    let mut args =
        vec!["deploy".to_owned(), channel.to_owned(), file.display().to_string(), "--skip-preflight".to_owned()];
    for setting in settings {
        args.extend(["--set".to_owned(), (*setting).to_owned()]);
    }
    node.wharf(&args.iter().map(String::as_str).collect::<Vec<_>>())?;
    Ok(())
}
