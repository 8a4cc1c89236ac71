//! The sane range of every value: outside of it a node would not work, or would not be bounded.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::{Config, ConfigError, Limit, Size};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

impl Config {
    /// Every value that is outside of its range, with the range.
    pub(super) fn out_of_range(&self) -> Vec<ConfigError> {
        let mut ranges = Ranges::default();
        self.edge_ranges(&mut ranges);
        self.admin_ranges(&mut ranges);
        self.call_ranges(&mut ranges);
        self.release_ranges(&mut ranges);
        self.guest_ranges(&mut ranges);
        self.store_ranges(&mut ranges);
        self.outbound_ranges(&mut ranges);
        self.queue_ranges(&mut ranges);
        self.notification_ranges(&mut ranges);
        ranges.errors
    }

    fn edge_ranges(&self, ranges: &mut Ranges) {
        let edge = &self.edge;
        ranges.time("edge.header-time", edge.header_time, 100 * MS..=5 * MINUTE);
        ranges.time("edge.idle-time", edge.idle_time, 100 * MS..=HOUR);
        ranges.time("edge.write-time", edge.write_time, 100 * MS..=5 * MINUTE);
        ranges.plain("edge.header-size", edge.header_size, Size::kib(8)..=Size::mib(1));
        ranges.plain("edge.headers", edge.headers, 10..=1000);
        ranges.plain("edge.sdk-body", edge.sdk_body, Size::kib(1)..=Size::mib(256));
        ranges.plain("edge.bodies", edge.bodies, Size::mib(1)..=Size::mib(1 << 20));
        ranges.plain("edge.notification-body", edge.notification_body, Size::kib(1)..=Size::mib(256));
        ranges.plain("edge.form-body", edge.form_body, Size::kib(1)..=Size::mib(1));
        ranges.plain("edge.form-fields", edge.form_fields, 2..=10_000);
        ranges.time("edge.form-life", edge.form_life, 100 * MS..=DAY);
        ranges.time("edge.body-time", edge.body_time, 100 * MS..=5 * MINUTE);
        ranges.plain("edge.body-rate", edge.body_rate, Size(1)..=Size::mib(1));
        ranges.time("edge.body-grace", edge.body_grace, 10 * MS..=5 * MINUTE);
        ranges.plain("edge.connections", edge.connections, 1..=1_000_000);
        ranges.plain("edge.connections-per-address", edge.connections_per_address, 1..=1_000_000);
        ranges.plain("edge.json-depth", edge.json_depth, 8..=127);
        ranges.plain("edge.json-tokens", edge.json_tokens, 100..=100_000_000);
        ranges.plain("edge.hops", edge.hops, 0..=100);
        ranges.time("edge.lame-duck", edge.lame_duck, Duration::ZERO..=5 * MINUTE);
    }

    fn admin_ranges(&self, ranges: &mut Ranges) {
        let (admin, tls) = (&self.admin, &self.tls);
        ranges.plain("admin.upload", admin.upload, Size::kib(1)..=Size::mib(512));
        ranges.plain("admin.connections", admin.connections, 1..=100_000);
        ranges.time("tls.handshake-time", tls.handshake_time, 100 * MS..=MINUTE);
        ranges.time("tls.check", tls.check, 10 * MS..=DAY);
        ranges.pair("admin", &admin.certificate, &admin.key);
        ranges.pair("tls", &tls.certificate, &tls.key);
    }

    fn call_ranges(&self, ranges: &mut Ranges) {
        let call = &self.call;
        ranges.limit_time("call.sdk-deadline", call.sdk_deadline, Limit::Deadline);
        ranges.limit_time("call.notification-deadline", call.notification_deadline, Limit::Deadline);
        ranges.time("call.async-deadline", call.async_deadline, 10 * MS..=HOUR);
        ranges.limit_time("call.cpu", call.cpu, Limit::Cpu);
        ranges.limit_time("call.push-cpu", call.push_cpu, Limit::Cpu);
        ranges.time("call.async-cpu", call.async_cpu, MS..=HOUR);
        ranges.limit_count("call.in-flight", call.in_flight.into(), Limit::InFlight);
        ranges.plain("call.share", call.share, 0.001..=1.0);
        ranges.limit_count("call.queue", call.queue.into(), Limit::Queue);
        ranges.limit_time("call.queue-wait", call.queue_wait, Limit::QueueWait);
        ranges.limit_count("call.rate", call.rate.into(), Limit::Rate);
        ranges.limit_count("call.burst", call.burst.into(), Limit::Burst);
        ranges.limit_size("call.answer", call.answer, Limit::Answer);
        ranges.time("call.drain", call.drain, Duration::ZERO..=HOUR);
    }

