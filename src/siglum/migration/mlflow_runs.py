"""Runs in MLflow's database, with parameters, tags, data sets and the models that they read and made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final

from siglum.migration.mlflow_records import RUN_NAME_TAG, run_status
from siglum.migration.mlflow_rows import by_first, texts
from siglum.migration.mlflow_tables import MlflowTables
from siglum.migration.reader import RunRecord
from siglum.migration.source_database import SourceDatabase
from siglum.tracking.entities import (
    Dataset,
    DatasetInput,
    LifecycleStage,
    LoggedModelInput,
    LoggedModelOutput,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    Tag,
)

_RUNS: Final = "SELECT run_uuid FROM runs WHERE experiment_id = ?"


class MlflowRuns:
    """Reads the tables of runs."""

    def __init__(self, database: SourceDatabase, tables: MlflowTables) -> None:
        self._database = database
        self._tables = tables

    def _all(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._database.all(statement, values)

    def read(self, experiment_id: str) -> Iterator[RunRecord]:
        """Yield the runs of an experiment, deleted ones, too, by their start."""
        own = (int(experiment_id),)
        params = by_first(self._all(f"SELECT run_uuid, key, value FROM params WHERE run_uuid IN ({_RUNS})", own))  # noqa: S608
        tags = by_first(self._all(f"SELECT run_uuid, key, value FROM tags WHERE run_uuid IN ({_RUNS})", own))  # noqa: S608
        counts = dict(
            self._all(f"SELECT run_uuid, count(*) FROM metrics WHERE run_uuid IN ({_RUNS}) GROUP BY run_uuid", own)  # noqa: S608
        )
        datasets = self._dataset_inputs(own)
        read, made = self._model_links(own)
        deleted = self._tables.optional("runs", "deleted_time")
        for run_id, name, user, status, start, end, stage, uri, deleted_time in self._all(
            f"""SELECT run_uuid, name, user_id, status, start_time, end_time, lifecycle_stage, artifact_uri, {deleted}
                FROM runs WHERE experiment_id = ? ORDER BY start_time, run_uuid""",  # noqa: S608
            own,
        ):
            own_tags = texts(tags[run_id])
            info = RunInfo(
                run_id=run_id,
                run_name=name or own_tags.get(RUN_NAME_TAG, ""),
                experiment_id=experiment_id,
                user_id=user or "",
                status=run_status(status),
                start_time=start or 0,
                end_time=end,
                artifact_uri=uri or "",
                lifecycle_stage=LifecycleStage(stage or "active"),
            )
            yield RunRecord(
                run=Run(
                    info=info,
                    data=RunData(params=texts(params[run_id]), tags=own_tags),
                    inputs=RunInputs(dataset_inputs=tuple(datasets[run_id]), model_inputs=tuple(read[run_id])),
                    outputs=RunOutputs(model_outputs=tuple(made[run_id])),
                ),
                deleted_time=deleted_time,
                points=counts.get(run_id, 0),
            )

    def _dataset_inputs(self, own: tuple[int]) -> defaultdict[str, list[DatasetInput]]:
        found: defaultdict[str, list[DatasetInput]] = defaultdict(list)
        if not self._tables.has("datasets"):
            return found
        tags = by_first(self._all("SELECT input_uuid, name, value FROM input_tags"))
        for run_id, input_id, name, digest, kind, source, schema, profile in self._all(
            f"""SELECT i.destination_id, i.input_uuid, d.name, d.digest, d.dataset_source_type, d.dataset_source,
                    d.dataset_schema, d.dataset_profile
                FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id
                WHERE i.source_type = 'DATASET' AND i.destination_type = 'RUN' AND i.destination_id IN ({_RUNS})
                ORDER BY d.name, d.digest""",  # noqa: S608
            own,
        ):
            dataset = Dataset(name=name, digest=digest, source_type=kind, source=source, schema=schema, profile=profile)
            own_tags = tuple(Tag(key, value) for key, value in sorted(tags[input_id].items()))
            found[run_id].append(DatasetInput(dataset=dataset, tags=own_tags))
        return found

    def _model_links(
        self, own: tuple[int]
    ) -> tuple[defaultdict[str, list[LoggedModelInput]], defaultdict[str, list[LoggedModelOutput]]]:
        read: defaultdict[str, list[LoggedModelInput]] = defaultdict(list)
        made: defaultdict[str, list[LoggedModelOutput]] = defaultdict(list)
        if self._tables.has("inputs"):
            step = self._tables.optional("inputs", "step", "0")
            for run_id, kind, model_id, at in self._all(
                f"""SELECT source_id, destination_type, destination_id, {step} FROM inputs
                    WHERE source_type IN ('RUN_INPUT', 'RUN_OUTPUT') AND source_id IN ({_RUNS})
                    ORDER BY destination_id""",  # noqa: S608
                own,
            ):
                if kind == "MODEL_INPUT":
                    read[run_id].append(LoggedModelInput(model_id=model_id))
                else:
                    made[run_id].append(LoggedModelOutput(model_id=model_id, step=at))
        return read, made
