"""Versions, differences and verdicts in words."""

from __future__ import annotations

import msgspec
import pytest

from siglum.core.hashes import FileDigest
from siglum.lineage.compare import FileChange, MetricChange, PatchComparison, compare
from siglum.lineage.describe import (
    MAX_ROWS,
    Section,
    describe_diff,
    describe_verdict,
    describe_version,
    layout,
    metric_row,
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
from siglum.lineage.verdict import FileComparison, Level, judge

COMMIT = "c0ffee" + "0" * 34
DETAIL = Environment(
    python="3.11.2",
    implementation="cpython",
    platform="linux-x86_64",
    platform_detail="Linux",
    machine="x86_64",
    cpu_count=2,
    variables={},
    packages=(Package("numpy", "2.0.0"), Package("siglum", "0.1.0", "file:///src/siglum", True)),
)
FULL = VersionRecord(
    name="churn",
    version="3",
    aliases=("champion",),
    created=1_700_000_000_000,
    created_by="ada",
    recipe_digest="sha256:" + "ab" * 32,
    run=RunRecord(
        run_id="f" * 32,
        name="quiet-owl",
        status="FINISHED",
        user="ada",
        start_time=1_700_000_000_000,
        end_time=1_700_000_002_500,
        command=("python", "src/train.py", "--name", "two words"),
        stage="train",
    ),
    code=CodeRecord(commit=COMMIT, branch="main", tags=("v1.0",), diff_sha256="d" * 64, kept=True, known_here=True),
    data=(
        DataRecord(
            path="data/prepared",
            hash="md5:" + "1" * 32 + ".dir",
            size=4096,
            pointer="dvc.lock",
            revisions=(Revision("a" * 40),),
        ),
        DataRecord(
            path="data/raw.csv",
            hash="md5:" + "2" * 32,
            pointer="data/raw.csv.dvc",
            revisions=(Revision(COMMIT, ("v1.0",)),),
            via="data/prepared",
            recorded=False,
        ),
        DataRecord(path="data/loose.csv", hash="md5:" + "3" * 32),
    ),
    parameters={"alpha": "0.1"},
    metrics={"accuracy": 0.9736842105263158},
    environment=EnvironmentRecord(digest=DETAIL.digest, detail=DETAIL),
    seeds={"PYTHONHASHSEED": "0"},
    model=ModelRecord(
        content_hash="sha256:" + "cd" * 32,
        files=(FileDigest("MLmodel", 700, "9" * 64),),
        requirements=("numpy==2.0.0", "skops==0.13"),
    ),
)


def text(sections: list[Section]) -> str:
    return "\n".join(f"{heading}  {rest}".rstrip() for heading, rest in layout(sections))


@pytest.mark.parametrize(
    "said",
    [
        "churn@3",
        "champion",
        "2023-11-14 22:13:20 UTC by ada",
        "sha256:" + "ab" * 32,
        "sha256:" + "cd" * 32,
        f"{COMMIT} (v1.0)",
        f"sha256:{'d' * 64}, kept with the run",
        "python src/train.py --name 'two words'",
        "in aaaaaaaaaa",
        "in v1.0, behind data/prepared",
        "not committed",
        "0.9736842105263158",
        "  2 (--json lists them)",
        "requires  numpy==2.0.0, skops==0.13",
        "seed PYTHONHASHSEED",
        "2.5 s",
    ],
)
def test_a_version_says(said: str) -> None:
    assert said in text(describe_version(FULL))


def test_a_version_fits_a_screen() -> None:
    assert len(text(describe_version(FULL)).splitlines()) <= 40


def test_a_plain_version_says_what_is_not_on_record() -> None:
    plain = VersionRecord(name="plain", version="1", remarks=("No recipe is on record.",))
    said = text(describe_version(plain))
    for section in ("code", "data", "environment"):
        assert any(line.split() == [section, "not", "on", "record"] for line in said.splitlines()), section
    assert "No recipe is on record." in said


def test_rows_align_below_their_heading() -> None:
    lines = text([Section("data", "2 inputs", (("a", "x", "y"), ("long", "z", "w"))), Section("parameters", "none")])
    assert lines.splitlines() == [
        "data        2 inputs",
        "              a     x  y",
        "              long  z  w",
        "parameters  none",
    ]


def test_long_sections_are_folded() -> None:
    many = msgspec.structs.replace(FULL, parameters={f"p{i:03}": "1" for i in range(100)})
    (section,) = (s for s in describe_version(many) if s.title == "parameters")
    assert section.summary == "100 parameters"
    assert len(section.rows) == MAX_ROWS
    assert section.rows[-1] == ("… and 87 more (--json shows all)",)


def test_equal_sections_of_a_diff_are_one_line() -> None:
    said = text(describe_diff(compare(FULL, FULL)))
    assert all(line.endswith("equal") for line in said.splitlines())
    assert len(said.splitlines()) == 7


def test_a_diff_says_what_differs() -> None:
    other = msgspec.structs.replace(
        FULL,
        version="4",
        code=CodeRecord(commit="d" * 40, tags=("v2.0",)),
        data=(DataRecord(path="data/prepared", hash="md5:" + "9" * 32 + ".dir"),),
        parameters={"alpha": "0.2"},
        metrics={"accuracy": 0.9},
        model=ModelRecord(content_hash="sha256:other"),
    )
    files = (FileChange("src/train.py", 3, 1), FileChange("logo.png"))
    said = text(describe_diff(compare(FULL, other, PatchComparison(files, ("src/new.py",)))))
    for part in (
        "v1.0+changes  →  v2.0",
        "src/train.py  +3 -1",
        "logo.png      binary",
        "src/new.py    uncommitted change differs",
        "alpha  0.1  →  0.2",
        "0.9736842105263158  →  0.9  (-0.0736842)",
        "md5:1111111111 (4.0 KiB, aaaaaaaaaa)  →",
        "data/raw.csv    removed",
    ):
        assert part in said, said


def test_commits_that_are_not_here_cannot_be_compared() -> None:
    other = msgspec.structs.replace(FULL, code=CodeRecord(commit="d" * 40))
    assert "a commit is not in this clone" in text(describe_diff(compare(FULL, other, PatchComparison(files=None))))


def test_a_metric_on_one_side_only() -> None:
    assert metric_row(MetricChange("f1", None, 0.5)) == ("f1", "none", "→", "0.5", "")


def rebuilt(**changes: object) -> VersionRecord:
    bare = msgspec.structs.replace(FULL, data=FULL.inputs)
    return msgspec.structs.replace(bare, **changes)


def test_a_bit_identical_rebuild() -> None:
    verdict = judge(FULL, rebuilt(), (FileComparison("data/prepared", "md5:1", "md5:1"),))
    assert (verdict.equal, verdict.level) == (True, Level.BIT_IDENTICAL)
    said = text(describe_verdict(verdict))
    assert f"content hash equal: {FULL.model.content_hash}" in said
    assert "all 1 equal" in said
    assert "1 of 1 equal" in said


def test_equal_metrics_from_other_bytes() -> None:
    verdict = judge(FULL, rebuilt(model=ModelRecord(content_hash="sha256:other")))
    assert (verdict.equal, verdict.level) == (False, Level.METRICS)
    assert "content hash differs" in text(describe_verdict(verdict))


def test_a_rebuild_that_differs() -> None:
    verdict = judge(FULL, rebuilt(metrics={"accuracy": 0.5}, model=ModelRecord(content_hash="sha256:other")))
    assert (verdict.equal, verdict.level) == (False, Level.COMPLETED)
    assert "(-0.473684)" in text(describe_verdict(verdict))


def test_an_output_that_differs_is_not_equal() -> None:
    verdict = judge(FULL, rebuilt(), (FileComparison("metrics.json", "md5:1", "md5:2"),))
    assert (verdict.equal, verdict.level) == (False, Level.BIT_IDENTICAL)
    assert "0 of 1 equal" in text(describe_verdict(verdict))


def test_a_missing_content_hash_is_never_equal() -> None:
    unknown = msgspec.structs.replace(FULL, model=ModelRecord())
    verdict = judge(unknown, rebuilt(model=ModelRecord()))
    assert not verdict.equal
