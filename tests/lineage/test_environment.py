"""What is captured of the environment, and what its digest covers."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import socket
import sys
import zipfile
from pathlib import Path

import msgspec
import pytest

from siglum.lineage.environment import capture_environment, environment_digest
from siglum.lineage.packages import Package, installed_packages, without_credentials


def install(folder: Path, name: str, version: str, direct_url: str | None = None) -> None:
    """Put the metadata of a distribution into a folder, as an installer does."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nName: not this\n")
    if direct_url is not None:
        (info / "direct_url.json").write_text(direct_url)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", [str(tmp_path / "first"), str(tmp_path / "second")])
    return tmp_path


def test_packages_by_name_the_first_on_the_path_wins(site: Path) -> None:
    install(site / "first", "Some.Package_X", "1.0")
    install(site / "second", "some-package-x", "2.0")
    install(site / "second", "other", "3")
    (site / "second" / "broken-1.dist-info").mkdir()
    assert installed_packages() == (Package("other", "3"), Package("some-package-x", "1.0"))


def test_a_newly_installed_package_is_seen(site: Path) -> None:
    install(site / "first", "a", "1")
    assert installed_packages() == (Package("a", "1"),)
    install(site / "first", "b", "1")
    assert installed_packages() == (Package("a", "1"), Package("b", "1"))


def test_where_packages_came_from(site: Path) -> None:
    install(site / "first", "mine", "1", '{"url": "file:///home/me/mine", "dir_info": {"editable": true}}')
    vcs = '{"url": "https://me:secret@host/r.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}'
    install(site / "first", "ours", "2", vcs)
    install(site / "first", "odd", "3", "not json")
    assert installed_packages() == (
        Package("mine", "1", "file:///home/me/mine", editable=True),
        Package("odd", "3"),
        Package("ours", "2", "https://host/r.git@abc"),
    )


def test_this_process() -> None:
    environment = capture_environment({"OMP_NUM_THREADS": "1", "AWS_SECRET_ACCESS_KEY": "hidden", "TZ": ""})
    assert environment.python == platform.python_version()
    assert environment.variables == {"OMP_NUM_THREADS": "1"}
    by_name = {package.name: package.version for package in environment.packages}
    assert by_name["msgspec"] == msgspec.__version__
    text = msgspec.json.encode(environment).decode()
    assert "hidden" not in text
    assert f'"{socket.gethostname()}"' not in text
    assert msgspec.json.decode(text, type=type(environment)) == environment


def test_variables_that_were_asked_for() -> None:
    environ = {"SLURM_JOB_ID": "7", "SLURM_TOKEN": "0123456789abcdef", "OTHER": "x", "DATABASE": "pg://me:pw@host/x"}
    found = capture_environment(environ, ("SLURM_*", "DATABASE", "NOT_SET")).variables
    assert found == {"SLURM_JOB_ID": "7", "SLURM_TOKEN": "<masked>", "DATABASE": "pg://me:<masked>@host/x"}


def test_the_same_packages_as_the_standard_library_finds() -> None:
    there = {re.sub(r"[-_.]+", "-", each.name).lower(): each.version for each in importlib.metadata.distributions()}
    assert {package.name: package.version for package in installed_packages()} == there


def test_what_older_tools_installed_and_what_is_in_an_archive(site: Path) -> None:
    egg = site / "first" / "old_one.egg-info"
    egg.mkdir(parents=True)
    (egg / "PKG-INFO").write_text("Name: old.one\nVersion: 1\n")
    install(site / "first", "beside", "2")
    with zipfile.ZipFile(site / "second", "w") as archive:
        archive.writestr("packed-3.dist-info/METADATA", "Name: packed\nVersion: 3\n")
    assert installed_packages() == (Package("beside", "2"), Package("old-one", "1"), Package("packed", "3"))


def test_what_the_digest_covers() -> None:
    packages = (Package("a", "1"), Package("b", "2"))
    digest = environment_digest(packages, "3.11.7", "linux-x86_64")
    assert digest == environment_digest(packages[::-1], "3.11.7", "linux-x86_64")
    for other in (
        environment_digest((Package("a", "1"), Package("b", "3")), "3.11.7", "linux-x86_64"),
        environment_digest((*packages, Package("c", "1")), "3.11.7", "linux-x86_64"),
        environment_digest((Package("a", "1"), Package("b", "2", "https://x@abc")), "3.11.7", "linux-x86_64"),
        environment_digest(packages, "3.11.8", "linux-x86_64"),
        environment_digest(packages, "3.11.7", "linux-aarch64"),
    ):
        assert other != digest
    assert digest == "sha256:73faf3e38a8ee0020d4f0872d8d07b3468e1e2f49784b8f41faaad08c82d7141"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:token@host/r.git", "https://host/r.git"),
        ("https://token@host:8443/r.git?x=1#y", "https://host:8443/r.git"),
        ("ssh://git@host/r.git", "ssh://git@host/r.git"),
        ("ssh://git:pw@host/r.git", "ssh://host/r.git"),
        ("git@host:r.git", "git@host:r.git"),
        ("/local/path", "/local/path"),
        ("file:///local/path", "file:///local/path"),
    ],
)
def test_urls_are_shown_without_secrets(url: str, shown: str) -> None:
    assert without_credentials(url) == shown
