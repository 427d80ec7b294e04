"""What differs between two versions, as values."""

from __future__ import annotations

import math

import msgspec
import pytest

from siglum.lineage.compare import (
    FieldChange,
    FileChange,
    PatchComparison,
    compare,
    compare_metrics,
    compare_patches,
    split_patch,
)
from siglum.lineage.environment import Environment
from siglum.lineage.packages import Package
from siglum.lineage.record import (
    CodeRecord,
    DataRecord,
    EnvironmentRecord,
    ModelRecord,
    Revision,
    RunRecord,
    VersionRecord,
)

HASH_1, HASH_2 = "md5:" + "1" * 32, "md5:" + "2" * 32


def environment(**packages: str) -> EnvironmentRecord:
    detail = Environment(
        python="3.11.2",
        implementation="cpython",
        platform="linux-x86_64",
        platform_detail="Linux",
        machine="x86_64",
        cpu_count=2,
        variables={"OMP_NUM_THREADS": "1"},
        packages=tuple(sorted(Package(name, version) for name, version in packages.items())),
    )
    return EnvironmentRecord(digest=detail.digest, detail=detail)


def version(**changes: object) -> VersionRecord:
    whole = VersionRecord(
        name="churn",
        version="1",
        recipe_digest="sha256:r1",
        run=RunRecord(
            run_id="a" * 32,
            name="quiet-owl",
            status="FINISHED",
            user="me",
            start_time=0,
            command=("python", "train.py"),
        ),
        code=CodeRecord(commit="c" * 40, branch="main"),
        data=(DataRecord(path="data/train.csv", hash=HASH_1, size=10, revisions=(Revision("c" * 40, ("v1.0",)),)),),
        parameters={"alpha": "0.1", "epochs": "5"},
        metrics={"loss": 0.25},
        environment=environment(numpy="2.0.0"),
        model=ModelRecord(content_hash="sha256:m1"),
    )
    return msgspec.structs.replace(whole, **changes)


def test_a_version_equals_itself() -> None:
    diff = compare(version(), version())
    empty = (diff.recipe, diff.code, diff.data, diff.parameters, diff.metrics, diff.environment, diff.packages)
    assert not any(empty)
    assert diff.model is None
    assert diff.unknown == ()


def test_parameters_added_removed_changed() -> None:
    diff = compare(version(), version(parameters={"alpha": "0.2", "seed": "7"}))
    assert diff.parameters == (
        FieldChange("alpha", "0.1", "0.2"),
        FieldChange("epochs", "5", None),
        FieldChange("seed", None, "7"),
    )


def test_metrics_are_compared_exactly() -> None:
    (change,) = compare_metrics({"a": 0.1 + 0.2}, {"a": 0.3})
    assert change.difference == pytest.approx(-5.5e-17, rel=0.1)
    assert compare_metrics({"a": math.nan, "b": math.inf}, {"a": math.nan, "b": math.inf}) == ()
    (missing,) = compare_metrics({"a": 1.0}, {})
    assert missing.difference is None


def test_data_by_path() -> None:
    new = version(data=(DataRecord(path="data/train.csv", hash=HASH_2), DataRecord(path="data/more.csv", hash=HASH_1)))
    added, changed = compare(version(), new).data
    assert (added.path, added.old) == ("data/more.csv", None)
    assert changed.old is not None
    assert changed.new is not None
    assert (changed.old.hash, changed.new.hash) == (HASH_1, HASH_2)


def test_code_takes_what_git_found() -> None:
    found = PatchComparison(files=(FileChange("train.py", 3, 1),), uncommitted=("setup.py",))
    diff = compare(version(), version(code=CodeRecord(commit="d" * 40, diff_sha256="e" * 64)), found)
    assert diff.code is not None
    assert (diff.code.files, diff.code.uncommitted) == (found.files, found.uncommitted)


def test_packages_and_python() -> None:
    diff = compare(version(), version(environment=environment(numpy="2.1.0", scipy="1.0")))
    assert diff.environment == ()
    assert diff.packages == (FieldChange("numpy", "2.0.0", "2.1.0"), FieldChange("scipy", None, "1.0"))


def test_what_is_not_on_record_is_unknown_and_not_equal() -> None:
    bare = VersionRecord(name="plain", version="1")
    diff = compare(version(), bare)
    assert set(diff.unknown) == {"code", "data", "environment", "model"}
    assert diff.packages == ()


PATCH = """\
diff --git a/src/train.py b/src/train.py
index 1..2 100644
--- a/src/train.py
+++ b/src/train.py
@@ -1 +1 @@
-a
+b
diff --git a/with space.txt b/with space.txt
new file mode 100644
--- /dev/null
+++ b/with space.txt
@@ -0,0 +1 @@
+diff --git is only a word here
"""


def test_patches_split_by_file() -> None:
    parts = split_patch(PATCH)
    assert list(parts) == ["src/train.py", "with space.txt"]
    assert "".join(parts.values()) == PATCH


def test_patches_compare_by_file() -> None:
    assert compare_patches(PATCH, PATCH) == ()
    assert compare_patches(PATCH, PATCH.replace("+b", "+c")) == ("src/train.py",)
    assert compare_patches("", PATCH) == ("src/train.py", "with space.txt")
