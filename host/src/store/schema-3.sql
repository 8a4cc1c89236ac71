-- Version 3: limits and manners of a channel's own, what each call used, and what it asked of the outside.

-- limits = a JSON object, empty where everything is as for the node. failure_mode = NULL for the node's.
ALTER TABLE channel ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';
ALTER TABLE channel ADD COLUMN failure_mode TEXT;
DROP TRIGGER channel_set;
CREATE TRIGGER channel_set AFTER UPDATE OF mode, active, previous, canary, canary_share, watch, limits, failure_mode, revision ON channel
    BEGIN UPDATE channel SET changed = (SELECT revision + 1 FROM node) WHERE name = NEW.name; END;

-- NULL where no component was asked. trace = JSON: the limits that a failed call had, and the functions that were running.
ALTER TABLE call ADD COLUMN cpu_us INTEGER;
ALTER TABLE call ADD COLUMN memory INTEGER;
ALTER TABLE call ADD COLUMN queued_us INTEGER;
ALTER TABLE call ADD COLUMN requests INTEGER;
ALTER TABLE call ADD COLUMN trace TEXT;
-- The id that the caller's HTTP request had.
ALTER TABLE call ADD COLUMN request_id TEXT;

-- The journal outlives its channels. requests = how many the row stands for: refusals of one call beyond the first become one.
-- path is without its query. Bytes are those of the bodies.
CREATE TABLE outbound (
    seq         INTEGER PRIMARY KEY,
    call        TEXT NOT NULL,
    channel     TEXT NOT NULL,
    at          INTEGER NOT NULL,
    method      TEXT NOT NULL,
    host        TEXT NOT NULL,
    path        TEXT NOT NULL,
    status      INTEGER,
    error       TEXT,
    refused     TEXT,
    duration_us INTEGER NOT NULL,
    bytes_out   INTEGER NOT NULL,
    bytes_in    INTEGER NOT NULL,
    requests    INTEGER NOT NULL
) STRICT;
CREATE INDEX outbound_call ON outbound (call, seq);

-- With the channel, so that what is due is told apart without its row.
DROP INDEX event_due;
CREATE INDEX event_due ON event (due, seq, channel) WHERE waits = 0 AND state IN ('queued', 'running');
