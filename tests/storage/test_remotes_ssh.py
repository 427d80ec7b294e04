"""The SSH remote against asyncssh's SFTP server: the contract, and what goes wrong."""

from __future__ import annotations

import gc
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.storage.sftp_server import SftpHost, at, opened

from siglum.core.errors import (
    IntegrityError,
    InvalidInputError,
    NotSupportedError,
    PermissionDeniedError,
    SiglumError,
    StorageFullError,
    UnavailableError,
)
from siglum.storage.remotes import open_remote, ssh_connection
from siglum.storage.remotes.base import Download, Upload
from siglum.storage.remotes.ssh import SshRemote
from siglum.testing.remotes import BulkRemoteContract


@pytest.fixture
def remote(host: SftpHost) -> Iterator[SshRemote]:
    made = opened(host)
    yield made
    made.close()


def written(folder: Path, data: bytes) -> tuple[str, str, str]:
    """Write a file; return its path, its hash and its key."""
    oid = hashlib.md5(data, usedforsecurity=False).hexdigest()
    path = folder / f"source-{oid}"
    path.write_bytes(data)
    return str(path), oid, f"files/md5/{oid[:2]}/{oid[2:]}"


def files_of(host: SftpHost) -> list[str]:
    return sorted(str(path.relative_to(host.root)) for path in host.root.rglob("*") if path.is_file())


class TestSshRemote(BulkRemoteContract):
    @pytest.fixture
    def remote(self, host: SftpHost) -> Iterator[SshRemote]:
        made = opened(host)
        yield made
        made.close()


def test_a_folder_that_is_not_there_is_made_by_the_first_put(host: SftpHost, tmp_path: Path) -> None:
    remote = opened(host, "/new/below")
    source, oid, key = written(tmp_path, b"x")
    with pytest.raises(UnavailableError, match="/new/below is not a folder on 127"):
        remote.check()
    assert remote.exists([key]) == set()
    with pytest.raises(UnavailableError, match="is not a folder"):
        remote.get(key, str(tmp_path / "target"), oid)
    remote.put(source, key, oid)
    remote.check()
    assert files_of(host) == [f"new/below/{key}"]
    remote.close()


def test_existence_is_asked_for_each_of_few_and_listed_for_many(
    host: SftpHost, remote: SshRemote, tmp_path: Path
) -> None:
    source, oid, key = written(tmp_path, b"there")
    remote.put(source, key, oid)
    host.requests.clear()
    assert remote.exists([key, f"files/md5/00/{'0' * 30}"]) == {key}
    assert (host.requests["stat"], "scandir" in host.requests) == (2, False)
    host.requests.clear()
    absent = [f"files/md5/{n % 10:02x}/{n:030x}" for n in range(1000)]
    assert remote.exists([key, *absent]) == {key}
    assert host.requests.get("stat", 0) == 0
    assert host.requests["scandir"] <= 1 + len({name.rpartition("/")[0] for name in [key, *absent]})


def test_few_keys_in_folders_that_hold_many_are_not_listed(host: SftpHost, remote: SshRemote) -> None:
    full = host.root / "store/files/md5/00"
    full.mkdir(parents=True)
    for n in range(100):
        (full / f"{n:030x}").touch()
    there = [f"files/md5/00/{n:030x}" for n in range(3)]
    assert remote.exists([*there, *(f"files/md5/{n:02x}/{n:030x}" for n in range(1, 70))]) == set(there)
    assert (host.requests["scandir"], host.requests["stat"]) == (1, 72)


def test_uploads_in_progress_are_not_listed(host: SftpHost, remote: SshRemote) -> None:
    folder = host.root / "store/files/md5/ab"
    folder.mkdir(parents=True)
    (folder / f".{'x' * 22}.tmp").write_text("half")
    (folder / ("c" * 30)).write_text("whole")
    assert list(remote.list("")) == [f"files/md5/ab/{'c' * 30}"]


def test_a_key_cannot_lead_out_of_the_folder(remote: SshRemote, tmp_path: Path) -> None:
    source, oid, _ = written(tmp_path, b"x")
    for key in ("../x", "a//b", "/etc/passwd", "a/./b", "", "a\0b"):
        with pytest.raises(InvalidInputError):
            remote.put(source, key, oid)


def test_many_at_once_over_few_connections(host: SftpHost, remote: SshRemote, tmp_path: Path) -> None:
    items = [written(tmp_path, b"%d" % n) for n in range(80)]
    assert remote.put_many([Upload(path, key, oid) for path, oid, key in items]) == [len(str(n)) for n in range(80)]
    assert host.connections <= 4
    assert host.requests["fsync"] == host.requests["rename"] == 80
    targets = [str(tmp_path / f"target-{n}") for n in range(80)]
    remote.get_many([Download(key, target, oid) for (_, oid, key), target in zip(items, targets, strict=True)])
    assert [Path(target).read_bytes() for target in targets] == [b"%d" % n for n in range(80)]


