-- Version 4: how much is in the queue of each channel, told without counting, whose turn it is behind a long queue; the
-- platform's own list of what it has told, which repairs what was lost on the way; what a channel says of its notifications, and
-- secrets that platforms sign with.

-- Rows of event by their state; deaths = how often one died; bytes = what those that are not done take, counted as 512 and the
-- body. Kept by triggers, so that no transition can forget it.
CREATE TABLE queue_usage (
    channel  TEXT PRIMARY KEY REFERENCES channel ON DELETE CASCADE,
    queued   INTEGER NOT NULL,
    running  INTEGER NOT NULL,
    dead     INTEGER NOT NULL,
    deaths   INTEGER NOT NULL,
    bytes    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO queue_usage (channel, queued, running, dead, deaths, bytes)
    SELECT channel, sum(state = 'queued'), sum(state = 'running'), sum(state = 'dead'), sum(state = 'dead'),
        sum((state <> 'done') * (512 + octet_length(body)))
    FROM event GROUP BY channel;
CREATE TRIGGER event_added AFTER INSERT ON event BEGIN
    INSERT INTO queue_usage (channel, queued, running, dead, deaths, bytes)
        VALUES (NEW.channel, NEW.state = 'queued', NEW.state = 'running', NEW.state = 'dead', 0,
            (NEW.state <> 'done') * (512 + octet_length(NEW.body)))
        ON CONFLICT (channel) DO UPDATE
        SET queued = queued + excluded.queued, running = running + excluded.running, dead = dead + excluded.dead,
            bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER event_moved AFTER UPDATE OF state ON event WHEN OLD.state <> NEW.state BEGIN
    UPDATE queue_usage SET
        queued = queued + (NEW.state = 'queued') - (OLD.state = 'queued'),
        running = running + (NEW.state = 'running') - (OLD.state = 'running'),
        dead = dead + (NEW.state = 'dead') - (OLD.state = 'dead'),
        deaths = deaths + (NEW.state = 'dead'),
        bytes = bytes + (NEW.state <> 'done') * (512 + octet_length(NEW.body))
            - (OLD.state <> 'done') * (512 + octet_length(OLD.body))
        WHERE channel = NEW.channel;
END;
CREATE TRIGGER event_removed AFTER DELETE ON event BEGIN
    UPDATE queue_usage SET
        queued = queued - (OLD.state = 'queued'),
        running = running - (OLD.state = 'running'),
        dead = dead - (OLD.state = 'dead'),
        bytes = bytes - (OLD.state <> 'done') * (512 + octet_length(OLD.body))
        WHERE channel = OLD.channel;
END;

-- With the type, because a type may rest while another goes on.
DROP INDEX event_due;
CREATE INDEX event_due ON event (due, seq, channel, event_type) WHERE waits = 0 AND state IN ('queued', 'running');
CREATE INDEX event_turn ON event (channel, event_type, due, seq) WHERE waits = 0 AND state IN ('queued', 'running');

-- The pause between two looks at the list, in milliseconds; NULL = nobody looks.
ALTER TABLE channel ADD COLUMN deltas_ms INTEGER;

-- How far a channel's list was taken. A cursor is good for the API that gave it alone.
CREATE TABLE delta (
    channel  TEXT PRIMARY KEY REFERENCES channel ON DELETE CASCADE,
    base_url TEXT NOT NULL,
    cursor   TEXT NOT NULL,
    moved    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- same = digest of what it tells, by whichever way it came; NULL on channels without deltas. cursor = where it stands in the
-- list, once the list has told it. hooked = whether a webhook has brought it.
ALTER TABLE event ADD COLUMN same BLOB;
ALTER TABLE event ADD COLUMN cursor TEXT;
ALTER TABLE event ADD COLUMN hooked INTEGER NOT NULL DEFAULT 1;
CREATE INDEX event_same ON event (channel, same, created) WHERE same IS NOT NULL;

-- notification = a JSON object, empty where everything is as for the node.
ALTER TABLE channel ADD COLUMN notification TEXT NOT NULL DEFAULT '{}';
DROP TRIGGER channel_set;
CREATE TRIGGER channel_set AFTER UPDATE OF mode, active, previous, canary, canary_share, watch, limits, failure_mode, deltas_ms, notification,
    revision ON channel
    BEGIN UPDATE channel SET changed = (SELECT revision + 1 FROM node) WHERE name = NEW.name; END;

-- Only of what has to be known again: nonce and ciphertext of the key itself. digest is then that of the row's ciphertext.
ALTER TABLE channel_key ADD COLUMN sealed BLOB;
