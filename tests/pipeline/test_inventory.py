from __future__ import annotations

from pathlib import Path

import pytest
from tests.workspace.data_project import DataProject

from siglum.core.errors import FileFormatError, NotFoundError
from siglum.core.hashes import DataHash
from siglum.pipeline.inventory.inventory import lock_of, read_inventory
from siglum.storage.manifest import make_manifest

A, B = "a" * 32, "b" * 32
PIPELINE = """\
stages:
  train:
    cmd: train
    outs: [model, big: {cache: false}]
    metrics: [m.json: {cache: false, push: false}]
  later:
    cmd: later
    outs: [never]
"""
LOCK = f"""\
schema: '2.0'
stages:
  train:
    cmd: train
    outs:
    - {{path: big, hash: md5, md5: {A}, size: 3}}
    - {{path: m.json, hash: md5, md5: {B}, size: 4}}
    - {{path: model, hash: md5, md5: {A}.dir, size: 5, nfiles: 2}}
"""


@pytest.fixture
def project(tmp_path: Path) -> DataProject:
    made = DataProject(tmp_path / "project")
    made.write(
        {
            "p/dvc.yaml": PIPELINE,
            "p/dvc.lock": LOCK,
            "d.dvc": f"outs:\n- {{md5: {A}.dir, size: 9, nfiles: 1, hash: md5, path: d, remote: far, push: false}}\n",
            "old.dvc": f"outs:\n- {{md5: {B}, size: 1, isexec: true, path: old}}\n",
            "kept.dvc": f"outs:\n- {{hash: md5, path: kept, files: [{{relpath: x/y, md5: {B}, size: 7}}]}}\n",
            "partial.dvc": f"deps:\n- {{md5: {A}, hash: md5, path: ../x}}\nouts:\n- {{hash: md5, path: part}}\n",
        }
    )
    return made


def test_outputs_of_dvc_files_and_stages(project: DataProject) -> None:
    project.commit()
    project.git("tag", "v1")
    here = read_inventory(project.open())
    there = read_inventory(project.open(), "v1")
    assert here.items == there.items
    assert [item.path for item in here.items] == [
        "d", "kept", "old", "p/big", "p/m.json", "p/model", "p/never", "part",
    ]  # fmt: skip
    found = here.by_path
    assert found["d"].hash == DataHash(f"{A}.dir")
    assert (found["d"].nfiles, found["d"].remote, found["d"].push, found["d"].is_dir) == (1, "far", False, True)
    assert found["old"].is_exec
    assert found["p/model"].source == "p/dvc.yaml:train"
    assert (found["p/big"].cached, found["p/model"].cached) == (False, True)
    assert found["p/never"].hash is None
    assert found["part"].hash == DataHash(A)
    assert found["kept"].hash == DataHash(make_manifest([("x/y", B)]).oid)
    assert (found["kept"].size, found["kept"].files) == (7, (("x/y", B),))
    assert [lock_of(found[path]) for path in ("d", "p/model")] == ["d.dvc", "p/dvc.lock"]
    assert {item.path for item in read_inventory(project.open(), cached_only=True).items} == set(found) - {
        "p/big", "p/m.json",
    }  # fmt: skip


def test_finding_outputs(project: DataProject) -> None:
    inventory = read_inventory(project.open())
    assert inventory.holding("d/sub/x") == inventory.by_path["d"]
    assert inventory.holding("dd") is None
    assert [item.path for item in inventory.below("p")] == ["p/big", "p/m.json", "p/model", "p/never"]
    assert len(inventory.below("")) == 8
    assert [item.path for item in inventory.named("p/dvc.yaml:later")] == ["p/never"]
    assert len(inventory.named("p/dvc.yaml")) == 4
    assert [item.path for item in inventory.named("d.dvc")] == ["d"]


def test_a_revision_that_is_not_there_and_a_file_that_cannot_be_read(project: DataProject) -> None:
    with pytest.raises(NotFoundError, match="v9"):
        read_inventory(project.open(), "v9")
    project.write({"d.dvc": "outs: 3\n"})
    with pytest.raises(FileFormatError, match=r"d\.dvc"):
        read_inventory(project.open())
