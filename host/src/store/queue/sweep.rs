//! Many dead notifications at once, in steps that each look at a bounded number of them.

use rusqlite::{Connection, ToSql, params_from_iter};

use super::filter::{self, Filter, MATCHES};
use super::steps;
use crate::store::writer::Bell;
use crate::store::{Store, StoreError, Timestamp};

/// Dead notifications that one step looks at: 10 to 50 ms of the writer's time, the more the longer the queue is.
const STEP: usize = 100;

/// What is done with dead notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// They are counted.
    Count,
    /// They are queued again.
    Replay,
    /// They are removed.
    Drop,
}

/// What one step came across.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    /// Dead notifications that were meant.
    pub matched: u64,
    /// Where the next step goes on; `None` after the last.
    pub next: Option<i64>,
}

impl Store {
    /// Does `what` with the dead notifications of a channel that `filter` means: those behind `after` (0 at first), the oldest
    /// first, of which one step looks at a hundred. Notifications of one entity thereby keep their order.
    pub async fn sweep(
        &self,
        channel: &str,
        filter: Filter,
        after: i64,
        what: Sweep,
        now: Timestamp,
    ) -> Result<Swept, StoreError> {
        let channel = channel.to_owned();
        let step = move |db: &Connection| -> Result<Swept, StoreError> {
            let (meant, next) = dead(db, &channel, &filter, after)?;
            for seq in &meant {
                match what {
                    Sweep::Count => {}
                    Sweep::Replay => steps::revive(db, *seq, now)?,
                    Sweep::Drop => _ = db.prepare_cached("DELETE FROM event WHERE seq = ?")?.execute([seq])?,
                }
            }
            Ok(Swept { matched: meant.len() as u64, next })
        };
        match what {
            Sweep::Count => self.read_at_once(step),
            Sweep::Replay | Sweep::Drop => self.inner.writer.write(Bell::Queue, step).await,
        }
    }
}

/// The next dead ones that are meant, and where to go on behind those that were looked at.
fn dead(db: &Connection, channel: &str, filter: &Filter, after: i64) -> Result<(Vec<i64>, Option<i64>), StoreError> {
    let mut rows = db.prepare_cached(&format!(
        "SELECT seq, coalesce({MATCHES}, 0) FROM event INDEXED BY event_state
         WHERE state = 'dead' AND channel = ?6 AND seq > ?7 ORDER BY seq LIMIT {STEP}"
    ))?;
    let values = filter.values().into_iter().chain([&channel as &dyn ToSql, &after]);
    let looked: Vec<_> = rows.query_map(params_from_iter(values), filter::read)?.collect::<Result<_, _>>()?;
    let next = looked.last().filter(|_| looked.len() == STEP).map(|(seq, _)| *seq);
    Ok((looked.into_iter().filter_map(|(seq, meant)| meant.then_some(seq)).collect(), next))
}
