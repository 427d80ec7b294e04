"""`get`, `get-url`, `import`, `import-url` and `update`, and what transfers make of imports."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.quick import QuickProject
from tests.storage.web_server import Page, Web, serve

from siglum.workspace.pointers import read_pointer


@pytest.fixture
def source(tmp_path: Path) -> QuickProject:
    """A repository with data on a remote, files in Git, and another data repository inside."""
    made = QuickProject(tmp_path / "up")
    made.write({"model": "1", "data/a": "a", "data/sub/b": "b", "code/x": "x", "code/run": "#!/bin/sh\n"})
    (made.root / "code/run").chmod(0o755)
    made.done("remote", "add", "-d", "store", "../store")
    made.done("add", "model", "data")
    made.done("push")
    made.write({"inner/.dvc/config": "", "inner/own": "o"})
    made.commit()
    return made


@pytest.fixture
def here(source: QuickProject, tmp_path: Path) -> QuickProject:
    return QuickProject(tmp_path / "here")


@pytest.fixture
def web() -> Iterator[Web]:
    with serve() as made:
        yield made


def change(source: QuickProject, text: str = "22") -> str:
    source.write({"model": text})
    source.done("add", "model")
    source.done("push")
    return source.commit()


def test_get(source: QuickProject, here: QuickProject) -> None:
    assert here.done("get", "../up", "model") == "model  (1 B)\n"
    here.done("get", "../up", "data", "-o", "d")
    here.done("get", "../up", "data/sub/b", "-o", "d")
    here.done("get", "../up", "code")
    assert {name: here.read(name) for name in ("model", "d/a", "d/sub/b", "d/b", "code/x")} == {
        "model": "1", "d/a": "a", "d/sub/b": "b", "d/b": "b", "code/x": "x",
    }  # fmt: skip
    assert os.access(here.root / "code/run", os.X_OK)
    assert (here.root / "model").stat().st_mode & 0o777 == 0o644
    shown = json.loads(here.done("get", "--json", "../up", "model", "-o", "again"))
    assert shown["path"] == "again"
    assert here.git("status", "--porcelain", "--", "*.dvc", ".gitignore") == ""
    assert (
        here.done("get", "--show-url", "../up", "data/a")
        .strip()
        .endswith("store/files/md5/0c/c175b9c0f1b6a831c399e269772661")
    )


@pytest.mark.parametrize("command", ["get ../up {} -o {}", "get-url ../up/{} {}"])
def test_folders_above_what_is_got(source: QuickProject, here: QuickProject, command: str) -> None:
    with here.unchanged():
        here.fails(*command.format("nothing", "no/where/x").split())
    here.done(*command.format("code", "no/where/x").split())
    assert here.read("no/where/x/run") == "#!/bin/sh\n"
    assert os.listdir(here.root / "no") == ["where"]
    assert os.listdir(here.root / "no/where") == ["x"]
    here.write({"file": "f"})
    assert "file" in here.fails(*command.format("code", "file/x").split())


def test_get_replaces_only_when_told_and_only_by_what_is_whole(source: QuickProject, here: QuickProject) -> None:
    here.write({"model": "mine", "data/mine": "mine"})
    with here.unchanged():
        for path in ("model", "data"):
            assert "Use --force" in here.fails("get", "../up", path)
        source.damage(source.hash_of("data").oid)  # its cache's copy of the manifest
        for name in ("0c/c175b9c0f1b6a831c399e269772661",):
            lost = source.root.parent / "store/files/md5" / name
            lost.chmod(0o644)
            lost.write_bytes(b"?")
            copy = source.object_of(name.replace("/", ""))
            copy.chmod(0o644)
            copy.write_bytes(b"?")
        here.fails("get", "../up", "data", "-f", "--rev", "main")
        assert here.fails("get", "../up", "nothing", "-f").startswith("There is nothing at 'nothing'")
    here.done("get", "../up", "model", "-f")
    assert here.read("model") == "1"
    assert [name for name in os.listdir(here.root) if name.startswith(".") and name.endswith(".tmp")] == []
    here.done("get", "../up", "code", "-o", "data", "-f")
    assert here.read("data/code/x") == "x"
    here.done("get", "../up", "code", "-o", "data", "-f")
    assert sorted(os.listdir(here.root / "data/code")) == ["run", "x"]


def test_get_from_a_workspace_and_from_no_repository(source: QuickProject, here: QuickProject, tmp_path: Path) -> None:
    source.write({"model": "edited", "new": "n"})
    here.done("get", "../up", "model", "-o", "edited")
    here.done("get", "../up", "new")
    here.done("get", "../up", "model", "--rev", "HEAD")
    assert [here.read(name) for name in ("edited", "new", "model")] == ["edited", "n", "1"]
    (source.root / "data/a").unlink()
    here.done("get", "../up", "data")
    assert not (here.root / "data/a").exists()
    bare = tmp_path / "nothing"
    bare.mkdir()
    assert "is not in a Git repository" in here.fails("get", "../nothing", "x")
    assert "There is no repository" in here.fails("get", "../nowhere", "x")
    assert "has no revision 'v9'" in here.fails("get", "../up", "model", "--rev", "v9", "-o", "y")


def test_import_follows_its_source(source: QuickProject, here: QuickProject) -> None:
    first = source.git("rev-parse", "HEAD").strip()
    assert "from model (../up)" in here.done("import", "../up", "model", "--desc", "why")
    file = read_pointer(str(here.root / "model.dvc"))
    assert file.frozen
    assert file.deps[0].repo is not None
    assert file.deps[0].repo.rev_lock == first
    assert file.outs[0].desc == "why"
    assert here.read(".gitignore") == "/model\n"
    here.done("import", "../up", "data", "-o", "later", "--no-exec", "--desc", "when")
    assert read_pointer(str(here.root / "later.dvc")).outs[0].desc == "when"
    (here.root / "later.dvc").unlink()
    assert here.done("status") == "Data and pipelines are up to date.\n"
    assert "unchanged" in here.done("update", "model.dvc")

    second = change(source)
    assert json.loads(here.done("status", "--json")) == {
        "model.dvc": [{"changed deps": {"model (../up)": "update available"}}]
    }
    here.done("update", "model")
    file = read_pointer(str(here.root / "model.dvc"))
    assert file.deps[0].repo is not None
    assert file.deps[0].repo.rev_lock == second
    assert file.outs[0].desc == "why"
    assert here.read("model") == "22"
    here.done("update", "--rev", first, "model.dvc")
    assert here.read("model") == "1"
    change(source, "333")
    assert here.done("status") == "Data and pipelines are up to date.\n"


def test_an_update_loses_nothing(source: QuickProject, here: QuickProject) -> None:
    here.done("import", "../up", "model")
    change(source)
    (here.root / "model").unlink()
    here.write({"model": "mine alone"})
    assert "changes that are in no cache" in here.fails("update", "model.dvc")
    assert here.read("model") == "mine alone"
    assert "changes that are in no cache" in here.fails("update", "--no-download", "model.dvc")
    assert here.read("model") == "mine alone"
    here.done("update", "--force", "model.dvc")
    assert here.read("model") == "22"


def test_an_import_refuses(source: QuickProject, here: QuickProject) -> None:
    here.write({"taken": "t", "tracked": "t", "data/in": "i"})
    here.done("add", "data")
    here.git("add", "tracked")
    with here.unchanged():
        assert "exists already" in here.fails("import", "../up", "model", "-o", "taken")
        assert "is tracked by Git" in here.fails("import", "../up", "model", "-o", "tracked", "-f")
        assert "lies in data that data.dvc tracks" in here.fails("import", "../up", "model", "-o", "data/model")
        assert "does not exist" in here.fails("import", "../up", "model", "-o", "no/where")
        assert "no remote 'none'" in here.fails("import", "../up", "model", "-o", "x", "--remote", "none")
        assert "outside the repository" in here.fails("import", "../up", "model", "-o", "../x")
        assert "is no data" in here.fails("import", "../up", "model.dvc")
        assert "exclude each other" in here.fails("import", "../up", "model", "--no-exec", "--no-download", status=2)
        assert "is outside the repository" in here.fails("import", "../up", "../here/taken", "-o", "z")
    ended = here.run("import", "../up", ".", "-o", "all")
    assert ended.status == 0
    assert "inner was left out" in ended.err
    assert sorted(os.listdir(here.root / "all")) == [".gitignore", "code", "data", "model"]


def test_only_the_same_import_goes_on(source: QuickProject, here: QuickProject) -> None:
    """One that was killed is run again as it was; another revision takes the place of a version that somebody chose."""
    source.git("tag", "v1")
    change(source)
    here.done("import", "../up", "model", "--rev", "v1")
    with here.unchanged():
        assert "exists already" in here.fails("import", "../up", "model")
    assert "unchanged" in here.done("import", "../up", "model", "--rev", "v1")
    here.done("import", "../up", "model", "-f")
    assert here.read("model") == "22"


def test_transfers_leave_imports_to_their_sources(source: QuickProject, here: QuickProject, tmp_path: Path) -> None:
    here.done("import", "../up", "model")
    here.done("import", "../up", "data")
    here.done("import", "../up", "data", "-o", "promised", "--no-download")
    here.done("import-url", "../up/code/x", "own")
    here.done("remote", "add", "-d", "mine", "../mine")
    assert here.done("status", "-c", "--json") == '{"own":"new"}\n'
    assert here.done("push") == "Sent 1 object (1 B) to 'mine'.\n"
    here.commit()
    assert sum(len(files) for _, _, files in os.walk(tmp_path / "mine")) == 1
    clone = QuickProject.__new__(QuickProject)
    clone.root = tmp_path / "clone"
    here.git("clone", "-q", ".", str(clone.root))
    assert "Would fetch model from model (../up)." in clone.done("fetch", "--dry-run")
    assert clone.done("pull", "data/sub/b").endswith("added     data (1 file)\n")
    clone.done("pull")
    assert [clone.read(name) for name in ("model", "data/a", "promised/sub/b", "own")] == ["1", "a", "b", "x"]
    assert json.loads(clone.done("status", "--json")) == {"promised.dvc": [{"changed outs": {"promised": "modified"}}]}
    assert clone.done("pull") == clone.done("fetch") == "Everything is up to date.\n"


def test_a_source_that_is_not_what_was_recorded(source: QuickProject, here: QuickProject, tmp_path: Path) -> None:
    here.done("import", "../up", "model")
    pointer = here.root / "model.dvc"
    pointer.write_text(pointer.read_text().replace("c4ca4238a0b923820dcc509a6f75849b", "a" * 32))
    assert "changed checksum" in here.done("status")
    message = here.fails("fetch")
    assert "model, imported from model (../up)" in message
    assert "a" * 32 in message
    source.root.rename(tmp_path / "moved")
    assert "There is no repository '../up'" in here.fails("fetch")
    assert "There is no repository '../up'" in here.fails("update", "model.dvc")


def test_an_import_of_an_import(source: QuickProject, here: QuickProject, tmp_path: Path) -> None:
    """What a repository imported itself is on none of its remotes."""
    here.done("import", "../up", "data")
    here.commit()
    third = QuickProject(tmp_path / "third")
    here.done("remote", "add", "-d", "empty", "../empty")
    here.commit()
    for path in (here.root / ".dvc/cache/files/md5").glob("*/*"):
        path.unlink()
    third.done("import", "../here", "data/sub")
    assert third.read("sub/b") == "b"


def test_data_of_dvc_2(source: QuickProject, here: QuickProject, tmp_path: Path) -> None:
    """Its hash is that of the text with other line ends; what comes is the bytes as they are."""
    text = b"one\r\ntwo\r\n"
    oid = hashlib.md5(text.replace(b"\r\n", b"\n")).hexdigest()
    manifest = json.dumps([{"md5": oid, "relpath": "in it"}]).encode()
    folder = hashlib.md5(manifest).hexdigest() + ".dir"
    source.write({f".dvc/cache/{oid[:2]}/{oid[2:]}": text, f".dvc/cache/{folder[:2]}/{folder[2:]}": manifest})
    source.write({"old.dvc": f"outs:\n- md5: {oid}\n  size: 10\n  path: old\n"})
    source.write({"olds.dvc": f"outs:\n- md5: {folder}\n  size: 10\n  nfiles: 1\n  path: olds\n"})
    source.commit()
    here.done("import", "../up", "old")
    here.done("get", "../up", "olds", "--rev", "main")
    assert (here.root / "old").read_bytes() == (here.root / "olds/in it").read_bytes() == text
    assert here.hash_of("old").oid == hashlib.md5(text).hexdigest()
    assert here.done("status") == "Data and pipelines are up to date.\n"


def test_urls(here: QuickProject, web: Web, tmp_path: Path) -> None:
    web.pages["/f"] = Page(b"one", {"ETag": '"one"'})
    here.done("import-url", f"{web.url}/f")
    assert "unchanged" in here.done("update", "f.dvc")
    before = read_pointer(str(here.root / "f.dvc"))
    web.pages["/f"] = Page(b"two and more", {"ETag": '"two"'}, cut_after=[0] * 50)
    with here.unchanged():
        assert "was cut short" in here.fails("update", "f.dvc")
        assert "was cut short" in here.fails("get-url", f"{web.url}/f", "f", "-f")
        assert "was cut short" in here.fails("import-url", f"{web.url}/f", "other")
    web.pages["/f"].cut_after.clear()
    here.done("update", "f.dvc")
    assert here.read("f") == "two and more"
    assert read_pointer(str(here.root / "f.dvc")).md5 != before.md5
    assert here.done("get-url", f"{web.url}/f", "copy") == "copy  (12 B)\n"
    assert here.fails("get-url", f"{web.url}/f", "--fs-config", "colour=blue", "-f").startswith("Remote ")
    assert "name=value" in here.fails("get-url", f"{web.url}/f", "x", "--fs-config", "s3cret", status=2)
    ended = here.run("import-url", f"{web.url}/f", "login", "--fs-config", "user=me", "password=s3cret")
    assert ended.status == 0
    assert "login.dvc holds password" in ended.err
    assert "s3cret" not in ended.out + ended.err
    secret = web.url.replace("http://", "http://me:s3cret@")
    assert "s3cret" not in here.done("import-url", f"{secret}/f", "with")
    assert "s3cret" not in here.fails("import-url", f"{secret}/none", "none")


def test_paths_as_urls(here: QuickProject, tmp_path: Path) -> None:
    (tmp_path / "ext/sub").mkdir(parents=True)
    (tmp_path / "ext/sub/f").write_text("f")
    (here.root / "below").mkdir()
    here.done("import-url", "../ext", "below/d")
    assert read_pointer(str(here.root / "below/d.dvc")).deps[0].path == "../../ext"
    here.done("import-url", (tmp_path / "ext").as_uri(), "u")
    assert read_pointer(str(here.root / "u.dvc")).deps[0].path == str(tmp_path / "ext")
    here.done("import-url", str(here.root / "below/d/sub/f"), "own")
    assert read_pointer(str(here.root / "own.dvc")).deps[0].path == "below/d/sub/f"
    (tmp_path / "ext/sub/f").write_text("ff")
    here.done("update", "below/d.dvc")
    assert here.read("below/d/sub/f") == "ff"
    assert "one is in the other" in here.fails("import-url", ".", "inside")
    assert "--version-aware" in here.fails("import-url", "../ext", "v", "--version-aware")
    assert "goes with --to-remote" in here.fails("import-url", "../ext", "v", "-r", "x", status=2)


def test_an_import_that_was_killed_goes_on(source: QuickProject, here: QuickProject, tmp_path: Path) -> None:
    """Killed after its `.dvc` file was written and before all data was in place: the same command ends it."""
    for arguments in (["import", "../up", "data", "-o", "d"], ["import-url", "../up/data", "u"]):
        here.done(*arguments)
        name = arguments[-1]
        (here.root / name / "a").unlink()
        here.done(*arguments)
        assert here.read(f"{name}/a") == "a"
        here.write({f"{name}/a": "mine"})
        assert "changes that are in no cache" in here.fails(*arguments)
        here.done(*arguments, "--force")
        assert here.read(f"{name}/a") == "a"
        other = [*arguments[:2], "code", "-o", name] if arguments[0] == "import" else ["import-url", "../up/code", name]
        assert "exists already" in here.fails(*other)


def test_what_a_killed_get_left_goes_with_the_next(source: QuickProject, here: QuickProject) -> None:
    left, lost, other = (here.root / f".{letter * 22}.tmp" for letter in "abc")
    for folder in (left, lost):
        (folder / "files").mkdir(parents=True)
        (folder / "lock").touch()
    (lost / "old").write_text("moved out of the way")
    other.mkdir()
    here.done("get", "../up", "model")
    assert [folder.exists() for folder in (left, lost, other)] == [False, True, True]


def test_to_a_remote(here: QuickProject, tmp_path: Path) -> None:
    (tmp_path / "ext").mkdir()
    (tmp_path / "ext/f").write_text("f")
    here.done("remote", "add", "-d", "mine", "../mine")
    here.done("import-url", "--to-remote", "../ext", "d")
    assert not (here.root / "d").exists()
    assert not (here.root / ".dvc/cache").exists()
    here.done("pull")
    assert here.read("d/f") == "f"
    (tmp_path / "ext/f").write_text("ff")
    here.done("update", "--to-remote", "d.dvc")
    assert here.read("d/f") == "f"
    assert json.loads(here.done("status", "--json")) == {"d.dvc": [{"changed outs": {"d": "not in cache"}}]}
    here.done("pull")
    assert here.read("d/f") == "ff"
    assert [name for name in os.listdir(here.root / ".dvc/tmp/siglum") if name.startswith("to-remote")] == []


def test_targets_of_update(source: QuickProject, here: QuickProject) -> None:
    here.write({"plain": "p"})
    here.done("add", "plain")
    here.done("import", "../up", "model")
    (here.root / "below").mkdir()
    here.done("import", "../up", "data", "-o", "below/data")
    change(source)
    assert "is not an import" in here.fails("update", "plain.dvc")
    assert "Did you mean 'model.dvc'?" in here.fails("update", "modl.dvc")
    here.done("remote", "add", "-d", "mine", "../mine")
    assert "Update it without --to-remote" in here.fails("update", "model.dvc", "--to-remote")
    done = json.loads(here.done("update", "-R", ".", "--json"))["imported"]
    assert sorted(each["path"] for each in done) == ["below/data", "model"]
    assert here.done("update", "-R", "below").startswith("below/data")


USES_MODEL = "stages: {s: {cmd: cat model > o, deps: [model], outs: [o]}}\n"


def test_a_run_of_a_pipeline_brings_an_import_that_is_not_frozen_up_to_date(
    source: QuickProject, here: QuickProject
) -> None:
    here.write({"dvc.yaml": USES_MODEL})
    here.done("import", "../up", "model")
    here.done("repro")
    new = change(source)
    here.done("repro")
    assert here.read("o") == "1", "it is frozen"
    here.done("unfreeze", "model.dvc")
    assert "Would record 'model.dvc'" in here.done("repro", "--dry")
    assert here.read("model") == "1"
    here.done("repro")
    assert (here.read("model"), here.read("o")) == ("22", "22")
    assert f"rev_lock: {new}" in here.read("model.dvc")
    assert "up to date" in here.done("repro")
    change(source, "333")
    here.write({"model": "edited by hand"})
    refused = here.run("repro")
    assert refused.status == 1
    assert "changes that are in no cache" in refused.err
    assert here.read("model") == "edited by hand"


@pytest.mark.parametrize("link_type", ["copy", "symlink"])
def test_a_run_of_a_pipeline_takes_anew_an_import_that_is_nowhere_but_at_its_source(
    here: QuickProject, link_type: str
) -> None:
    here.write({"raw": "1\n"})
    here.done("config", "cache.type", link_type)
    here.done("import-url", "raw", "taken")
    here.done("unfreeze", "taken.dvc")
    shutil.rmtree(here.root / ".dvc/cache/files")
    if link_type == "copy":
        (here.root / "taken").unlink()
    here.done("repro", "taken.dvc")
    assert (here.root / "taken").read_text() == "1\n"


def test_a_run_of_a_pipeline_fetches_an_import_that_was_only_promised(source: QuickProject, here: QuickProject) -> None:
    here.write({"dvc.yaml": USES_MODEL})
    here.done("import", "--no-download", "../up", "model")
    recorded = here.read("model.dvc")
    change(source)
    here.done("repro", "--dry")
    assert here.read("model.dvc") == recorded
    here.done("repro")
    assert here.read("o") == "1", "what the commit had that was recorded"
    assert "md5: c4ca4238a0b923820dcc509a6f75849b" in here.read("model.dvc")
    assert "up to date" in here.done("repro")
