-- Version 2: candidates, receipts, and secrets that keep the values a release may still name.

-- canary_share = hundredths of a percent. revision = the node's, when one of these pointers last changed.
ALTER TABLE channel ADD COLUMN canary INTEGER;
ALTER TABLE channel ADD COLUMN canary_share INTEGER CHECK (canary_share BETWEEN 1 AND 10000);
ALTER TABLE channel ADD COLUMN canary_since INTEGER;
ALTER TABLE channel ADD COLUMN watch TEXT NOT NULL DEFAULT '{}';
ALTER TABLE channel ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;

-- The revision in which something last changed that the table shows of a channel. Kept by triggers, so that no operation can
-- forget it; each runs before its revision is made, and names the next one.
ALTER TABLE channel ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX channel_changed ON channel (changed);
CREATE TRIGGER channel_made AFTER INSERT ON channel
    BEGIN UPDATE channel SET changed = (SELECT revision + 1 FROM node) WHERE name = NEW.name; END;
CREATE TRIGGER channel_set AFTER UPDATE OF mode, active, previous, canary, canary_share, watch, revision ON channel
    BEGIN UPDATE channel SET changed = (SELECT revision + 1 FROM node) WHERE name = NEW.name; END;
CREATE TRIGGER host_added AFTER INSERT ON host
    BEGIN UPDATE channel SET changed = (SELECT revision + 1 FROM node) WHERE name = NEW.channel; END;
CREATE TRIGGER host_removed AFTER DELETE ON host
    BEGIN UPDATE channel SET changed = (SELECT revision + 1 FROM node) WHERE name = OLD.channel; END;
CREATE TRIGGER key_added AFTER INSERT ON channel_key
    BEGIN UPDATE channel SET changed = (SELECT revision + 1 FROM node) WHERE name = NEW.channel; END;
CREATE TRIGGER key_set AFTER UPDATE ON channel_key
    BEGIN UPDATE channel SET changed = (SELECT revision + 1 FROM node) WHERE name = NEW.channel; END;
CREATE TRIGGER key_removed AFTER DELETE ON channel_key
    BEGIN UPDATE channel SET changed = (SELECT revision + 1 FROM node) WHERE name = OLD.channel; END;

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
