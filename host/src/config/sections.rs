//! One struct per section. `default.toml` says what each key means and why it has its value.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::values::{self, Size};

mod notification;

pub use notification::{ErrorLevels, Notification, OnFailure, PaymentStatus, PostMessages};

/// `[edge]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Edge {
    /// Address to listen on.
    #[serde(deserialize_with = "values::address")]
    pub listen: SocketAddr,
    /// Time for a request's head.
    #[serde(with = "values::time")]
    pub header_time: Duration,
    /// Time from an answer to the next request.
    #[serde(with = "values::time")]
    pub idle_time: Duration,
    /// Time without progress of an answer.
    #[serde(with = "values::time")]
    pub write_time: Duration,
    /// Largest request head.
    pub header_size: Size,
    /// Most header lines.
    pub headers: usize,
    /// Largest body of an SDK interaction.
    pub sdk_body: Size,
    /// Bodies of SDK interactions, all together.
    pub bodies: Size,
    /// Largest body of a notification.
    pub notification_body: Size,
    /// Largest form of a page.
    pub form_body: Size,
    /// Most fields of a form.
    pub form_fields: usize,
    /// Time from a page to its form.
    #[serde(with = "values::time")]
    pub form_life: Duration,
    /// Time for a whole body.
    #[serde(with = "values::time")]
    pub body_time: Duration,
    /// Fewest bytes of a body per second.
    pub body_rate: Size,
    /// Time after which they are counted.
    #[serde(with = "values::time")]
    pub body_grace: Duration,
    /// Open connections.
    pub connections: usize,
    /// Open connections from one address.
    pub connections_per_address: usize,
    /// Deepest nesting of JSON.
    pub json_depth: usize,
    /// Most keys and values of JSON.
    pub json_tokens: usize,
    /// Most hosts that a request may have come through.
    pub hops: u32,
    /// Time that requests are still taken for when the node stops.
    #[serde(with = "values::time")]
    pub lame_duck: Duration,
}

/// `[admin]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Admin {
    /// Address to listen on.
    #[serde(deserialize_with = "values::address")]
    pub listen: SocketAddr,
    /// Largest component.
    pub upload: Size,
    /// Open connections.
    pub connections: usize,
    /// File of the certificate; empty = no TLS.
    pub certificate: String,
    /// File of its private key.
    pub key: String,
}

/// `[tls]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Tls {
    /// File of the edge's certificate; empty = no TLS.
    pub certificate: String,
    /// File of its private key.
    pub key: String,
    /// Time for a handshake.
    #[serde(with = "values::time")]
    pub handshake_time: Duration,
    /// How often the files are looked at.
    #[serde(with = "values::time")]
    pub check: Duration,
}

/// `[call]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Call {
    /// Whole time of an SDK interaction.
    #[serde(with = "values::time")]
    pub sdk_deadline: Duration,
    /// Whole time of a notification that somebody waits for.
    #[serde(with = "values::time")]
    pub notification_deadline: Duration,
    /// Time of one attempt at an asynchronous notification.
    #[serde(with = "values::time")]
    pub async_deadline: Duration,
    /// Processor time of a call.
    #[serde(with = "values::time")]
    pub cpu: Duration,
    /// Processor time of a push.
    #[serde(with = "values::time")]
    pub push_cpu: Duration,
    /// Processor time of one attempt at an asynchronous notification.
    #[serde(with = "values::time")]
    pub async_cpu: Duration,
    /// Calls at the same time, per channel.
    pub in_flight: u32,
    /// Share of all instances, 0 to 1, that one channel may hold.
    pub share: f64,
    /// Calls that wait for a place, per channel.
    pub queue: u32,
    /// Longest wait for a place.
    #[serde(with = "values::time")]
    pub queue_wait: Duration,
    /// Calls per second, per channel.
    pub rate: u32,
    /// Calls at once on top of the rate, per channel.
    pub burst: u32,
    /// Largest answer of a component.
    pub answer: Size,
    /// Time that calls under way get on a graceful stop.
    #[serde(with = "values::time")]
    pub drain: Duration,
}

/// `[release]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Release {
    /// Whether a release that fails is put back by itself.
    pub automatic_return: bool,
    /// A new release is watched for this many calls at least.
    pub watch_calls: u32,
    /// A new release is watched for this long at least.
    #[serde(with = "values::time")]
    pub watch_time: Duration,
    /// Faults per call, 0 to 1, that are too many whatever the release before did.
    pub fault_rate: f64,
    /// Times the fault rate of the release before that are too many.
    pub fault_factor: f64,
    /// Fewer faults than this decide nothing.
    pub least_faults: u32,
}

/// `[breaker]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Breaker {
    /// Faults in a row that open it; 0 = there are no breakers.
    pub faults: u32,
    /// Share of failed calls, 0 to 1, that opens it.
    pub rate: f64,
    /// Calls within the window below which the share decides nothing.
    pub calls: u32,
    /// The window.
    #[serde(with = "values::time")]
    pub window: Duration,
    /// Time that it stays open at first.
    #[serde(with = "values::time")]
    pub open: Duration,
    /// Longest time that it stays open.
    #[serde(with = "values::time")]
    pub longest: Duration,
}

