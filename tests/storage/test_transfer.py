import hashlib
import os
from pathlib import Path

import pytest

from siglum.core.errors import StorageFullError, UnavailableError
from siglum.storage import transfer
from siglum.storage.objects import ObjectStore
from siglum.storage.remotes import Remote, open_remote
from siglum.storage.transfer import key_of, plan_fetch, plan_push, run_transfer
from siglum.storage.tree import scan_tree


def make_cache(tmp_path: Path, name: str) -> ObjectStore:
    return ObjectStore(str(tmp_path / name / "files/md5"))


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return open_remote("r", str(tmp_path / "remote"))


def fill(cache: ObjectStore, tmp_path: Path, files: dict[str, bytes]) -> tuple[str, list[str]]:
    folder = tmp_path / f"data-{len(os.listdir(tmp_path))}"
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    with cache.batch() as batch:
        state = scan_tree(str(folder), into=batch)
        batch.add_bytes(state.manifest.encode(), state.manifest.oid)
        batch.commit()
    return state.manifest.oid, [entry.oid for entry in state.entries]


def damage(path: str) -> None:
    os.chmod(path, 0o644)
    Path(path).write_bytes(b"damaged")
    os.chmod(path, 0o444)


@pytest.mark.parametrize("jobs", [1, 4])
def test_there_and_back(tmp_path: Path, remote: Remote, jobs: int) -> None:
    cache = make_cache(tmp_path, "one")
    folder, files = fill(cache, tmp_path, {f"sub/{n}": b"%d" % n for n in range(50)})
    single = hashlib.md5(b"7").hexdigest()
    steps: list[tuple[int, int]] = []
    plan = plan_push([folder, single], cache, remote)
    assert plan.oids == (*plan.files, folder)
    assert set(plan.files) == set(files)
    sent = run_transfer(plan, jobs, lambda count, size: steps.append((count, size)))
    assert sent.moved == plan.oids
    assert sent.failures == ()
    assert sent.size == sum(cache.size_of(oid) for oid in plan.oids)
    assert steps[-1] == (51, sent.size)
    assert len(plan_push([folder, single], cache, remote)) == 0

    other = make_cache(tmp_path, "two")
    fetched = run_transfer(plan_fetch([folder, single], other, remote), jobs)
    assert set(fetched.moved) == {folder, *files}
    assert set(other.oids()) == set(cache.oids())
    assert all(other.is_sound(oid) for oid in other.oids())
    again = run_transfer(plan_fetch([folder, single], other, remote))
    assert (again.moved, again.present) == ((), 51)


def test_what_arrived_is_not_sent_again(tmp_path: Path, remote: Remote) -> None:
    cache = make_cache(tmp_path, "one")
    folder, files = fill(cache, tmp_path, {str(n): b"%d" % n for n in range(10)})
    for oid in files[:6]:
        remote.put(cache.path_of(oid), key_of(oid), oid)
    plan = plan_push([folder], cache, remote)
    assert set(plan.files) == set(files[6:])
    assert plan.present == 6


def test_a_damaged_object_is_not_sent_and_the_others_are(tmp_path: Path, remote: Remote) -> None:
    cache = make_cache(tmp_path, "one")
    folder, files = fill(cache, tmp_path, {str(n): b"%d" % n for n in range(5)})
    other, _ = fill(cache, tmp_path, {"other": b"other"})
    damage(cache.path_of(files[2]))
    result = run_transfer(plan_push([folder, other], cache, remote))
    assert [(f.oid, f.damaged) for f in result.failures] == [(files[2], True), (folder, False)]
    assert files[2] in result.failures[0].reason
    assert "1 of its files" in result.failures[1].reason
    assert other in result.moved
    assert set(remote.list("")) == {key_of(oid) for oid in result.moved}


