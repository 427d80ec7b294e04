"""The calls by which a process changes the disk, watched from inside: recorded, counted, and made to fail.

`watch` replaces the functions of `os` (and what else reaches the disk: `open`, `syncfs`, cloning) by ones that ask an
observer first. It is meant for a forked child that ends with the command it runs: nothing is ever put back.
"""

from __future__ import annotations

import builtins
import ctypes
import errno
import fcntl
import io
import mmap
import os
import signal
import struct
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

# What changes the disk, in kill points; what only reads is its own kind, for errors.
CHANGES = (
    "rename", "replace", "link", "symlink", "unlink", "remove", "rmdir", "mkdir", "chmod", "fchmod", "truncate",
    "ftruncate", "write", "pwrite", "writev", "sendfile", "copy_file_range", "fsync", "fdatasync", "utime",
)  # fmt: skip
READS = ("read", "readv", "pread")
_WRITES = ("write", "pwrite", "writev")
_FLUSHES = ("fsync", "fdatasync", "syncfs")
_GROWS = (
    "create",
    "mkdir",
    "link",
    "symlink",
    "rename",
    "replace",
    "exchange",
    "sendfile",
    "copy_file_range",
    *_WRITES,
)


class Call(msgspec.Struct):
    """One call: its name, the paths it is about (a descriptor's path for calls on descriptors)."""

    name: str
    paths: tuple[str, ...]


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What happens at the call number `at` (from 1) among those that `among` selects.

    Kinds: `kill` (SIGKILL before the call), `tear` (half a write, then SIGKILL), `error` (the call fails with `number`;
    `for_good`: so do all that follow of the kind), `short` (half a write, which says so), `interrupt` (Ctrl-C),
    `meddle` (another program first writes `text` to both ends of the file that the call is about).
    """

    kind: str
    at: int
    among: str = "changes"
    number: int = 0
    for_good: bool = False
    text: str = ""


def selects(among: str, name: str) -> bool:
    """Whether a call belongs to a kind: `changes`, `reads`, `writes`, `flushes`, `grows`, or a call's own name."""
    if among == "changes":
        return name not in READS
    kinds = {"reads": READS, "writes": _WRITES, "flushes": _FLUSHES, "grows": _GROWS}
    return name in kinds.get(among, (among,))


class Shared:
    """What a child tells its parent, whatever becomes of it: calls seen, and the call at which the fault took place."""

    _COUNTS = struct.Struct("<QQ")

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)

    def reset(self) -> None:
        self._memory[:] = bytes(len(self._memory))

    @property
    def calls(self) -> int:
        return int(self._COUNTS.unpack_from(self._memory)[0])

    @property
    def fired(self) -> str:
        """The name and paths of the call at which the fault took place, empty when it did not."""
        length = int(self._COUNTS.unpack_from(self._memory)[1])
        return self._memory[16 : 16 + length].decode("utf-8", "replace")

    def count(self) -> int:
        number = self.calls + 1
        self._memory[:8] = struct.pack("<Q", number)
        return number

    def fire(self, call: Call) -> None:
        text = f"{call.name} {' '.join(call.paths)}".encode("utf-8", "replace")[:2000]
        self._memory[16 : 16 + len(text)] = text
        self._memory[8:16] = struct.pack("<Q", len(text))


class Observer(Protocol):
    """What is asked before each call: it may do the call itself, or make it fail."""

    def __call__(self, call: Call, perform: Callable[..., Any], arguments: tuple[Any, ...]) -> Any: ...


