-- Version 2: candidates, receipts, and secrets that keep the values a release may still name.

-- canary_share = hundredths of a percent. revision = the node's, when one of these pointers last changed.
ALTER TABLE channel ADD COLUMN canary INTEGER;
ALTER TABLE channel ADD COLUMN canary_share INTEGER CHECK (canary_share BETWEEN 1 AND 10000);
ALTER TABLE channel ADD COLUMN canary_since INTEGER;
ALTER TABLE channel ADD COLUMN watch TEXT NOT NULL DEFAULT '{}';
ALTER TABLE channel ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;

-- Which release was active before this one last became active, other than by going back: the way back. It has no circles,
-- and it starts with channel.previous.
ALTER TABLE release ADD COLUMN replaced INTEGER;
UPDATE release SET replaced = c.previous FROM channel c WHERE c.name = release.channel AND c.active = release.number;

-- Outlives its channel, as the journal does.
CREATE TABLE receipt (
    seq          INTEGER PRIMARY KEY,
    id           TEXT NOT NULL UNIQUE,
    channel      TEXT NOT NULL,
    at           INTEGER NOT NULL,
    kind         TEXT NOT NULL,
    who          TEXT NOT NULL,
    from_release INTEGER,
    to_release   INTEGER,
    share        INTEGER,
    revision     INTEGER NOT NULL,
    in_flight    INTEGER,
    drain_ms     INTEGER,
    killed       INTEGER,
    reason       TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX receipt_channel ON receipt (channel, seq);
CREATE INDEX receipt_return ON receipt (channel, seq) WHERE kind = 'return';

CREATE TABLE secret_value (
    channel  TEXT NOT NULL REFERENCES channel ON DELETE CASCADE,
    name     TEXT NOT NULL,
    version  INTEGER NOT NULL,
    created  INTEGER NOT NULL,
    sealed   BLOB NOT NULL,
    PRIMARY KEY (channel, name, version)
) STRICT;

-- Outlives a secret's values, so that a version never means two of them.
CREATE TABLE secret_counter (
    channel  TEXT NOT NULL REFERENCES channel ON DELETE CASCADE,
    name     TEXT NOT NULL,
    last     INTEGER NOT NULL,
    PRIMARY KEY (channel, name)
) STRICT, WITHOUT ROWID;

INSERT INTO secret_value (channel, name, version, created, sealed)
    SELECT channel, name, version, created, sealed FROM secret;
INSERT INTO secret_counter (channel, name, last) SELECT channel, name, version FROM secret;
DROP TABLE secret;