def test_max_sessions_is_kept(host: SftpHost, tmp_path: Path) -> None:
    remote = opened(host, max_sessions="1")
    remote.put_many([Upload(path, key, oid) for path, oid, key in (written(tmp_path, b"%d" % n) for n in range(60))])
    assert host.connections == 1
    remote.close()


@pytest.mark.parametrize("fault", ["cut while writing", "cut after rename"])
def test_an_upload_goes_on_after_the_connection_was_cut(
    host: SftpHost, remote: SshRemote, tmp_path: Path, fault: str
) -> None:
    data = os.urandom(5 << 20)
    source, oid, key = written(tmp_path, data)
    with host.fault(fault):
        assert remote.put(source, key, oid) == len(data)
    assert (host.root / "store" / key).read_bytes() == data
    assert files_of(host) == [f"store/{key}"]
    if fault == "cut while writing":  # and what had arrived was not sent again, but for the chunks under way
        assert host.requests["write"] <= (len(data) >> 15) + 160


def test_a_download_goes_on_after_the_connection_was_cut(host: SftpHost, remote: SshRemote, tmp_path: Path) -> None:
    data = os.urandom(5 << 20)
    source, oid, key = written(tmp_path, data)
    remote.put(source, key, oid)
    with host.fault("cut while reading"):
        assert remote.get(key, str(tmp_path / "target"), oid) == len(data)
    assert (tmp_path / "target").read_bytes() == data


def test_a_server_that_hangs_up_at_first_is_asked_again(host: SftpHost, remote: SshRemote) -> None:
    with host.fault("hang up at once", 2):
        remote.check()


def test_a_stalled_server_is_noticed(host: SftpHost, tmp_path: Path) -> None:
    remote = opened(host, timeout="1")
    source, oid, key = written(tmp_path, b"x" * 100)
    with host.fault("stall", 1):
        assert remote.put(source, key, oid) == 100
    with host.fault("stall", 2), pytest.raises(UnavailableError, match="did not answer within 1 second"):
        remote.put(source, key, oid)
    remote.close()


@pytest.mark.parametrize("fault", ["short body", "wrong body"])
@pytest.mark.parametrize("size", [100, 3 << 20])
def test_what_comes_damaged_is_not_accepted(
    host: SftpHost, remote: SshRemote, tmp_path: Path, fault: str, size: int
) -> None:
    source, oid, key = written(tmp_path, os.urandom(size))
    remote.put(source, key, oid)
    for wanted in (oid, None) if fault == "short body" else (oid,):
        with host.fault(fault, 1000), pytest.raises(IntegrityError, match=key):
            remote.get(key, str(tmp_path / "target"), wanted)
        assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("size", [100, 3 << 20])
def test_a_full_disk_there(host: SftpHost, remote: SshRemote, tmp_path: Path, size: int) -> None:
    source, oid, key = written(tmp_path, os.urandom(size))
    with host.fault("disk full"), pytest.raises(StorageFullError, match="no room left"):
        remote.put(source, key, oid)
    assert files_of(host) == []


def test_a_failure_that_the_server_does_not_explain(host: SftpHost, remote: SshRemote, tmp_path: Path) -> None:
    source, oid, key = written(tmp_path, b"x")
    with host.fault("some failure"), pytest.raises(SiglumError, match=f"Remote 'r': /store/{key}: Failure") as caught:
        remote.put(source, key, oid)
    assert not isinstance(caught.value, StorageFullError | UnavailableError)
    assert files_of(host) == []


def test_missing_rights(host: SftpHost, remote: SshRemote, tmp_path: Path) -> None:
    source, oid, key = written(tmp_path, b"x")
    with host.fault("not allowed"), pytest.raises(PermissionDeniedError, match=f"permission denied: /store/{key}"):
        remote.put(source, key, oid)
    remote.put(source, key, oid)
    with host.fault("not allowed"), pytest.raises(PermissionDeniedError, match="permission denied"):
        remote.get(key, str(tmp_path / "target"), oid)
    assert not (tmp_path / "target").exists()


def test_a_server_without_extensions(host: SftpHost, remote: SshRemote, tmp_path: Path) -> None:
    source, oid, key = written(tmp_path, b"x")
    for _ in range(2):
        with host.fault("no posix-rename"), host.fault("no fsync"):
            assert remote.put(source, key, oid) == 1
    assert files_of(host) == [f"store/{key}"]


def test_a_source_that_changes_is_not_sent(host: SftpHost, remote: SshRemote, tmp_path: Path) -> None:
    outcomes = remote.put_many([Upload(str(tmp_path / "gone"), "files/md5/aa/b", "a" * 32)])
    assert isinstance(outcomes[0], FileNotFoundError)
    source, _, key = written(tmp_path, os.urandom(3 << 20))
    with pytest.raises(IntegrityError):
        remote.put(source, key, "0" * 32)
    assert files_of(host) == []


