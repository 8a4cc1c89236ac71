-- Version 1. A later version is a file of its own that changes this one; this file then stays as it is.

CREATE TABLE node (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO node VALUES (1, 0);

CREATE TABLE channel (
    name     TEXT PRIMARY KEY,
    mode     TEXT NOT NULL,
    active   INTEGER,
    previous INTEGER,
    created  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE host (
    host     TEXT PRIMARY KEY,
    channel  TEXT NOT NULL REFERENCES channel ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX host_channel ON host (channel);

CREATE TABLE channel_key (
    seq      INTEGER PRIMARY KEY,
    channel  TEXT NOT NULL REFERENCES channel ON DELETE CASCADE,
    kind     TEXT NOT NULL,
    digest   BLOB NOT NULL,
    created  INTEGER NOT NULL,
    expires  INTEGER
) STRICT;
CREATE INDEX channel_key_channel ON channel_key (channel, kind);

CREATE TABLE release (
    channel  TEXT NOT NULL REFERENCES channel ON DELETE CASCADE,
    number   INTEGER NOT NULL,
    created  INTEGER NOT NULL,
    digest   BLOB NOT NULL,
    spec     TEXT NOT NULL,
    PRIMARY KEY (channel, number)
) STRICT;
CREATE INDEX release_digest ON release (digest);

-- Outlives its channel, so that a number never means two releases.
CREATE TABLE release_counter (
    channel  TEXT PRIMARY KEY,
    last     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- With a rowid: values are large, and a table without one would keep them in the tree's inner pages.
CREATE TABLE kv (
    channel  TEXT NOT NULL REFERENCES channel ON DELETE CASCADE,
    key      TEXT NOT NULL,
    value    BLOB NOT NULL,
    PRIMARY KEY (channel, key)
) STRICT;

-- keys = rows of kv, bytes = length of their keys and values; kept in the same transaction, so a quota costs one row.
CREATE TABLE kv_usage (
    channel  TEXT PRIMARY KEY REFERENCES channel ON DELETE CASCADE,
    keys     INTEGER NOT NULL,
    bytes    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- sealed = nonce and ciphertext. Deleting the row makes the channel's secrets unreadable wherever they were copied.
CREATE TABLE data_key (
    channel  TEXT PRIMARY KEY REFERENCES channel ON DELETE CASCADE,
    sealed   BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE secret (
    channel  TEXT NOT NULL REFERENCES channel ON DELETE CASCADE,
    name     TEXT NOT NULL,
    version  INTEGER NOT NULL,
    created  INTEGER NOT NULL,
    sealed   BLOB NOT NULL,
    PRIMARY KEY (channel, name)
) STRICT;

CREATE TABLE token (
    id       TEXT PRIMARY KEY,
    name     TEXT NOT NULL,
    role     TEXT NOT NULL,
    channels TEXT,
    digest   BLOB NOT NULL UNIQUE,
    created  INTEGER NOT NULL
) STRICT;

-- due = when a queued one may run, or when a running one's lease ends.
-- waits = 1 while an older open event of the same entity exists: of all open events of an entity at most one has 0.
CREATE TABLE event (
    seq            INTEGER PRIMARY KEY AUTOINCREMENT,
    id             TEXT NOT NULL UNIQUE,
    channel        TEXT NOT NULL REFERENCES channel ON DELETE CASCADE,
    event_type     TEXT NOT NULL,
    entity_type_id INTEGER,
    entity_id      INTEGER,
    body           TEXT NOT NULL,
    dedupe         BLOB NOT NULL,
    state          TEXT NOT NULL DEFAULT 'queued',
    waits          INTEGER NOT NULL,
    due            INTEGER NOT NULL,
    attempts       INTEGER NOT NULL DEFAULT 0,
    created        INTEGER NOT NULL,
    ended          INTEGER
) STRICT;
CREATE INDEX event_due ON event (due, seq) WHERE waits = 0 AND state IN ('queued', 'running');
CREATE UNIQUE INDEX event_leader ON event (channel, entity_id, entity_type_id)
    WHERE waits = 0 AND state IN ('queued', 'running') AND entity_id IS NOT NULL;
CREATE INDEX event_entity ON event (channel, entity_id, entity_type_id, seq) WHERE state IN ('queued', 'running');
CREATE INDEX event_dedupe ON event (channel, dedupe, created);
CREATE INDEX event_state ON event (state, channel, seq);
CREATE INDEX event_channel ON event (channel, seq);
CREATE INDEX event_ended ON event (state, ended) WHERE state IN ('done', 'dead');

CREATE TABLE attempt (
    event    INTEGER NOT NULL REFERENCES event ON DELETE CASCADE,
    number   INTEGER NOT NULL,
    started  INTEGER NOT NULL,
    ended    INTEGER,
    result   TEXT,
    reason   TEXT,
    PRIMARY KEY (event, number)
) STRICT, WITHOUT ROWID;

-- The journal outlives its channels.
CREATE TABLE call (
    seq         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    channel     TEXT NOT NULL,
    release     INTEGER,
    action      TEXT NOT NULL,
    outcome     TEXT NOT NULL,
    code        TEXT,
    status      INTEGER NOT NULL,
    started     INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    detail      TEXT
) STRICT;
CREATE INDEX call_channel ON call (channel, seq);

CREATE TABLE log (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    channel  TEXT NOT NULL,
    call     TEXT NOT NULL,
    at       INTEGER NOT NULL,
    level    TEXT NOT NULL,
    context  TEXT NOT NULL,
    message  TEXT NOT NULL
) STRICT;
CREATE INDEX log_channel ON log (channel, seq);
CREATE INDEX log_call ON log (call, seq);
