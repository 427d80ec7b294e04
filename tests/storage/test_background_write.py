"""Large files: what is hashed is what is written, in order, and a failed write is never taken for a good one."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from hashlib import md5
from pathlib import Path

import pytest

from siglum.storage.background_write import BLOCK, hash_and_write


@pytest.fixture
def target(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path / "target", os.O_WRONLY | os.O_CREAT, 0o644)
    yield fd
    os.close(fd)


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, 9 * BLOCK + 17])
def test_the_bytes_written_are_those_hashed(tmp_path: Path, target: int, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "source").write_bytes(data)
    hasher = md5()
    fd = os.open(tmp_path / "source", os.O_RDONLY)
    try:
        assert hash_and_write(fd, hasher.update, target) == size
    finally:
        os.close(fd)
    assert (tmp_path / "target").read_bytes() == data
    assert hasher.hexdigest() == md5(data).hexdigest()


@pytest.mark.parametrize("refused", ["at the start", "in the middle", "short"])
def test_a_disk_that_cannot_go_past_the_page_cache(
    tmp_path: Path, target: int, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    real_write, real_fcntl, blocks = os.write, fcntl.fcntl, []

    def is_direct() -> bool:
        return bool(real_fcntl(target, fcntl.F_GETFL) & os.O_DIRECT)

    def write(fd: int, data: memoryview) -> int:
        if fd == target and is_direct():
            blocks.append(len(data))
            if refused == "short":
                return real_write(fd, bytes(data[: mmap.PAGESIZE])) if is_aligned(data) else invalid()
            if len(blocks) > 1:
                return invalid()
        return real_write(fd, data)

    def is_aligned(data: memoryview) -> bool:
        return len(data) == BLOCK

    def invalid() -> int:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    def refusing(fd: int, command: int, argument: int = 0) -> int:
        if refused == "at the start" and command == fcntl.F_SETFL and argument & os.O_DIRECT:
            invalid()
        return real_fcntl(fd, command, argument)

    monkeypatch.setattr(os, "write", write)
    monkeypatch.setattr(fcntl, "fcntl", refusing)
    data = os.urandom(3 * BLOCK + 5)
    (tmp_path / "source").write_bytes(data)
    source = os.open(tmp_path / "source", os.O_RDONLY)
    try:
        assert hash_and_write(source, lambda block: None, target) == len(data)
    finally:
        os.close(source)
    monkeypatch.undo()
    assert not is_direct()
    assert (tmp_path / "target").read_bytes() == data


def test_a_write_that_fails_is_raised(tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk; in a process of its own, since it holds for all files."""
    program = f"""
import os, resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({BLOCK * 3}, {BLOCK * 3}))
from siglum.storage.background_write import hash_and_write
source = os.open("/dev/zero", os.O_RDONLY)
target = os.open({str(tmp_path / "target")!r}, os.O_WRONLY | os.O_CREAT, 0o644)
try:
    hash_and_write(source, lambda block: None, target)
except OSError as error:
    print(error.strerror)
"""
    assert hasattr(resource, "RLIMIT_FSIZE")
    assert hasattr(signal, "SIGXFSZ")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "File too large\n"


def test_an_error_of_the_caller_ends_the_thread(target: int) -> None:
    def failing(_block: memoryview) -> None:
        raise KeyError

    threads = threading.active_count()
    source = os.open("/dev/zero", os.O_RDONLY)
    try:
        with pytest.raises(KeyError):
            hash_and_write(source, failing, target)
    finally:
        os.close(source)
    assert threading.active_count() == threads
