"""A repository with a pipeline, and what tests ask of it."""

from __future__ import annotations

import subprocess
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from siglum.pipeline.execution.repro import repro
from siglum.pipeline.status.events import Event
from siglum.workspace.documents import load_yaml
from siglum.workspace.repository import Repository

TWO = """
    stages:
      prepare:
        cmd: echo p >> log; tr a-z A-Z < raw.txt > clean.txt
        deps: [raw.txt]
        outs: [clean.txt]
      train:
        cmd:
          - echo t >> log
          - cat clean.txt > model; printf '{"lr":%s}' $(sed -n 's/lr. //p' params.yaml) > metrics.json
        deps: [clean.txt]
        params: [lr]
        outs: [model]
        metrics: [{metrics.json: {cache: false}}]
"""


class Project:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.events: list[Event] = []

    def write(self, path: str, text: str) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(textwrap.dedent(text))
        return target

    def read(self, path: str) -> str:
        return (self.root / path).read_text()

    def exists(self, path: str) -> bool:
        return (self.root / path).exists()

    def open(self) -> Repository:
        return Repository.open(str(self.root))

    def git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=self.root, check=True)

    def lock(self, path: str = "dvc.lock") -> dict[str, Any]:
        stages = load_yaml((self.root / path).read_bytes(), path)["stages"]
        assert isinstance(stages, dict)
        return stages

    def repro(self, *targets: str, **options: Any) -> dict[str, str]:
        """Run `repro` and return the outcome of each stage, in order."""
        self.events = []
        results = repro(self.open(), targets, on_event=self.events.append, **options)
        return {result.address: str(result.outcome) for result in results}

    def happened(self) -> list[str]:
        return [type(event).__name__ for event in self.events]


def lines(path: Path) -> Sequence[str]:
    return path.read_text().splitlines() if path.exists() else []
