//! Circuit breakers: which are open, and closing them.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::ask::Ask;
use super::body::Incoming;
use super::problem::Problem;
use super::{Outcome, ok};
use crate::table::{Channel, OpenBreaker, Work};

/// An open breaker, and whose.
#[derive(Serialize)]
pub(super) struct View {
    release: u64,
    #[serde(flatten)]
    breaker: OpenBreaker,
}

/// The open breakers of a channel as it is published.
pub(super) fn open(channel: &Channel) -> Vec<View> {
    let of = |release: &std::sync::Arc<crate::table::Release>| {
        let number = release.number;
        release.breakers.open().into_iter().map(move |breaker| View { release: number, breaker })
    };
    channel.releases().flat_map(of).collect()
}

pub(super) fn list(ask: &Ask) -> Outcome {
    ask.query(&[])?;
    let table = ask.control.tables.load();
    ok(&table.channel(&ask.channel()?.name).map(|channel| open(channel)).unwrap_or_default())
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Reset {
    interaction: Option<String>,
}

pub(super) async fn reset(ask: &Ask, body: &mut Incoming) -> Outcome {
    let wish: Reset = ask.json_or_nothing(body).await?.unwrap_or_default();
    let work = wish.interaction.as_deref().map(named).transpose()?;
    let channel = &ask.channel()?.name;
    let table = ask.control.tables.load();
    let published = table.channel(channel).into_iter();
    let closed: usize =
        published.flat_map(|channel| channel.releases()).map(|release| release.breakers.reset(work)).sum();
    tracing::info!(who = ask.who.name, channel, interaction = wish.interaction, closed, "reset breakers");
    ok(&json!({"channel": channel, "closed": closed}))
}

fn named(name: &str) -> Result<Work, Problem> {
    Work::named(name).ok_or_else(|| {
        let known: Vec<_> = Work::all().map(Work::name).collect();
        Problem::malformed(format!("{name:?} has no breaker; these have: {}", known.join(", ")))
    })
}
