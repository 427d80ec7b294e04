-- Keys that clients gave to batches, so that one that is sent again is stored once. `digest` is of the batch.
CREATE TABLE batch_keys (
    run_key INTEGER NOT NULL REFERENCES runs,
    key TEXT NOT NULL,
    digest BLOB NOT NULL,
    time BIGINT NOT NULL,
    PRIMARY KEY (run_key, key)
) WITHOUT ROWID;
CREATE INDEX batch_keys_by_time ON batch_keys (time);
