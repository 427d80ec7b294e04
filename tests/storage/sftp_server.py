"""An SFTP server in this process, asyncssh's own, with real keys and real files, that misbehaves when told to."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import asyncssh

from siglum.storage.remotes import open_remote
from siglum.storage.remotes.ssh import SshRemote

USER = "data"
PASSWORD = "open sesame 4711"
PASSPHRASE = "mellon 4711"


class SftpHost:
    """A host on a free port of 127.0.0.1 that serves the folder `root`. Use it as a context manager.

    `client_key` is a file with the private key that may log in; `home` a folder that has its host key in
    `.ssh/known_hosts`, to be set as HOME. What is in `faults` happens; each that took place is counted in `happened`.
    """

    def __init__(self, folder: Path) -> None:
        self.root = folder / "host"
        self.root.mkdir(parents=True)
        self.home = folder / "sftp-home"
        (self.home / ".ssh").mkdir(parents=True)
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        key = asyncssh.generate_private_key("ssh-ed25519")
        self.client_key = folder / "id_test"
        key.write_private_key(self.client_key)
        self.client_key.chmod(0o600)
        self._key = key
        self._folder = folder
        self._authorized = asyncssh.import_authorized_keys(key.export_public_key().decode())
        self.faults: dict[str, int] = {}
        self.happened: dict[str, int] = {}
        self.requests: dict[str, int] = {}
        self.connections = 0
        self.port = 0
        self.sftp = True
        self.interrupted: Callable[[], None] = lambda: None
        self.files: list[Any] = []
        self._open: list[asyncssh.SSHServerConnection] = []

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="sftp-host", daemon=True)
        self._thread.start()
        self.start()
        self.trust()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        for file in self.files:
            file.close()

    def start(self) -> None:
        """Accept connections, on the same port as before. Without `sftp`, that is all they are good for."""
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)

    def stop(self) -> None:
        """Cut all connections and accept no more."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)

    def trust(self) -> None:
        """Have known_hosts name this host's key."""
        key = self.host_key.export_public_key().decode()
        (self.home / ".ssh/known_hosts").write_text(f"[127.0.0.1]:{self.port} {key}")

    def locked_key(self) -> Path:
        """Return a file with the same key, under a passphrase."""
        path = self._folder / "id_locked"
        self._key.write_private_key(path, "pkcs8-pem", passphrase=PASSPHRASE)
        path.chmod(0o600)
        return path

    def url(self, path: str = "/store") -> str:
        return f"ssh://{USER}@127.0.0.1:{self.port}{path}"

    def take(self, fault: str) -> bool:
        """Whether a fault is due now: each is due as often as `faults` says."""
        if self.faults.get(fault, 0) <= 0:
            return False
        self.faults[fault] -= 1
        self.happened[fault] = self.happened.get(fault, 0) + 1
        return True

    @contextmanager
    def fault(self, name: str, times: int = 1) -> Iterator[None]:
        """Have a fault happen in a block, and hold that it did."""
        before = self.happened.get(name, 0)
        self.faults[name] = times
        yield
        self.faults.pop(name)
        assert self.happened.get(name, 0) > before, f"{name} did not happen"

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    async def _start(self) -> None:
        self._acceptor = await asyncssh.create_server(
            lambda: _Door(self),
            "127.0.0.1",
            self.port,
            server_host_keys=[self.host_key],
            sftp_factory=(lambda channel: _Files(channel, self)) if self.sftp else None,
            reuse_address=True,
        )
        self.port = self._acceptor.get_port()

    async def _stop(self) -> None:
        self._acceptor.close()
        self.cut()
        await self._acceptor.wait_closed()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def cut(self) -> None:
        for connection in self._open:
            connection.abort()
        self._open.clear()

    def admitted(self, connection: asyncssh.SSHServerConnection) -> None:
        self.connections += 1
        self._open.append(connection)

    @property
    def authorized(self) -> Any:
        return self._authorized


class _Door(asyncssh.SSHServer):
    """Lets in who has the key or the password."""

    def __init__(self, host: SftpHost) -> None:
        self._host = host

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        if self._host.take("hang up at once"):
            conn.abort()

    def begin_auth(self, username: str) -> bool:
        self._connection.set_authorized_keys(self._host.authorized)
        return True

    def auth_completed(self) -> None:
        self._host.admitted(self._connection)

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return username == USER and password == PASSWORD

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        return True  # a jump host


class _Files(asyncssh.SFTPServer):
    """Real files below the host's root."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], host: SftpHost) -> None:
        super().__init__(channel, chroot=str(host.root).encode())
        self._host = host
        self._channel = channel

    def _count(self, request: str) -> None:
        self._host.requests[request] = self._host.requests.get(request, 0) + 1

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        host = self._host
        self._count("write")
        if host.take("disk full"):
            raise OSError(errno.ENOSPC, "No space left on device")
        if host.take("some failure"):
            raise asyncssh.SFTPFailure("Failure")
        if offset >= 1 << 20 and host.take("cut while writing"):
            host.cut()
        if offset >= 1 << 20 and host.take("interrupt"):
            host.interrupted()
        if host.take("stall"):
            await asyncio.sleep(3600)
        return super().write(file_obj, offset, data)  # type: ignore[return-value]  # synchronous in this class

    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        host = self._host
        self._count("read")
        if offset >= 1 << 20 and host.take("cut while reading"):
            host.cut()
        if host.take("short body"):
            return b""
        data: bytes = super().read(file_obj, offset, size)  # type: ignore[assignment]  # as above
        if host.take("wrong body"):
            return bytes(len(data))
        return data

    def stat(self, path: bytes) -> Any:
        self._count("stat")
        return super().stat(path)

    def scandir(self, path: bytes) -> Any:
        self._count("scandir")
        return super().scandir(path)

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        self._count("open")
        if self._host.take("not allowed"):
            raise asyncssh.SFTPPermissionDenied("Permission denied")
        file = super().open(path, pflags, attrs)
        self._host.files.append(file)
        return file

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> Any:
        self._count("rename")
        if self._host.take("no posix-rename"):
            raise asyncssh.SFTPOpUnsupported("Unsupported")
        answer = super().posix_rename(oldpath, newpath)
        if self._host.take("cut after rename"):
            self._host.cut()
        return answer

    def fsync(self, file_obj: object) -> Any:
        self._count("fsync")
        if self._host.take("no fsync"):
            raise asyncssh.SFTPOpUnsupported("Unsupported")
        os.fsync(file_obj.fileno())  # type: ignore[attr-defined]  # a file of the standard library
        return None


def opened(host: SftpHost, path: str = "/store", **options: str) -> SshRemote:
    """Return a remote on a host, logged in with its key."""
    return at(host.url(path), {"keyfile": str(host.client_key)} | options)


def at(url: str, options: dict[str, str]) -> SshRemote:
    """Return the remote at a URL."""
    made = open_remote("r", url, options)
    assert isinstance(made, SshRemote)
    return made
