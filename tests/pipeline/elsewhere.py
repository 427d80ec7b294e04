"""An executor that runs actions in a folder elsewhere, as one for another machine would.

Inputs go there by digest from the workspace, outputs come back by digest, and so does the log.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from concurrent.futures import Future
from pathlib import Path

import msgspec

from siglum.pipeline.execution.commands import CommandRunner
from siglum.pipeline.execution.executor import Action, ActionFuture, ActionResult, Resources


class Elsewhere:
    """An `Executor` over folders below `base`, with a store of content that all actions share."""

    def __init__(self, base: Path, cores: int = 2) -> None:
        self._base = base
        self._store = base / "store"
        self._store.mkdir(parents=True)
        self._resources = Resources(cores, 1 << 40)
        self._running: dict[Future[ActionResult], CommandRunner] = {}
        self._threads: list[threading.Thread] = []
        self.taken: list[Action] = []
        self.spoils: set[str] = set()
        """Outputs that change on their way back."""

    @property
    def resources(self) -> Resources:
        return self._resources

    def submit(self, action: Action) -> ActionFuture:
        self.taken.append(action)
        there = self._base / str(len(self.taken))
        future = _Future()
        future.set_running_or_notify_cancel()
        for key, digest in action.inputs.items():
            self._send(Path(action.root, key), digest)
            self._place(digest, there / key)
        environment = action.environment | {"DVC_ROOT": str(there)}
        folder = there / os.path.relpath(action.folder, action.root)
        folder.mkdir(parents=True, exist_ok=True)
        for key in action.outputs:
            (there / key).parent.mkdir(parents=True, exist_ok=True)
        log = str(there / "log-of-the-action")
        remote = msgspec.structs.replace(action, environment=environment, folder=str(folder), log=log, root=str(there))
        future.runner = CommandRunner(remote)
        thread = threading.Thread(target=self._work, args=(future, action, there, log))
        self._threads.append(thread)
        self._running[future] = future.runner
        thread.start()
        return future

    def shutdown(self, *, cancel: bool = False) -> None:
        if cancel:
            for runner in self._running.values():
                runner.end("was interrupted")
        for thread in self._threads:
            thread.join()

    def _work(self, future: _Future, action: Action, there: Path, log: str) -> None:
        assert future.runner is not None
        result = future.runner.run()
        outputs: dict[str, str] = {}
        if result.error is None:
            for key in action.outputs:
                if (there / key).exists():
                    outputs[key] = self._take(there / key)
                    self._place(outputs[key], Path(action.root, key))
                    if key in self.spoils:
                        Path(action.root, key).write_text("spoilt")
        with open(action.log, "ab") as here:
            here.write(Path(log).read_bytes())
        future.set_result(msgspec.structs.replace(result, log=action.log, outputs=outputs))

    # Content by digest

    def _send(self, path: Path, digest: str) -> None:
        if not (self._store / digest).exists():
            assert self._take(path) == digest

    def _take(self, path: Path) -> str:
        if path.is_dir():
            entries = [
                {"md5": self._take(inner), "relpath": str(inner.relative_to(path))}
                for inner in sorted(path.rglob("*"))
                if inner.is_file()
            ]
            data = json.dumps(sorted(entries, key=lambda entry: entry["relpath"])).encode()
            digest = f"{hashlib.md5(data, usedforsecurity=False).hexdigest()}.dir"
        else:
            data = path.read_bytes()
            digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
        (self._store / digest).write_bytes(data)
        return digest

    def _place(self, digest: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        if digest.endswith(".dir"):
            target.mkdir(exist_ok=True)
            for entry in json.loads((self._store / digest).read_bytes()):
                self._place(entry["md5"], target / entry["relpath"])
        else:
            shutil.copyfile(self._store / digest, target)


class _Future(Future[ActionResult]):
    runner: CommandRunner | None = None

    def cancel(self) -> bool:
        if self.done() or self.runner is None:
            return False
        self.runner.end("was cancelled")
        return True
