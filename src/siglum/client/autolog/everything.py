"""`siglum.autolog`: every library that there is an integration for, as soon as the user imports it."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from siglum.client.autolog.imports import forget, when_imported
from siglum.client.autolog.patching import remove
from siglum.core.errors import InvalidInputError
from siglum.core.text import did_you_mean

LIBRARIES = ("sklearn", "xgboost", "lightgbm", "optuna")
_WITHOUT_MODELS = ("optuna",)


def autolog(
    log_input_examples: bool = False,
    log_model_signatures: bool = True,
    log_models: bool = True,
    log_datasets: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    extra_tags: Mapping[str, str] | None = None,
    exclude_flavors: Sequence[str] | None = None,
) -> None:
    """Put trainings with scikit-learn, XGBoost, LightGBM and Optuna on record, without another line.

    Libraries are not imported for it: one that is imported later is wrapped then. For more choices call
    `siglum.sklearn.autolog()` and its like, which are also what says what is logged.

    Args:
        log_input_examples: Store a few rows of input with each model.
        log_model_signatures: Store what each model takes and gives.
        log_models: Store models.
        log_datasets: Store digests of what was trained on.
        disable: Take autologging back.
        exclusive: Leave runs alone that you started.
        disable_for_unsupported_versions: Do nothing for a version of a library that is too old.
        silent: Say nothing about what could not be logged.
        extra_tags: Tags for each run.
        exclude_flavors: Libraries to leave alone, such as `xgboost`.

    Raises:
        InvalidInputError: A library to exclude that there is no autologging for.
    """
    excluded = set(exclude_flavors or ())
    for name in excluded.difference(LIBRARIES):
        hint = did_you_mean(name, LIBRARIES) or f"There is {', '.join(LIBRARIES)}."
        raise InvalidInputError(f"There is no autologging of {name!r} to exclude.", hint=hint)
    common: dict[str, Any] = {
        "exclusive": exclusive,
        "disable_for_unsupported_versions": disable_for_unsupported_versions,
        "silent": silent,
        "extra_tags": extra_tags,
    }
    of_models: dict[str, Any] = {
        "log_input_examples": log_input_examples,
        "log_model_signatures": log_model_signatures,
        "log_models": log_models,
        "log_datasets": log_datasets,
    }
    for name in LIBRARIES:
        forget(name)
        if name in excluded:
            continue
        if disable:
            remove(name)
        else:
            options = common if name in _WITHOUT_MODELS else common | of_models
            when_imported(name, functools.partial(_enable, name, options))


def _enable(name: str, options: Mapping[str, Any]) -> None:
    importlib.import_module(f"siglum.client.autolog.{name}").autolog(**options)
