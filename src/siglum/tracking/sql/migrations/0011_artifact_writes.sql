-- Files that several processes add to, such as tables of a run: up to which of its records each writer has been taken.
-- `pending` is 1 from before the file is stored until that is known to be done; `sha256` is what it then holds.
CREATE TABLE artifact_writes (
    path TEXT NOT NULL,
    writer TEXT NOT NULL,
    number BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    pending INTEGER NOT NULL,
    time BIGINT NOT NULL,
    PRIMARY KEY (path, writer)
);
CREATE INDEX artifact_writes_by_time ON artifact_writes (time);
