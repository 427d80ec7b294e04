"""A training on record: its run, which is the user's or one of its own, and what is written into it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from siglum.client import active
from siglum.client.autolog.patching import guarded
from siglum.client.autolog.settings import Settings
from siglum.client.datasets import DataSet, from_numpy, from_pandas, from_polars
from siglum.client.fluent.files import log_dict, log_figure, log_text
from siglum.client.fluent.logging import log_input, log_metrics, log_params, set_tags
from siglum.client.fluent.runs import end_run, start_run
from siglum.core.errors import ConflictError, InvalidInputError

AUTOLOG_TAG = "mlflow.autologging"
_EXAMPLE_ROWS = 5


class Training:
    """The run that a training is recorded in. Each part is guarded: what fails is named, the others go on."""

    def __init__(self, library: str, settings: Settings, run_name: str | None = None) -> None:
        self.library = library
        self.settings = settings
        self.own_run = active.current() is None
        if self.own_run:
            start_run(run_name=run_name, tags={AUTOLOG_TAG: library, **settings.extra_tags})
        elif settings.extra_tags:
            set_tags(settings.extra_tags)

    def part(self, what: str, work: Callable[[], Any]) -> Any:
        """Do a part of the recording."""
        return guarded(self.library, self.settings, what, work)

    def end(self, status: str = "FINISHED") -> None:
        """End the run, when it is one of our own."""
        if self.own_run:
            end_run(status)

    def params(self, params: Mapping[str, Any]) -> None:
        """Log parameters. Of two trainings in one run, those of the first stay."""

        def log() -> None:
            try:
                log_params(params)
            except (ConflictError, InvalidInputError):  # the second is what MLflow's server says
                log_params(params, on_conflict="keep")  # raises again what is not about other values
                raise ConflictError(
                    "an earlier training in this run has other values, which stay. Use a run for each training."
                ) from None

        self.part("parameters", log)

    def tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags."""
        self.part("tags", lambda: set_tags(tags))

    def metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log numbers; what is none is left out."""
        numbers = {key: float(value) for key, value in metrics.items() if _is_number(value)}
        if numbers:
            self.part("metrics", lambda: log_metrics(numbers, step=step))

    def dataset(self, features: Any, targets: Any, context: str = "training") -> None:
        """Record a table or array that was trained on, with a digest over all of it."""
        if self.settings.log_datasets:
            self.part("the data set", lambda: _log_data(features, targets, context))

    def figure(self, name: str, draw: Callable[[Any], None]) -> None:
        """Store a picture that `draw` draws on axes of Matplotlib; nothing happens where that is not installed."""

        def log() -> None:
            try:
                from matplotlib.figure import Figure  # optional: without it there are no pictures
            except ImportError:
                return
            figure = Figure(layout="constrained")
            draw(figure.subplots())
            log_figure(figure, name)

        self.part(name, log)

    def text(self, name: str, make: Callable[[], str]) -> None:
        """Store a text file."""
        self.part(name, lambda: log_text(make(), name))

    def importances(self, importances: Mapping[str, float], name: str = "feature_importance") -> None:
        """Store what each feature weighs, as JSON and as a picture of the heaviest."""
        if not importances:
            return
        ordered = dict(sorted(importances.items(), key=lambda item: -abs(item[1])))
        self.part(f"{name}.json", lambda: log_dict(ordered, f"{name}.json"))
        shown = list(ordered.items())[:20][::-1]

        def draw(axes: Any) -> None:
            axes.barh([key for key, _ in shown], [value for _, value in shown])
            axes.set_title(name.replace("_", " "))

        self.figure(f"{name}.png", draw)

    def example(self, features: Any) -> Any:
        """Return the first rows of what was trained on, to infer a signature from; None for what has no rows."""
        if hasattr(features, "head"):
            return features.head(_EXAMPLE_ROWS)
        return features[:_EXAMPLE_ROWS] if hasattr(features, "shape") else None


def _is_number(value: Any) -> bool:
    try:
        return not math.isnan(float(value))
    except (TypeError, ValueError):
        return False


def _log_data(features: Any, targets: Any, context: str) -> None:
    dataset = dataset_of(features, targets)
    if dataset is not None:
        log_input(dataset, context=context)


def dataset_of(features: Any, targets: Any) -> DataSet | None:
    """Return a data set for features and targets of pandas, polars, NumPy or sparse arrays; None for others."""
    module = type(features).__module__.partition(".")[0]
    if module == "pandas" and hasattr(features, "columns"):
        added = _target_columns(features, targets)
        table = features.assign(**added) if added else features
        return from_pandas(table, targets=next(iter(added)) if len(added) == 1 else None)
    if module == "polars" and hasattr(features, "columns"):
        return from_polars(features)
    if module == "scipy" and hasattr(features, "tocsr"):
        sparse = features.tocsr()
        parts = {"data": sparse.data, "indices": sparse.indices, "indptr": sparse.indptr}
        dataset = from_numpy(parts, targets=_array(targets))
        dataset.profile = {"num_rows": sparse.shape[0], "num_elements": int(sparse.nnz)}
        return dataset
    if module == "numpy" or isinstance(features, list | tuple):
        array = _array(features)
        return None if array is None else from_numpy(array, targets=_array(targets))
    return None


def _target_columns(features: Any, targets: Any) -> dict[str, Any]:
    """Return targets as columns beside the features, under names that these do not have."""
    values = _array(targets)
    if values is None or len(values) != len(features) or values.ndim not in (1, 2):
        return {}
    columns = values.reshape(len(values), -1).T
    names = getattr(targets, "columns", None)
    if names is None:
        own = getattr(targets, "name", None) or "target"
        names = [own] if len(columns) == 1 else [f"{own}_{i}" for i in range(len(columns))]
    taken = set(map(str, features.columns))
    return {
        f"{name}_target" if str(name) in taken else str(name): column
        for name, column in zip(names, columns, strict=True)
    }


def _array(values: Any) -> Any:
    import numpy  # optional: whoever trains has NumPy

    if values is None:
        return None
    try:
        return numpy.asarray(values)
    except ValueError:  # rows of different lengths
        return None
