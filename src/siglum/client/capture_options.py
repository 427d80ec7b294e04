"""What a run captures by itself, as the environment asks for it; arguments of `start_run` go before."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from siglum.client.tracking_uri import environment_value
from siglum.core.errors import InvalidInputError
from siglum.lineage.code import MAX_DIFF_BYTES

MAX_OUTPUT_BYTES = 10 * 1024 * 1024
"""Of more output, the beginning and the end are kept."""

_YES, _NO = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})


class CaptureOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the uncommitted diff and the output are kept, how much of each, and which further variables are."""

    diff: bool = True
    max_diff: int = MAX_DIFF_BYTES
    output: bool = False
    max_output: int = MAX_OUTPUT_BYTES
    variables: tuple[str, ...] = ()


def capture_options(
    environ: Mapping[str, str], *, diff: bool | None = None, output: bool | None = None
) -> CaptureOptions:
    """Read `SIGLUM_LOG_DIFF`, `SIGLUM_LOG_OUTPUT`, `SIGLUM_LOG_ENVIRONMENT` and the limits in bytes of the first two.

    Raises:
        InvalidInputError: A variable is neither yes nor no.
    """
    named = environ.get("SIGLUM_LOG_ENVIRONMENT", "")
    return CaptureOptions(
        diff=flag(environ, "LOG_DIFF", default=True) if diff is None else diff,
        max_diff=_bytes(environ, "SIGLUM_MAX_DIFF_BYTES", MAX_DIFF_BYTES),
        output=flag(environ, "LOG_OUTPUT", default=False) if output is None else output,
        max_output=_bytes(environ, "SIGLUM_MAX_OUTPUT_BYTES", MAX_OUTPUT_BYTES),
        variables=tuple(name.strip() for name in named.split(",") if name.strip()),
    )


def flag(environ: Mapping[str, str], name: str, *, default: bool) -> bool:
    """Return what `SIGLUM_<name>`, or MLflow's variable of that name, says: yes or no. Raises InvalidInputError."""
    value = environment_value(environ, name)
    if value is None:
        return default
    if value.lower() not in _YES | _NO:
        raise InvalidInputError(f"SIGLUM_{name} is {value!r}.", hint="Set it to true or false.")
    return value.lower() in _YES


def _bytes(environ: Mapping[str, str], name: str, default: int) -> int:
    value = environ.get(name, "")
    return int(value) if value.isdecimal() else default
