"""Paths that a stage's command is reading or writing while the repository's lock is free: DVC's `.dvc/tmp/rwlock`.

    {"write": {"/abs/out": {"pid": 1, "cmd": "dvc repro"}}, "read": {"/abs/in": [{"pid": 1, "cmd": "dvc repro"}]}}

Whoever changes the file holds the kernel's lock on `rwlock.lock` beside it. Claims of processes that are gone do not
count. Siglum honours DVC's claims and makes its own, so that neither changes what the other's stage is working on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from siglum.core.errors import BusyError
from siglum.storage.durability import discard, temporary_name
from siglum.workspace.locking import repository_lock

_FILE: Final = "rwlock"
_LOCK: Final = "rwlock.lock"


class Claim(msgspec.Struct, frozen=True):
    """A process that works on a path."""

    path: str
    pid: int
    command: str
    writes: bool


def check_not_busy(tmp_dir: str, path: str) -> None:
    """Raise BusyError when another process's stage works on the absolute `path`, on what is in it or around it."""
    for claim in foreign_claims(tmp_dir):
        if _overlap(claim.path, path):
            verb = "writes" if claim.writes else "reads"
            raise BusyError(
                f"{os.path.relpath(path)} is busy: process {claim.pid} ({claim.command}) {verb} "
                f"{os.path.relpath(claim.path)}.",
                hint="Wait until it ends, then try again.",
            )


def foreign_claims(tmp_dir: str) -> list[Claim]:
    """Return the claims of living processes that this one is no part of."""
    others = [claim for claim in _claims(_load(tmp_dir)) if claim.pid != os.getpid()]
    own = _own_line() if others else set()
    return [claim for claim in others if claim.pid not in own and _is_alive(claim.pid)]


def claim_paths(tmp_dir: str, *, writes: Iterable[str], reads: Iterable[str], command: str) -> None:
    """Claim absolute paths for this process, instead of what it claimed before; none gives all up.

    Others' claims on them are not looked at: see `check_not_busy`.
    """
    mine = [
        *(Claim(path, os.getpid(), command, True) for path in writes),
        *(Claim(path, os.getpid(), command, False) for path in reads),
    ]
    _change(tmp_dir, add=mine)


def _change(tmp_dir: str, add: list[Claim]) -> None:
    """Replace this process's claims, and drop those of processes that are gone."""
    with repository_lock(os.path.join(tmp_dir, _LOCK)):
        kept = [c for c in _claims(_load(tmp_dir)) if c.pid != os.getpid() and _is_alive(c.pid)]
        write: dict[str, Any] = {}
        read: dict[str, list[Any]] = {}
        for claim in [*kept, *add]:
            info = {"pid": claim.pid, "cmd": claim.command}
            if claim.writes:
                write[claim.path] = info
            else:
                read.setdefault(claim.path, []).append(info)
        body = {name: value for name, value in (("write", write), ("read", read)) if value}
        _replace(os.path.join(tmp_dir, _FILE), json.dumps(body).encode())


def _replace(path: str, data: bytes) -> None:
    """Replace the file whole. Not flushed: no claim outlives its process."""
    temporary = f"{os.path.dirname(path)}/{temporary_name()}"
    try:
        with open(temporary, "xb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        discard(temporary)
        raise


def _load(tmp_dir: str) -> Any:
    """Return what the file holds; one that DVC is just writing, or left half written, claims nothing."""
    try:
        with open(os.path.join(tmp_dir, _FILE), encoding="utf-8") as file:
            return json.load(file)
    except (FileNotFoundError, ValueError):
        return {}


def _claims(body: Any) -> Iterator[Claim]:
    if not isinstance(body, dict):
        return
    for kind, writes in (("write", True), ("read", False)):
        paths = body.get(kind)
        for path, holders in paths.items() if isinstance(paths, dict) else ():
            for each in holders if isinstance(holders, list) else [holders]:
                if isinstance(each, dict) and isinstance(each.get("pid"), int):
                    yield Claim(str(path), each["pid"], str(each.get("cmd", "")), writes)


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(other.rstrip("/") + "/") or other.startswith(one.rstrip("/") + "/")


def _is_alive(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}") if os.path.isdir("/proc/self") else _answers(pid)


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _own_line() -> set[int]:
    """Return this process and those that started it: a stage's command may use the repository itself."""
    found = {os.getpid()}
    pid = os.getppid()
    while pid > 1 and pid not in found:
        found.add(pid)
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                pid = int(file.read().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            break
    return found
