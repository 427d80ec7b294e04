"""Keep what calls return or refuse as JSON, in which ids, times and random names are masked."""

import enum
import math
import re
from collections.abc import Callable
from typing import Any

ID = re.compile(r"\b(?:m-)?[0-9a-f]{32}\b")
RANDOM_NAME = re.compile(r"[a-z]+-[a-z]+-\d+\Z")
OF_THE_MACHINE = ("mlflow.source", "mlflow.user", "siglum.")


class Recorder:
    """Results by name, in order."""

    def __init__(self) -> None:
        self.results: dict[str, Any] = {}
        self._ids: dict[str, str] = {}

    def __call__(self, name: str, function: Callable[[], Any]) -> Any:
        """Call, keep the result, and return it; None when the call was refused."""
        if name in self.results:
            raise SystemExit(f"two results are called {name}")
        try:
            found = function()
        except Exception as error:  # noqa: BLE001  MLflow refuses with any kind of error; `code` is None for most
            self.results[name] = {"refused": getattr(error, "error_code", None)}
            return None
        self.results[name] = self._plain(found)
        return found

    def _plain(self, value: Any) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, enum.Enum):
            return value.value
        if isinstance(value, int | float):
            return str(value) if isinstance(value, float) and not math.isfinite(value) else value
        if isinstance(value, str):
            masked = ID.sub(lambda found: self._ids.setdefault(found[0], f"<id {len(self._ids) + 1}>"), value)
            return "<random name>" if RANDOM_NAME.match(masked) else masked
        if isinstance(value, dict):
            known = {str(key): each for key, each in value.items() if not str(key).startswith(OF_THE_MACHINE)}
            return {key: self._plain(known[key]) for key in sorted(known)}
        if isinstance(value, list | tuple):
            return [self._plain(each) for each in value]
        return type(value).__name__ if not hasattr(value, "info") else self._run(value)

    def _run(self, run: Any) -> dict[str, Any]:
        info, data = run.info, run.data
        plain = {"name": info.run_name, "status": str(info.status), "stage": str(info.lifecycle_stage)}
        logged = {"params": dict(data.params), "metrics": dict(data.metrics), "tags": dict(data.tags)}
        found: dict[str, Any] = self._plain(plain | logged)
        return found
