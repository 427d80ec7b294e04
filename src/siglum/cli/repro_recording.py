"""The record of a `repro` in the tracking store: whether there is one, where, and what is said of it.

Nothing is imported or opened before a stage runs or is restored: a `repro` with nothing to do stays as fast as it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from siglum.cli.console import Console
from siglum.core.errors import SiglumError
from siglum.pipeline.definition.stages import Stage
from siglum.pipeline.graph.load import Pipeline
from siglum.pipeline.status.events import Event, OnEvent, StageRestored, StageStarted
from siglum.workspace.repository import Repository

if TYPE_CHECKING:
    from siglum.client.stores import Stores
    from siglum.lineage.earlier import EarlierRecords, Place
    from siglum.lineage.repro_recorder import ReproRecorder
    from siglum.lineage.stage_record import Recorded

SWITCH_OPTION = "feature.record_runs"
SWITCH_VARIABLE = "SIGLUM_RECORD_RUNS"
EXPERIMENT_OPTION = "feature.experiment"
_NO = ("0", "false", "no", "off")


def is_wanted(repo: Repository, environ: Mapping[str, str]) -> bool:
    """Whether runs are to be recorded: the environment goes before the configuration; yes by default."""
    said = environ.get(SWITCH_VARIABLE) or repo.config.get(SWITCH_OPTION) or ""
    return said.strip().lower() not in _NO


class ReproRecording:
    """Listens to a `repro` and records it, when the `with` block ends to its end.

    Args:
        console: Where the one line is said that there may be to say.
        repo: The repository.
        targets: What the user asked for.
        environment: That of the stages.
        tracking_uri: The store that was named on the command line.
        records: Whether to record anything.
        verbose: Whether to name the run at the end.
    """

    def __init__(
        self,
        console: Console,
        repo: Repository,
        targets: Sequence[str],
        environment: Mapping[str, str],
        *,
        tracking_uri: str | None,
        records: bool,
        verbose: bool,
    ) -> None:
        self.run_id: str | None = None
        self._console = console
        self._repo = repo
        self._targets = targets
        self._environment = environment
        self._tracking_uri = tracking_uri
        self._records = records
        self._verbose = verbose
        self._recorder: ReproRecorder | None = None
        self._stores: Stores | None = None
        self._before: list[Event] = []
        self._plan: tuple[Pipeline, Sequence[str]]
        self._code: Mapping[str, str] = {}

    def __enter__(self) -> Self:
        if self._records and self._tracking_uri is not None:
            self._place(
                self._tracking_uri
            )  # what was typed just now must be right; the environment may be meant for others
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        recorder = self._recorder
        if recorder is not None:
            recorded = recorder.end(exc)
            self.run_id = recorded.run_id
            self._say(recorded, recorder.earlier)
            if self._stores is not None and not recorder.writer.was_abandoned:
                self._stores.close()
        elif self._records and _has_files(os.path.join(self._repo.tmp_dir, "siglum", "runs")):
            self._send_earlier()

    def heard_by(self, others: OnEvent) -> OnEvent:
        """Return a listener that tells `others` first, then records."""
        if not self._records:
            return others

        def on_event(event: Event) -> None:
            others(event)
            self._record(event)

        return on_event

    def on_plan(self, pipeline: Pipeline, order: Sequence[str]) -> None:
        """Take note of what there is to be done."""
        self._plan = (pipeline, order)

    def before_change(self) -> None:
        """See which code is going to run, before stages write files."""
        if self._records:
            from siglum.lineage.code import commit_tags
            from siglum.lineage.stage_inputs import results_of

            pipeline, _ = self._plan
            try:
                self._code = commit_tags(self._repo.root, results_of(pipeline))
            except SiglumError as error:
                self._console.warn(f"The code that this repro runs is not on record: {error}")

    def variables(self, stage: Stage) -> dict[str, str]:
        """Return what a stage's commands are told of its run."""
        return {} if self._recorder is None else self._recorder.variables(stage)

    def _record(self, event: Event) -> None:
        if self._recorder is None and self._records:
            self._before.append(event)
            if not isinstance(event, StageStarted | StageRestored):
                return
            self._recorder = self._start()
            self._records = self._recorder is not None
            heard, self._before = self._before, []
        else:
            heard = [event]
        if self._recorder is not None:
            for each in heard:
                self._recorder.on_event(each)

    def _start(self) -> ReproRecorder | None:
        from siglum.client.tracking_uri import default_tracking_uri
        from siglum.lineage.capture import user_name
        from siglum.lineage.repro_recorder import ReproRecorder
        from siglum.lineage.stage_record import Circumstances

        try:
            place = self._place(self._tracking_uri or default_tracking_uri(self._environment, os.getcwd()))
        except SiglumError as error:
            self._console.warn(f"This repro is not on record: {error}")
            return None
        experiment, by_id = _experiment(self._repo, self._environment)
        line = " ".join(["siglum repro", *self._targets])
        shared = Circumstances(
            experiment=experiment,
            by_id=by_id,
            user=user_name(),
            command=line,
            parent=self._parent(),
            code=self._code,
        )
        name = " ".join(["repro", *self._targets])
        pipeline, order = self._plan
        try:
            return ReproRecorder(self._repo, pipeline, order, place, shared, name, self._environment, self._open(place))
        except OSError as error:  # no room, or no right, to note that it is under way
            self._console.warn(f"This repro is not on record: {error}")
            return None

    def _parent(self) -> str | None:
        """Return the run that this process is a part of, in the same store."""
        from siglum.client.tracking_uri import environment_value

        return None if self._tracking_uri is not None else environment_value(self._environment, "RUN_ID")

    def _place(self, uri: str) -> Place:
        from siglum.client.tracking_uri import parse_tracking_uri
        from siglum.lineage.earlier import place_of

        return place_of(self._repo.tmp_dir, parse_tracking_uri(uri, os.getcwd()).uri)

    def _open(self, place: Place) -> Callable[[], Stores]:
        def open_source() -> Stores:
            from siglum.client.stores import open_stores

            self._stores = open_stores(place.uri, self._repo.root)
            return self._stores

        return open_source

    def _send_earlier(self) -> None:
        from siglum.client.tracking_uri import default_tracking_uri
        from siglum.lineage.earlier import send_earlier, something_waits

        try:
            place = self._place(self._tracking_uri or default_tracking_uri(self._environment, os.getcwd()))
        except SiglumError:
            return  # said when something is to be recorded
        if something_waits(place):
            records = send_earlier(place, self._open(place))
            say_earlier(self._console, records)
            if self._stores is not None and not records.was_abandoned:
                self._stores.close()

    def _say(self, recorded: Recorded, earlier: EarlierRecords) -> None:
        say_earlier(self._console, earlier if not recorded.waits else None)
        if recorded.waits:
            self._console.warn(
                f"The record of this repro waits to be sent by the next command: {recorded.problem or 'no answer'}"
            )
        elif recorded.problem is not None:
            self._console.warn(f"Not all of this repro is on record: {recorded.problem}")
        if self._verbose:
            self._console.say(f"On record as run {recorded.run_id}.")


