"""Autologging of LightGBM: `lightgbm.train`, and `fit` of its estimators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from siglum.client.autolog import boosting
from siglum.client.autolog.settings import Settings
from siglum.models.flavors import boosters

_BEFORE_EARLY_STOPPING = 5
"""LightGBM runs callbacks by this number; the one that stops early raises, and has 30."""


def autolog(
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
        log_input_examples: Store a few rows of input with the model of an estimator.
        log_model_signatures: Store what the model takes and, of an estimator, gives.
        log_models: Store the model.
        log_datasets: Store a digest of what was trained on.
        disable: Take autologging back.
        exclusive: Leave runs alone that you started.
        disable_for_unsupported_versions: Do nothing for a version of LightGBM that is too old.
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
    boosting.autolog(_LIBRARY, settings, disable=disable, required=disable_for_unsupported_versions)


def _watch(on_round: boosting.Rounds) -> Any:
    def watch(env: Any) -> None:
        on_round(env.iteration, {f"{each[0]}-{each[1]}": each[2] for each in env.evaluation_result_list or ()})

    watch.order = _BEFORE_EARLY_STOPPING  # type: ignore[attr-defined]
    return watch


def _importances(booster: Any) -> Mapping[str, Mapping[str, float]]:
    names = booster.feature_name()
    return {
        kind: dict(zip(names, map(float, booster.feature_importance(importance_type=kind)), strict=True))
        for kind in ("split", "gain")
    }


def _ended(booster: Any) -> Mapping[str, float]:
    found = {"boosted_rounds": booster.current_iteration()}
    if booster.best_iteration > 0:
        found |= {"best_iteration": booster.best_iteration, "stopped_iteration": booster.current_iteration()}
    for data, metrics in (booster.best_score or {}).items():
        found |= {f"best-{data}-{metric}": value for metric, value in metrics.items()}
    return found


_LIBRARY = boosting.Library(
    name="lightgbm",
    modules=("lightgbm", "lightgbm.engine", "lightgbm.sklearn"),
    estimator="LGBMModel",
    flavor=boosters.LIGHTGBM,
    data_argument="train_set",
    watch=_watch,
    importances=_importances,
    ended=_ended,
    columns=lambda booster: [(name, "double") for name in booster.feature_name()],
    data=lambda data: (data.data, data.label),
)
