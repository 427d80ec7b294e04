"""Autologging of scikit-learn: `fit` of everything that predicts, of pipelines, and of searches for hyperparameters."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from siglum.client.autolog import sklearn_metrics, sklearn_search
from siglum.client.autolog.patching import Call, Integration, active, install, remove
from siglum.client.autolog.settings import Settings
from siglum.client.autolog.training import Training
from siglum.client.autolog.versions import is_known

LIBRARY = "sklearn"
_BOOSTED = ("xgboost", "lightgbm")
"""Packages whose estimators have an integration of their own, which goes first where it is in force."""


def autolog(
    log_input_examples: bool = False,
    log_model_signatures: bool = True,
    log_models: bool = True,
    log_datasets: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    max_tuning_runs: int | None = 5,
    serialization_format: str | None = None,
    registered_model_name: str | None = None,
    pos_label: Any = None,
    extra_tags: Mapping[str, str] | None = None,
) -> None:
    """Put every `fit` of an estimator that predicts on record: in the active run, else in a run of its own.

    On record are the parameters, the data set, metrics of the training data, pictures, what features weigh, and the
    model with its signature; of a search also its results, and child runs of the best candidates. Steps of pipelines
    and fits inside a search are parts of these, not trainings of their own.

    Args:
        log_input_examples: Store a few rows of input with the model.
        log_model_signatures: Store what the model takes and gives.
        log_models: Store the model.
        log_datasets: Store a digest of what was trained on.
        disable: Take autologging back.
        exclusive: Leave runs alone that you started.
        disable_for_unsupported_versions: Do nothing for a version of scikit-learn that is too old.
        silent: Say nothing about what could not be logged.
        max_tuning_runs: Child runs of a search; None: one for each candidate.
        serialization_format: Of the model; `skops` when None.
        registered_model_name: Register each model as the next version of this one.
        pos_label: The class that counts as positive in metrics of two classes.
        extra_tags: Tags for each run.
    """
    remove(LIBRARY)
    if disable or not is_known("scikit-learn", required=disable_for_unsupported_versions, silent=silent):
        return
    settings = Settings(
        log_input_examples=log_input_examples,
        log_model_signatures=log_model_signatures,
        log_models=log_models,
        log_datasets=log_datasets,
        exclusive=exclusive,
        silent=silent,
        max_tuning_runs=max_tuning_runs,
        serialization_format=serialization_format,
        registered_model_name=registered_model_name,
        pos_label=pos_label,
        extra_tags=dict(extra_tags or {}),
    )
    integration = Integration(LIBRARY, begin, settings)
    _wrap_classes(integration)
    install(integration)


def begin(call: Call, settings: Settings) -> SklearnTraining | None:
    """Put the beginning of a `fit` on record."""
    estimator = call.owner
    if not hasattr(estimator, "predict") and not hasattr(estimator, "fit_predict"):
        return None  # it prepares data: a step, not a model
    if _is_left_to_another(estimator):
        return None
    return SklearnTraining(LIBRARY, estimator, call, settings)


class SklearnTraining:
    """A `fit` on record."""

    def __init__(self, library: str, estimator: Any, call: Call, settings: Settings) -> None:
        self.estimator = estimator
        self.features, self.targets, self.weights = _data_of(call)
        self.training = Training(library, settings, run_name=None)
        search = sklearn_search.is_search(estimator)
        self.training.part("parameters", lambda: self.training.params(estimator.get_params(deep=not search)))
        self.training.tags(class_tags(estimator))
        self.training.dataset(self.features, self.targets)

    def inside(self, call: Call) -> None:
        """Nothing: steps and candidates are seen at the end."""

    def finish(self, result: Any) -> None:  # noqa: ARG002  -- the estimator itself is what was trained
        """Put metrics, pictures and the model on record."""
        training, estimator = self.training, self.estimator
        try:
            training.part(
                "metrics",
                lambda: sklearn_metrics.log(training, estimator, self.features, self.targets, self.weights),
            )
            training.part("what features weigh", lambda: training.importances(importances_of(estimator)))
            training.text("estimator.html", lambda: sklearn_metrics.html_of(estimator))
            if sklearn_search.is_search(estimator):
                training.part("the candidates", lambda: sklearn_search.log(training, estimator))
            if training.settings.log_models:
                training.part("the model", self._log_model)
        finally:
            training.end()

    def fail(self) -> None:
        """Mark the run as failed, when it is our own."""
        self.training.end("FAILED")

    def _log_model(self) -> None:
        log_estimator(self.training, self.estimator, self.features)
        best = getattr(self.estimator, "best_estimator_", None)
        if sklearn_search.is_search(self.estimator) and best is not None:
            log_estimator(self.training, best, self.features, name="best_estimator", register=False)


def log_estimator(
    training: Training, estimator: Any, features: Any, name: str = "model", *, register: bool = True
) -> None:
    """Log an estimator with a signature that is inferred from the first rows of what it was trained on."""
    import siglum.sklearn as face  # loads skops: only when a model is stored
    from siglum.models.signature import infer_signature

    settings = training.settings
    example = training.example(features)
    signature: Any = False
    if settings.log_model_signatures and example is not None and hasattr(estimator, "predict"):
        signature = training.part("the signature", lambda: infer_signature(example, estimator.predict(example)))
    face.log_model(
        estimator,
        name=name,
        signature=False if signature is None else signature,
        input_example=example if settings.log_input_examples else None,
        serialization_format=settings.serialization_format,
        registered_model_name=settings.registered_model_name if register else None,
    )


def class_tags(estimator: Any) -> dict[str, str]:
    """Return MLflow's tags for the class of an estimator."""
    kind = type(estimator)
    return {"estimator_name": kind.__name__, "estimator_class": f"{kind.__module__}.{kind.__qualname__}"}


