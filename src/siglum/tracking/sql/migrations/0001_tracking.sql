-- Experiments and runs. Ids that the outside sees are text; the keys that tables refer to each other by are small
-- integers, so that a row of a series costs few bytes.
CREATE TABLE experiments (
    experiment_id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    artifact_location TEXT NOT NULL,
    lifecycle_stage TEXT NOT NULL DEFAULT 'active',
    creation_time BIGINT NOT NULL,
    last_update_time BIGINT NOT NULL
);

CREATE TABLE experiment_tags (
    experiment_id INTEGER NOT NULL REFERENCES experiments,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (experiment_id, key)
) WITHOUT ROWID;

CREATE TABLE runs (
    run_key INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL UNIQUE,
    experiment_id INTEGER NOT NULL REFERENCES experiments,
    run_name TEXT NOT NULL,
    user_id TEXT NOT NULL,
    status TEXT NOT NULL,
    start_time BIGINT NOT NULL,
    end_time BIGINT,
    artifact_uri TEXT NOT NULL,
    lifecycle_stage TEXT NOT NULL DEFAULT 'active',
    deleted_time BIGINT
);
CREATE INDEX runs_by_time ON runs (experiment_id, lifecycle_stage, start_time DESC, run_id);

CREATE TABLE run_params (
    run_key INTEGER NOT NULL REFERENCES runs,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run_key, key)
) WITHOUT ROWID;

CREATE TABLE run_tags (
    run_key INTEGER NOT NULL REFERENCES runs,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run_key, key)
) WITHOUT ROWID;

-- Series. A NULL value is NaN. `last_*` is the greatest point by (step, timestamp, value), as in MLflow; minimum and
-- maximum leave NaN out and name the first step they were reached at.
CREATE TABLE metric_keys (
    key_id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE
);

CREATE TABLE metric_summaries (
    run_key INTEGER NOT NULL REFERENCES runs,
    key_id INTEGER NOT NULL REFERENCES metric_keys,
    count BIGINT NOT NULL,
    last_step BIGINT NOT NULL,
    last_timestamp BIGINT NOT NULL,
    last_value DOUBLE PRECISION,
    min_value DOUBLE PRECISION,
    min_step BIGINT,
    max_value DOUBLE PRECISION,
    max_step BIGINT,
    PRIMARY KEY (run_key, key_id)
) WITHOUT ROWID;

-- The newest points of a run as they came, one row for each batch: records (key, step, timestamp, value), see
-- tracking.series. An append writes here and to the summaries; when a run has many, they are moved to segments.
CREATE TABLE metric_journal (
    journal_id INTEGER PRIMARY KEY,
    run_key INTEGER NOT NULL REFERENCES runs,
    count INTEGER NOT NULL,
    data BLOB NOT NULL
);
CREATE INDEX metric_journal_by_run ON metric_journal (run_key, count);

-- All older points, packed in columns (tracking.series), sorted by (timestamp, step, value) in each segment.
CREATE TABLE metric_segments (
    segment_id INTEGER PRIMARY KEY,
    run_key INTEGER NOT NULL,
    key_id INTEGER NOT NULL,
    count INTEGER NOT NULL,
    min_step BIGINT NOT NULL,
    max_step BIGINT NOT NULL,
    min_timestamp BIGINT NOT NULL,
    max_timestamp BIGINT NOT NULL,
    data BLOB NOT NULL,
    FOREIGN KEY (run_key, key_id) REFERENCES metric_summaries
);
CREATE INDEX metric_segments_by_time ON metric_segments (run_key, key_id, min_timestamp);

CREATE TABLE datasets (
    dataset_key INTEGER PRIMARY KEY AUTOINCREMENT,
    experiment_id INTEGER NOT NULL REFERENCES experiments,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    source_type TEXT NOT NULL,
    source TEXT NOT NULL,
    schema TEXT,
    profile TEXT,
    UNIQUE (experiment_id, name, digest)
);

CREATE TABLE run_datasets (
    run_key INTEGER NOT NULL REFERENCES runs,
    dataset_key INTEGER NOT NULL REFERENCES datasets,
    PRIMARY KEY (run_key, dataset_key)
) WITHOUT ROWID;

CREATE TABLE run_dataset_tags (
    run_key INTEGER NOT NULL,
    dataset_key INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run_key, dataset_key, key),
    FOREIGN KEY (run_key, dataset_key) REFERENCES run_datasets
) WITHOUT ROWID;

CREATE TABLE logged_models (
    model_key INTEGER PRIMARY KEY AUTOINCREMENT,
    model_id TEXT NOT NULL UNIQUE,
    experiment_id INTEGER NOT NULL REFERENCES experiments,
    name TEXT NOT NULL,
    artifact_location TEXT NOT NULL,
    creation_timestamp BIGINT NOT NULL,
    last_updated_timestamp BIGINT NOT NULL,
    model_type TEXT,
    source_run_id TEXT,
    status TEXT NOT NULL,
    status_message TEXT,
    lifecycle_stage TEXT NOT NULL DEFAULT 'active'
);
CREATE INDEX logged_models_by_time ON logged_models (experiment_id, lifecycle_stage, creation_timestamp DESC, model_id);

CREATE TABLE logged_model_tags (
    model_key INTEGER NOT NULL REFERENCES logged_models,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (model_key, key)
) WITHOUT ROWID;

CREATE TABLE logged_model_params (
    model_key INTEGER NOT NULL REFERENCES logged_models,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (model_key, key)
) WITHOUT ROWID;

-- Points that a run logged about a model, on a data set or on none ('' in both columns). A NULL value is NaN.
CREATE TABLE logged_model_metrics (
    model_key INTEGER NOT NULL REFERENCES logged_models,
    key TEXT NOT NULL,
    run_key INTEGER NOT NULL REFERENCES runs,
    timestamp BIGINT NOT NULL,
    step BIGINT NOT NULL,
    dataset_name TEXT NOT NULL DEFAULT '',
    dataset_digest TEXT NOT NULL DEFAULT '',
    value DOUBLE PRECISION,
    PRIMARY KEY (model_key, key, run_key, timestamp, step, dataset_name, dataset_digest)
) WITHOUT ROWID;

CREATE TABLE run_model_inputs (
    run_key INTEGER NOT NULL REFERENCES runs,
    model_key INTEGER NOT NULL REFERENCES logged_models,
    PRIMARY KEY (run_key, model_key)
) WITHOUT ROWID;

CREATE TABLE run_model_outputs (
    run_key INTEGER NOT NULL REFERENCES runs,
    model_key INTEGER NOT NULL REFERENCES logged_models,
    step BIGINT NOT NULL,
    PRIMARY KEY (run_key, model_key)
) WITHOUT ROWID;

-- What the artifact store knows of its files without reading them.
CREATE TABLE artifact_index (
    path TEXT PRIMARY KEY,
    size BIGINT NOT NULL,
    sha256 TEXT NOT NULL
) WITHOUT ROWID;
