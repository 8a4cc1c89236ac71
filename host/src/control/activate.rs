//! Changes of which release answers: activate, roll back, canaries. Each ends with a receipt.

use std::sync::Arc;

use super::{Control, ControlError, spec};
use crate::store::{By, Change, Expected, Move, Receipt, StoreError, Swapped};

/// What an administrator wants.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Who wants it.
    pub who: String,
    /// What.
    pub change: Move,
    /// Why; may be empty.
    pub reason: String,
    /// What they believe to be active, if they say so. Otherwise what is active when their wish arrives: of two that meet,
    /// one is done and the other is told.
    pub expected: Option<Expected>,
    /// Whether the answer waits for the calls of the release that goes.
    pub wait: bool,
}

impl Control {
    /// Changes which release of a channel answers. Once begun it is done to its end, even when the caller goes away. After it
    /// returns, no call starts on the release that went.
    ///
    /// # Errors
    /// A component cannot be loaded, or the store says no: the running release goes on.
    pub async fn change(self: &Arc<Self>, channel: &str, wish: Wish) -> Result<Receipt, ControlError> {
        let (control, channel) = (Arc::clone(self), channel.to_owned());
        tokio::spawn(async move { control.change_all(&channel, wish).await }).await?
    }

    async fn change_all(self: &Arc<Self>, channel: &str, wish: Wish) -> Result<Receipt, ControlError> {
        spec::check_length("reason", &wish.reason).map_err(ControlError::Invalid)?;
        let found = self.store.channel(channel)?.ok_or_else(|| StoreError::NoChannel(channel.to_owned()))?;
        let expected = wish.expected.unwrap_or(Expected::Revision(found.revision));
        let next = match wish.change {
            Move::Activate(number) | Move::Canary { release: number, .. } => Some(number),
            Move::Rollback if found.canary.is_none() => found.previous,
            _ => None,
        };
        // Held until it is published, so that the table finds it loaded.
        let plugin = match next {
            Some(number) => Some(self.plugin_of(channel, number).await?),
            None => None,
        };
        let by = By { who: wish.who, reason: wish.reason, expected };
        let Swapped { receipt, .. } = self.store.swap(channel, wish.change, by).await?;
        self.publish().await?;
        drop(plugin);
        let Receipt { who, change, from, to, revision, .. } = &receipt;
        tracing::info!(who, channel, change = change.as_str(), from, to, revision, "changed what answers");
        self.settled(receipt, wish.wait).await
    }

    async fn plugin_of(&self, channel: &str, number: u64) -> Result<Arc<crate::guest::Plugin>, ControlError> {
        let no_release = || StoreError::NoRelease { channel: channel.to_owned(), number };
        let release = self.store.release(channel, number)?.ok_or_else(no_release)?;
        self.load_plugin(&release.spec.digest).await
    }

    /// The receipt with how the release that went has drained. Without waiting, it is completed behind the answer. What was
    /// done is done: that its receipt cannot be completed is no failure of it.
    pub(super) async fn settled(self: &Arc<Self>, mut receipt: Receipt, wait: bool) -> Result<Receipt, ControlError> {
        // Beside a canary it stays; what drains under its number went in another change.
        let stays = receipt.change == Change::Canary || receipt.to == receipt.from;
        let gone = receipt.from.filter(|_| !stays);
        let Some(draining) = gone.and_then(|number| self.drains.of(&receipt.channel, number, receipt.revision)) else {
            return Ok(receipt);
        };
        receipt.in_flight = Some(draining.in_flight);
        let (control, id) = (Arc::clone(self), receipt.id.clone());
        let settling = tokio::spawn(async move {
            let drained = draining.ended().await;
            let settled = control.store.settle_receipt(&id, drained.in_flight, drained.ms, drained.killed).await;
            if let Err(error) = settled {
                tracing::warn!(receipt = id, %error, "a receipt could not be completed with how its calls ended");
            }
            drained
        });
        if wait {
            let drained = settling.await?;
            receipt.drain_ms = Some(drained.ms);
            receipt.killed = Some(drained.killed);
        }
        Ok(receipt)
    }
}
