"""Walk a source once and store it: experiments with their runs, then models, the registry, and files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from siglum.client.artifact_folder import files_below
from siglum.core.errors import FileFormatError, InvalidInputError
from siglum.migration.local_files import proxied_path
from siglum.migration.outcome import Outcome, plus
from siglum.migration.reader import LoggedModelRecord, Reader, RunRecord
from siglum.migration.relocation import Relocation
from siglum.migration.sink import Sink
from siglum.registry.sql.bulk import ModelRecord, VersionRecord
from siglum.storage.artifacts.base import ArtifactStore
from siglum.tracking.entities import Experiment, Run

Progress = Callable[[Outcome], None]


@contextmanager
def sense_of(place: str) -> Iterator[None]:
    """Turn what records of a source that make no sense raise into one clear error."""
    try:
        yield
    except (ValueError, TypeError, KeyError, msgspec.MsgspecError) as error:
        raise FileFormatError(place, f"a record makes no sense: {error}.") from error


def execute(reader: Reader, sink: Sink, *, files: bool, progress: Progress = lambda _: None) -> Outcome:
    """Store all that a source holds in a target. It may be ended at any time, and be run again.

    Raises as `Reader` and the stores do; what was stored before stays.
    """
    with sense_of(reader.place):
        return _Transfer(reader, sink, files, progress).run()


class _Transfer:
    def __init__(self, reader: Reader, sink: Sink, files: bool, progress: Progress) -> None:
        self._reader = reader
        self._sink = sink
        self._with_files = files
        self._progress = progress
        self._relocation = Relocation()
        self._folders: dict[str, str] = {}
        """Folders of files to copy: where each is in the source, and in the target."""
        self._linked: list[Run] = []
        """Runs that read or made logged models, which may be of experiments that come later."""
        self._numbers: dict[str, str] = {}
        """Ids of experiments in the source, and in the target. Models come after all runs, which logged about them."""
        self.outcome = Outcome()

    def run(self) -> Outcome:
        for experiment in self._reader.experiments():
            self._experiment(experiment)
        for own, number in self._numbers.items():
            for model in self._reader.logged_models(own):
                self._logged_model(model, number)
        for run in self._linked:
            self._sink.link_models(run)
        self._registry()
        if self._with_files and self._reader.root is not None:
            self._folders[self._reader.root] = "mlflow-artifacts:/"
        for source, target in self._folders.items():
            store = self._reader.artifacts(source)
            assert store is not None, "it was there when its record was read"
            self._copy(store, target)
        self._sink.finish()
        self.outcome.added.points = self._sink.points_added
        return self.outcome

    # -- records -----------------------------------------------------------------------------------------------
    def _experiment(self, experiment: Experiment) -> None:
        uri = experiment.artifact_location
        stays = not uri or proxied_path(uri) is not None or not self._with_files or self._reader.artifacts(uri) is None
        number, new = self._sink.add_experiment(experiment, uri if stays else None)
        self.outcome.found.experiments += 1
        self.outcome.added.experiments += new
        self._numbers[experiment.experiment_id] = number
        if number != experiment.experiment_id:
            self.outcome.renumbered[experiment.experiment_id] = number
        if not stays:
            self._relocation.add(uri, f"mlflow-artifacts:/{number}")
        for record in self._reader.runs(experiment.experiment_id):
            self._run(record, number)

    def _run(self, record: RunRecord, experiment_id: str) -> None:
        info = record.run.info
        uri = self._new_place(info.artifact_uri, f"{experiment_id}/{info.run_id}/artifacts")
        info = msgspec.structs.replace(info, experiment_id=experiment_id, artifact_uri=uri)
        run = msgspec.structs.replace(record.run, info=info)
        new = self._sink.add_run(msgspec.structs.replace(record, run=run), self._reader.points(record))
        found, added = self.outcome.found, self.outcome.added
        found.runs += 1
        found.points = plus(found.points, record.points)
        added.runs += new
        added.points = self._sink.points_added
        if run.inputs.model_inputs or run.outputs.model_outputs:
            self._linked.append(run)
        self._progress(self.outcome)

    def _logged_model(self, record: LoggedModelRecord, experiment_id: str) -> None:
        model = record.model
        uri = self._new_place(model.artifact_location, f"{experiment_id}/models/{model.model_id}/artifacts")
        model = msgspec.structs.replace(model, experiment_id=experiment_id, artifact_location=uri)
        new = self._sink.add_logged_model(msgspec.structs.replace(record, model=model))
        self.outcome.found.logged_models += 1
        self.outcome.added.logged_models += new
        self._progress(self.outcome)

    def _registry(self) -> None:
        records = [self._with_new_places(record) for record in self._reader.registered_models()]
        found, added = self.outcome.found, self.outcome.added
        found.registered_models += len(records)
        found.versions += sum(len(record.versions) for record in records)
        new = self._sink.add_registry(records, self._reader.history())
        added.registered_models += new.models
        added.versions += new.versions
        self.outcome.audit_entries, self.outcome.webhooks = new.audit_entries, new.webhooks
        self.outcome.webhooks_left = list(new.webhooks_left)
        self._progress(self.outcome)

    def _with_new_places(self, record: ModelRecord) -> ModelRecord:
        versions = []
        for version, location in ((each.version, each.storage_location) for each in record.versions):
            if proxied_path(location) is not None and not self._relocation.knows(location):
                self._new_place(location, "")  # of a run that is gone, perhaps: the version still needs its files
            moved = msgspec.structs.replace(version, source=self._relocation.new_place(version.source))
            versions.append(VersionRecord(moved, self._relocation.new_place(location)))
        return msgspec.structs.replace(record, versions=tuple(versions))

    # -- files -------------------------------------------------------------------------------------------------
    def _new_place(self, uri: str, path: str) -> str:
        """Return where the files of a run or model are to be, and remember to copy them; `uri` when they stay."""
        if not self._with_files or not uri:
            return uri
        if self._reader.artifacts(uri) is None:
            self.outcome.left += 1
            return uri
        proxied = proxied_path(uri)
        target = f"mlflow-artifacts:/{path if proxied is None else proxied}"
        if proxied is None or self._reader.root is None:
            self._folders[uri] = target
        self._relocation.add(uri, target)
        return target

    def _copy(self, source: ArtifactStore, target: str) -> None:
        found, added = self.outcome.found, self.outcome.added
        for entry in files_below(source):
            try:
                new = self._sink.add_file(target, entry, source)
            except InvalidInputError as error:  # a name that the store does not take
                self.outcome.skipped.append(str(error))
                continue
            size = entry.size or 0
            found.files += 1
            found.bytes += size
            added.files += new
            added.bytes += size if new else 0
            self._progress(self.outcome)
