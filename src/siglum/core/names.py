"""What names and values may look like. Each function returns what it was given, or raises InvalidInputError.

`where` in the signatures is how the field is called for the person who sent it, such as `metrics[3].key`.
"""

from __future__ import annotations

import posixpath
import re
from typing import Final

from siglum.core import limits
from siglum.core.errors import InvalidInputError

_KEY: Final = re.compile(r"[/\w.\- :]*\Z")
_RUN_ID: Final = re.compile(r"[a-zA-Z0-9][\w\-]{0,255}\Z")
_NEW_RUN_ID: Final = re.compile(r"[0-9a-f]{32}\Z")
_ALIAS: Final = re.compile(r"[\w\-]+\Z")
_VERSION_ALIAS: Final = re.compile(r"[vV]\d+\Z")
_LOGGED_MODEL_FORBIDDEN: Final = frozenset("/:.%\"'")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def check_is_text(value: object, where: str) -> str:
    """Refuse what is not text: scripts are not held to the types that signatures name."""
    if not isinstance(value, str):
        raise InvalidInputError(f"Invalid value {value!r} for parameter '{where}' supplied: it is not text.")
    return value


def check_text(value: str, where: str, maximum: int) -> str:
    """Hold a text to its greatest length and to characters that can be encoded."""
    check_is_text(value, where)
    if len(value) > maximum:
        raise InvalidInputError(f"{where} exceeds the maximum length of {maximum:,} characters: it has {len(value):,}.")
    if not value.isascii() and _SURROGATE.search(value):
        raise InvalidInputError(f"{where} holds half of a surrogate pair, which is no character.")
    return value


def check_key(key: str, where: str, maximum: int = limits.KEY) -> str:
    """Hold the key of a metric, parameter or tag to MLflow's rule: a relative path of plain characters."""
    check_is_text(key, where)
    if not key:
        raise InvalidInputError(f"Missing value for required parameter '{where}'.")
    check_text(key, where, maximum)
    if not _KEY.match(key):
        raise InvalidInputError(
            f"Invalid value {key!r} for parameter '{where}' supplied.",
            hint="Names may hold letters, digits, underscores, dashes, periods, spaces, colons and slashes.",
        )
    # normpath keeps exactly two leading slashes; a leading slash of any number is refused
    if key in (".", "..") or key.startswith(("/", "../")) or posixpath.normpath(key) != key:
        raise InvalidInputError(
            f"Invalid value {key!r} for parameter '{where}' supplied.",
            hint="A name is used as a path below a folder: no leading, doubled or trailing slash, no '.' or '..' part.",
        )
    return key


def check_experiment_name(name: str) -> str:
    """Hold the name of an experiment to its rules."""
    check_is_text(name, "Experiment name")
    if not name or not name.strip():
        raise InvalidInputError("Invalid experiment name: it must not be empty.")
    return check_text(name, "Experiment name", limits.EXPERIMENT_NAME)


def check_run_id(run_id: str) -> str:
    """Hold the id of a run that is looked for to the characters that ids have."""
    if not _RUN_ID.match(run_id):
        raise InvalidInputError(f"Invalid run id {run_id!r}.", hint="A run id is 32 hex digits.")
    return run_id


def check_new_run_id(run_id: str) -> str:
    """Hold an id that a client chose for a new run to the form that the store would choose."""
    if not _NEW_RUN_ID.match(run_id):
        raise InvalidInputError(f"Invalid run id {run_id!r}.", hint="A new run's id is 32 lower-case hex digits.")
    return run_id


def read_digits(text: str) -> int | None:
    """Return a number of 64 bits that is written in ASCII digits; None for every other text.

    It may come from anybody: `int` takes digits of all scripts, and raises ValueError for thousands of them.
    """
    if not (text.isascii() and text.isdigit()) or len(text.lstrip("0")) > len(str(limits.INT64_MAX)):
        return None
    number = int(text.lstrip("0") or "0")
    return number if number <= limits.INT64_MAX else None


def parse_experiment_id(experiment_id: str) -> int:
    """Return an experiment id as a number."""
    number = read_digits(experiment_id)
    if number is None:
        raise InvalidInputError(f"Invalid experiment id {experiment_id!r}.", hint="An experiment id is an integer.")
    return number


def parse_version(version: str) -> int:
    """Return the number of a model version."""
    number = read_digits(version)
    if number is None:
        raise InvalidInputError(f"Invalid model version {version!r}.", hint="A version is an integer such as 3.")
    return number


def check_registered_model_name(name: str) -> str:
    """Hold the name of a registered model to its rules: it becomes a part of URIs and paths."""
    check_is_text(name, "Registered model name")
    if not name:
        raise InvalidInputError("Registered model name must not be empty.")
    check_text(name, "Registered model name", limits.REGISTERED_MODEL_NAME)
    if name in (".", "..") or set(name) & set("/:") or any(ord(c) < 32 for c in name):
        raise InvalidInputError(
            f"Invalid registered model name {name!r}.",
            hint="It must not hold '/', ':' or control characters, nor be '.' or '..'.",
        )
    return name


def check_logged_model_name(name: str) -> str:
    """Hold the name of a logged model to its rules."""
    if not name:
        raise InvalidInputError("Logged model name must not be empty.")
    check_text(name, "Logged model name", limits.LOGGED_MODEL_NAME)
    if set(name) & _LOGGED_MODEL_FORBIDDEN:
        raise InvalidInputError(
            f"Invalid logged model name {name!r}.", hint="""It must not hold any of / : . % " and '."""
        )
    return name


def check_alias(alias: str) -> str:
    """Hold a new alias to its rules; `latest` and `v<number>` mean something else already."""
    if not alias:
        raise InvalidInputError("Registered model alias name must not be empty.")
    check_text(alias, "Registered model alias name", limits.ALIAS)
    if not _ALIAS.match(alias):
        raise InvalidInputError(
            f"Invalid alias {alias!r}.", hint="An alias may hold letters, digits, underscores and dashes."
        )
    if alias.lower() == "latest" or _VERSION_ALIAS.match(alias):
        raise InvalidInputError(
            f"{alias!r} is reserved and cannot be an alias.",
            hint="'latest' always is the highest version, and 'v1' would look like a version number.",
        )
    return alias


def check_int64(value: int, where: str) -> int:
    """Hold a number to 64 bits."""
    if not limits.INT64_MIN <= value <= limits.INT64_MAX:
        raise InvalidInputError(f"Invalid value {value} for parameter '{where}' supplied: it does not fit 64 bits.")
    return value


def check_page_size(max_results: int, maximum: int) -> int:
    """Hold the size of a page to 1 .. maximum."""
    if not 1 <= max_results <= maximum:
        raise InvalidInputError(
            f"Invalid value {max_results} for parameter 'max_results' supplied: it must be from 1 to {maximum:,}."
        )
    return max_results
