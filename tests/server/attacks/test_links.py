"""Links, swaps and archives in the folder of artifacts (classes T3 and T4)."""

from __future__ import annotations

import io
import itertools
import os
import sys
import threading
import zipfile
from pathlib import Path

import pytest
from tests.server.asgi import ask
from tests.server.attacks.conftest import CANARY
from tests.server.attacks.table import PATH_FIELDS, Scene, ask_all, every_path, fields_of
from tests.server.attacks.watch import watched

from siglum.server.dispatch import Dispatcher

Attacked = tuple[Dispatcher, Scene, Path]
SERVICE = "/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture
def root(attacked: Attacked) -> Path:
    """The folder of the run that fields of paths are relative to, or begin with."""
    _, scene, folder = attacked
    return (folder / "artifacts" / str(scene.values["path"])).parent.parent


@pytest.mark.parametrize("kind", ["folder", "file", "hard link", "fifo"])
def test_no_route_leaves_by_a_link(attacked: Attacked, root: Path, kind: str) -> None:
    app, scene, folder = attacked
    name = kind.replace(" ", "-")
    place = root / name
    if kind == "folder":
        place.symlink_to(folder)
    elif kind == "file":
        place.symlink_to(folder / "canary")
    elif kind == "hard link":
        os.link(folder / "canary", place)
    else:
        os.mkfifo(place)
    prefix = str(root.relative_to(folder / "artifacts"))
    for text in (name, f"{name}/canary", f"{prefix}/{name}", f"{prefix}/{name}/canary"):
        requests = [
            scene.request(route, path, {field: text})
            for route, path in every_path()
            for field in PATH_FIELDS & set(fields_of(route, str))
        ]
        for sent, answer in ask_all(app, requests):
            assert answer.status < 500 or answer.status == 501, (sent, answer.body)
            # A hard link is the file itself, and only who can write the folder can make one.
            assert kind == "hard link" or CANARY not in answer.body, sent
    assert (folder / "canary").read_bytes() == CANARY


def test_a_folder_that_turns_into_a_link_while_files_are_read(attacked: Attacked, root: Path) -> None:
    app, _, folder = attacked
    plain, link, swapped = root / "plain", root / "link", root / "swapped"
    plain.mkdir()
    (plain / "canary").write_bytes(b"harmless")
    link.symlink_to(folder)
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            for which in (plain, link):
                which.rename(swapped)
                swapped.rename(which)

    thread = threading.Thread(target=swap)
    thread.start()
    target = f"{SERVICE}/{swapped.relative_to(folder / 'artifacts')}/canary"
    try:
        bodies = {ask(app, "GET", target).body for _ in range(150)}
    finally:
        done.set()
        thread.join()
    assert not any(CANARY in body for body in bodies)


def test_an_archive_is_a_file_like_any_other(attacked: Attacked, root: Path) -> None:
    app, _, folder = attacked
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../escaped", b"x")
        archive.writestr("/absolute", b"x")
        archive.writestr("bomb", bytes(10_000_000))
    before = {str(path) for path in folder.rglob("*")}
    target = f"{SERVICE}/{root.relative_to(folder / 'artifacts')}/evil.zip"
    with watched() as watch:
        assert ask(app, "PUT", target, packed.getvalue()).status == 200
        assert ask(app, "GET", target).body == packed.getvalue()
    new = {str(path) for path in folder.rglob("*")} - before
    assert {os.path.basename(path) for path in new if os.path.isfile(path)} - {"evil.zip"} <= _objects(new)
    assert watch.execution == []


def _objects(paths: set[str]) -> set[str]:
    return {os.path.basename(path) for path in paths if "/.objects/" in path}


def test_the_server_imports_nothing_that_extracts() -> None:
    import siglum.server.run  # noqa: F401

    packages = [name for name in sys.modules if name.startswith("siglum.server")]
    names = itertools.chain.from_iterable(vars(sys.modules[name]) for name in packages)
    assert {"zipfile", "tarfile", "shutil", "pickle"}.isdisjoint(names)
