"""Pipelines run for real: what runs, what is skipped, what is recorded."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.pipeline.project import TWO, Project, lines

from siglum.core.errors import (
    NotFoundError,
)
from siglum.core.notices import listening
from siglum.pipeline.execution.repro import repro
from siglum.pipeline.graph.load import load_pipeline
from siglum.pipeline.graph.targets import Selection
from siglum.pipeline.status.events import OutputKept, StageRestored, StageStarted
from siglum.workspace.add import add


def test_the_first_run_and_the_second(two: Project) -> None:
    assert two.repro() == {"prepare": "ran", "train": "ran"}
    assert two.read("model") == "ABC\n"
    lock = two.lock()
    assert list(lock) == ["prepare", "train"]
    assert lock["train"]["params"] == {"params.yaml": {"lr": 1}}
    assert [out["path"] for out in lock["train"]["outs"]] == ["metrics.json", "model"]
    assert two.read(".gitignore").splitlines() == ["/clean.txt", "/model"]
    before = two.read("dvc.lock")
    assert two.repro() == {"prepare": "unchanged", "train": "unchanged"}
    assert two.read("dvc.lock") == before
    assert lines(two.root / "log") == ["p", "t"]


def test_rules_stand_in_the_order_of_the_outputs(project: Project) -> None:
    """As DVC writes them: outputs first, then metrics and plots, each as it stands in the file."""
    outs = "plots: [p], metrics: [m, b], outs: [z, c: {persist: true}, a]"
    project.write("dvc.yaml", f"stages: {{s: {{cmd: 'echo 1 | tee z a m c b > p', {outs}}}}}")
    project.repro()
    assert project.read(".gitignore").split() == ["/z", "/c", "/a", "/m", "/b", "/p"]


def test_only_what_changed_runs(two: Project) -> None:
    two.repro()
    two.write("params.yaml", "lr: 2\n")
    assert two.repro() == {"prepare": "unchanged", "train": "ran"}
    started = [event for event in two.events if isinstance(event, StageStarted)]
    assert [str(reason) for reason in started[0].reasons] == ["lr in params.yaml is changed"]


def test_a_change_that_makes_no_difference_downstream_stops_there(two: Project) -> None:
    two.repro()
    two.write("raw.txt", "ABC\n")
    assert two.repro() == {"prepare": "ran", "train": "unchanged"}


def test_an_earlier_result_is_restored(two: Project) -> None:
    two.repro()
    first = two.read("dvc.lock")
    two.write("params.yaml", "lr: 2\n")
    two.repro()
    two.write("params.yaml", "lr: 1\n")
    assert two.repro() == {"prepare": "unchanged", "train": "restored"}
    assert two.read("metrics.json") == '{"lr":1}'
    assert two.read("dvc.lock") == first
    assert lines(two.root / "log") == ["p", "t", "t"]
    assert any(isinstance(event, StageRestored) for event in two.events)


def test_without_the_run_cache_it_runs(two: Project) -> None:
    two.repro()
    two.write("params.yaml", "lr: 2\n")
    two.repro()
    two.write("params.yaml", "lr: 1\n")
    assert two.repro(run_cache=False)["train"] == "ran"


def test_a_missing_output_comes_back_from_the_cache(two: Project) -> None:
    two.repro()
    (two.root / "model").unlink()
    (two.root / "metrics.json").unlink()
    assert two.repro(run_cache=False) == {"prepare": "unchanged", "train": "restored"}
    assert two.read("model") == "ABC\n"
    assert two.read("metrics.json") == '{"lr":1}'
    assert not (two.root / "metrics.json").is_symlink()


def test_an_output_that_is_gone_from_the_cache_is_made_again(two: Project) -> None:
    two.repro()
    oid = two.lock()["prepare"]["outs"][0]["md5"]
    os.unlink(two.open().cache.path_of(oid))
    assert two.repro()["prepare"] == "ran"
    assert two.open().cache.has(oid)


def test_a_link_to_what_is_gone_from_the_cache_is_no_output(project: Project) -> None:
    project.write(".dvc/config", "[cache]\n    type = symlink\n")
    project.write("dvc.yaml", "stages: {s: {cmd: date +%N > o; date +%N >> p, outs: [o, {p: {persist: true}}]}}")
    project.repro()
    shutil.rmtree(project.root / ".dvc/cache/files")
    assert (project.root / "o").is_symlink()
    assert not project.exists("o")
    assert project.repro() == {"s": "ran"}
    assert project.exists("o")
    assert project.exists("p")


def test_an_output_edited_by_hand_is_kept_before_the_recorded_one_comes_back(two: Project) -> None:
    two.repro()
    for path in ("model", "metrics.json"):
        (two.root / path).unlink()
        two.write(path, f"my {path}\n")
    assert two.repro()["train"] == "restored"
    assert two.read("model") == "ABC\n"
    kept = [event for event in two.events if isinstance(event, OutputKept)]
    assert {event.path for event in kept} == {"model", "metrics.json"}
    for event in kept:
        assert two.open().cache.is_sound(event.where.removeprefix("md5:"))


def test_a_damaged_object_is_not_restored_but_made_again(two: Project) -> None:
    two.repro()
    oid = two.lock()["train"]["outs"][1]["md5"]
    object_path = Path(two.open().cache.path_of(oid))
    object_path.chmod(0o644)
    object_path.write_text("rot\n")
    (two.root / "model").unlink()
    assert two.repro("train", selection=Selection(single=True)) == {"train": "ran"}
    assert two.read("model") == "ABC\n"
    assert two.open().cache.is_sound(oid)


def test_two_at_once(two: Project) -> None:
    two.write("wait.sh", "touch started; while [ ! -e go ]; do sleep 0.02; done; echo > o\n")
    two.write("dvc.yaml", "stages: {s: {cmd: sh wait.sh, outs: [o]}}")
    with subprocess.Popen([sys.executable, "-m", "siglum.cli", "repro", "-q"]) as process:
        while not two.exists("started"):
            time.sleep(0.01)
            assert process.poll() is None
        assert load_pipeline(two.open()).stages, "others may read, and use the repository"
        said = []

        def let_go(text: str) -> None:
            said.append(text)
            two.write("go", "")

        with listening(let_go):
            assert two.repro() == {"s": "unchanged"}, "the second waited for the first"
        assert process.wait(30) == 0
    assert f"process {process.pid} " in said[0]


def test_force_runs_everything(two: Project) -> None:
    two.repro()
    assert two.repro(force=True) == {"prepare": "ran", "train": "ran"}
    assert two.repro("train", force=True, selection=Selection(single=True)) == {"train": "ran"}


def test_a_dry_run_changes_nothing(two: Project) -> None:
    assert two.repro(dry=True) == {"prepare": "would run", "train": "would run"}
    assert not two.exists("dvc.lock")
    assert not two.exists("log")
    two.repro()
    two.write("raw.txt", "x\n")
    before = {path: path.read_bytes() for path in two.root.rglob("*") if path.is_file() and "tmp" not in path.parts}
    assert two.repro(dry=True) == {"prepare": "would run", "train": "would run"}
    after = {path: path.read_bytes() for path in two.root.rglob("*") if path.is_file() and "tmp" not in path.parts}
    assert before == after


def test_targets_and_how_far_to_go(two: Project) -> None:
    two.write("lone/dvc.yaml", "stages: {x: {cmd: echo x > x, outs: [x]}}")
    assert list(two.repro("prepare")) == ["prepare"]
    assert list(two.repro("prepare", selection=Selection(downstream=True))) == ["prepare", "train"]
    assert list(two.repro("prepare", selection=Selection(whole_pipelines=True))) == ["prepare", "train"]
    assert list(two.repro("model")) == ["prepare", "train"]
    assert list(two.repro("x", folder="lone")) == ["lone/dvc.yaml:x"]
    assert list(two.repro("../dvc.yaml:prepare", folder="lone")) == ["prepare"]
    assert list(two.repro("lone", recursive=True)) == ["lone/dvc.yaml:x"]
    assert list(two.repro(selection=Selection(everything=True))) == ["prepare", "train", "lone/dvc.yaml:x"]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("trian", r"There is no stage or output 'trian'\. Did you mean 'train'"),
        ("nope/dvc.yaml:a", r"There is no 'nope/dvc\.yaml'"),
        ("dvc.yaml:nope", "There is no stage or output 'dvc.yaml:nope'"),
    ],
)
def test_targets_that_are_not_there(two: Project, target: str, said: str) -> None:
    with pytest.raises(NotFoundError, match=said):
        two.repro(target)


def test_no_pipeline_here(project: Project) -> None:
    with pytest.raises(NotFoundError, match=r"There is no dvc\.yaml here"):
        project.repro()


def test_a_group_of_generated_stages(project: Project) -> None:
    project.write("dvc.yaml", "stages: {g: {foreach: [a, b], do: {cmd: 'echo > o.${item}', outs: ['o.${item}']}}}")
    assert list(project.repro("g@b")) == ["g@b"]
    assert list(project.repro("g")) == ["g@a", "g@b"]


def test_a_pipeline_below_the_root(project: Project) -> None:
    project.write(
        "a/dvc.yaml", "stages: {s: {cmd: 'cat ../../in > o; pwd > where', wdir: w, deps: [../../in], outs: [o]}}"
    )
    project.write("in", "x")
    (project.root / "a/w").mkdir()
    project.repro("s", folder="a")
    assert project.lock("a/dvc.lock")["s"]["outs"][0]["path"] == "o"
    assert project.read("a/w/where").strip() == str(project.root / "a/w")
    assert project.read("a/w/.gitignore") == "/o\n"


def test_the_environment_of_a_command(project: Project) -> None:
    project.write("d/dvc.yaml", "stages: {s: {cmd: 'echo $DVC_STAGE $DVC_ROOT $MINE > o', outs: [o]}}")
    project.repro("s", folder="d", environment={"MINE": "m", "PATH": os.environ["PATH"]})
    assert project.read("d/o") == f"d/dvc.yaml:s {project.root} m\n"


def test_the_repository_may_be_used_by_a_command(two: Project) -> None:
    """A stage that itself works on the repository is not locked out."""
    script = "from siglum.workspace.repository import Repository as R\nwith R.open().lock(): print('held')"
    two.write("use.py", script)
    two.write("dvc.yaml", f"stages: {{s: {{cmd: '{sys.executable} use.py > o', outs: [o]}}}}")
    assert two.repro() == {"s": "ran"}
    assert two.read("o") == "held\n"


def test_without_commit_only_hashes_are_recorded(two: Project) -> None:
    assert two.repro(commit=False) == {"prepare": "ran", "train": "ran"}
    assert set(two.lock()) == {"prepare", "train"}
    assert not two.open().cache.has(two.lock()["train"]["outs"][1]["md5"])
    assert not Path(two.open().run_cache_dir).exists()


def test_persistent_outputs_stay_for_the_next_run(project: Project) -> None:
    project.write("dvc.yaml", "stages: {s: {cmd: 'echo x >> o', deps: [in], outs: [{o: {persist: true}}]}}")
    project.write("in", "1")
    project.repro()
    project.write("in", "2")
    project.repro()
    assert project.read("o") == "x\nx\n"


def test_a_persistent_output_that_was_a_link_is_not_executable_as_links_are(project: Project) -> None:
    project.write(".dvc/config", "[cache]\n    type = symlink\n")
    project.write("dvc.yaml", "stages: {s: {cmd: echo >> o, always_changed: true, outs: [o: {persist: true}]}}")
    project.repro()
    assert (project.root / "o").is_symlink()
    project.repro()
    assert project.read("o") == "\n\n"
    assert "isexec" not in project.read("dvc.lock")


def test_what_runs_always(project: Project) -> None:
    project.write(
        "dvc.yaml", "stages: {c: {cmd: 'echo c >> log'}, a: {cmd: 'echo > o', outs: [o], always_changed: true}}"
    )
    project.repro()
    assert project.repro() == {"c": "ran", "a": "ran"}
    assert project.lock()["c"] == {"cmd": "echo c >> log"}


def test_data_that_changed_is_recorded_before_it_is_used(two: Project) -> None:
    """As in DVC, whose users rely on it: no `add` is needed between an edit and a run."""
    two.repro()
    add(two.open(), [str(two.root / "raw.txt")])
    assert two.repro() == {"raw.txt.dvc": "unchanged", "prepare": "unchanged", "train": "unchanged"}
    (two.root / "raw.txt").unlink()
    assert two.repro()["raw.txt.dvc"] == "verified"
    assert two.read("raw.txt") == "abc\n"
    (two.root / "raw.txt").unlink()
    two.write("raw.txt", "xyz\n")
    before = two.read("raw.txt.dvc")
    assert two.repro(dry=True) == {"raw.txt.dvc": "verified", "prepare": "would run", "train": "would run"}
    assert two.read("raw.txt.dvc") == before
    assert two.repro() == {"raw.txt.dvc": "verified", "prepare": "ran", "train": "ran"}
    assert two.read("raw.txt.dvc") != before
    assert two.repro() == {"raw.txt.dvc": "unchanged", "prepare": "unchanged", "train": "unchanged"}


def test_data_that_is_nowhere(two: Project) -> None:
    add(two.open(), [str(two.root / "raw.txt")])
    (two.root / "raw.txt").unlink()
    shutil.rmtree(two.root / ".dvc" / "cache")
    with pytest.raises(
        NotFoundError, match=r"'raw\.txt' of 'raw\.txt\.dvc' does not exist, and the cache does not hold"
    ):
        two.repro()


def test_a_frozen_stage_is_not_run_and_leads_nowhere(two: Project) -> None:
    two.repro()
    two.write("dvc.yaml", TWO.replace("outs: [model]", "outs: [model]\n        frozen: true"))
    two.write("raw.txt", "changed\n")
    assert two.repro("train") == {"train": "unchanged"}


def test_a_foreach_list_of_commands_and_lines(project: Project) -> None:
    project.write("dvc.yaml", 'stages: {s: {cmd: "x=1\\necho $x > o\\n", outs: [o]}}')
    project.repro()
    assert project.read("o") == "\n", "each line runs in a shell of its own, as in DVC"


# What fails


def test_many_stages_are_recorded_in_the_order_of_the_file(project: Project) -> None:
    n = 30
    stages = "".join(f"  s{i}: {{cmd: 'echo {i} > o{i}', outs: [o{i}]}}\n" for i in range(n))
    project.write("dvc.yaml", "stages:\n" + stages)
    assert set(project.repro().values()) == {"ran"}
    assert list(project.lock()) == [f"s{i}" for i in range(n)]
    assert repro(project.open())[0].lock is not None
