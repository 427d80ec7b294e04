"""Logging in to an SSH remote with keys, agents and passwords, and which hosts are trusted."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
from pathlib import Path

import asyncssh
import pytest
from tests.storage.sftp_server import PASSPHRASE, PASSWORD, USER, SftpHost, at, opened

from siglum.core.errors import (
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    SiglumError,
    UnauthenticatedError,
    UnavailableError,
)


class TestLoggingIn:
    def test_with_a_password(self, host: SftpHost) -> None:
        for url, options in (
            (host.url("/store"), {"password": PASSWORD}),
            (f"ssh://wrong@127.0.0.1:{host.port}/store", {"password": PASSWORD, "user": USER}),
            (f"ssh://{USER}:{PASSWORD.replace(' ', '%20')}@127.0.0.1:1/store", {"port": str(host.port)}),
        ):
            remote = at(url, options)
            remote.check()
            assert PASSWORD not in remote.url
            remote.close()

    def test_with_a_key_under_a_passphrase(self, host: SftpHost) -> None:
        locked = str(host.locked_key())
        remote = at(host.url(), {"keyfile": locked, "passphrase": PASSPHRASE})
        remote.check()
        remote.close()
        with pytest.raises(InvalidInputError, match="needs a passphrase, and none is set"):
            at(host.url(), {"keyfile": locked}).check()
        with pytest.raises(InvalidInputError, match="no private key that the passphrase opens") as caught:
            at(host.url(), {"keyfile": locked, "passphrase": "wrong secret"}).check()
        assert "wrong secret" not in str(caught.value)

    def test_refused(self, host: SftpHost) -> None:
        remote = at(host.url(), {"password": "wrong secret"})
        with pytest.raises(UnauthenticatedError, match=f"127.0.0.1 does not accept the login of {USER}") as caught:
            remote.check()
        assert "siglum remote modify --local r" in str(caught.value)
        assert "wrong secret" not in f"{caught.value!r} {remote!r} {remote.__dict__!r}"
        assert host.connections == 0

    def test_a_key_file_that_is_none(self, host: SftpHost, tmp_path: Path) -> None:
        with pytest.raises(NotFoundError, match="not a file"):
            at(host.url(), {"keyfile": str(tmp_path / "none")})
        (tmp_path / "text").write_text("not a key")
        with pytest.raises(InvalidInputError, match="is not a private key"):
            at(host.url(), {"keyfile": str(tmp_path / "text")}).check()

    def test_asked_for_where_nobody_can_be(self, host: SftpHost, monkeypatch: pytest.MonkeyPatch) -> None:
        def no_terminal(prompt: str) -> str:
            raise EOFError

        monkeypatch.setattr("getpass.getpass", no_terminal)
        with pytest.raises(InvalidInputError, match="there is no terminal") as caught:
            at(host.url(), {"ask_password": "true"}).check()
        assert "siglum remote modify --local r password VALUE" in str(caught.value)

    def test_the_users_configuration_is_honoured(self, host: SftpHost) -> None:
        (host.home / ".ssh/config").write_text(
            f"Host store\n  Hostname 127.0.0.1\n  Port {host.port}\n  User {USER}\n  IdentityFile {host.client_key}\n"
        )
        remote = at("ssh://store/store", {})
        remote.check()
        remote.close()

    def test_a_jump_over_another_host(self, host: SftpHost, tmp_path: Path) -> None:
        with SftpHost(tmp_path / "jump") as jump:
            known = [(each.home / ".ssh/known_hosts").read_text() for each in (host, jump)]
            (host.home / ".ssh/known_hosts").write_text("".join(known))
            (host.home / ".ssh/config").write_text(
                f"Host store\n  Hostname 127.0.0.1\n  Port {host.port}\n  IdentityFile {host.client_key}\n"
                f"  ProxyJump {USER}@jumphost\nHost jumphost\n  Hostname 127.0.0.1\n  Port {jump.port}\n"
                f"  IdentityFile {jump.client_key}\n"
            )
            remote = at(f"ssh://{USER}@store/store", {})
            remote.check()
            remote.close()
            assert (jump.connections, host.connections) == (1, 1)

    def test_a_configuration_that_cannot_be_read(self, host: SftpHost) -> None:
        (host.home / ".ssh/config").write_text("Port many\n")
        with pytest.raises(InvalidInputError, match=r"\.ssh/config.* line 1"):
            opened(host).check()


class TestTrustingHosts:
    def test_an_unknown_host_is_refused(self, host: SftpHost) -> None:
        (host.home / ".ssh/known_hosts").unlink()
        with pytest.raises(PermissionDeniedError, match="is not known: ssh-ed25519 SHA256:") as e:
            opened(host).check()
        assert f"accept it: ssh -p {host.port} {USER}@127.0.0.1" in str(e.value)
        assert not (host.home / ".ssh/known_hosts").exists()

    @pytest.mark.parametrize("setting", ["yes", "accept-new"])
    def test_a_changed_key_is_refused(self, host: SftpHost, setting: str) -> None:
        host.host_key = asyncssh.generate_private_key("ssh-ed25519")
        host.trust()
        (host.home / ".ssh/config").write_text(f"Host *\n  StrictHostKeyChecking {setting}\n")
        before = (host.home / ".ssh/known_hosts").read_text()
        with pytest.raises(PermissionDeniedError, match="somebody may be in between") as caught:
            opened(host).check()
        assert f"ssh-keygen -R '[127.0.0.1]:{host.port}'" in str(caught.value)
        assert (host.home / ".ssh/known_hosts").read_text() == before

    def test_accept_new(self, host: SftpHost) -> None:
        known = host.home / ".ssh/known_hosts"
        known.write_text("# mine, without an end of line")
        (host.home / ".ssh/config").write_text("Host 127.0.*\n  StrictHostKeyChecking accept-new\n")
        remote = opened(host)
        remote.check()
        remote.close()
        assert known.read_text().splitlines()[0] == "# mine, without an end of line"
        (host.home / ".ssh/config").unlink()
        remote = opened(host)  # it is known from now on
        remote.check()
        remote.close()

    def test_a_new_key_that_cannot_be_noted_down(self, host: SftpHost) -> None:
        (host.home / ".ssh/config").write_text(
            f"Host *\n  StrictHostKeyChecking accept-new\n  UserKnownHostsFile {host.client_key}/known_hosts\n"
        )
        with pytest.raises(SiglumError, match="id_test: File exists") as caught:
            opened(host).check()
        assert not isinstance(caught.value, UnavailableError)

    def test_switched_off(self, host: SftpHost) -> None:
        (host.home / ".ssh/known_hosts").unlink()
        (host.home / ".ssh/config").write_text("Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n")
        remote = opened(host)
        remote.check()
        remote.close()
        assert not (host.home / ".ssh/known_hosts").exists()

    def test_a_known_hosts_file_that_cannot_be_read(self, host: SftpHost) -> None:
        (host.home / ".ssh/known_hosts").write_text("nonsense\n")
        with pytest.raises(InvalidInputError, match="known_hosts cannot be read"):
            opened(host).check()


def test_asked_for_on_the_terminal(host: SftpHost) -> None:
    """The password is asked for once, unseen, and used for every connection."""
    program = f"""
import os
os.open(os.ttyname(0), os.O_RDWR)  # a session's first terminal becomes its own
from siglum.storage.remotes import open_remote
remote = open_remote("r", {host.url()!r}, {{"ask_password": "true"}})
remote.check()
remote.check()
print("in")
"""
    terminal, theirs = pty.openpty()
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True):
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):  # how a terminal says that nobody writes to it any more
            while block := os.read(terminal, 1024):
                said += block
                if said.endswith(b": "):
                    os.write(terminal, PASSWORD.encode() + b"\n")
    os.close(terminal)
    assert said.decode().split() == [*f"The password for ssh://{USER}@127.0.0.1:{host.port}:".split(), "in"]
