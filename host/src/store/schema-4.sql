-- Version 4: deltas, the platform's own list of what it has told, which repairs what was lost on the way.

-- The pause between two looks at the list, in milliseconds; NULL = nobody looks.
ALTER TABLE channel ADD COLUMN deltas_ms INTEGER;
CREATE TRIGGER channel_deltas_set AFTER UPDATE OF deltas_ms ON channel
    BEGIN UPDATE channel SET changed = (SELECT revision + 1 FROM node) WHERE name = NEW.name; END;

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
