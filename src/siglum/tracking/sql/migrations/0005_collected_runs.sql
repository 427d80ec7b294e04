-- Runs that were removed for good, until their files are removed, too.
CREATE TABLE collected_runs (
    run_id TEXT PRIMARY KEY,
    artifact_uri TEXT NOT NULL,
    time BIGINT NOT NULL
) WITHOUT ROWID;

-- As before, and where the files of each model version are: in the folder of a run, perhaps, that it does not name.
DROP VIEW pins;
CREATE VIEW pins AS
    SELECT 'run' AS kind, v.run_id AS object_id, m.name AS model_name, v.version AS version
    FROM model_versions v JOIN registered_models m ON m.model_key = v.model_key
    WHERE v.run_id <> ''
    UNION ALL
    SELECT 'logged_model', v.model_id, m.name, v.version
    FROM model_versions v JOIN registered_models m ON m.model_key = v.model_key
    WHERE v.model_id IS NOT NULL
    UNION ALL
    SELECT 'location', v.source, m.name, v.version
    FROM model_versions v JOIN registered_models m ON m.model_key = v.model_key
    UNION ALL
    SELECT 'location', v.storage_location, m.name, v.version
    FROM model_versions v JOIN registered_models m ON m.model_key = v.model_key
    WHERE v.storage_location <> v.source;

CREATE INDEX logged_model_metrics_by_run ON logged_model_metrics (run_key);