def importances_of(estimator: Any) -> dict[str, float]:
    """Return what each feature weighs in a fitted estimator, by name; nothing for one that does not say."""
    model = getattr(estimator, "best_estimator_", estimator)
    names = getattr(model, "feature_names_in_", None)
    steps = getattr(model, "steps", None)
    if steps:
        prepared = model[:-1]
        model = steps[-1][1]
        names = getattr(model, "feature_names_in_", None)
        if names is None and len(prepared):
            names = _names_out(prepared)
    values = getattr(model, "feature_importances_", None)
    if values is None:
        values = getattr(model, "coef_", None)
        values = None if values is None or getattr(values, "ndim", 1) > 2 or hasattr(values, "tocsr") else values
        if values is not None and values.ndim == 2:
            values = values[0] if len(values) == 1 else abs(values).mean(axis=0)
    if values is None:
        return {}
    listed = [float(value) for value in values]
    labels = [str(name) for name in names] if names is not None and len(names) == len(listed) else None
    return {(labels[i] if labels else f"feature_{i}"): value for i, value in enumerate(listed)}


def _names_out(prepared: Any) -> Any:
    try:
        return prepared.get_feature_names_out()
    except (AttributeError, ValueError):
        return None


def _is_left_to_another(estimator: Any) -> bool:
    package = type(estimator).__module__.partition(".")[0]
    return package in _BOOSTED and active(package) is not None


def _data_of(call: Call) -> tuple[Any, Any, Any]:
    """Return features, targets and sample weights from the arguments of a `fit`."""
    try:
        bound = inspect.signature(call.function).bind(call.owner, *call.arguments, **call.keywords)
    except TypeError:  # a wrong call, which the function itself will complain about
        return None, None, None
    given = {**bound.arguments, **bound.arguments.get("fit_params", {}), **bound.arguments.get("kwargs", {})}
    first = list(bound.arguments)[1:2]  # after the estimator itself
    features = next((given[name] for name in ("X", "Xs", "raw_documents", *first) if name in given), None)
    targets = next((given[name] for name in ("y", "Y") if name in given), None)
    return features, targets, given.get("sample_weight")


def _wrap_classes(integration: Integration) -> None:
    """Wrap `fit` of every estimator class that is there, and of those that come: other packages', the user's own."""
    from sklearn.base import BaseEstimator  # the user has imported it

    for kind in _classes_below(BaseEstimator):
        _wrap(integration, kind)
    had_its_own = "__init_subclass__" in vars(BaseEstimator)
    before = vars(BaseEstimator).get("__init_subclass__")

    def on_subclass(cls: type, /, **keywords: Any) -> None:
        if before is not None:
            before.__get__(None, cls)(**keywords)
        else:
            super(BaseEstimator, cls).__init_subclass__(**keywords)
        found = active(LIBRARY)
        if found is not None:
            _wrap(found, cls)

    BaseEstimator.__init_subclass__ = classmethod(on_subclass)
    integration.undone_by(
        lambda: (
            setattr(BaseEstimator, "__init_subclass__", before)
            if had_its_own
            else delattr(BaseEstimator, "__init_subclass__")
        )
    )


def _wrap(integration: Integration, kind: type) -> None:
    if inspect.isfunction(vars(kind).get("fit")):
        integration.wrap(kind, "fit", method=True)


def _classes_below(base: type) -> Iterator[type]:
    seen: set[type] = set()
    waiting = [base]
    while waiting:
        kind = waiting.pop()
        if kind not in seen:
            seen.add(kind)
            waiting.extend(kind.__subclasses__())
            yield kind