def test_an_existing_target_is_left_alone(host: SftpHost, remote: SshRemote, tmp_path: Path) -> None:
    source, oid, key = written(tmp_path, b"x")
    remote.put(source, key, oid)
    (tmp_path / "target").write_text("mine")
    with pytest.raises(FileExistsError):
        remote.get(key, str(tmp_path / "target"), oid)
    assert (tmp_path / "target").read_text() == "mine"


def test_nobody_listens(host: SftpHost) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        remote = at(f"ssh://127.0.0.1:{unused.getsockname()[1]}/x", {})
        with pytest.raises(UnavailableError, match=r"^Remote 'r' is not there: 127\.0\.0\.1:\d+ refuses connections"):
            remote.check()
    with pytest.raises(UnavailableError, match="is not the name of a host"):
        at("ssh://no-such-host.invalid/x", {}).check()


def test_the_server_dies_and_comes_back(host: SftpHost, remote: SshRemote, tmp_path: Path) -> None:
    source, oid, key = written(tmp_path, b"x")
    remote.put(source, key, oid)
    host.stop()
    with pytest.raises(UnavailableError, match="refuses connections"):
        remote.exists([key])
    host.start()
    assert remote.exists([key]) == {key}


def test_tasks_that_lost_a_server_do_not_each_knock(host: SftpHost, remote: SshRemote, tmp_path: Path) -> None:
    """Of sixty-four requests that find nobody there, few try to connect: servers lock out who knocks too often."""
    keys = [f"files/md5/{n:02x}/{n:030x}" for n in range(64)]
    assert remote.exists(keys) == set()
    host.cut()
    with host.fault("hang up at once", 1000), pytest.raises(UnavailableError):
        remote.exists(keys)
    assert host.happened["hang up at once"] <= 3 * (1 + len(ssh_connection.PAUSES))


@pytest.mark.parametrize(
    ("url", "options", "kind", "said"),
    [
        ("ssh://host/x", {"type": "hardlink"}, NotSupportedError, "sets type, which"),
        ("ssh://host/x", {"version_aware": "true"}, NotSupportedError, "sets version_aware, which"),
        ("ssh://host/x", {"port": "many"}, InvalidInputError, "port should be a number from 1 to 65535"),
        ("ssh://host/x", {"timeout": "0"}, InvalidInputError, "timeout should be"),
        ("ssh://host/x", {"gss_auth": "maybe"}, InvalidInputError, "gss_auth should be 'true' or 'false'"),
        ("ssh:///x", {}, InvalidInputError, "does not name a host"),
        ("ssh://host:secret/x", {}, InvalidInputError, "does not name a host"),
        ("ssh://-oProxyCommand=x/x", {}, InvalidInputError, "does not name a host"),
    ],
)
def test_options_and_urls_that_cannot_be(url: str, options: dict[str, str], kind: type[SiglumError], said: str) -> None:
    with pytest.raises(kind, match=said) as caught:
        at(url, options)
    assert "secret" not in str(caught.value)


def test_without_asyncssh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    with pytest.raises(NotSupportedError, match=r"pip install 'siglum\[ssh\]'"):
        open_remote("r", "ssh://host/path")


def test_gss_needs_its_package(host: SftpHost) -> None:
    with pytest.raises(NotSupportedError, match="gss_auth, and the package gssapi is not installed"):
        opened(host, gss_auth="true").check()


def test_a_host_without_sftp(host: SftpHost, remote: SshRemote) -> None:
    host.stop()
    host.sftp = False
    host.start()
    with pytest.raises(UnavailableError, match="does not offer SFTP"):
        remote.check()


def test_ctrl_c_leaves_nothing_half_done(host: SftpHost, tmp_path: Path) -> None:
    """A process that is interrupted in the middle of an upload removes what it began, and says nothing."""
    source, oid, key = written(tmp_path, os.urandom(8 << 20))
    program = f"""
from siglum.storage.remotes import open_remote
remote = open_remote("r", {host.url()!r}, {{"keyfile": {str(host.client_key)!r}}})
try:
    remote.put({source!r}, {key!r}, {oid!r})
except KeyboardInterrupt:
    print("interrupted")
"""
    with host.fault("interrupt"):
        child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        host.interrupted = lambda: child.send_signal(signal.SIGINT)
        said, _ = child.communicate(timeout=60)
    assert said == b"interrupted\n"
    assert files_of(host) == []


def test_opening_and_closing_leaves_no_thread_and_no_descriptor(host: SftpHost) -> None:
    opened(host).check()
    host.stop()  # its own ends of the connections are closed then, too
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    host.start()
    for _ in range(5):
        opened(host).check()
        gc.collect()  # closed when nothing refers to it any more
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("siglum-ssh")] == []
    host.stop()
    assert len(os.listdir("/proc/self/fd")) <= before
    host.start()
