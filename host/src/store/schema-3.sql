-- Version 3: what components asked of the outside.

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
