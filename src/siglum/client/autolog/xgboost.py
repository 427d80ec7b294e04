"""Autologging of XGBoost: `xgboost.train`, and `fit` of its estimators."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import msgspec

from siglum.client.autolog import boosting
from siglum.client.autolog.settings import Settings
from siglum.models.flavors import boosters

_TYPES = {"float": "double", "int": "long"}


def autolog(
    importance_types: list[str] | None = None,
    log_input_examples: bool = False,
    log_model_signatures: bool = True,
    log_models: bool = True,
    log_datasets: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    registered_model_name: str | None = None,
    extra_tags: Mapping[str, str] | None = None,
) -> None:
    """Put every training on record: parameters, a point of each metric for each round, what features weigh, the model.

    Args:
        importance_types: What a feature's weight may mean: `weight` (the default), `gain`, `cover`, ….
        log_input_examples: Store a few rows of input with the model of an estimator.
        log_model_signatures: Store what the model takes and, of an estimator, gives.
        log_models: Store the model.
        log_datasets: Store a digest of what was trained on.
        disable: Take autologging back.
        exclusive: Leave runs alone that you started.
        disable_for_unsupported_versions: Do nothing for a version of XGBoost that is too old.
        silent: Say nothing about what could not be logged.
        registered_model_name: Register each model as the next version of this one.
        extra_tags: Tags for each run.
    """
    settings = Settings(
        log_input_examples=log_input_examples,
        log_model_signatures=log_model_signatures,
        log_models=log_models,
        log_datasets=log_datasets,
        exclusive=exclusive,
        silent=silent,
        registered_model_name=registered_model_name,
        extra_tags=dict(extra_tags or {}),
    )
    importances = functools.partial(_importances, tuple(importance_types or ("weight",)))
    library = msgspec.structs.replace(_LIBRARY, importances=importances)
    boosting.autolog(library, settings, disable=disable, required=disable_for_unsupported_versions)


def _watch(on_round: boosting.Rounds) -> Any:
    from xgboost.callback import TrainingCallback  # optional extra, which the user has

    class Watch(TrainingCallback):
        """Hands on what is measured after each round; never stops the training."""

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002  -- XGBoost's
            on_round(
                epoch,
                {
                    f"{data}-{metric}": values[-1][0] if isinstance(values[-1], tuple) else values[-1]
                    for data, metrics in evals_log.items()
                    for metric, values in metrics.items()
                },
            )
            return False

    return Watch()


def _importances(kinds: tuple[str, ...], booster: Any) -> Mapping[str, Mapping[str, float]]:
    if booster.feature_names is None and booster.num_features() == 0:
        return {}
    found: dict[str, Mapping[str, float]] = {}
    for kind in kinds:
        scores = booster.get_score(importance_type=kind)
        found[kind] = {key: float(value) for key, value in scores.items() if not isinstance(value, list)}
    return found


def _ended(booster: Any) -> Mapping[str, float]:
    found = {"boosted_rounds": booster.num_boosted_rounds()}
    if booster.attr("best_iteration") is not None:
        found |= {"best_iteration": booster.best_iteration, "stopped_iteration": booster.num_boosted_rounds() - 1}
    if booster.attr("best_score") is not None:
        found["best_score"] = booster.best_score
    return found


def _columns(booster: Any) -> list[tuple[str, str]]:
    names, types = booster.feature_names, booster.feature_types
    if not names or not types or not set(types) <= set(_TYPES):
        return []
    return [(name, _TYPES[kind]) for name, kind in zip(names, types, strict=True)]


_LIBRARY = boosting.Library(
    name="xgboost",
    modules=("xgboost", "xgboost.training", "xgboost.sklearn"),
    estimator="XGBModel",
    flavor=boosters.XGBOOST,
    data_argument="dtrain",
    watch=_watch,
    importances=functools.partial(_importances, ("weight",)),
    ended=_ended,
    columns=_columns,
    data=lambda matrix: (matrix.get_data(), matrix.get_label()),
)
