"""`siglum gc`: what goes, what stays and why, and that it comes back; killed, beside others, without its registry."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from tests.cli.quick import QuickProject
from tests.workspace.data_project import SIGLUM, DataProject

from siglum.storage.trash import Batch, new_batch
from siglum.workspace import cache_lock
from siglum.workspace.gc import trash_of

RECORD = """
import siglum
with siglum.start_run(run_name="first"):
    siglum.log_input("d")
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataProject:
    """A repository whose workspace uses four objects of seven: `f` and `d/b` had other contents before."""
    made = QuickProject(tmp_path / "project")
    made.write({"f": "old", "d/a": "one", "d/b": "two"})
    made.done("add", "f", "d")
    made.commit("old")
    made.write({"f": "new", "d/b": "changed"})
    made.done("add", "f", "d")
    monkeypatch.chdir(made.root)
    return made


def objects(project: DataProject) -> set[str]:
    return set(project.open().cache.oids())


def old_objects(project: DataProject) -> set[str]:
    found = subprocess.run(["git", "show", "HEAD:d.dvc", "HEAD:f.dvc"], capture_output=True, text=True, check=True)
    named = {line.split()[-1] for line in found.stdout.splitlines() if "md5: " in line and "hash" not in line}
    assert len(named) == 2
    folder = next(oid for oid in named if oid.endswith(".dir"))
    kept = {entry.oid for entry in project.open().cache.read_manifest(project.hash_of("d").oid).entries}
    inside = {entry.oid for entry in project.open().cache.read_manifest(folder).entries}
    return named | (inside - kept)


def test_there_and_back(project: DataProject) -> None:
    before, old = objects(project), old_objects(project)
    dry = json.loads(project.done("gc", "-w", "--dry-run", "--json"))
    assert set(dry["collections"][0]["oids"]) == old
    assert dry["moved"] == []
    assert objects(project) == before
    assert not (project.root / ".dvc/cache/trash").exists()
    with project.unchanged():
        said = project.done("gc", "-w", "-f")
    assert "3 objects" in said
    assert "siglum gc --undo" in said
    assert objects(project) == before - old
    assert json.loads(project.done("gc", "-w", "-f", "--json"))["moved"] == []  # nothing is left to collect
    assert json.loads(project.done("gc", "--undo", "--json"))["restored"] == 3
    assert objects(project) == before
    assert "is empty" in project.fails("gc", "--undo")
    project.git("checkout", "-q", "--", ".")
    project.done("checkout", "-f")
    assert project.read("f") == "old"


def test_each_collection_is_undone_by_itself(project: DataProject) -> None:
    old = old_objects(project)
    project.done("gc", "-w", "-f")
    project.write({"f": "newer"})
    second = project.hash_of("f").oid
    project.done("add", "f")
    project.done("gc", "-w", "-f")
    assert second not in objects(project)
    project.done("gc", "--undo")
    assert second in objects(project)
    assert not old & objects(project)
    project.done("gc", "--undo")
    assert old <= objects(project)


def test_nothing_happens_without_a_yes(project: DataProject) -> None:
    before = objects(project)
    assert "nobody to ask" in project.fails("gc", "-w", status=2)
    assert answered(project, b"n\n") == 1
    assert objects(project) == before
    assert answered(project, b"y\n") == 0
    assert len(objects(project)) == len(before) - 3


