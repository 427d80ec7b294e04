"""Acting on a library when, and only when, the user imports it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from importlib.abc import Loader  # which brings importlib.resources: a tenth of what `import siglum` takes


class _Loader:
    """Loads a module as its own loader does, then calls what waits for it."""

    def __init__(self, loader: Loader, then: Callable[[], None]) -> None:
        self._loader = loader
        self._then = then

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # The module is to look as if we had never been there.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._then()


class _Finder:
    """Finds nothing by itself: it only watches for a few names."""

    def __init__(self) -> None:
        self.waiting: dict[str, Callable[[], None]] = {}

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002  -- the protocol's
        target: ModuleType | None = None,  # noqa: ARG002  -- the protocol's
    ) -> ModuleSpec | None:
        then = self.waiting.pop(fullname, None)
        if then is None:
            return None
        spec = importlib.util.find_spec(fullname)  # asks us again, who no longer wait for it
        if spec is None or spec.loader is None:
            self.waiting[fullname] = then
            return None
        spec.loader = cast("Loader", _Loader(spec.loader, then))
        return spec


_finder = _Finder()


def when_imported(name: str, then: Callable[[], None]) -> None:
    """Call `then` once: now when the module is there, else right after it has been imported."""
    if name in sys.modules:
        then()
        return
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    _finder.waiting[name] = then


def forget(name: str) -> None:
    """Wait no longer for a module."""
    _finder.waiting.pop(name, None)
    if not _finder.waiting and _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
