"""`siglum.api`: the same content from workspace, revision, cache, remote or clone, and what is reported."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tests.workspace.data_project import DataProject

import siglum.api
from siglum.core.errors import IntegrityError, InvalidInputError, NotFoundError, UnavailableError
from siglum.lineage.inputs import close_log, open_log


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataProject:
    """Two committed states, `v1` and `main`, both pushed."""
    made = DataProject(tmp_path / "project")
    monkeypatch.chdir(made.root)
    made.done("remote", "add", "-d", "store", "../store")
    for tag, text in (("v1", "first"), ("v2", "second")):
        made.write({"data/train.csv": f"{text} ü", "data/folder/sub/x": f"{text} x", "code.py": f"# {text}\n"})
        made.write({"data/in": text, "dvc.yaml": STAGES})
        made.done("add", "data/train.csv", "data/folder", "data/in")
        made.done("repro")
        made.done("push")
        made.commit(tag)
        made.git("tag", tag)
    return made


STAGES = """
stages:
  make:
    cmd: mkdir -p made && cp data/in made/file
    deps: [data/in]
    outs: [made]
"""
CONTENT = {"data/train.csv": "first ü", "data/folder/sub/x": "first x", "code.py": "# first\n", "made/file": "first"}


@pytest.mark.parametrize("path", CONTENT)
def test_a_revision(project: DataProject, path: str) -> None:
    """The same from here, from a folder, from a URL; from the cache, then from the remote."""
    url = f"file://{project.root}"
    for repo in (None, ".", str(project.root), url):
        assert siglum.api.read(path, repo=repo, rev="v1", encoding="utf-8") == CONTENT[path]
    shutil.rmtree(project.root / ".dvc/cache")
    for repo in (None, url):
        assert siglum.api.read(path, repo=repo, rev="v1", mode="rb") == CONTENT[path].encode()
    assert not (project.root / ".dvc/cache").exists()


def test_the_workspace_as_it_is(project: DataProject, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write({"data/train.csv": "edited", "untracked": "too"})
    assert siglum.api.read("data/train.csv") == "edited"
    assert siglum.api.read("untracked") == "too"
    monkeypatch.chdir(project.root / "data")
    assert siglum.api.read("data/train.csv") == "edited"  # paths are relative to the root, as in DVC
    (project.root / "data/train.csv").unlink()
    assert siglum.api.read("data/train.csv", encoding="utf-8") == "second ü"


def test_a_clone_of_a_bare_repository(project: DataProject, tmp_path: Path) -> None:
    """Read from the remote alone; a later push is seen by the next read."""
    project.done("remote", "modify", "store", "url", str(tmp_path / "store"))
    project.commit("absolute")
    project.git("clone", "-q", "--bare", str(project.root), str(tmp_path / "bare.git"))
    for repo in (str(tmp_path / "bare.git"), f"file://{tmp_path}/bare.git"):
        assert siglum.api.read("data/train.csv", repo=repo, encoding="utf-8") == "second ü"
        assert siglum.api.read("code.py", repo=repo, rev="v1") == "# first\n"
        assert siglum.api.read("code.py", repo=repo, rev="main") == "# second\n"
    project.write({"code.py": "# third\n"})
    project.commit("third")
    project.git("push", "-q", str(tmp_path / "bare.git"), "main")
    assert siglum.api.read("code.py", repo=f"file://{tmp_path}/bare.git") == "# third\n"


def test_a_git_repository_without_data(tmp_path: Path, project: DataProject) -> None:
    shutil.rmtree(project.root / ".dvc")
    assert siglum.api.read("code.py", repo=str(project.root), rev="v1") == "# first\n"


def test_get_url(project: DataProject, tmp_path: Path) -> None:
    store = tmp_path / "store/files/md5"
    for path in ("data/train.csv", "data/folder", "data/folder/sub/x", "made", "made/file"):
        url = siglum.api.get_url(path, rev="v1")
        assert url.startswith(f"{store}/")
        assert os.path.isfile(url)
    assert Path(siglum.api.get_url("data/train.csv", rev="v1")).read_text() == "first ü"
    assert Path(siglum.api.get_url("data/train.csv", repo=str(project.root))).read_text() == "second ü"
    with pytest.raises(NotFoundError, match=r"There is no data 'code\.py'"):
        siglum.api.get_url("code.py")
    project.done("remote", "add", "other", "/elsewhere")
    assert siglum.api.get_url("data/train.csv", remote="other").startswith("/elsewhere/files/md5/")
    assert siglum.api.get_url("data/train.csv", remote_config={"url": "/third"}).startswith("/third/files/")
    settings = {"remote": {"new": {"url": "/new"}}, "core": {"remote": "new"}}
    assert siglum.api.get_url("data/train.csv", config=settings).startswith("/new/files/")
    (tmp_path / "settings").write_text("[core]\n    remote = other\n")
    assert siglum.api.get_url("data/train.csv", config=str(tmp_path / "settings")).startswith("/elsewhere/")


def test_without_a_remote_the_url_is_in_the_cache(project: DataProject, tmp_path: Path) -> None:
    """Of a repository in a folder, as DVC does; of a bare one nobody knows the cache."""
    project.done("remote", "default", "-u")
    project.commit()
    url = siglum.api.get_url("data/train.csv", rev="v2")
    assert url == str(project.object_of(project.hash_of("data/train.csv").oid))
    assert project.done("get", "--show-url", ".", "data/train.csv") == f"{url}\n"
    project.git("clone", "-q", "--bare", ".", str(tmp_path / "bare"))
    with pytest.raises(NotFoundError, match="there is no default"):
        siglum.api.get_url("data/train.csv", repo=str(tmp_path / "bare"))


def test_paths_from_a_folder(project: DataProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """As from the root; what is not there, from the current folder: so a notebook reads with either tool."""
    project.write({"notes/code.py": "mine", "notes/own": "own"})
    monkeypatch.chdir(project.root / "notes")
    for rev in (None, "v1"):
        text = siglum.api.read("../data/train.csv", rev=rev)
        assert text == siglum.api.read("data/train.csv", rev=rev) == ("first ü" if rev else "second ü")
    assert siglum.api.get_url("../data/train.csv") == siglum.api.get_url("data/train.csv")
    assert [siglum.api.read(path) for path in ("own", "code.py")] == ["own", project.read("code.py")]
    with pytest.raises(InvalidInputError, match="outside the repository"):
        siglum.api.read("../../x")
    monkeypatch.chdir(project.root / "data")
    (project.root / "data/train.csv").unlink()
    assert siglum.api.read("train.csv") == "second ü"


def test_what_is_not_there(project: DataProject, tmp_path: Path) -> None:
    for path, rev, said in (
        ("data/trian.csv", "v1", "There is no data 'data/trian.csv' at .* Did you mean 'data/train.csv'?"),
        ("data/folder/sub/y", "v1", "data/folder does not have 'sub/y' as data/folder.dvc records it"),
        ("code.py", "v3", "has no revision 'v3'"),
    ):
        with pytest.raises(NotFoundError, match=said), siglum.api.open(path, rev=rev):
            pass
    with pytest.raises(NotFoundError, match="is not in a repository"):
        siglum.api.read("x", repo=str(tmp_path))
    with pytest.raises(UnavailableError, match="Cannot get the repository"):
        siglum.api.read("x", repo=f"file://{tmp_path}/nothing.git")
    with pytest.raises(InvalidInputError, match="is outside the repository"):
        siglum.api.read("../outside")
    for folder in ("data/folder", "data/folder/sub"):
        with pytest.raises(InvalidInputError, match="is a folder"):
            siglum.api.read(folder, rev="v1")
    with pytest.raises(NotFoundError, match="There is no remote 'nowhere'"):
        siglum.api.get_url("data/train.csv", remote="nowhere")
    for arguments in ({"mode": "w"}, {"mode": "rb", "encoding": "utf-8"}):
        with pytest.raises(ValueError, match="mode"):
            siglum.api.read("code.py", **arguments)  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        siglum.api.open("code.py").read()  # type: ignore[attr-defined]


def test_damaged_copies_are_never_given_out(project: DataProject) -> None:
    stored = Path(siglum.api.get_url("data/train.csv", rev="v1"))
    oid = stored.parent.name + stored.name
    project.damage(oid)
    assert siglum.api.read("data/train.csv", rev="v1", encoding="utf-8") == "first ü"  # from the remote
    stored.chmod(0o644)
    stored.write_bytes(b"x" * stored.stat().st_size)
    with pytest.raises(IntegrityError, match="is damaged"):
        siglum.api.read("data/train.csv", rev="v1")
    stored.unlink()
    with pytest.raises(IntegrityError, match="is damaged"):
        siglum.api.read("data/train.csv", rev="v1")
    project.object_of(oid).unlink()
    with pytest.raises(NotFoundError, match=r"data/train\.csv is not in the cache: Remote 'store' does not have"):
        siglum.api.read("data/train.csv", rev="v1")


def test_what_is_reported(project: DataProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = open_log()
    try:
        first, head = project.git("rev-parse", "v1").strip(), project.git("rev-parse", "HEAD").strip()
        siglum.api.read("code.py")  # what Git keeps is named by the commit
        siglum.api.read("data/train.csv")
        siglum.api.read("data/train.csv", rev="v1")
        siglum.api.read("data/folder/sub/x", rev="v1")
        siglum.api.read("made/file")
        siglum.api.read("code.py", rev="v1")
        siglum.api.get_url("data/folder")
        elsewhere = DataProject(tmp_path / "elsewhere")
        monkeypatch.chdir(elsewhere.root)
        siglum.api.read("data/train.csv", repo=str(project.root), rev="v1")
    finally:
        close_log(log)
    found = [(item.path, item.pointer, item.rev, item.repo) for item in log.all()[-6:]]
    assert found == [
        ("data/train.csv", "data/train.csv.dvc", head, None),
        ("data/train.csv", "data/train.csv.dvc", first, None),
        ("data/folder/sub/x", "data/folder.dvc", first, None),
        ("made/file", "dvc.lock", head, None),
        ("code.py", None, first, None),
        ("data/train.csv", "data/train.csv.dvc", first, str(project.root)),
    ]
    import hashlib

    assert log.all()[-1].hash == "md5:" + hashlib.md5("first ü".encode()).hexdigest()


def test_parameters_of_a_repository_without_a_pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = DataProject(tmp_path / "plain")
    project.write({"params.yaml": "lr: 0.1\n", "sub/params.yaml": "lr: 7\n"})
    project.commit("first")
    project.write({"params.yaml": "lr: 0.5\n"})
    monkeypatch.chdir(project.root / "sub")
    assert siglum.api.params_show() == {"lr": 0.5}  # that of the root, as DVC 3.67.1
    assert siglum.api.params_show(rev="HEAD") == {"lr": 0.1}