def answered(project: DataProject, answer: bytes) -> int:
    """Run `siglum gc -w` on a terminal whose person answers; return its exit status."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([*SIGLUM, "gc", "-w"], stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        while b"?" not in seen:
            seen += os.read(ours, 1000)
        os.write(ours, answer)
        status = process.wait()
    os.close(ours)
    return status


def test_wrong_use(project: DataProject) -> None:
    for arguments, problem in (
        (["gc"], "Say what to keep"),
        (["gc", "-w", "-n", "2"], "--num"),
        (["gc", "-w", "-r", "x"], "--remote goes with"),
        (["gc", "-w", "-c", "--not-in-remote"], "exclude each other"),
        (["gc", "--undo", "--purge"], "exclude each other"),
        (["gc", "--undo", "-w"], "--undo takes no --workspace"),
        (["gc", "-w", "--all"], "--all belongs to --purge"),
        (["gc", "-w", "other"], "takes no 'other'"),
    ):
        assert problem in project.fails(*arguments, status=2)
    assert "no revision 'nope'" in project.fails("gc", "--rev", "nope")
    assert "not a day" in project.fails("gc", "--date", "soon")
    assert "not the root" in project.fails("gc", "-w", "-p", "nope")


def test_what_a_run_read_stays_and_is_named(project: DataProject) -> None:
    project.git("checkout", "-q", "--", ".")
    project.done("checkout", "-f")
    (project.root / "train.py").write_text(RECORD)
    subprocess.run([sys.executable, "train.py"], check=True)
    project.write({"f": "new", "d/b": "changed"})
    project.done("add", "f", "d")
    old, gone = old_objects(project), {oid for oid in old_objects(project) if oid not in needed_by_run(project)}
    said = project.done("gc", "-w", "-f")
    assert "run first (" in said
    assert "2 objects" in said
    assert old & objects(project) == old - gone
    assert len(gone) == 1
    found = json.loads(project.done("gc", "-w", "-f", "--ignore-registry", "--json"))
    assert set(found["collections"][0]["oids"]) == old - gone


def needed_by_run(project: DataProject) -> set[str]:
    found = json.loads(project.done("gc", "-w", "--dry-run", "--ignore-registry", "--json"))
    kept = json.loads(project.done("gc", "-w", "--dry-run", "--json"))
    assert kept["collections"][0]["kept_for_records"] == 2
    return set(found["collections"][0]["oids"]) - set(kept["collections"][0]["oids"])


def test_a_store_of_runs_that_does_not_answer_stops_it(project: DataProject, monkeypatch: pytest.MonkeyPatch) -> None:
    before = objects(project)
    monkeypatch.setenv("SIGLUM_TRACKING_URI", "http://127.0.0.1:9")
    assert "--ignore-registry" in project.fails("gc", "-w", "-f")
    monkeypatch.delenv("SIGLUM_TRACKING_URI")
    (project.root / ".siglum").mkdir()
    (project.root / ".siglum/siglum.db").write_bytes(b"not a database" * 100)
    assert "--ignore-registry" in project.fails("gc", "-w", "-f")
    assert objects(project) == before
    project.done("gc", "-w", "-f", "--ignore-registry")
    assert len(objects(project)) == len(before) - 3


def test_an_embedded_store_is_not_made_by_asking(project: DataProject) -> None:
    project.done("gc", "-w", "-f")
    assert not (project.root / ".siglum").exists()


def test_other_projects_keep_theirs(project: DataProject, tmp_path: Path) -> None:
    other = QuickProject(tmp_path / "other")
    other.done("cache", "dir", str(project.root / ".dvc/cache"))
    other.write({"mine": "only here"})
    other.done("add", "mine")
    mine = other.hash_of("mine").oid
    project.done("gc", "-w", "-f", "-p", "../other")
    assert mine in objects(project)
    assert not old_or_none(project)
    project.done("gc", "-w", "-f")
    assert mine not in objects(project)
    project.done("gc", "--undo")
    assert mine in objects(project)


def old_or_none(project: DataProject) -> set[str]:
    found = json.loads(project.done("gc", "-w", "--dry-run", "-p", "../other", "--json"))
    return set(found["collections"][0]["oids"])


def test_not_while_another_repository_uses_the_cache(project: DataProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects of one that is at work may not be in any `.dvc` file yet."""
    monkeypatch.setattr(cache_lock, "_TRIES_SECONDS", (0.01,))
    before = objects(project)
    handle = os.open(project.root / ".dvc/cache", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_SH)
    assert "is in use" in project.fails("gc", "-w", "-f")
    project.done("add", "f")  # others who use it go on
    fcntl.flock(handle, fcntl.LOCK_EX)
    project.write({"f": "newest"})
    assert "garbage collection" in project.fails("add", "f")
    os.close(handle)
    assert objects(project) == before
    project.done("add", "f")


def test_what_comes_in_while_it_looks_stays(project: DataProject, monkeypatch: pytest.MonkeyPatch) -> None:
    from siglum.pipeline.data.gc import GcRequest, plan_collection
    from siglum.pipeline.data.used import Scope
    from siglum.workspace import gc

    repo = project.open()
    real = gc.list_cache

    def list_late(repo, started):  # type: ignore[no-untyped-def]
        late = project.root / "late"
        late.write_text("came in after the start")
        repo.cache.ingest([(str(late), None)])
        return real(repo, started)

    monkeypatch.setattr("siglum.pipeline.data.gc.list_cache", list_late)
    planned = plan_collection(repo, GcRequest(scope=Scope(workspace=True)))
    assert len(objects(project)) == 8
    assert set(planned.plan.collections[0].oids) == old_objects(project)