def test_what_the_cache_lacks_is_reported_and_holds_back_its_manifest(tmp_path: Path, remote: Remote) -> None:
    cache = make_cache(tmp_path, "one")
    folder, files = fill(cache, tmp_path, {str(n): b"%d" % n for n in range(5)})
    os.unlink(cache.path_of(files[0]))
    plan = plan_push([folder, "0" * 32, "1" * 32 + ".dir"], cache, remote)
    assert {(f.oid, f.missing) for f in plan.failures} == {(o, True) for o in (files[0], "0" * 32, "1" * 32 + ".dir")}
    result = run_transfer(plan)
    assert folder not in result.moved
    assert set(result.moved) == set(files[1:])


def test_what_the_remote_lacks_or_has_damaged_is_reported(tmp_path: Path, remote: Remote) -> None:
    cache = make_cache(tmp_path, "one")
    folder, files = fill(cache, tmp_path, {str(n): b"%d" % n for n in range(5)})
    run_transfer(plan_push([folder], cache, remote))
    remote.delete(key_of(files[0]))
    damage(f"{remote.url}/{key_of(files[1])}")
    other = make_cache(tmp_path, "two")
    result = run_transfer(plan_fetch([folder, "0" * 32, "1" * 32 + ".dir"], other, remote))
    failures = {f.oid: (f.missing, f.damaged) for f in result.failures}
    assert failures == {
        files[0]: (True, False),
        files[1]: (False, True),
        folder: (False, False),
        "0" * 32: (True, False),
        "1" * 32 + ".dir": (True, False),
    }
    assert set(other.oids()) == set(files[2:])
    assert not [name for _, _, names in os.walk(tmp_path / "two") for name in names if name.endswith(".tmp")]


def test_a_remote_that_is_away(tmp_path: Path) -> None:
    cache = make_cache(tmp_path, "one")
    folder, _ = fill(cache, tmp_path, {"a": b"a"})
    with pytest.raises(UnavailableError, match="'r'"):
        plan_push([folder], cache, open_remote("r", str(tmp_path / "gone/remote")))
    with pytest.raises(UnavailableError, match="'r'"):
        plan_fetch([folder], cache, open_remote("r", str(tmp_path / "remote")))


@pytest.mark.parametrize(("many", "limit", "after"), [(1000, 400, [4, 8, 12]), (12, 600, [5, 11, 12])])
def test_groups_are_about_as_large_as_they_may_be(
    tmp_path: Path, remote: Remote, monkeypatch: pytest.MonkeyPatch, many: int, limit: int, after: list[int]
) -> None:
    """Of many objects not each one is looked at."""
    monkeypatch.setattr(transfer, "_MANY", many)
    monkeypatch.setattr(transfer, "_SAMPLE", 2)
    monkeypatch.setattr(transfer, "_GROUP_BYTES", limit)
    cache = make_cache(tmp_path, "one")
    _, files = fill(cache, tmp_path, {str(number): b"%100d" % number for number in range(12)})
    moved: list[int] = []
    run_transfer(plan_push(files, cache, remote), progress=lambda done, _size: moved.append(done))
    assert moved == after


def test_a_full_remote_is_raised_and_the_groups_before_it_stay(
    tmp_path: Path, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = make_cache(tmp_path, "one")
    folder, files = fill(cache, tmp_path, {str(n): b"%d" % n for n in range(6)})
    monkeypatch.setattr(transfer, "_GROUP", 2)
    calls = []

    class Fills:
        name, url = remote.name, remote.url
        check, exists, list, get, delete = remote.check, remote.exists, remote.list, remote.get, remote.delete

        def put(self, source: str, key: str, oid: str | None) -> int:
            calls.append(key)
            if len(calls) > 3:
                raise StorageFullError("no room")
            return remote.put(source, key, oid)

    with pytest.raises(StorageFullError):
        run_transfer(plan_push([folder], cache, Fills()), jobs=1)
    assert len(list(remote.list(""))) == 3
    plan = plan_push([folder], cache, remote)
    assert len(plan.files) == 3
    run_transfer(plan)
    assert set(remote.list("")) == {key_of(oid) for oid in (*files, folder)}