/// `[guest]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Guest {
    /// Linear memory of one instance.
    pub memory: Size,
    /// The most that one channel may be given.
    pub largest_memory: Size,
    /// Instances at the same time; 0 = sized from the machine, see [`Guest::slots`].
    pub instances: u32,
    /// Entries in one instance's tables.
    pub table_elements: usize,
    /// Core instances of one component.
    pub core_instances: u32,
    /// Linear memories of one component.
    pub memories: u32,
    /// Tables of one component.
    pub tables: u32,
    /// Stack of one instance.
    pub stack: Size,
    /// How often deadlines are checked.
    #[serde(with = "values::time")]
    pub tick: Duration,
    /// Processor time on the edge's own threads.
    #[serde(with = "values::time")]
    pub slice: Duration,
    /// Threads of idle priority; 0 = one for each processor.
    pub idle_threads: usize,
    /// Bytes that may cross in one host call or answer.
    pub host_call_fuel: Size,
    /// Handles in a component's own tables.
    pub handles: usize,
    /// Resources in the host's table.
    pub resources: usize,
    /// Log lines kept of one call.
    pub log_lines: usize,
    /// Longest log line.
    pub log_line: Size,
    /// Log text kept of one call.
    pub log_bytes: Size,
    /// Random bytes asked for at once.
    pub random: Size,
}

/// `[compile]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Compile {
    /// Memory of the compiling process.
    pub memory: Size,
    /// Time of the compiling process.
    #[serde(with = "values::time")]
    pub time: Duration,
}

/// `[preflight]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Preflight {
    /// Time for all cases of one deploy.
    #[serde(with = "values::time")]
    pub time: Duration,
}

/// `[key-value]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct KeyValue {
    /// Largest value.
    pub value: Size,
    /// Keys per channel.
    pub keys: u64,
    /// Keys and values of one channel together.
    pub bytes: Size,
    /// Keys of one operation.
    pub batch: usize,
    /// Bytes of the values that one operation reads.
    pub read: Size,
    /// `cas` handles of one call.
    pub cas: usize,
    /// Changes of one release that wait for the writer.
    pub waiting: usize,
}

/// `[outbound]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Outbound {
    /// Requests per call.
    pub requests: u32,
    /// Requests of one call that wait for an answer at the same time.
    pub concurrent: usize,
    /// Largest body of a request.
    pub request: Size,
    /// Largest answer.
    pub response: Size,
    /// Largest head, of a request and of an answer.
    pub header_size: Size,
    /// Parts of all requests of one call together.
    pub parts: Size,
    /// Largest piece of a request's body.
    pub chunk: Size,
    /// Most nodes on a request's way.
    pub hops: u32,
    /// What a request leaves of its call's time.
    #[serde(with = "values::time")]
    pub margin: Duration,
    /// Time to connect.
    #[serde(with = "values::time")]
    pub connect_time: Duration,
    /// Time to the answer's first byte.
    #[serde(with = "values::time")]
    pub first_byte_time: Duration,
    /// Longest pause within an answer.
    #[serde(with = "values::time")]
    pub between_bytes_time: Duration,
    /// Idle connections of one channel.
    pub idle_connections: usize,
    /// Life of an idle connection.
    #[serde(with = "values::time")]
    pub idle_time: Duration,
    /// A file of certificate authorities beside the public ones; empty = none.
    pub ca_file: String,
    /// Private networks that may be reached.
    #[serde(with = "values::networks")]
    pub allow_private: Vec<IpNet>,
    /// Whether plain HTTP is allowed.
    pub allow_http: bool,
}

/// `[journal]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Journal {
    /// Calls kept.
    pub calls: u64,
    /// Log lines kept.
    pub log_lines: u64,
    /// Outbound requests kept.
    pub outbound: u64,
}

/// `[queue]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Queue {
    /// Pause before each attempt.
    #[serde(with = "values::times")]
    pub schedule: Vec<Duration>,
    /// Share by which a pause varies, 0 to 1.
    pub jitter: f64,
    /// Attempts at the same time.
    pub workers: usize,
    /// Attempts at the same time for one channel.
    pub workers_per_channel: usize,
    /// The same notification within this time is taken once.
    #[serde(with = "values::time")]
    pub dedupe: Duration,
    /// A webhook and an item of the platform's list within this time are one.
    #[serde(with = "values::time")]
    pub delta_dedupe: Duration,
    /// Life of a dead notification.
    #[serde(with = "values::time")]
    pub keep_dead: Duration,
    /// Notifications of one channel that wait or are dead, all together.
    pub bytes: Size,
    /// The shortest pause that a component may ask for.
    #[serde(with = "values::time")]
    pub shortest_wish: Duration,
    /// The longest pause that a component may ask for.
    #[serde(with = "values::time")]
    pub longest_wish: Duration,
    /// Room on the disk below which no notification is taken that nobody waits for.
    pub least_free_disk: Size,
}

/// `[deltas]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Deltas {
    /// Pause between two looks at a channel's list.
    #[serde(with = "values::time")]
    pub every: Duration,
    /// Channels at the same time.
    pub concurrent: usize,
    /// Time for one request.
    #[serde(with = "values::time")]
    pub time: Duration,
    /// Requests of one look.
    pub pages: u32,
    /// Notifications that are taken at once.
    pub items: usize,
    /// Longest pause after failures.
    #[serde(with = "values::time")]
    pub longest_pause: Duration,
}

/// `[process]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Process {
    /// Whether the process may be dumped, and traced by its own user.
    pub dumpable: bool,
}

/// `[sdk]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Sdk {
    /// How a caller is told that a call failed.
    #[serde(deserialize_with = "values::failure_mode")]
    pub failure_mode: FailureMode,
}

/// `sdk.failure-mode`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureMode {
    /// By the HTTP status.
    Http,
    /// By an event of the answer, under 200.
    Events,
}

impl FailureMode {
    /// The word it is written as.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Events => "events",
        }
    }
}

impl FromStr for FailureMode {
    type Err = &'static str;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "http" => Ok(Self::Http),
            "events" => Ok(Self::Events),
            _ => Err("\"http\" or \"events\""),
        }
    }
}
