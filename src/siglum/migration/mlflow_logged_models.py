"""Logged models in MLflow's database, with the points that runs logged about them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from siglum.migration.mlflow_records import model_status, stored_value
from siglum.migration.mlflow_rows import by_first, texts
from siglum.migration.reader import LoggedModelRecord
from siglum.migration.source_database import SourceDatabase
from siglum.tracking.entities import LifecycleStage, LoggedModel, Metric


def read_logged_models(database: SourceDatabase, experiment_id: str) -> Iterator[LoggedModelRecord]:
    """Yield the logged models of an experiment, deleted ones, too."""
    own = (int(experiment_id),)
    where = "WHERE experiment_id = ?"
    tags = by_first(database.all(f"SELECT model_id, tag_key, tag_value FROM logged_model_tags {where}", own))  # noqa: S608
    params = by_first(database.all(f"SELECT model_id, param_key, param_value FROM logged_model_params {where}", own))  # noqa: S608
    metrics: defaultdict[str, list[Metric]] = defaultdict(list)
    for model_id, key, value, time, step, run_id, name, digest in database.all(
        f"""SELECT model_id, metric_name, metric_value, metric_timestamp_ms, metric_step, run_id, dataset_name,
                dataset_digest
            FROM logged_model_metrics {where} ORDER BY metric_name, metric_timestamp_ms, metric_step""",  # noqa: S608
        own,
    ):
        metrics[model_id].append(
            Metric(key, stored_value(value), time, step, model_id, name or None, digest or None, run_id)
        )
    for model_id, name, location, made, changed, status, stage, kind, run_id, message in database.all(
        f"""SELECT model_id, name, artifact_location, creation_timestamp_ms, last_updated_timestamp_ms, status,
                lifecycle_stage, model_type, source_run_id, status_message
            FROM logged_models {where} ORDER BY creation_timestamp_ms, model_id""",  # noqa: S608
        own,
    ):
        model = LoggedModel(
            experiment_id=experiment_id,
            model_id=model_id,
            name=name,
            artifact_location=location,
            creation_timestamp=made,
            last_updated_timestamp=changed,
            model_type=kind or None,
            source_run_id=run_id or None,
            status=model_status(status),
            status_message=message,
            tags=texts(tags[model_id]),
            params=texts(params[model_id]),
            metrics=tuple(metrics[model_id]),
        )
        yield LoggedModelRecord(model, deleted=stage == LifecycleStage.DELETED)
