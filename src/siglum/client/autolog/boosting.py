"""What autologging of XGBoost and LightGBM has in common: a training in rounds, watched by a callback."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from siglum.client.autolog.patching import Call, Integration, install, remove, warn
from siglum.client.autolog.settings import Settings
from siglum.client.autolog.sklearn import SklearnTraining
from siglum.client.autolog.training import Training
from siglum.client.autolog.versions import is_known
from siglum.client.model_logging import log_model
from siglum.models.flavors import boosters
from siglum.models.signature.schema import ColSpec, ModelSignature, Schema
from siglum.models.signature.types import DataType

Rounds = Callable[[int, Mapping[str, float]], None]
"""Takes the number of a round and what was measured in it."""


class Library(msgspec.Struct, frozen=True):
    """What is particular to a library.

    `modules` have its `train`, the first also `estimator`, the class that its estimators come from. `watch` makes a
    callback of the library's kind; `importances` gives what features weigh, by kind; `ended` what is known of the best
    round; `columns` the features' names and types; `data` features and targets of a training set.
    """

    name: str
    modules: tuple[str, ...]
    estimator: str
    flavor: boosters.BoosterFlavor
    data_argument: str
    watch: Callable[[Rounds], Any]
    importances: Callable[[Any], Mapping[str, Mapping[str, float]]]
    ended: Callable[[Any], Mapping[str, float]]
    columns: Callable[[Any], list[tuple[str, str]]]
    data: Callable[[Any], tuple[Any, Any]]


def autolog(library: Library, settings: Settings, *, disable: bool, required: bool) -> None:
    """Put every training of a library on record, or take that back; with `required`, none of an unknown version."""
    remove(library.name)
    if disable or not is_known(library.name, required=required, silent=settings.silent):
        return
    modules = [importlib.import_module(name) for name in library.modules]  # of an optional extra, which the user has
    integration = Integration(library.name, functools.partial(begin, library), settings)
    wrap(integration, modules, getattr(modules[0], library.estimator))
    install(integration)


def begin(library: Library, call: Call, settings: Settings) -> BoosterTraining | EstimatorTraining:
    """Put the beginning of a training on record: of `train`, or of an estimator's `fit`."""
    if call.owner is not None:
        return EstimatorTraining(library, call, settings)
    return BoosterTraining(library, call, settings)


class BoosterTraining:
    """A call of `train` on record."""

    def __init__(self, library: Library, call: Call, settings: Settings) -> None:
        bound = inspect.signature(call.function).bind(*call.arguments, **call.keywords)
        self.library = library
        self.training = Training(library.name, settings)
        given = dict(bound.arguments)
        plain = {**dict(given.pop("params", None) or {}), **{k: v for k, v in given.items() if _is_plain(v)}}
        self.training.params(plain)
        data = given.get(library.data_argument)
        self.training.part("the data set", lambda: self.training.dataset(*library.data(data)))
        add_callback(library, call, self.training)

    def inside(self, call: Call) -> None:
        """Nothing: a training has no others inside."""

    def finish(self, result: Any) -> None:
        """Put the best round, what features weigh and the booster on record."""
        training = self.training
        try:
            log_end(self.library, training, result)
            if training.settings.log_models:
                training.part("the model", lambda: self._log_model(result))
        finally:
            training.end()

    def fail(self) -> None:
        """Mark the run as failed, when it is our own."""
        self.training.end("FAILED")

    def _log_model(self, booster: Any) -> None:
        flavor, settings = self.library.flavor, self.training.settings
        columns = self.library.columns(booster) if settings.log_model_signatures else []
        log_model(
            lambda folder: boosters.save_model(flavor, booster, folder, signature=_signature(columns) or False),
            name="model",
            registered_model_name=settings.registered_model_name,
        )


class EstimatorTraining(SklearnTraining):
    """A `fit` of an estimator of the library on record, with its rounds."""

    def __init__(self, library: Library, call: Call, settings: Settings) -> None:
        super().__init__(library.name, call.owner, call, settings)
        self.library = library

    def inside(self, call: Call) -> None:
        """Watch the rounds of the `train` that the `fit` is about."""
        if call.owner is None:  # not the `fit` of the class above
            add_callback(self.library, call, self.training)

    def finish(self, result: Any) -> None:
        """Put the best round on record too."""
        booster = getattr(self.estimator, "booster_", None)
        if booster is None and hasattr(self.estimator, "get_booster"):
            booster = self.training.part("the booster", self.estimator.get_booster)
        if booster is not None:
            log_end(self.library, self.training, booster)
        super().finish(result)


def log_end(library: Library, training: Training, booster: Any) -> None:
    """Put on record what is known when all rounds are done."""
    training.part("the best round", lambda: training.metrics(library.ended(booster)))

    def weigh() -> None:
        for kind, weights in library.importances(booster).items():
            training.importances(weights, f"feature_importance_{kind}")

    training.part("what features weigh", weigh)


def add_callback(library: Library, call: Call, training: Training) -> None:
    """Have each round's measurements logged as points of series."""
    failed = False

    def on_round(number: int, measured: Mapping[str, float]) -> None:
        nonlocal failed
        if failed:
            return
        try:
            training.metrics(measured, step=number)
        except Exception as error:  # noqa: BLE001  -- whatever it is, the user's training goes on
            failed = True  # said once, not in each round
            warn(library.name, training.settings, "a round", error)

    bound = inspect.signature(call.function).bind(*call.arguments, **call.keywords)
    bound.arguments["callbacks"] = [*(bound.arguments.get("callbacks") or ()), library.watch(on_round)]
    call.arguments, call.keywords = tuple(bound.args), dict(bound.kwargs)


def wrap(integration: Integration, modules: list[Any], base: type) -> None:
    """Wrap `train` where modules have it, and `fit` of an estimator class and those below it."""
    for module in modules:
        integration.wrap(module, "train", method=False)
    waiting = [base]
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        if inspect.isfunction(vars(kind).get("fit")):
            integration.wrap(kind, "fit", method=True)


def _signature(columns: list[tuple[str, str]]) -> ModelSignature | None:
    if not columns:
        return None
    return ModelSignature(inputs=Schema(tuple(ColSpec(DataType[kind], name) for name, kind in columns)))


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool)
