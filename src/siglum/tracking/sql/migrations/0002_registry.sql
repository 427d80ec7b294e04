-- Registered models and versions. Keys are never reused, so that the audit log's refer to one model for ever.
CREATE TABLE registered_models (
    model_key INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    creation_timestamp BIGINT NOT NULL,
    last_updated_timestamp BIGINT NOT NULL,
    description TEXT NOT NULL DEFAULT ''
);

-- The number that a name's next version gets. It outlives the model: `name@3` means one version, for ever.
CREATE TABLE version_counters (
    name TEXT PRIMARY KEY,
    next_version BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE registered_model_tags (
    model_key INTEGER NOT NULL REFERENCES registered_models,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (model_key, key)
) WITHOUT ROWID;

CREATE TABLE model_versions (
    model_key INTEGER NOT NULL REFERENCES registered_models,
    version BIGINT NOT NULL,
    creation_timestamp BIGINT NOT NULL,
    last_updated_timestamp BIGINT NOT NULL,
    user_id TEXT NOT NULL,
    current_stage TEXT NOT NULL,
    description TEXT NOT NULL,
    source TEXT NOT NULL,
    storage_location TEXT NOT NULL,
    run_id TEXT NOT NULL,
    run_link TEXT NOT NULL,
    model_id TEXT,
    status TEXT NOT NULL,
    status_message TEXT NOT NULL,
    PRIMARY KEY (model_key, version)
) WITHOUT ROWID;
CREATE INDEX model_versions_by_run ON model_versions (run_id);
CREATE INDEX model_versions_by_model ON model_versions (model_id);
CREATE INDEX model_versions_by_time ON model_versions (last_updated_timestamp DESC);

CREATE TABLE model_version_tags (
    model_key INTEGER NOT NULL,
    version BIGINT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (model_key, version, key),
    FOREIGN KEY (model_key, version) REFERENCES model_versions
) WITHOUT ROWID;

CREATE TABLE registered_model_aliases (
    model_key INTEGER NOT NULL,
    alias TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (model_key, alias),
    FOREIGN KEY (model_key, version) REFERENCES model_versions
) WITHOUT ROWID;
CREATE INDEX registered_model_aliases_by_version ON registered_model_aliases (model_key, version);

-- What must not be deleted, and who needs it: the one thing of the registry that tracking reads.
CREATE VIEW pins AS
    SELECT 'run' AS kind, v.run_id AS object_id, m.name AS model_name, v.version AS version
    FROM model_versions v JOIN registered_models m ON m.model_key = v.model_key
    WHERE v.run_id <> ''
    UNION ALL
    SELECT 'logged_model', v.model_id, m.name, v.version
    FROM model_versions v JOIN registered_models m ON m.model_key = v.model_key
    WHERE v.model_id IS NOT NULL;

-- Every change, for ever: each row holds the hash of the row before it. `before` and `after` are canonical JSON.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    time BIGINT NOT NULL,
    actor TEXT NOT NULL,
    source TEXT NOT NULL,
    action TEXT NOT NULL,
    model_key BIGINT NOT NULL,
    model TEXT NOT NULL,
    version TEXT,
    alias TEXT,
    reason TEXT,
    before TEXT,
    after TEXT,
    prev_hash TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX audit_by_model ON audit (model_key, alias, seq);
CREATE INDEX audit_by_name ON audit (model, seq);
