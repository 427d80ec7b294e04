"""What scripts give to the fluent functions and to MlflowClient, made into what the stores take."""

from __future__ import annotations

import operator
from typing import Any

from siglum.core.errors import InvalidInputError
from siglum.core.names import check_int64
from siglum.tracking.entities import ViewType


def as_experiment_id(given: Any) -> str:
    """Return an experiment's id, which scripts also write as a number. Raises InvalidInputError for None."""
    if isinstance(given, str):
        return given
    if isinstance(given, int) and not isinstance(given, bool):
        return str(given)
    raise InvalidInputError(f"{given!r} is not an experiment's id.", hint="An id is a number, such as '1'.")


def as_view_type(given: Any) -> ViewType:
    """Return what a search looks at, from MLflow's number or its name. Raises InvalidInputError."""
    try:
        return ViewType[given.upper()] if isinstance(given, str) else ViewType(given)
    except (KeyError, ValueError):
        names = ", ".join(each.name for each in ViewType)
        raise InvalidInputError(f"{given!r} is not a view type.", hint=f"Use one of ViewType.{{{names}}}.") from None


def as_number(given: Any, key: str) -> float:
    """Return the value of a metric: a number, or an array or tensor of one. Raises InvalidInputError."""
    try:
        return float(given.item() if getattr(given, "size", None) == 1 else given)
    except (TypeError, ValueError, OverflowError):
        raise InvalidInputError(f"The value of metric {key!r} is not a number: {given!r}.") from None


def as_integer(given: Any, what: str, *, hint: str | None = None) -> int:
    """Return a step or a time: an integer, or a float that is one. Raises InvalidInputError."""
    try:
        return check_int64(operator.index(given), what)
    except TypeError:
        whole = getattr(given, "is_integer", None)
        if whole is not None and whole():
            return check_int64(int(given), what)
        raise InvalidInputError(f"{what} is not an integer: {given!r}.", hint=hint) from None