    fn release_ranges(&self, ranges: &mut Ranges) {
        let (release, breaker) = (&self.release, &self.breaker);
        ranges.plain("release.watch-calls", release.watch_calls, 1..=1_000_000);
        ranges.time("release.watch-time", release.watch_time, 10 * MS..=DAY);
        ranges.plain("release.fault-rate", release.fault_rate, 0.0..=1.0);
        ranges.plain("release.fault-factor", release.fault_factor, 1.0..=1000.0);
        ranges.plain("release.least-faults", release.least_faults, 1..=1_000_000);
        ranges.plain("breaker.faults", breaker.faults, 0..=1_000_000);
        ranges.plain("breaker.rate", breaker.rate, 0.01..=1.0);
        ranges.plain("breaker.calls", breaker.calls, 1..=1_000_000);
        ranges.time("breaker.window", breaker.window, 10 * MS..=HOUR);
        ranges.time("breaker.open", breaker.open, 10 * MS..=HOUR);
        ranges.time("breaker.longest", breaker.longest, breaker.open..=DAY);
    }

    fn guest_ranges(&self, ranges: &mut Ranges) {
        let guest = &self.guest;
        ranges.limit_size("guest.memory", guest.memory, Limit::Memory);
        ranges.plain("guest.largest-memory", guest.largest_memory, Size::mib(1)..=Size::mib(4096));
        ranges.plain("guest.instances", guest.instances, 0..=10_000);
        ranges.plain("guest.core-instances", guest.core_instances, 1..=1000);
        ranges.plain("guest.memories", guest.memories, 1..=100);
        ranges.plain("guest.tables", guest.tables, 1..=100);
        ranges.plain("guest.table-elements", guest.table_elements, 100..=10_000_000);
        ranges.plain("guest.stack", guest.stack, Size::kib(64)..=Size::mib(1));
        ranges.time("guest.tick", guest.tick, Duration::from_micros(50)..=SECOND);
        ranges.time("guest.slice", guest.slice, Duration::ZERO..=MINUTE);
        ranges.plain("guest.idle-threads", guest.idle_threads, 0..=1000);
        ranges.plain("guest.host-call-fuel", guest.host_call_fuel, Size::kib(64)..=Size::mib(1024));
        ranges.plain("guest.handles", guest.handles, 10..=1_000_000);
        ranges.plain("guest.resources", guest.resources, 16..=1_000_000);
        ranges.limit_count("guest.log-lines", guest.log_lines as u64, Limit::LogLines);
        ranges.plain("guest.log-line", guest.log_line, Size(64)..=Size::mib(1));
        ranges.limit_size("guest.log-bytes", guest.log_bytes, Limit::LogBytes);
        ranges.limit_size("guest.random", guest.random, Limit::Random);
        ranges.plain("compile.memory", self.compile.memory, Size::mib(128)..=Size::mib(65_536));
        ranges.time("compile.time", self.compile.time, SECOND..=HOUR);
        ranges.time("preflight.time", self.preflight.time, SECOND..=HOUR);
    }

    fn store_ranges(&self, ranges: &mut Ranges) {
        let quota = &self.key_value;
        ranges.limit_size("key-value.value", quota.value, Limit::Value);
        ranges.limit_count("key-value.keys", quota.keys, Limit::Keys);
        ranges.limit_size("key-value.bytes", quota.bytes, Limit::Bytes);
        ranges.plain("key-value.batch", quota.batch, 1..=100_000);
        ranges.plain("key-value.read", quota.read, Size::kib(1)..=Size::mib(1024));
        ranges.plain("key-value.cas", quota.cas, 1..=1000);
        ranges.plain("key-value.waiting", quota.waiting, 1..=1000);
        ranges.plain("journal.calls", self.journal.calls, 1..=100_000_000);
        ranges.plain("journal.log-lines", self.journal.log_lines, 1..=100_000_000);
        ranges.plain("journal.outbound", self.journal.outbound, 1..=100_000_000);
    }

    fn outbound_ranges(&self, ranges: &mut Ranges) {
        let outbound = &self.outbound;
        ranges.limit_count("outbound.requests", outbound.requests.into(), Limit::Requests);
        ranges.plain("outbound.concurrent", outbound.concurrent, 1..=1000);
        ranges.plain("outbound.request", outbound.request, Size::kib(1)..=Size::mib(256));
        ranges.plain("outbound.response", outbound.response, Size::kib(1)..=Size::mib(256));
        ranges.plain("outbound.header-size", outbound.header_size, Size::kib(1)..=Size::mib(1));
        ranges.plain("outbound.parts", outbound.parts, Size::kib(1)..=Size::mib(256));
        ranges.plain("outbound.chunk", outbound.chunk, Size::kib(4)..=Size::mib(1));
        ranges.plain("outbound.hops", outbound.hops, 1..=100);
        ranges.time("outbound.margin", outbound.margin, Duration::ZERO..=10 * SECOND);
        ranges.time("outbound.connect-time", outbound.connect_time, 10 * MS..=2 * MINUTE);
        ranges.time("outbound.first-byte-time", outbound.first_byte_time, 10 * MS..=10 * MINUTE);
        ranges.time("outbound.between-bytes-time", outbound.between_bytes_time, 10 * MS..=10 * MINUTE);
        ranges.plain("outbound.idle-connections", outbound.idle_connections, 0..=1000);
        ranges.time("outbound.idle-time", outbound.idle_time, 10 * MS..=10 * MINUTE);
    }

