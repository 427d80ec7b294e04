"""The order in which a command reaches the disk, checked over a record of its calls.

A power cut may keep any later call and lose any earlier one that was not flushed. So: bytes are flushed before the
rename that makes them visible; files before the manifest that lists them; objects, names included, before the pointer
that names them and before the workspace is touched; and all of it before the command says that it is done.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.faults.calls import Call
from tests.faults.invariants import outputs_of
from tests.faults.world import CACHE, REMOTE, Snapshot

_OBJECT = re.compile(r"(?P<store>.+/files/md5)/(?P<two>[0-9a-f]{2})/(?P<rest>[0-9a-f]{30}(\.dir)?)\Z")
_OBJECT_FOLDER = re.compile(r"(?P<store>.+/files/md5)/[0-9a-f]{2}\Z")
_STORES = (CACHE, REMOTE)
_PRIVATE = "project/.dvc/tmp/"


def broken_order(calls: Sequence[Call], before: Snapshot, after: Snapshot) -> list[str]:
    """Return what is wrong with the order of a command that leads from the world `before` to `after`."""
    checker = _Checker(before, after)
    for call in calls:
        checker.see(call)
    return [*checker.broken, *checker.at_the_end()]


class _Checker:
    def __init__(self, before: Snapshot, after: Snapshot) -> None:
        self.broken: list[str] = []
        self._after = after
        self._unflushed: set[str] = set()  # files whose bytes may be lost
        self._unnamed: set[str] = set()  # files whose names may be lost
        self._aside: set[str] = set()  # files that are no records where they were written
        self._awaited = {path for path in after.files.keys() - before.files.keys() if _is_object(path)}

    def see(self, call: Call) -> None:
        """Take note of one call."""
        if call.name in ("create", "write", "pwrite", "writev", "ftruncate", "truncate", "sendfile", "copy_file_range"):
            self._write(call.paths[0])
        elif call.name in ("fsync", "fdatasync"):
            self._unflushed.discard(call.paths[0])
            self._unnamed -= {path for path in self._unnamed if path.rpartition("/")[0] == call.paths[0]}
        elif call.name in ("syncfs", "sync"):
            self._unflushed.clear()
            self._unnamed.clear()
        elif call.name in ("rename", "replace", "link", "exchange"):
            self._move(*call.paths[:2])
        elif call.name in ("unlink", "remove"):
            self._unflushed.discard(call.paths[0])
            self._aside.discard(call.paths[0])
            self._touch(call.paths[0])

    def at_the_end(self) -> list[str]:
        """Return what is not flushed when the command says that it is done."""
        left = {path for path in self._unflushed | self._unnamed if _is_record(path)}
        return [f"done before it was flushed: {path}" for path in sorted(left)]

    def _write(self, path: str) -> None:
        self._unflushed.add(path)
        if _is_record(path):
            self.broken.append(f"written in place: {path}")
        else:
            self._aside.add(path)

    def _move(self, source: str, target: str) -> None:
        """A file gets another name; or a folder, with all that is in it."""
        inside = sorted(path for path in self._aside if path.startswith(f"{source}/"))
        for path in inside:
            self._aside.discard(path)
            self._appear(path, target + path.removeprefix(source))
        if not inside:
            self._appear(source, target)

    def _appear(self, source: str, target: str) -> None:
        if source in self._unflushed:
            self._unflushed.discard(source)
            self._unflushed.add(target)
            if _is_record(target):
                self.broken.append(f"visible before it was flushed: {target}")
        self._touch(target)
        if not _is_record(target):
            return
        self._unnamed.add(target)
        self._awaited.discard(target)
        if target.endswith(".dir"):
            missing = sorted(self._files_of(target) & self._awaited)
            self.broken += [f"manifest {target} before {path}" for path in missing]
        elif target.endswith(".dvc"):
            missing = sorted(self._named_by(target) & (self._awaited | self._unnamed | self._unflushed))
            self.broken += [f"pointer {target} before {path}" for path in missing]

    def _touch(self, path: str) -> None:
        """A file of the workspace goes, or gets another content: its old one must be safe."""
        if path.startswith(("project/.", "remote/")) or _is_record(path):
            return
        unsafe = sorted(each for each in self._unnamed | self._unflushed if each.startswith(CACHE))
        self.broken += [f"{path} replaced before {each} was safe" for each in unsafe]

    def _named_by(self, pointer: str) -> set[str]:
        """The objects that a `.dvc` file of the world afterwards stands for."""
        named = set()
        for oid in filter(None, outputs_of(self._after.files[pointer])):
            path = f"{CACHE}/{oid[:2]}/{oid[2:]}"
            named |= {path} | (self._files_of(path) if oid.endswith(".dir") else set())
        return named

    def _files_of(self, manifest: str) -> set[str]:
        store = manifest.rsplit("/", 2)[0]
        entries = json.loads(self._after.files[manifest].data or b"[]")
        return {f"{store}/{each['md5'][:2]}/{each['md5'][2:]}" for each in entries}


def _is_object(path: str) -> bool:
    match = _OBJECT.match(path)
    return match is not None and match["store"] in _STORES


def _is_record(path: str) -> bool:
    """Whether a path is what must be whole after a power cut: an object, or a file for Git."""
    return _is_object(path) or (path.endswith((".dvc", "/.gitignore")) and not path.startswith(_PRIVATE))


def makes_record(call: Call) -> bool:
    """Whether a call makes an object or a file for Git visible."""
    return call.name in ("rename", "replace", "link") and (_is_record(call.paths[1]) or _is_folder(call.paths[1]))


def _is_folder(path: str) -> bool:
    """Whether a path is that of a store's folder of objects, which gets its name with all objects in it."""
    match = _OBJECT_FOLDER.match(path)
    return match is not None and match["store"] in _STORES


