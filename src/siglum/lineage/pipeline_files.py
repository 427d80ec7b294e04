"""Which metrics and plots files a stage, or a `dvc.yaml` beside its stages, declares; and their content as it is."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from siglum.lineage.operations import PutFile
from siglum.lineage.stage_values import FileContent, metric_points, plot_points
from siglum.pipeline.definition.paths import is_outside, join
from siglum.pipeline.definition.schema import OutputKind
from siglum.pipeline.definition.stages import Stage
from siglum.pipeline.graph.load import Pipeline
from siglum.tracking.entities import Metric

MAX_FILES = 1000
"""Files of one kind that are kept with one run at most, of a folder with many pictures."""
MAX_BYTES = 64 * 1024 * 1024
"""A larger file is neither read nor kept with a run: its hash is on record, and the cache has it."""


class Declared:
    """Metrics files by path from the root, and plots files with the fields that are declared for each."""

    def __init__(self) -> None:
        self.metrics: dict[str, None] = {}
        self.plots: dict[str, tuple[str | None, tuple[str, ...]]] = {}

    def __bool__(self) -> bool:
        return bool(self.metrics or self.plots)

    def add(self, other: Declared) -> None:
        """Take in what another has, too."""
        self.metrics |= other.metrics
        self.plots |= other.plots

    def read(self, root: str) -> tuple[list[FileContent], list[FileContent]]:
        """Return the content of metrics files and of plots files that are there."""
        metrics = [FileContent(key, data) for key, data in _contents(root, self.metrics)]
        plots = []
        for key, (x, y) in self.plots.items():
            plots += [FileContent(inner, data, x, y) for inner, data in _contents(root, [key])]
        return metrics, plots

    def files(self, run_id: str, root: str) -> list[PutFile]:
        """Return the files to be kept with a run, below a folder for each kind."""
        found = []
        for kind, keys in (("metrics", self.metrics), ("plots", self.plots)):
            for inner, path in [each for key in keys for each in _files_at(root, key)][:MAX_FILES]:
                found.append(PutFile(run_id, f"{kind}/{inner}", path))
        return found

    def values(self, root: str, now: int) -> tuple[Metric, ...]:
        """Return the numbers in metrics files, and the curves in plots files.

        A number that has the name of a curve is its last point: the metrics file says what the latest value is.
        """
        if not self:
            return ()
        metrics, plots = self.read(root)
        series = plot_points(plots, now)
        last: dict[str, Metric] = {}
        for point in series:
            last[point.key] = max(last.get(point.key, point), point, key=lambda each: each.step)
        numbers = []
        for number in metric_points(metrics, now):
            end = last.get(number.key)
            if end is None:
                numbers.append(number)
            elif end.value != number.value:
                numbers.append(msgspec.structs.replace(number, step=end.step, timestamp=now + 1))
        return (*numbers, *series)


def filled(run_id: str, name: str, path: str) -> list[PutFile]:
    """Return the file at an absolute path as one to be kept with a run as `name`; nothing when it is empty or gone."""
    try:
        return [PutFile(run_id, name, path)] if os.path.getsize(path) else []
    except OSError:
        return []


def of_stage(stage: Stage) -> Declared:
    """Return the metrics and plots among a stage's outputs."""
    found = Declared()
    for out in stage.outs:
        if is_outside(out.key):
            continue
        if out.kind is OutputKind.METRICS:
            found.metrics[out.key] = None
        elif out.kind is OutputKind.PLOTS:
            settings = out.plot[0] if out.plot else {}
            found.plots[out.key] = (_field(settings.get("x")), _fields(settings.get("y")))
    return found


def metrics_of(stages: Iterable[Stage]) -> Declared:
    """Return the metrics of several stages, without their plots."""
    found = Declared()
    for stage in stages:
        found.metrics |= of_stage(stage).metrics
    return found


def beside_stages(pipeline: Pipeline) -> Declared:
    """Return the metrics and plots that stand beside the stages of each `dvc.yaml`."""
    found = Declared()
    for file, top in pipeline.tops.items():
        folder = posixpath.dirname(file)
        for path in top.metrics:
            found.metrics[join(folder, path)] = None
        for entry in top.plots:
            for name, settings in ({entry: {}} if isinstance(entry, str) else entry).items():
                for path, x, y in _plot_files(name, settings or {}):
                    found.plots[join(folder, path)] = (x, y)
    inside = Declared()
    inside.metrics = {key: None for key in found.metrics if not is_outside(key)}
    inside.plots = {key: fields for key, fields in found.plots.items() if not is_outside(key)}
    return inside


def _plot_files(name: str, settings: Mapping[str, Any]) -> Iterator[tuple[str, str | None, tuple[str, ...]]]:
    """Yield (file, x, y fields) of one plot: its name is a file, unless `y` names files."""
    x, y = settings.get("x"), settings.get("y")
    if not isinstance(y, Mapping):
        yield name, _field(x), _fields(y)
        return
    for path, fields in y.items():
        yield str(path), _field(x.get(path) if isinstance(x, Mapping) else x), _fields(fields)


def _field(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _fields(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list | tuple) else ()


def _contents(root: str, keys: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    for key in keys:
        for inner, path in _files_at(root, key):
            try:
                with open(path, "rb") as file:
                    yield inner, file.read()
            except OSError:
                continue


def _files_at(root: str, key: str) -> Iterator[tuple[str, str]]:
    """Yield (path from the root, absolute path) of the file at a path, or of those in the folder that is there."""
    path = os.path.join(root, key)
    if os.path.isdir(path):
        for folder, folders, names in os.walk(path):
            folders.sort()
            for name in sorted(names):
                full = os.path.join(folder, name)
                if _is_kept(full):
                    yield os.path.relpath(full, root).replace(os.sep, "/"), full
    elif _is_kept(path):
        yield key, path


def _is_kept(path: str) -> bool:
    try:
        return os.path.isfile(path) and os.path.getsize(path) <= MAX_BYTES
    except OSError:
        return False
