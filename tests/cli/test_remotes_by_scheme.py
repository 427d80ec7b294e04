"""The whole way of data over remotes of each scheme, as a user goes it: add, push, lose the cache, pull."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.cli.quick import QuickProject
from tests.storage.azure_server import KEY, AzureServer
from tests.storage.gcs_server import GcsServer
from tests.storage.sftp_server import PASSWORD, USER, SftpHost
from tests.workspace.data_project import DataProject

from siglum.cli import app
from siglum.storage.remotes import http_session

SCHEMES = ("ssh", "gs", "azure")


class Project(DataProject):
    """A project whose commands run in this process, which is quicker, unless `run` is asked for another."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        super().__init__(root)
        self._capsys = capsys

    def done(self, *arguments: str) -> str:
        self._capsys.readouterr()
        status = app.run(list(arguments))
        said = self._capsys.readouterr()
        assert (status, said.err) == (0, "")
        return said.out

    def fails(self, *arguments: str, status: int = 1, file_limit: int | None = None) -> str:
        self._capsys.readouterr()
        assert app.run(list(arguments)) == status
        said = self._capsys.readouterr().err
        assert said.startswith("error: ")
        assert said.count("\n") == 1
        return said


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Project:
    """A repository with a file and a folder, whose names are odd."""
    for name in list(os.environ):
        if name.startswith(("GOOGLE_", "AZURE_", "STORAGE_", "SSH_")):
            monkeypatch.delenv(name)
    made = Project(tmp_path / "project", capsys)
    monkeypatch.chdir(made.root)
    made.write({"f ü": "file", "d/a": "one", "d/sub/new\nline": "two", "d/empty": ""})
    made.done("add", "f ü", "d")
    made.commit()
    return made


@contextmanager
def served(scheme: str, project: Project) -> Iterator[str]:
    """Serve a remote of a scheme, and configure it as the default of a project; yield a secret that it needs."""
    folder = project.root.parent
    if scheme == "ssh":
        with SftpHost(folder) as host:
            ssh = Path(os.environ["HOME"]) / ".ssh"
            shutil.copytree(host.home / ".ssh", ssh)
            project.done("remote", "add", "-d", "far", "ssh://127.0.0.1/store")
            project.done("remote", "modify", "far", "port", str(host.port))
            project.done("remote", "modify", "far", "user", USER)
            project.done("remote", "modify", "--local", "far", "password", PASSWORD)
            yield PASSWORD
    elif scheme == "gs":
        with GcsServer(["bucket"]) as gcs:
            project.done("remote", "add", "-d", "far", "gs://bucket/path")
            project.done("remote", "modify", "far", "endpointurl", gcs.url)
            project.done("remote", "modify", "--local", "far", "credentialpath", gcs.write_key(folder))
            yield "BEGIN PRIVATE KEY"
    else:
        with AzureServer(["bucket"]) as azure:
            project.done("remote", "add", "-d", "far", "azure://bucket/path")
            project.done("remote", "modify", "--local", "far", "connection_string", azure.connection_string())
            yield KEY


@pytest.mark.parametrize("scheme", SCHEMES)
def test_there_and_back(scheme: str, project: Project) -> None:
    with served(scheme, project) as secret:
        new = json.loads(project.done("status", "-c", "--json"))
        assert set(new.values()) == {"new"}
        assert project.done("push").startswith("Sent 5 objects")
        assert project.done("push") == "Everything is up to date.\n"
        assert project.done("status", "-c") == "Cache and remote 'far' are in sync.\n"
        before = project.state()
        shutil.rmtree(project.root / ".dvc/cache")
        for name in ("f ü", "d"):
            path = project.root / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        assert set(json.loads(project.done("status", "-c", "--json")).values()) == {"deleted"}
        ended = project.run("pull")  # in a process of its own, which must end without a word too many
        assert (ended.status, ended.err) == (0, "")
        assert project.state() == before
        assert project.done("status", "--json") == "{}\n"
        shown = [project.done(*command) for command in (["remote", "list"], ["config", "-l"], ["push", "--json"])]
        assert secret not in "".join(shown)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_is_wrong_is_one_line_without_secrets(scheme: str, project: Project) -> None:
    with served(scheme, project) as secret:
        project.done("push")
        project.done("remote", "modify", "far", "version_aware", "true")
        assert f"sets version_aware, which Siglum does not support for {scheme}://" in project.fails("push")
        project.done("remote", "modify", "-u", "far", "version_aware")
        if scheme == "ssh":
            project.done("remote", "modify", "--local", "far", "password", f"{secret}!")
        elif scheme == "gs":
            key_file = project.root.parent / "service-account.json"
            key_file.write_text(key_file.read_text().replace("key-1", "key-2"))
        else:
            settings = project.root / ".dvc/config.local"
            settings.write_text(settings.read_text().replace(KEY, "d3JvbmcgNDcxMQ=="))
        said = project.fails("push")
        assert secret not in said
        assert "'far'" in said


def test_schemes_that_siglum_does_not_have_are_named(project: Project) -> None:
    for scheme in ("webdav", "hdfs", "oss", "gdrive"):
        project.done("remote", "add", "-f", "-d", "far", f"{scheme}://host/path")
        said = project.fails("push")
        assert f"does not have remotes of type {scheme}://" in said
        assert "There are folders and http://, https://, s3://, gs://, azure://, ssh://." in said


@pytest.mark.parametrize(
    "url", ["ssh://me:{0}@127.0.0.1:1/x", "http://127.0.0.1:1/x?sig={0}&v=1", "http://me:{0}@127.0.0.1:1/x?token={0}"]
)
def test_what_gives_access_is_not_shown(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_session, "_ATTEMPTS", 1)
    project = QuickProject(tmp_path / "project")
    project.write({"f": "1"})
    project.done("add", "f")
    address = url.format("hunter2")
    project.done("remote", "add", "-d", "r", address)
    for line in (["get-url", address], ["import-url", address, "y"], ["list-url", address], ["fetch"], ["push"]):
        ended = project.run(*line, "-v")
        assert "hunter2" not in ended.out + ended.err, line
    for line in (["remote", "list"], ["config", "-l"]):
        for more in ([], ["--json"]):
            assert "hunter2" not in project.done(*line, *more)
            assert "***" in project.done(*line, *more)
