"""Files and folders between workspace and cache: links, parts, and what may not be overwritten."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from tests.workspace.data_project import DataProject

from siglum.core.errors import InvalidInputError, NotFoundError, WouldLoseDataError
from siglum.core.hashes import DataHash
from siglum.storage.links import LinkType, make_file
from siglum.workspace.outputs import hash_path, is_cached, remove_path, save_path, unprotect
from siglum.workspace.restore import checkout_path


@pytest.mark.parametrize("kind", [LinkType.COPY, LinkType.HARDLINK, LinkType.SYMLINK])
def test_links(project: DataProject, kind: LinkType) -> None:
    """What is placed is a link of the wanted kind, and editing it after `unprotect` leaves the cache alone."""
    repo = project.open()
    project.write({"f": "file", "d/a": "one"})
    for name in ("f", "d"):
        path = str(project.root / name)
        state = save_path(repo, path, types=[kind])
        remove_path(path)
        checkout_path(repo, path, state.hash, types=[kind])
        file = project.root / ("f" if name == "f" else "d/a")
        status = os.lstat(file)
        assert stat.S_ISLNK(status.st_mode) is (kind is LinkType.SYMLINK)
        assert (status.st_nlink > 1) is (kind is LinkType.HARDLINK)
        assert hash_path(repo, path) == state
        unprotect(repo, path)
        with file.open("a") as opened:
            opened.write("edited")
        assert repo.cache.is_sound(state.hash.oid)
        assert hash_path(repo, path) != state


def test_an_executable_file(project: DataProject) -> None:
    repo = project.open()
    project.write({"run.sh": "#!/bin/sh\n"})
    path = project.root / "run.sh"
    path.chmod(0o755)
    state = save_path(repo, str(path))
    assert state.is_exec
    assert path.stat().st_mode & stat.S_IXUSR
    path.unlink()
    checkout_path(repo, str(path), state.hash, is_exec=True)
    assert path.stat().st_mode & stat.S_IXUSR
    assert stat.S_IMODE(os.stat(repo.cache.path_of(state.hash.oid)).st_mode) == 0o444


@pytest.mark.parametrize("types", [[LinkType.REFLINK, LinkType.COPY], [LinkType.COPY]])
def test_a_file_is_not_copied_over_itself(project: DataProject, types: list[LinkType]) -> None:
    """Where blocks cannot be shared, what was saved stays where it is, with the mode that a copy would have."""
    repo = project.open()
    project.write({"f": "file"})
    path = project.root / "f"
    path.chmod(0o600)
    before = path.stat()
    state = save_path(repo, str(path), types=types)
    after = path.stat()
    shares_blocks = types[0] is LinkType.REFLINK and can_reflink(project.root)
    assert (after.st_ino == before.st_ino) is not shares_blocks
    assert stat.S_IMODE(after.st_mode) == 0o644
    assert repo.cache.is_sound(state.hash.oid)


@pytest.mark.parametrize("kind", [LinkType.HARDLINK, LinkType.SYMLINK])
def test_a_link_of_the_cache_becomes_a_file_of_its_own_when_it_is_saved_as_a_copy(
    project: DataProject, kind: LinkType
) -> None:
    repo = project.open()
    project.write({"f": "file"})
    path = project.root / "f"
    state = save_path(repo, str(path), types=[kind])
    save_path(repo, str(path), types=[LinkType.REFLINK, LinkType.COPY])
    assert path.is_symlink() is False
    assert path.stat().st_nlink == 1
    assert stat.S_IMODE(os.stat(repo.cache.path_of(state.hash.oid)).st_mode) == 0o444
    assert repo.cache.is_sound(state.hash.oid)


def can_reflink(folder: Path) -> bool:
    (folder / "one").write_text("x")
    try:
        make_file(LinkType.REFLINK, str(folder / "one"), str(folder / "two"), executable=False)
    except OSError:
        return False
    return True


def test_a_file_where_a_folder_was_and_back(project: DataProject) -> None:
    repo = project.open()
    path = str(project.root / "x")
    project.write({"x": "file"})
    file = save_path(repo, path)
    remove_path(path)
    project.write({"x/a": "one", "x/sub/b": "two"})
    folder = save_path(repo, path)
    assert checkout_path(repo, path, file.hash).total == 1
    assert project.read("x") == "file"
    assert checkout_path(repo, path, folder.hash).total == 2
    assert project.read("x/sub/b") == "two"
    project.write({"x/mine": "nowhere else"})
    for data in (file.hash, folder.hash):
        with pytest.raises(WouldLoseDataError):
            checkout_path(repo, path, data)
    assert project.read("x/mine") == "nowhere else"
    assert checkout_path(repo, path, folder.hash, force=True).total == 1
    assert not (project.root / "x/mine").exists()


def test_inside_a_folder_names_may_swap_kinds(project: DataProject) -> None:
    repo = project.open()
    path = str(project.root / "d")
    project.write({"d/a": "file", "d/b/c": "below"})
    first = save_path(repo, path)
    remove_path(path)
    project.write({"d/a/c": "below", "d/b": "file"})
    second = save_path(repo, path)
    for state in (first, second, first):
        checkout_path(repo, path, state.hash)
        assert hash_path(repo, path) == state


def test_what_cannot_be(project: DataProject) -> None:
    repo = project.open()
    with pytest.raises(NotFoundError, match="none does not exist"):
        hash_path(repo, str(project.root / "none"))
    (project.root / "link").symlink_to("nowhere")
    with pytest.raises(InvalidInputError, match="a link to 'nowhere'"):
        save_path(repo, str(project.root / "link"))
    project.write({"d/.dvcignore": "x", "d/a": "1"})
    with pytest.raises(InvalidInputError, match="is inside tracked data"):
        save_path(repo, str(project.root / "d"))
    missing = DataHash("0" * 32)
    assert not is_cached(repo, missing)
    with pytest.raises(NotFoundError):
        checkout_path(repo, str(project.root / "new"), missing)
    assert not (project.root / "new").exists()


def test_is_cached_means_every_file(project: DataProject) -> None:
    repo = project.open()
    project.write({"d/a": "1", "d/b": "2"})
    state = save_path(repo, str(project.root / "d"))
    assert is_cached(repo, state.hash)
    entry = repo.cache.read_manifest(state.hash.oid).entries[1]
    os.unlink(repo.cache.path_of(entry.oid))
    assert not is_cached(repo, state.hash)
