//! Tokens of administrators. Only digests are stored; the caller makes the token and shows it once.

use rusqlite::{OptionalExtension, Row, params};

use super::{Digest, Role, Store, StoreError, Timestamp, TokenRecord, new_id};

const COLUMNS: &str = "id, name, role, channels, created";

impl Store {
    /// Stores a token by its digest; `channels` = `None` makes it good for all.
    pub async fn create_token(
        &self,
        name: &str,
        role: Role,
        channels: Option<Vec<String>>,
        digest: Digest,
    ) -> Result<TokenRecord, StoreError> {
        let token = TokenRecord { id: new_id(), name: name.to_owned(), role, channels, created: Timestamp::now() };
        self.write(move |db| {
            let channels = token.channels.as_ref().map(serde_json::to_string).transpose();
            let channels = channels.map_err(|error| StoreError::Database(error.to_string()))?;
            db.execute(
                "INSERT INTO token (id, name, role, channels, digest, created) VALUES (?, ?, ?, ?, ?, ?)",
                params![token.id, token.name, token.role, channels, digest, token.created],
            )?;
            Ok(token)
        })
        .await
    }

    /// All tokens, oldest first.
    pub fn tokens(&self) -> Result<Vec<TokenRecord>, StoreError> {
        self.read(|db| {
            let mut rows = db.prepare_cached(&format!("SELECT {COLUMNS} FROM token ORDER BY created, id"))?;
            rows.query_and_then([], read_token)?.collect()
        })
    }

    /// Ends a token; false when there is none with this id.
    pub async fn revoke_token(&self, id: &str) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.write(move |db| Ok(db.execute("DELETE FROM token WHERE id = ?", [id])? > 0)).await
    }

    /// The token with this digest, if it is valid.
    pub fn token_by_digest(&self, digest: &Digest) -> Result<Option<TokenRecord>, StoreError> {
        self.read(|db| {
            let mut row = db.prepare_cached(&format!("SELECT {COLUMNS} FROM token WHERE digest = ?"))?;
            row.query_row([digest], |row| Ok(read_token(row))).optional()?.transpose()
        })
    }
}

fn read_token(row: &Row<'_>) -> Result<TokenRecord, StoreError> {
    let id: String = row.get("id")?;
    let channels: Option<String> = row.get("channels")?;
    let channels = channels.map(|text| serde_json::from_str(&text)).transpose();
    let channels = channels.map_err(|error| StoreError::Corrupt(format!("token {id}: {error}")))?;
    Ok(TokenRecord { id, name: row.get("name")?, role: row.get("role")?, channels, created: row.get("created")? })
}
