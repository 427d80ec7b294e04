"""The repository's lock during a run of a pipeline: held while Siglum itself works, free while it waits for commands.

Commands may use the repository themselves, and so may people meanwhile. What the running stages read and write is then
claimed in DVC's rwlock file, so that nobody changes it under them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from siglum.pipeline.definition.stages import Stage
from siglum.workspace.busy import claim_paths
from siglum.workspace.repository import Repository


class HeldLock:
    """The lock as a block. Taking it waits however long another holds it: work would be lost otherwise."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._stack = contextlib.ExitStack()
        self._claimed = False

    def __enter__(self) -> Self:
        self._stack.enter_context(self._repo.exclusive())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._claimed:
            self._claim(())
        self._stack.close()

    @contextlib.contextmanager
    def released(self, running: Iterable[Stage]) -> Iterator[None]:
        """Let go of the lock for a while, with claims on what the running stages work on."""
        self._claim(running)
        self._stack.close()
        try:
            yield
        finally:
            self._stack.enter_context(self._repo.exclusive())

    def _claim(self, running: Iterable[Stage]) -> None:
        root, stages = self._repo.root, list(running)
        claim_paths(
            self._repo.tmp_dir,
            writes=[os.path.join(root, out.key) for stage in stages for out in stage.outs],
            reads=[os.path.join(root, dep.key) for stage in stages for dep in stage.deps if not dep.is_remote],
            command=f"siglum repro {' '.join(stage.address for stage in stages)}",
        )
        self._claimed = bool(stages)
