//! The limits that hold on a channel, and where each comes from.

use std::time::Duration;

use serde::Serialize;

use super::Control;
use crate::config::{Config, Limit};
use crate::guest::{Class, Limits};
use crate::store::LimitOverrides;

/// Who gave a limit its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The node's configuration.
    Node,
    /// The channel's operator.
    Channel,
    /// The release's author.
    Release,
}

/// A limit as it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Effective {
    /// Its name.
    pub limit: &'static str,
    /// Which calls it is for, where they differ.
    pub of: Option<&'static str>,
    /// Bytes, milliseconds or pieces.
    pub value: u64,
    /// The value as it is written.
    pub text: String,
    /// Where it comes from.
    pub from: Origin,
}

/// The kinds of calls that a limit is told for.
fn classes(limit: Limit) -> &'static [(Option<&'static str>, Class)] {
    match limit {
        Limit::Deadline => &[
            (Some("sdk"), Class::Sdk),
            (Some("notification"), Class::Notification),
            (Some("async"), Class::Background),
        ],
        Limit::Cpu => &[(None, Class::Sdk), (Some("push"), Class::Push), (Some("async"), Class::Background)],
        _ => &[(None, Class::Sdk)],
    }
}

fn value(limits: &Limits, limit: Limit, class: Class) -> u64 {
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let budget = limits.budget(class);
    match limit {
        Limit::Memory => limits.memory as u64,
        Limit::Deadline => ms(budget.time),
        Limit::Cpu => ms(budget.cpu),
        Limit::InFlight => limits.in_flight.into(),
        Limit::Queue => limits.queue.into(),
        Limit::QueueWait => ms(limits.queue_wait),
        Limit::Rate => limits.rate.into(),
        Limit::Burst => limits.burst.into(),
        Limit::Answer => limits.answer as u64,
        Limit::Requests => limits.requests.into(),
        Limit::LogLines => limits.log_lines as u64,
        Limit::LogBytes => limits.log_bytes as u64,
        Limit::Random => limits.random,
        Limit::Value => limits.quota.value,
        Limit::Keys => limits.quota.keys,
        Limit::Bytes => limits.quota.bytes,
    }
}