    fn queue_ranges(&self, ranges: &mut Ranges) {
        let queue = &self.queue;
        ranges.plain("queue.schedule's length", queue.schedule.len(), 1..=50);
        for (index, pause) in queue.schedule.iter().enumerate() {
            ranges.time(&format!("queue.schedule[{index}]"), *pause, Duration::ZERO..=30 * DAY);
        }
        ranges.plain("queue.jitter", queue.jitter, 0.0..=0.9);
        ranges.plain("queue.workers", queue.workers, 1..=1000);
        ranges.plain("queue.workers-per-channel", queue.workers_per_channel, 1..=1000);
        ranges.time("queue.dedupe", queue.dedupe, Duration::ZERO..=30 * DAY);
        ranges.time("queue.delta-dedupe", queue.delta_dedupe, Duration::ZERO..=30 * DAY);
        ranges.time("queue.keep-dead", queue.keep_dead, SECOND..=3650 * DAY);
        ranges.plain("queue.bytes", queue.bytes, Size(1024)..=Size::mib(1 << 20));
        ranges.time("queue.shortest-wish", queue.shortest_wish, MS..=HOUR);
        ranges.time("queue.longest-wish", queue.longest_wish, queue.shortest_wish..=30 * DAY);
        ranges.plain("queue.least-free-disk", queue.least_free_disk, Size(0)..=Size::mib(1 << 30));
        let deltas = &self.deltas;
        ranges.time("deltas.every", deltas.every, 100 * MS..=DAY);
        ranges.plain("deltas.concurrent", deltas.concurrent, 1..=1000);
        ranges.time("deltas.time", deltas.time, 100 * MS..=10 * MINUTE);
        ranges.plain("deltas.pages", deltas.pages, 1..=10_000);
        ranges.plain("deltas.items", deltas.items, 1..=10_000);
        ranges.time("deltas.longest-pause", deltas.longest_pause, 100 * MS..=DAY);
        ranges.plain("notification.delta-cursor's length", self.notification.delta_cursor.len(), 1..=100);
    }

    fn notification_ranges(&self, ranges: &mut Ranges) {
        let notification = &self.notification;
        ranges.time("notification.same-answer", notification.same_answer, Duration::ZERO..=HOUR);
        ranges.plain("notification.answers", notification.answers, 16..=10_000_000);
        ranges.plain("notification.answers-size", notification.answers_size, Size::mib(1)..=Size::mib(1024));
        ranges.time("notification.signature-tolerance", notification.signature_tolerance, SECOND..=HOUR);
        let unfit = notification.unfit().into_iter();
        ranges.errors.extend(unfit.map(|(key, message)| ConfigError { key: format!("notification.{key}"), message }));
    }
}

#[derive(Default)]
struct Ranges {
    errors: Vec<ConfigError>,
}

impl Ranges {
    fn plain<T: PartialOrd + fmt::Display + Copy>(&mut self, key: &str, value: T, range: RangeInclusive<T>) {
        if !range.contains(&value) {
            self.report(key, &value, range.start(), range.end());
        }
    }

    fn time(&mut self, key: &str, value: Duration, range: RangeInclusive<Duration>) {
        if !range.contains(&value) {
            self.report(key, &shown(value), &shown(*range.start()), &shown(*range.end()));
        }
    }

    fn limit_time(&mut self, key: &str, value: Duration, limit: Limit) {
        let range = limit.range();
        self.time(key, value, Duration::from_millis(*range.start())..=Duration::from_millis(*range.end()));
    }

    fn limit_size(&mut self, key: &str, value: Size, limit: Limit) {
        let range = limit.range();
        self.plain(key, value, Size(*range.start())..=Size(*range.end()));
    }

    fn limit_count(&mut self, key: &str, value: u64, limit: Limit) {
        self.plain(key, value, limit.range());
    }

    /// A certificate needs its key, and the other way round.
    fn pair(&mut self, section: &str, certificate: &str, key: &str) {
        let (missing, given) = match (certificate.is_empty(), key.is_empty()) {
            (true, false) => ("certificate", "key"),
            (false, true) => ("key", "certificate"),
            _ => return,
        };
        let message = format!("expected a file because {section}.{given} names one, found \"\"");
        self.errors.push(ConfigError { key: format!("{section}.{missing}"), message });
    }

    fn report(&mut self, key: &str, value: &dyn fmt::Display, low: &dyn fmt::Display, high: &dyn fmt::Display) {
        let message = format!("expected {low} to {high}, found {value}");
        self.errors.push(ConfigError { key: key.to_owned(), message });
    }
}

/// A time as it is written in the file, in quotes.
fn shown(time: Duration) -> String {
    toml::Value::try_from(humantime_serde::Serde::from(time))
        .map_or_else(|_| format!("{time:?}"), |text| text.to_string())
}
