"""Carries out operations on a tracking store."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from siglum.core import limits
from siglum.core.errors import AlreadyExistsError, NotSupportedError
from siglum.lineage.datasets import dataset_input
from siglum.lineage.inputs import DataInput
from siglum.lineage.named_experiment import find_experiment
from siglum.lineage.operations import CreateRun, EndRun, LogInputs, LogToRun, Operation, PutFile
from siglum.lineage.trace import PARENT_TAG, RecordSource
from siglum.tracking.entities import Param, Tag

T = TypeVar("T")


class StoreWriter:
    """Writes to one store. Raises what the store raises. May be used from several threads, for different runs."""

    def __init__(self, source: RecordSource) -> None:
        self._source = source
        self._experiments: dict[str, str] = {}
        self._artifacts: dict[str, str] = {}
        self._ids: dict[str, str] = {}

    def perform(self, operation: Operation) -> None:
        """Carry out an operation; one that was carried out before changes nothing."""
        operation = self.translated(operation)
        match operation:
            case CreateRun():
                self._create(operation)
            case LogToRun():
                self._log(operation)
            case LogInputs(run_id, data):
                self._source.tracking.log_inputs(run_id, datasets=[dataset_input(item) for item in data])
            case PutFile(run_id, path, local_path, content):
                files = self._source.artifacts_for(self._artifacts_of(run_id))
                if local_path is None:
                    files.put(path, io.BytesIO(content))
                else:
                    files.put_file(path, local_path)
            case EndRun(run_id, status, end_time):
                self._source.tracking.update_run(run_id, status=status, end_time=end_time)

    def id_of(self, run_id: str) -> str:
        """Return the id that a run was given: another than was asked for, by a server that chooses them itself."""
        return self._ids.get(run_id, run_id)

    def translated(self, operation: Operation) -> Operation:
        """Return an operation with the ids that the store has given to runs."""
        if isinstance(operation, CreateRun):
            parent = None if operation.parent is None else self.id_of(operation.parent)
            return operation if parent == operation.parent else msgspec.structs.replace(operation, parent=parent)
        if not self._ids:
            return operation
        if isinstance(operation, LogInputs):
            operation = LogInputs(operation.run_id, tuple(self._with_maker(item) for item in operation.data))
        return msgspec.structs.replace(operation, run_id=self.id_of(operation.run_id))

    def _with_maker(self, item: DataInput) -> DataInput:
        return item if item.run_id is None else msgspec.structs.replace(item, run_id=self.id_of(item.run_id))

    def _create(self, new: CreateRun) -> None:
        tracking = self._source.tracking
        tags = [Tag(key, value) for key, value in new.tags.items()]
        if new.parent is not None:
            tags.append(Tag(PARENT_TAG, new.parent))
        experiment = new.experiment if new.by_id else self._experiment_id(new.experiment)

        def make(run_id: str | None) -> None:
            run = tracking.create_run(
                experiment, user_id=new.user, run_name=new.name, start_time=new.start_time, tags=tags, run_id=run_id
            )
            self._artifacts[run.info.run_id] = run.info.artifact_uri
            if run_id is None:
                self._ids[new.run_id] = run.info.run_id

        try:
            make(new.run_id)
        except AlreadyExistsError:
            return
        except NotSupportedError:
            make(None)

    def _experiment_id(self, name: str) -> str:
        if name not in self._experiments:
            self._experiments[name] = find_experiment(self._source.tracking, name)
        return self._experiments[name]

    def _log(self, log: LogToRun) -> None:
        tracking = self._source.tracking
        metrics, params = log.metrics, log.params
        if metrics or params:
            known = tracking.get_run(log.run_id).data
            metrics = tuple(each for each in metrics if each.key not in known.metrics)
            params = {key: value for key, value in params.items() if key not in known.params}
        tags = [Tag(key, value) for key, value in log.tags.items()]
        listed = [Param(key, value) for key, value in params.items()]
        if len(metrics) + len(listed) + len(tags) <= limits.BATCH_TAGS:
            tracking.log_batch(log.run_id, metrics=metrics, params=listed, tags=tags)
            return
        for some_tags in _chunks(tags, limits.BATCH_TAGS):
            tracking.log_batch(log.run_id, tags=some_tags)
        for some_params in _chunks(listed, limits.BATCH_PARAMS):
            tracking.log_batch(log.run_id, params=some_params)
        for some_points in _chunks(metrics, limits.BATCH_METRICS):
            tracking.log_batch(log.run_id, metrics=some_points)

    def _artifacts_of(self, run_id: str) -> str:
        if run_id not in self._artifacts:
            self._artifacts[run_id] = self._source.tracking.get_run(run_id).info.artifact_uri
        return self._artifacts[run_id]


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