def strace() -> str | None:
    """Return the path of a strace that may be used here, None where there is none."""
    found = shutil.which("strace")
    works = (
        found and not subprocess.run([found, "-o", "/dev/null", "true"], capture_output=True, check=False).returncode
    )
    return found if works else None


# Every call of the kernel that changes files, by the name that `Call` has for it.
_KERNEL = {
    "write": "write", "pwrite64": "pwrite", "writev": "writev", "pwritev": "writev", "ftruncate": "ftruncate",
    "truncate": "truncate", "sendfile": "sendfile", "copy_file_range": "copy_file_range", "fsync": "fsync",
    "fdatasync": "fdatasync", "syncfs": "syncfs", "sync": "sync", "rename": "rename", "renameat": "rename",
    "renameat2": "rename", "link": "link", "linkat": "link", "unlink": "unlink", "unlinkat": "unlink",
    "openat": "create", "open": "create", "creat": "create",
}  # fmt: skip
_LINE = re.compile(r"(?:\d+ +)?(?P<name>\w+)\((?P<arguments>.*)\) = (?P<result>-?\d+)")
_DESCRIPTOR = re.compile(r"\d+<(?P<path>[^>]*)>")
_STRING = re.compile(r'"(?P<text>(?:[^"\\]|\\.)*)"')


def traced(command: Sequence[str], folder: Path, world: Path) -> list[Call]:
    """Run a command under strace and return its calls on files; those in the world are named relative to it."""
    record = world.parent / "strace"
    tool = strace()
    assert tool is not None
    watched = [tool, "-f", "-y", "-qq", "-s", "4096", "-e", f"trace={','.join(_KERNEL)}", "-o", str(record)]
    subprocess.run([*watched, *command], cwd=folder, check=True, capture_output=True)
    calls = []
    for line in record.read_text(errors="replace").splitlines():
        match = _LINE.match(line)
        if match is not None and int(match["result"]) >= 0:
            calls += _call(_KERNEL[match["name"]], match["arguments"], str(folder), f"{world}/")
    return calls


def _call(name: str, arguments: str, folder: str, prefix: str) -> list[Call]:
    if name == "create" and not ("O_CREAT" in arguments or "O_TRUNC" in arguments):
        return []
    texts = [_unescaped(match["text"]) for match in _STRING.finditer(arguments)]
    descriptors = [match["path"] for match in _DESCRIPTOR.finditer(arguments)]
    if name in ("rename", "link", "unlink", "create", "truncate"):
        paths = [text if text.startswith("/") else f"{folder}/{text}" for text in texts]
    else:
        paths = [_unescaped(each) for each in descriptors[:1]]
    if name == "rename" and "RENAME_EXCHANGE" in arguments:
        name = "exchange"
    if not paths and name != "sync":
        return []
    return [Call(name, tuple(path.removeprefix(prefix) for path in paths))]


def _unescaped(text: str) -> str:
    """Return what strace shows with C's escapes as the text that it is."""
    return (
        text.encode("latin-1", "backslashreplace").decode("unicode_escape").encode("latin-1").decode("utf-8", "replace")
    )
