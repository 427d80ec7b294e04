"""Call things, and keep what they return or how they fail, as JSON in which ids, times and random names are masked.

Runs in the Python of the real MLflow client; imports nothing of Siglum.
"""

import enum
import re
import time
from collections.abc import Callable
from typing import Any, Self

from mlflow.entities._mlflow_object import _MlflowObject
from mlflow.exceptions import MlflowException

ID = re.compile(r"\b[0-9a-f]{32}\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
RANDOM_NAME = re.compile(r"[a-z]+-[a-z]+-\d+\Z")
LONG = 400
TIMES = re.compile(r"(?:.*_)?(?:time|timestamp|timestamp_ms)\Z")
OF_THE_MACHINE = {"mlflow.user", "mlflow.source.name", "mlflow.source.git.commit", "user_id"}
NOT_PART = {"workspace", "effective_trace_archival_retention", "trace_location"}


class Recorder:
    """Results by name, in order. What is in the folder `scratch` is masked."""

    def __init__(self, scratch: str) -> None:
        self.results: dict[str, Any] = {}
        self._scratch = scratch
        self._ids: dict[str, str] = {}

    def call(self, name: str, function: Callable[..., Any], /, *arguments: Any, **options: Any) -> Any:
        """Call, keep the result under `name`, and return it; None when the call was refused."""
        if name in self.results:
            raise SystemExit(f"two results are called {name}")
        time.sleep(0.001)  # so that what two calls make has two times to be sorted by
        try:
            found = function(*arguments, **options)
        except MlflowException as error:
            self.results[name] = {"refused": error.error_code}
            return None
        except Exception as error:  # noqa: BLE001  what the client refuses by itself, it refuses with any error
            self.results[name] = {"raised": type(error).__name__}
            return None
        self.results[name] = self.plain(found)
        return found

    def begin(self) -> Self:
        """Number ids from one again, so that what one part makes more or less does not change the next."""
        self._ids.clear()
        return self

    def keep(self, name: str, value: Any) -> None:
        """Keep a value."""
        self.call(name, lambda: value)

    def plain(self, value: Any, key: str = "") -> Any:
        """Return a value as JSON, masked."""
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, enum.Enum):
            return value.name
        if isinstance(value, int | float):
            if TIMES.match(key) and value > 10**12:
                return "<time>"
            return value if isinstance(value, int) or (value == value and abs(value) != float("inf")) else str(value)
        if isinstance(value, str):
            return self._text(value, key)
        if isinstance(value, _MlflowObject):
            return {name: self.plain(part, name) for name, part in value if name not in NOT_PART}
        if isinstance(value, dict):
            return {
                str(name): self.plain(part, str(name)) for name, part in sorted(value.items()) if name not in NOT_PART
            }
        if isinstance(value, list | tuple | set) or hasattr(value, "MergeFrom"):  # protobuf's lists are no lists
            parts = [self.plain(part, key) for part in (sorted(value) if isinstance(value, set) else value)]
            return {"page": parts, "more": bool(value.token)} if hasattr(value, "token") else parts
        if hasattr(value, "__dict__"):
            return {name.strip("_"): self.plain(part, name) for name, part in vars(value).items() if not callable(part)}
        return str(value)

    def _text(self, text: str, key: str) -> str:
        if key in OF_THE_MACHINE or "mlflow.source" in text:
            return "<of the machine>"
        if key == "next_page_token":
            return "<token>"
        if RANDOM_NAME.match(text):
            return "<random name>"
        if len(text) > LONG:
            return f"{text[:LONG]}… <{len(text)} characters>"
        if TIMES.match(key) and text.isdecimal() and int(text) > 10**12:
            return "<time>"
        text = text.replace(self._scratch, "<scratch>")
        return ID.sub(lambda found: self._ids.setdefault(found[0], f"<id {len(self._ids) + 1}>"), text)
