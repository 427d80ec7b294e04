"""One stage's run from the moment it was found to be out of date: room made, commands handed over, result judged.

The order is what keeps a lock file true: inputs are hashed before the commands run and compared afterwards, outputs
are in the cache before the entry that names them is written, and nothing at all is written of a stage that failed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping
from urllib.parse import quote

from siglum.core.errors import NotFoundError, StageFailedError
from siglum.pipeline.definition.stages import Stage
from siglum.pipeline.execution.clearing import Kept, cleared_outputs
from siglum.pipeline.execution.executor import Action, ActionResult, Resources
from siglum.pipeline.records.lock import StageLock
from siglum.pipeline.status.fresh_params import FreshParams
from siglum.pipeline.status.observe import (
    differs_in_bytecode_only,
    folder_listings,
    lock_inputs,
    observe_inputs,
    why_inputs,
)
from siglum.pipeline.status.staleness import Cause, Reason
from siglum.workspace.outputs import hash_path
from siglum.workspace.repository import Repository

LOGS = ".dvc/tmp/siglum/logs"
_LONGEST_BYTES = 200


def log_name(address: str) -> str:
    """Return the file name of a stage's log: its address, with what file names cannot show written as %XX."""
    name = "".join(each if each.isprintable() and each not in "/%" else quote(each, safe="") for each in address)
    if len(os.fsencode(name)) > _LONGEST_BYTES:
        digest = hashlib.sha256(address.encode(errors="surrogateescape")).hexdigest()
        name = f"{name[: _LONGEST_BYTES // 4]}-{digest[:16]}"  # a character has four bytes at most
    return f"{name}.log"


class _GivenUpError(Exception):
    """Has `cleared_outputs` put back what it moved away."""


class StageRun:
    """A stage that is to run: made when that was found, entered by `begin`, left by `judge` or `abandon`."""

    def __init__(
        self, repo: Repository, params: FreshParams, stage: Stage, reasons: tuple[Reason, ...], inputs: StageLock
    ) -> None:
        self._repo = repo
        self._params = params
        self.stage = stage
        self.reasons = reasons
        self.inputs = inputs
        self.log = f"{LOGS}/{log_name(stage.address)}"
        self.attempts = 0
        self._listings: dict[str, dict[str, str]] = {}
        self._cleared = contextlib.ExitStack()

    def begin(self) -> tuple[Kept, ...]:
        """Make room for the outputs; return what had to be saved for that. Begins a fresh log on the first attempt."""
        if not self.attempts:
            path = os.path.join(self._repo.root, self.log)
            with contextlib.suppress(FileNotFoundError):  # what an old process may still write to is another file
                os.unlink(path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
        self.attempts += 1
        self._listings = folder_listings(self._repo, self.stage)
        return self._cleared.enter_context(cleared_outputs(self._repo, self.stage))

    def action(self, environment: dict[str, str]) -> Action:
        """Return what is to be run."""
        stage, settings = self.stage, self.stage.settings
        return Action(
            stage.address,
            stage.shown_commands(),
            environment,
            os.path.join(self._repo.root, stage.wdir),
            inputs=self._digests(),
            outputs=tuple(out.key for out in stage.outs),
            resources=Resources(settings.cores, settings.memory, settings.gpus),
            timeout=settings.timeout,
            log=os.path.join(self._repo.root, self.log),
            root=self._repo.root,
        )

    def _digests(self) -> dict[str, str]:
        """Return the digests of what the commands read, by path from the root."""
        keys = {dep.path: dep.key for dep in self.stage.deps}
        found = {keys[dep.path]: dep.md5 for dep in self.inputs.deps if dep.md5 is not None}
        beside = [params.key for params in self.stage.params]
        beside += [out.key for out in self.stage.outs if out.persist]
        for key in beside:
            with contextlib.suppress(NotFoundError):
                found[key] = hash_path(self._repo, os.path.join(self._repo.root, key)).hash.oid
        return found

    def judge(self, result: ActionResult) -> StageLock:
        """Return the entry without outputs after a run that can be recorded; else put back what made room for it.

        Raises StageFailedError.
        """
        with self._cleared.pop_all():
            if result.error is not None:
                raise StageFailedError(f"Stage '{self.stage.address}' failed: {result.error}.", hint=self._log_hint())
            inputs = self._checked_inputs()
            for out in self.stage.outs:
                if not os.path.exists(os.path.join(self._repo.root, out.key)):
                    raise StageFailedError(
                        f"Stage '{self.stage.address}' ended without having made its output '{out.key}'.",
                        hint=f"Correct the command or 'outs'. {self._log_hint() or ''}".strip(),
                    )
            self._check_brought(result.outputs or {})
        return inputs

    def _check_brought(self, digests: Mapping[str, str]) -> None:
        """Hold outputs that an executor brought to what it said of them: on their way, anything can happen."""
        for out in self.stage.outs:
            said = digests.get(out.key)
            if said is not None and hash_path(self._repo, os.path.join(self._repo.root, out.key)).hash.oid != said:
                raise StageFailedError(
                    f"Stage '{self.stage.address}' ran, but its output '{out.key}' is not what came of it elsewhere "
                    f"({said}).",
                    hint="Run it again.",
                )

    def abandon(self) -> None:
        """Put back what made room for a run that is not going to end."""
        with contextlib.suppress(_GivenUpError), self._cleared.pop_all():
            raise _GivenUpError

    def _log_hint(self) -> str | None:
        path = os.path.join(self._repo.root, self.log)
        if not os.path.exists(path) or not os.path.getsize(path):
            return None
        return f"Its output is in {self._repo.shown(self.log)}."

    def _checked_inputs(self) -> StageLock:
        """Return the inputs to record after a run; refuse a result that cannot be said to come from what was hashed.

        Bytecode that Python left in a folder of code is no change: then the folder is recorded with it, as DVC does.
        """
        inputs = observe_inputs(self._repo, self.stage, self._params)
        found = why_inputs(self.stage, self.inputs, inputs)
        changed = [reason for reason in found if reason.cause in (Cause.DEPENDENCY, Cause.PARAMETER)]
        if not changed:
            return self.inputs
        listed = folder_listings(self._repo, self.stage)
        for reason in changed:
            key = reason.path or ""
            if key in self._listings and key in listed and differs_in_bytecode_only(self._listings[key], listed[key]):
                continue
            raise StageFailedError(
                f"Stage '{self.stage.address}' ran, but {reason.name or key} changed meanwhile, "
                "so nothing was recorded.",
                hint="Run it again when nothing else writes to its inputs; what a stage changes itself belongs in "
                "'outs'.",
            )
        return lock_inputs(self.stage, inputs)
