"""Parameters files as they are at each moment: read again every time, parsed again only when their bytes changed."""

from __future__ import annotations

from typing import Any

from siglum.pipeline.definition.files import Files
from siglum.pipeline.definition.param_files import parse_params
from siglum.pipeline.graph.load import ParamsReader


class FreshParams(ParamsReader):
    """For a pipeline that runs: a stage may write the parameters of the next."""

    def __init__(self, files: Files) -> None:
        super().__init__(files)
        self._source = files
        self._parsed: dict[str, tuple[bytes, dict[str, Any]]] = {}

    def read(self, path: str) -> dict[str, Any] | None:
        data = self._source.read(path)
        if data is None:
            return None
        known = self._parsed.get(path)
        if known is None or known[0] != data:
            known = self._parsed[path] = data, parse_params(data, path)
        return known[1]