class Recorder:
    """Performs every call and keeps a record of it, in order of completion."""

    def __init__(self, trace: list[Call]) -> None:
        self._trace = trace

    def __call__(self, call: Call, perform: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        result = perform(*arguments)
        self._trace.append(call)
        return result


class Injector:
    """Performs every call but one (or but those from one on, for an error that stays)."""

    def __init__(self, fault: Fault, shared: Shared) -> None:
        self._fault = fault
        self._shared = shared
        self._main = os.getpid()

    def __call__(self, call: Call, perform: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        fault = self._fault
        if not selects(fault.among, call.name) or self._is_a_pipe(call):
            return perform(*arguments)
        number = self._shared.count()
        if number != fault.at and not (fault.for_good and number > fault.at):
            return perform(*arguments)
        if fault.kind == "meddle" and not os.path.isfile(call.paths[0]):
            return perform(*arguments)
        if fault.kind in ("tear", "short") and call.name != "write":
            return perform(*arguments)
        self._shared.fire(call)
        return self._happen(call, perform, arguments)

    def _happen(self, call: Call, perform: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        fault = self._fault
        if fault.kind == "error":
            raise OSError(fault.number, os.strerror(fault.number), call.paths[0] if call.paths else None)
        if fault.kind == "interrupt":
            raise KeyboardInterrupt
        if fault.kind == "meddle":
            with _real_open(call.paths[0], "r+b", buffering=0) as file:
                file.write(fault.text.encode())
                file.seek(-min(len(fault.text), os.fstat(file.fileno()).st_size), os.SEEK_END)
                file.write(fault.text.encode())
            return perform(*arguments)
        if fault.kind in ("tear", "short"):
            target, data = arguments[0], memoryview(arguments[1])
            written = perform(target, data[: (len(data) + 1) // 2])
            if fault.kind == "short":
                return written
        os.kill(self._main, signal.SIGKILL)
        os._exit(137)  # in a worker: it must not go on either

    def _is_a_pipe(self, call: Call) -> bool:
        """Whether a call is about a pipe or terminal, which no disk can fail."""
        return bool(call.paths) and (call.paths[0].startswith(("pipe:", "socket:", "/dev/pts", "/dev/null")))


def watch(observer: Observer) -> None:
    """Have every call of this process that reaches the disk go through `observer` from now on."""
    _watch_os(observer)
    _watch_open(observer)
    _watch_library(observer)
    _watch_clone(observer)


_real_open = io.open
_real_readlink = os.readlink


def _paths(name: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[str, ...]:
    count = 2 if name in ("rename", "replace", "link", "symlink") else 1
    folder = keywords.get("dir_fd")
    found = []
    for each in arguments[:count]:
        if isinstance(each, int):
            found.append(path_of_descriptor(each))
        else:
            text = os.fsdecode(each)
            if folder is not None:
                text = f"{path_of_descriptor(folder)}/{text}"
            found.append(text if name == "symlink" else os.path.abspath(text))
    return tuple(found)


def path_of_descriptor(number: int) -> str:
    """Return the path behind an open descriptor."""
    try:
        return _real_readlink(f"/proc/self/fd/{number}")
    except OSError:
        return f"descriptor:{number}"


def _watch_os(observer: Observer) -> None:
    for name in (*CHANGES, *READS):
        real = getattr(os, name, None)
        if real is not None:
            setattr(os, name, _watched(name, real, observer))
    real_open = os.open

    def opened(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if not flags & (os.O_CREAT | os.O_TRUNC):
            return real_open(path, flags, mode, dir_fd=dir_fd)
        call = Call("create", _paths("open", (path,), {"dir_fd": dir_fd}))
        result = observer(call, lambda: real_open(path, flags, mode, dir_fd=dir_fd), ())
        assert isinstance(result, int)
        return result

    os.open = opened


def _watched(name: str, real: Callable[..., Any], observer: Observer) -> Callable[..., Any]:
    def watched(*arguments: Any, **keywords: Any) -> Any:
        call = Call(name, _paths(name, arguments, keywords))
        return observer(call, lambda *given: real(*given, **keywords), arguments)

    return watched


class _WatchedFile(io.FileIO):
    """What `open` returns for writing: its writes are seen as those of `os.write` are."""

    observer: Observer
    shown: str

    def write(self, data: Any, /) -> int:
        result = type(self).observer(
            Call("write", (self.shown,)), lambda _, block: super(_WatchedFile, self).write(block), (0, data)
        )
        assert isinstance(result, int)
        return result


def _watch_open(observer: Observer) -> None:
    _WatchedFile.observer = observer

    def opened(file: Any, mode: str = "r", buffering: int = -1, encoding: Any = None, errors: Any = None,
               newline: Any = None, closefd: bool = True, opener: Any = None) -> Any:  # fmt: skip
        if isinstance(file, int) or not set(mode) & set("wxa+") or opener is not None:
            return _real_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
        path = os.path.abspath(os.fsdecode(file))
        raw = observer(Call("create", (path,)), lambda: _WatchedFile(file, mode.replace("b", "").replace("t", "")), ())
        raw.shown = path
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline)

    builtins.open = opened
    io.open = opened


def _watch_library(observer: Observer) -> None:
    """Watch what Siglum calls in the C library itself."""
    real_library = ctypes.CDLL

    class Library:
        """The C library, of which two functions are watched."""

        def __init__(self, *arguments: Any, **keywords: Any) -> None:
            self._library = real_library(*arguments, **keywords)

        def __getattr__(self, name: str) -> Any:
            function = getattr(self._library, name)
            return _Foreign(name, function, observer) if name in _FOREIGN_PATHS else function

    ctypes.CDLL = Library  # type: ignore[misc, assignment]


_FOREIGN_PATHS: dict[str, Callable[..., tuple[str, ...]]] = {
    "syncfs": lambda descriptor: (path_of_descriptor(descriptor),),
    "renameat2": lambda _1, old, _2, new, _3: (os.path.abspath(os.fsdecode(old)), os.path.abspath(os.fsdecode(new))),
}
_EXCHANGE = 2  # the flag of renameat2


class _Foreign:
    """A function of the C library that is watched; it fails as such functions do."""

    _name: str
    _function: Any
    _observer: Observer

    def __init__(self, name: str, function: Any, observer: Observer) -> None:
        self.__dict__.update(_name=name, _function=function, _observer=observer)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._function, name, value)

    def __call__(self, *arguments: Any) -> int:
        name = self._name
        if name == "renameat2":
            name = "exchange" if arguments[4] & _EXCHANGE else "rename"
        call = Call(name, _FOREIGN_PATHS[self._name](*arguments))
        try:
            result = self._observer(call, self._perform, arguments)
        except OSError as error:
            ctypes.set_errno(error.errno or errno.EIO)
            return -1
        assert isinstance(result, int)
        return result

    def _perform(self, *arguments: Any) -> int:
        result = self._function(*arguments)
        if result != 0:
            raise OSError(ctypes.get_errno(), "in the C library")
        return 0


def _watch_clone(observer: Observer) -> None:
    real = fcntl.ioctl

    def ioctl(*arguments: Any) -> Any:
        return observer(Call("clone", (path_of_descriptor(arguments[0]),)), real, arguments)

    fcntl.ioctl = ioctl
