-- Version 4: what a channel says of its notifications, and secrets that platforms sign with.

-- notification = a JSON object, empty where everything is as for the node.
ALTER TABLE channel ADD COLUMN notification TEXT NOT NULL DEFAULT '{}';
DROP TRIGGER channel_set;
CREATE TRIGGER channel_set AFTER UPDATE OF mode, active, previous, canary, canary_share, watch, limits, failure_mode, notification, revision ON channel
    BEGIN UPDATE channel SET changed = (SELECT revision + 1 FROM node) WHERE name = NEW.name; END;

-- Only of what has to be known again: nonce and ciphertext of the key itself. digest is then that of the row's ciphertext.
ALTER TABLE channel_key ADD COLUMN sealed BLOB;