/// The limits of a release, each with its origin.
pub(super) fn effective(config: &Config, channel: &LimitOverrides, release: &LimitOverrides) -> Vec<Effective> {
    let slots = config.guest.slots();
    let unset = LimitOverrides::default();
    let of = |channel, release| Limits::of(config, slots, channel, release);
    let (node, given, held) = (of(&unset, &unset), of(channel, &unset), of(channel, release));
    let rows = Limit::ALL.into_iter().flat_map(|limit| classes(limit).iter().map(move |class| (limit, class)));
    let row = |(limit, (of, class)): (Limit, &(Option<&'static str>, Class))| {
        let [node, given, held] = [&node, &given, &held].map(|limits| value(limits, limit, *class));
        let from = match () {
            () if held != given => Origin::Release,
            // The operator's word on a channel may be the node's own value.
            () if given != node || channel.get(limit).is_some_and(|own| own == node) => Origin::Channel,
            () => Origin::Node,
        };
        Effective { limit: limit.name(), of: *of, value: held, text: limit.show(held), from }
    };
    rows.map(row).collect()
}

/// Limits of which a release asks for more than its channel gives.
pub(crate) fn notes(config: &Config, channel: &LimitOverrides, release: &LimitOverrides) -> Vec<String> {
    let given = Limits::of(config, config.guest.slots(), channel, &LimitOverrides::default());
    let note = |(limit, asked): (Limit, u64)| {
        let most = classes(limit).iter().map(|(_, class)| value(&given, limit, *class)).max().unwrap_or_default();
        let whose = if channel.get(limit).is_some() { "given to this channel by its operator" } else { limit.key() };
        let told = || {
            let (wish, most) = (limit.show(asked), limit.show(most));
            format!("limits.{limit} is {wish}, but no more than {most} is to be had ({whose})")
        };
        (asked > most).then(told)
    };
    release.iter().filter_map(note).collect()
}

/// Fails with all that an operator may not give, in one sentence.
pub(super) fn check(config: &Config, changes: &[(Limit, Option<u64>)]) -> Result<(), String> {
    let wrong = |(limit, value): &(Limit, Option<u64>)| {
        let value = (*value)?;
        let largest = config.guest.largest_memory.max(config.guest.memory).bytes();
        match limit.check(value) {
            Err(told) => Some(format!("limits.{told}")),
            Ok(()) if *limit == Limit::Memory && value > largest => Some(format!(
                "limits.memory: this node gives no channel more than {} (guest.largest-memory)",
                limit.show(largest)
            )),
            Ok(()) => None,
        }
    };
    let wrong: Vec<_> = changes.iter().filter_map(wrong).collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

impl Control {
    /// Logs once what this node holds every channel to, unless its operator or its release says otherwise.
    pub fn tell_limits(&self) {
        let none = LimitOverrides::default();
        let name = |row: &Effective| row.of.map_or_else(|| row.limit.to_owned(), |of| format!("{} ({of})", row.limit));
        let limits: Vec<_> =
            effective(&self.config, &none, &none).iter().map(|row| format!("{} {}", name(row), row.text)).collect();
        let instances = self.runtime.size();
        tracing::info!(instances, limits = limits.join(", "), "the limits of a channel on this node");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(limits: &[(Limit, u64)]) -> LimitOverrides {
        let mut own = LimitOverrides::default();
        for (limit, value) in limits {
            own.set(*limit, Some(*value));
        }
        own
    }

    fn told(channel: &[(Limit, u64)], release: &[(Limit, u64)], limit: Limit) -> Vec<(String, Origin)> {
        let rows = effective(&Config::default(), &own(channel), &own(release));
        rows.into_iter().filter(|row| row.limit == limit.name()).map(|row| (row.text, row.from)).collect()
    }

    #[test]
    fn each_limit_is_told_with_who_gave_it() {
        use Origin::{Channel, Node, Release};
        let one = |channel: &[_], release: &[_]| told(channel, release, Limit::Rate).remove(0);
        assert_eq!(one(&[], &[]), ("200".to_owned(), Node));
        assert_eq!(one(&[(Limit::Rate, 500)], &[]), ("500".to_owned(), Channel));
        assert_eq!(one(&[(Limit::Rate, 200)], &[]), ("200".to_owned(), Channel));
        assert_eq!(one(&[(Limit::Rate, 500)], &[(Limit::Rate, 30)]), ("30".to_owned(), Release));
        assert_eq!(one(&[], &[(Limit::Rate, 30_000)]), ("200".to_owned(), Node));
        let times: Vec<_> = told(&[(Limit::Deadline, 5000)], &[(Limit::Deadline, 20_000)], Limit::Deadline);
        assert_eq!(times, [("5s".to_owned(), Channel), ("5s".to_owned(), Channel), ("20s".to_owned(), Release)]);
    }

    #[test]
    fn every_limit_is_told_and_every_one_asked_for_in_vain_is_noted() {
        let config = Config::default();
        let rows = effective(&config, &own(&[]), &own(&[]));
        assert_eq!(rows.len(), Limit::ALL.len() + 4);
        let much: Vec<_> = Limit::ALL.into_iter().map(|limit| (limit, u64::from(u32::MAX) << 10)).collect();
        let notes = notes(&config, &own(&[(Limit::Cpu, 5000)]), &own(&much));
        assert_eq!(notes.len(), Limit::ALL.len(), "{notes:?}");
        for (limit, note) in Limit::ALL.into_iter().zip(&notes) {
            assert!(note.contains(limit.name()) && note.contains(limit.key()) || limit == Limit::Cpu, "{note}");
        }
        assert!(notes[2].contains("no more than 5s") && notes[2].contains("operator"), "{notes:?}");
        assert!(super::notes(&config, &own(&[]), &own(&[(Limit::Rate, 200)])).is_empty());
    }

    #[test]
    fn an_operator_gives_what_the_node_has() {
        let config = Config::default();
        let many = [(Limit::Rate, Some(0)), (Limit::Memory, Some(512 << 20)), (Limit::Cpu, None)];
        let told = check(&config, &many).unwrap_err();
        assert!(told.contains("limits.rate: expected 1 to 1000000, found 0"), "{told}");
        assert!(told.contains("no channel more than 256MiB (guest.largest-memory)"), "{told}");
        assert_eq!(check(&config, &[(Limit::Memory, Some(128 << 20))]), Ok(()));
    }
}