def send_waiting(console: Console, stores: Stores) -> None:
    """Send what earlier commands of this repository have left for a store that is open."""
    from siglum.lineage.earlier import EarlierRecords, place_of
    from siglum.lineage.project import project_root

    tmp_dir = os.path.join(project_root(os.getcwd()), ".dvc", "tmp")
    if _has_files(os.path.join(tmp_dir, "siglum", "runs")):
        records = EarlierRecords(place_of(tmp_dir, stores.uri))
        records.send(stores)
        say_earlier(console, records)


def say_earlier(console: Console, earlier: EarlierRecords | None) -> None:
    """Say what became of records that an earlier command had left, if there were any."""
    if earlier is None:
        return
    if earlier.summary is not None:
        console.notice(earlier.summary)
    if earlier.problem is not None:
        console.warn(f"Records of an earlier repro still wait to be sent: {earlier.problem}")


def _experiment(repo: Repository, environ: Mapping[str, str]) -> tuple[str, bool]:
    """Return the experiment of the runs, and whether that is its id: as a script would find it, else as configured."""
    from siglum.client.tracking_uri import environment_value

    by_id = environment_value(environ, "EXPERIMENT_ID")
    if by_id is not None:
        return by_id, True
    name = environment_value(environ, "EXPERIMENT_NAME") or repo.config.get(EXPERIMENT_OPTION)
    return ("0", True) if name is None else (name, False)


def _has_files(folder: str) -> bool:
    for name in ("unsent", "underway"):
        try:
            if os.listdir(os.path.join(folder, name)):
                return True
        except (FileNotFoundError, NotADirectoryError):
            continue
    return False