@pytest.mark.slow
def test_killed_at_any_time(project: DataProject) -> None:
    """Each object is in the cache or the trash; running it again succeeds, and undoing brings all back."""
    project.write({f"many/{number}": str(number) for number in range(300)})
    project.done("add", "many")
    project.write({"many/0": "changed"})
    everything = objects(project)
    project.done("remove", "many.dvc")
    killed = 0
    for attempt in range(6):
        with subprocess.Popen([*SIGLUM, "gc", "-w", "-f"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
            trash = project.root / ".dvc/cache/trash"
            deadline = time.monotonic() + 20
            while not any(trash.glob("*/md5")) and run.poll() is None and time.monotonic() < deadline:
                time.sleep(0.0005)
            time.sleep(0.002 * attempt)
            run.send_signal(signal.SIGKILL)
            killed += run.wait() == -signal.SIGKILL
        in_trash = {oid for batch in trash_of(project.open()).batches() for oid in trashed(project, batch)}
        assert objects(project) | in_trash == everything
        assert not objects(project) & in_trash
        while trash_of(project.open()).batches():
            project.done("gc", "--undo")
        assert objects(project) == everything
    assert killed
    project.done("gc", "-w", "-f")
    assert json.loads(project.done("gc", "-w", "--dry-run", "--json"))["collections"][0]["oids"] == []


def trashed(project: DataProject, batch: Batch) -> set[str]:
    return {oid for _, oid in trash_of(project.open()).objects(batch)}


def test_purge(project: DataProject) -> None:
    project.done("gc", "-w", "-f")
    assert json.loads(project.done("gc", "--purge", "--json"))["purged"] == 0  # within its time of grace
    age(project, days=15)
    assert json.loads(project.done("gc", "--purge", "--dry-run", "--json"))["objects"] == 3
    assert json.loads(project.done("gc", "--purge", "--json"))["purged"] == 3
    assert not (project.root / ".dvc/cache/trash").exists()
    assert "is empty" in project.fails("gc", "--undo")


def test_purge_of_all_asks(project: DataProject) -> None:
    project.done("gc", "-w", "-f")
    assert "nobody to ask" in project.fails("gc", "--purge", "--all", status=2)
    assert json.loads(project.done("gc", "--purge", "--all", "-f", "--json"))["purged"] == 3


def test_purge_brings_back_what_is_needed_again(project: DataProject) -> None:
    old = old_objects(project)
    project.done("gc", "-w", "-f")
    project.git("checkout", "-q", "--", "d.dvc")  # the folder as it was
    age(project, days=15)
    done = json.loads(project.done("gc", "--purge", "--json"))
    assert (done["restored"], done["purged"]) == (2, 1)
    assert len(old & objects(project)) == 2
    project.done("checkout", "-f", "d")
    assert project.read("d/b") == "two"


def age(project: DataProject, days: float) -> None:
    for record in (project.root / ".dvc/cache/trash").glob("*/batch.json"):
        batch = msgspec.json.decode(record.read_bytes(), type=Batch)
        moved = msgspec.structs.replace(batch, expires=int(batch.expires - days * 86_400))
        record.write_bytes(msgspec.json.encode(moved))


def test_the_grace_is_a_setting(project: DataProject) -> None:
    project.done("config", "feature.gc_grace_days", "0")
    project.done("gc", "-w", "-f")
    (batch,) = trash_of(project.open()).batches()
    assert batch.expires == batch.created
    assert json.loads(project.done("gc", "--purge", "--json"))["purged"] == 3
    assert "number of days" in project.fails("config", "feature.gc_grace_days", "soon")
    assert new_batch(1.0, 14, "", "").expires == 1 + 14 * 86_400


def test_in_a_remote(project: DataProject) -> None:
    project.done("remote", "add", "-d", "store", "../store")
    project.done("push", "-a")
    project.done("push")
    store = project.root.parent / "store"
    before, old = files(store), old_objects(project)
    assert len(before) == 7
    said = project.done("gc", "-w", "-c", "-f")
    assert "Remote 'store'" in said
    keys = {f"files/md5/{oid[:2]}/{oid[2:]}" for oid in old}
    assert {name for name in files(store) if name.startswith("files/")} == before - keys
    assert not old & objects(project)
    assert json.loads(project.done("gc", "--undo", "-c", "--json"))["restored"] == 3
    assert files(store) == before
    assert not old & objects(project)  # each place for itself
    project.done("fetch", "-a")
    assert old <= objects(project)


def test_not_in_remote(project: DataProject) -> None:
    project.done("remote", "add", "-d", "store", "../store")
    project.done("push", "f")
    pushed = project.hash_of("f").oid
    project.done("gc", "-w", "--not-in-remote", "-f")
    assert pushed not in objects(project)
    assert project.hash_of("d").oid in objects(project)
    project.done("fetch")
    assert pushed in objects(project)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_needed_manifest_is_looked_for_on_the_remote(project: DataProject) -> None:
    project.done("remote", "add", "-d", "store", "../store")
    project.done("push")
    folder = project.hash_of("d").oid
    inside = {entry.oid for entry in project.open().cache.read_manifest(folder).entries}
    project.object_of(folder).unlink()
    project.done("gc", "-w", "-f")
    assert inside <= objects(project)
    (project.root.parent / f"store/files/md5/{folder[:2]}/{folder[2:]}").unlink()
    ended = project.run("gc", "-w", "--dry-run")
    assert "cannot be read" in ended.err
