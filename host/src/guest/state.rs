//! What one call owns while its guest runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::Semaphore;
use wasmtime::component::ResourceTable;
use wasmtime::{ResourceLimiter, Result};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::clocks;
use super::engine::Runtime;
use super::failpoint::failpoint;
use super::imports::logging::{clean, cut};
use super::imports::parts::Parts;
use super::instance::Call;
use super::limits::Limits;
use super::outbound::{HostPattern, PlatformApi, Sender};
use super::pairs::Pairs;
use super::scratch::Effects;
use crate::store::{Grants, SecretRef, Timestamp};

/// Whose a release is. A channel that is deleted and made again under its name is another one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Owner {
    /// The channel's slug.
    pub channel: Arc<str>,
    /// When the channel was made.
    pub created: Timestamp,
}

/// What a release gives to its guests, the same for every call.
#[derive(Debug)]
pub struct Environment {
    /// Its channel.
    pub owner: Owner,
    /// The settings that the guest may read.
    pub config: BTreeMap<String, String>,
    /// What the guest may reach.
    pub grants: Grants,
    /// The granted hosts, read.
    pub hosts: Vec<HostPattern>,
    /// The platform's API, read.
    pub platform: Option<PlatformApi>,
    /// The secrets that may be put into its requests.
    pub secrets: Vec<SecretRef>,
    /// How much each of its calls may use.
    pub limits: Limits,
    /// Where what its guests do goes.
    pub effects: Effects,
    /// Changes of its pairs that may wait for the one writer at a time: it serves all channels in the order of their coming.
    pub writes: Semaphore,
}

/// The request body, for `raw-request`.
#[derive(Debug, Clone)]
pub enum Body {
    /// There is none.
    Empty,
    /// As it came.
    Whole(Bytes),
    /// An SDK request, whose key is taken out when the guest asks for it.
    Keyed(Bytes),
}

/// One line that a guest wrote.
pub(super) struct Line {
    pub(super) level: &'static str,
    pub(super) context: String,
    pub(super) message: String,
    /// Whether the rest of the message was cut off.
    pub(super) cut: bool,
}

impl Line {
    fn of_ours(message: String) -> Self {
        Self { level: "warn", context: "wharf".to_owned(), message, cut: true }
    }
}

/// How much a guest may still write, and what it wrote.
#[derive(Default)]
pub(super) struct Log {
    pub(super) lines: Vec<Line>,
    pub(super) bytes: usize,
    pub(super) dropped: usize,
}

/// Everything that a call owns. It is dropped whole when the call ends.
pub(super) struct CallState {
    pub(super) call_id: String,
    pub(super) environment: Arc<Environment>,
    pub(super) log_line: usize,
    /// Bytes of the largest text that the host makes for the guest.
    pub(super) largest_text: u64,
    pub(super) pairs: Pairs,
    pub(super) body: Body,
    pub(super) deadline: Instant,
    pub(super) log: Log,
    pub(super) memory: MemoryLimit,
    /// What it may still put into its requests.
    pub(super) parts: Parts,
    /// Open `cas` handles, each of which keeps a value.
    pub(super) compared: usize,
    pub(super) table: ResourceTable,
    pub(super) sender: Sender,
    wasi: Option<Box<WasiCtx>>,
    http: Option<Box<WasiHttpCtx>>,
    stderr: Option<MemoryOutputPipe>,
}

impl CallState {
    pub(super) fn new(runtime: &Runtime, call: &Call<'_>, deadline: Instant) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(runtime.config.guest.resources);
        let environment = call.environment;
        Self {
            call_id: call.id.to_owned(),
            environment: Arc::clone(environment),
            log_line: runtime.config.guest.log_line.len(),
            largest_text: runtime.config.guest.host_call_fuel.bytes(),
            pairs: Pairs::new(runtime.store.clone(), environment),
            body: call.body.clone(),
            deadline,
            log: Log::default(),
            parts: Parts::new(runtime.config.outbound.parts),
            compared: 0,
            memory: MemoryLimit { limit: environment.limits.memory, used: 0, denied: false },
            table,
            sender: Sender::new(call.hops, &runtime.outbound, Arc::clone(environment), runtime.store.clone(), deadline),
            wasi: None,
            http: None,
            stderr: None,
        }
    }

    pub(super) fn failpoint(&self, point: &str) {
        failpoint(&self.environment.owner.channel, point);
    }

    /// Everything that the guest wrote: its log, and what it printed, its panic message among it.
    pub(super) fn take_lines(&mut self) -> Vec<Line> {
        let mut lines = std::mem::take(&mut self.log.lines);
        if let Some(printed) = &self.stderr {
            let bytes = printed.contents();
            let text = String::from_utf8_lossy(&bytes);
            let room = self.environment.limits.log_lines.saturating_sub(lines.len());
            let mut printed = text.trim().lines();
            lines.extend(printed.by_ref().take(room).map(|text| Line {
                level: "error",
                context: "stderr".to_owned(),
                message: clean(cut(text, self.log_line)),
                cut: text.len() > self.log_line,
            }));
            self.log.dropped += printed.count();
            if let Some(last) = lines.last_mut() {
                last.cut |= bytes.len() >= self.environment.limits.log_bytes;
            }
        }
        let limit = self.log_line;
        lines.extend(self.sender.take_refused().iter().map(|text| Line::of_ours(cut(text, limit).to_owned())));
        if self.log.dropped > 0 {
            let message = format!("{} more lines were dropped (guest.log-lines, guest.log-bytes)", self.log.dropped);
            lines.push(Line::of_ours(message));
        }
        lines
    }
}

/// The linear memory that a guest may have, all its memories together. The pool has its own limit on each.
pub(super) struct MemoryLimit {
    pub(super) limit: usize,
    pub(super) used: usize,
    pub(super) denied: bool,
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        let allowed = used <= self.limit;
        if allowed {
            self.used = used;
        }
        self.denied |= !allowed;
        Ok(allowed)
    }

    fn table_growing(&mut self, _current: usize, _desired: usize, _maximum: Option<usize>) -> Result<bool> {
        Ok(true)
    }
}

impl WasiView for CallState {
    /// Most calls never ask for it, so it is made when one does.
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.failpoint("wasi");
        let stderr = &mut self.stderr;
        let (log_bytes, random) = (self.environment.limits.log_bytes, self.environment.limits.random);
        let ctx = self.wasi.get_or_insert_with(|| {
            let pipe = stderr.insert(MemoryOutputPipe::new(log_bytes));
            let mut builder = WasiCtx::builder();
            builder.stdout(pipe.clone()).stderr(pipe.clone()).max_random_size(random).allow_tcp(false).allow_udp(false);
            builder.monotonic_clock(clocks::Monotonic::new()).wall_clock(clocks::Wall);
            Box::new(builder.build())
        });
        WasiCtxView { ctx, table: &mut self.table }
    }
}

impl WasiHttpView for CallState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.failpoint("http-send");
        let (sender, call) = (&mut self.sender, &self.call_id);
        let ctx = self.http.get_or_insert_with(|| {
            sender.begin(call);
            Box::new(WasiHttpCtx::new())
        });
        WasiHttpCtxView { ctx, table: &mut self.table, hooks: &mut self.sender }
    }
}
