//! The secrets that platforms sign with. Unlike other keys of a channel they must be known again, so they are encrypted as the
//! channel's secrets are. They appear in no message, no log and no debug output.

use std::fmt;

use rusqlite::params;
use zeroize::Zeroizing;

use super::desired::replace_key;
use super::node_key::{open, seal};
use super::secrets::bound_to;
use super::{Channel, Digest, KeyKind, Store, StoreError, Timestamp};

/// A secret that notifications are signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret {
    /// The bytes that the signature's MAC is keyed with.
    pub key: Zeroizing<Vec<u8>>,
    /// Not valid from here on; `None` = the current one.
    pub expires: Option<Timestamp>,
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSecret").field("expires", &self.expires).finish_non_exhaustive()
    }
}

impl Store {
    /// Makes `secret` the one that the channel's notifications are signed with. The one before it stays valid until
    /// `keep_old_until`, as in [`Store::rotate_key`]. Fails with `NoChannel`.
    pub async fn rotate_webhook_secret(
        &self,
        channel: &str,
        secret: Zeroizing<Vec<u8>>,
        keep_old_until: Option<Timestamp>,
    ) -> Result<Channel, StoreError> {
        let channel = channel.to_owned();
        let node_key = self.inner.node_key.clone();
        self.change(move |db| {
            let (key, created) = (node_key.data_key(db, &channel)?, Timestamp::now());
            let sealed = seal(&key, &secret, &bound_to(&channel, NAME, created.0))?;
            let digest = Digest::of(&sealed);
            replace_key(db, &channel, KeyKind::Webhook, &digest, created, keep_old_until)?;
            db.execute(
                "UPDATE channel_key SET sealed = ? WHERE channel = ? AND kind = ? AND digest = ?",
                params![sealed, channel, KeyKind::Webhook, digest],
            )?;
            super::desired::one_channel(db, &channel)
        })
        .await
    }

    /// The secrets that the channel's notifications are signed with, the newest first; expired ones may be among them. Fails
    /// with `SecretSealed` when one was stored with another node key, or changed.
    pub fn webhook_secrets(&self, channel: &str) -> Result<Vec<WebhookSecret>, StoreError> {
        self.read_at_once(|db| {
            let mut rows = db.prepare_cached(
                "SELECT c.created, c.expires, c.sealed, k.sealed FROM channel_key c JOIN data_key k ON k.channel = c.channel
                 WHERE c.channel = ? AND c.kind = ? ORDER BY c.seq DESC",
            )?;
            let mut rows = rows.query(params![channel, KeyKind::Webhook])?;
            let mut secrets = Vec::new();
            while let Some(row) = rows.next()? {
                let (created, sealed, sealed_key): (Timestamp, Vec<u8>, Vec<u8>) =
                    (row.get(0)?, row.get(2)?, row.get(3)?);
                let opened = self.inner.node_key.unwrap(channel, &sealed_key);
                let opened = opened.and_then(|key| open(&key, &sealed, &bound_to(channel, NAME, created.0)));
                let failed = || StoreError::SecretSealed { channel: channel.to_owned(), name: NAME.to_owned() };
                let key = Zeroizing::new(opened.ok_or_else(failed)?);
                secrets.push(WebhookSecret { key, expires: row.get(1)? });
            }
            Ok(secrets)
        })
    }
}

/// What it is bound to beside its channel. Secrets of a channel have capitals, so none has this name.
const NAME: &str = "webhook";
