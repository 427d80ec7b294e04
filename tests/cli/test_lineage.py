"""`trace`, `diff` and `reproduce` on a real project, as a user runs them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.lineage.training_project import PIPELINE, TrainingProject

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path: Path) -> TrainingProject:
    return TrainingProject(tmp_path / "project")


@pytest.fixture
def trained(project: TrainingProject) -> TrainingProject:
    """Version 1 trained by a script from a clean tree."""
    project.commit("v1.0")
    project.train()
    return project


def test_trace_of_a_script(trained: TrainingProject) -> None:
    printed = trained.siglum("trace", "line@1")
    commit = trained.git("rev-parse", "HEAD")
    for said in (
        f"{commit} (v1.0)",
        "python train.py data/points.csv --declare",
        "in v1.0",
        "scale  2",
        "requires",
    ):
        assert said in printed, printed
    assert "not on record" not in printed
    record = json.loads(trained.siglum("trace", "line@1", "--json"))
    (data,) = record["data"]
    assert (data["path"], data["pointer"]) == ("data/points.csv", "data/points.csv.dvc")
    assert data["revisions"][0] == {"commit": commit, "tags": ["v1.0"]}
    assert record["recipe_digest"] in printed
    assert record["model"]["content_hash"] in printed
    assert {"MLmodel", "model.skops"} <= {file["path"] for file in record["model"]["files"]}


def test_trace_works_from_below_and_says_what_is_near(trained: TrainingProject) -> None:
    assert "line@1" in trained.siglum("--cd", "data", "trace", "line@1")
    done = trained.attempt("trace", "lnie@1")
    assert done.returncode == 1
    assert "Did you mean 'line'?" in done.stderr
    assert trained.attempt("trace", "line").returncode == 2


def test_reproduce_a_script(trained: TrainingProject) -> None:
    before = trained.state()
    printed = trained.siglum("reproduce", "line@1")
    assert "line@1 reproduced: level L6, bit-identical model" in printed
    assert trained.state() == before
    assert trained.leftovers() == []


def test_reproduce_says_what_it_would_do(trained: TrainingProject) -> None:
    printed = trained.siglum("reproduce", "line@1", "--dry-run")
    assert trained.git("rev-parse", "HEAD") in printed
    assert "data/points.csv md5:" in printed
    assert "python train.py data/points.csv --declare" in printed
    plan = json.loads(trained.siglum("reproduce", "line@1", "--dry-run", "--json"))
    assert plan["stage"] is None
    assert plan["environment"]["rebuild"] is False


@pytest.mark.long
def test_reproduce_after_everything_moved_on(trained: TrainingProject) -> None:
    trained.write("params.yaml", '{"scale": 3}\n')
    trained.write("data/points.csv", "1,1\n2,2\n5,6\n")
    trained.siglum("add", "-q", "data/points.csv")
    trained.commit("v2.0")
    trained.train()
    verdict = json.loads(trained.siglum("reproduce", "line@1", "--json"))["verdict"]
    assert (verdict["equal"], verdict["level"]) == (True, 6)
    printed = trained.siglum("diff", "line@1", "line@2")
    for said in ("v1.0  →  v2.0", "params.yaml", "scale  2  →  3", "data/points.csv  md5:", "r2  "):
        assert said in printed, printed
    environment = next(line for line in printed.splitlines() if line.startswith("environment"))
    assert environment.split() == ["environment", "equal"]
    assert [
        change["name"] for change in json.loads(trained.siglum("diff", "line@1", "line@2", "--json"))["metrics"]
    ] == ["r2"]


def test_reproduce_with_uncommitted_and_untracked_code(project: TrainingProject) -> None:
    project.commit()
    project.write(
        "train.py", (project.root / "train.py").read_text().replace("import json\n", "import json\nimport extra\n")
    )
    project.write("extra.py", "FACTOR = 3\n")
    project.write("train.py", (project.root / "train.py").read_text().replace('["scale"]', '["scale"] * extra.FACTOR'))
    project.train()
    for name in ("train.py", "extra.py"):
        (project.root / name).unlink()
    project.git("checkout", "-q", "train.py")
    traced = project.siglum("trace", "line@1")
    assert "kept with the run" in traced
    assert "line@1 reproduced: level L6" in project.siglum("reproduce", "line@1")
    project.train()
    assert "extra.py" in project.siglum("diff", "line@1", "line@2")


@pytest.mark.long
def test_a_tampered_change_is_found(project: TrainingProject) -> None:
    project.commit()
    project.write("extra.py", "FACTOR = 3\n")
    project.train()
    stored = [p for p in (project.root / ".siglum").rglob("*") if p.is_file() and b"+FACTOR = 3" in p.read_bytes()]
    assert stored
    for path in {p.resolve() for p in stored}:
        path.chmod(0o644)
        path.write_bytes(path.read_bytes().replace(b"FACTOR = 3", b"FACTOR = 4"))
    done = project.attempt("reproduce", "line@1")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "uncommitted" in done.stderr
    assert project.leftovers() == []


def test_missing_data(trained: TrainingProject) -> None:
    trained.write("data/points.csv", "9,9\n8,8\n")
    shutil.rmtree(trained.root / ".dvc" / "cache")
    done = trained.attempt("reproduce", "line@1")
    assert done.returncode == 1
    assert "data/points.csv with md5:" in done.stderr
    assert "siglum push" in done.stderr
    assert done.stderr.count("\n") == 1
    assert trained.leftovers() == []


def test_data_from_a_remote(trained: TrainingProject, tmp_path: Path) -> None:
    trained.siglum("remote", "add", "-d", "shared", str(tmp_path / "remote"))
    trained.siglum("push")
    shutil.rmtree(trained.root / ".dvc" / "cache")
    assert "reproduced: level L6" in trained.siglum("reproduce", "line@1")
    assert not list((trained.root / ".dvc").glob("cache/files/md5/*"))


@pytest.mark.long
def test_a_changed_environment(project: TrainingProject, tmp_path: Path) -> None:
    metadata = tmp_path / "packages" / "oldlib-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: oldlib\nVersion: 1.0\n")
    project.commit()
    project.train(PYTHONPATH=str(tmp_path / "packages"))
    planned = json.loads(project.siglum("reproduce", "line@1", "--dry-run", "--json"))["environment"]
    assert planned["rebuild"]
    assert planned["differences"] == [{"name": "oldlib", "old": "1.0", "new": None}]
    printed = project.siglum("reproduce", "line@1", "--env", "current")
    assert "oldlib  1.0  →  none" in printed
    assert "reproduced: level L6" in printed
    failed = project.attempt("reproduce", "line@1", UV_OFFLINE="1", PIP_NO_INDEX="1")
    assert failed.returncode == 1
    assert "recorded package cannot be installed" in failed.stderr
    assert "--env current" in failed.stderr
    assert project.leftovers() == []


@pytest.mark.long
def test_code_that_is_not_deterministic_is_found(project: TrainingProject) -> None:
    text = (project.root / "train.py").read_text()
    project.write("train.py", text.replace('siglum.log_metric("r2",', 'siglum.log_metric("r2", np.random.rand() +'))
    project.commit()
    project.train()
    done = project.attempt("reproduce", "line@1")
    assert done.returncode == 1
    assert "NOT reproduced" in done.stdout
    assert any(line.startswith("metrics") and "differ" in line for line in done.stdout.splitlines())


@pytest.mark.long
def test_code_that_fails_now(trained: TrainingProject) -> None:
    text = (trained.root / "train.py").read_text()
    trained.write("train.py", text + "\nif Path('../tree').exists():\n    sys.exit('no luck today')\n")
    trained.commit()
    trained.train()
    done = trained.attempt("reproduce", "line@2")
    assert done.returncode == 1
    assert "no luck today" in done.stderr
    assert trained.leftovers() == []


@pytest.mark.long
def test_a_script_with_a_store_of_its_own_does_not_reach_it(project: TrainingProject, tmp_path: Path) -> None:
    text = (project.root / "train.py").read_text()
    store = f"sqlite:///{tmp_path}/team/siglum.db"
    project.write("train.py", text.replace("siglum.set_exp", f"siglum.set_tracking_uri({store!r})\nsiglum.set_exp", 1))
    project.commit()
    project.train()
    assert "reproduced: level L6" in project.siglum("reproduce", "line@1", "--tracking-uri", store)
    assert len(json.loads(project.siglum("models", "versions", "line", "--json", "--tracking-uri", store))) == 1


def test_interrupted_it_leaves_nothing(trained: TrainingProject, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    text = (trained.root / "train.py").read_text()
    gate = f"\nif Path('../tree').exists():\n    open({str(tmp_path / 'gate')!r}, 'w').close()\n    wait_forever()\n"
    forever = "\ndef wait_forever():\n    import threading\n    threading.Event().wait()\n"
    trained.write("train.py", text + forever + gate)
    trained.commit()
    trained.train()
    before = trained.state()
    command = [sys.executable, "-m", "siglum.cli", "reproduce", "line@2"]
    with subprocess.Popen(
        command, cwd=trained.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        with (tmp_path / "gate").open():  # opens when the rebuilt run has come so far
            pass
        assert trained.leftovers() != []
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, printed = process.communicate()
    assert process.returncode == 130
    assert printed.splitlines()[-1:] == ["Interrupted."]
    assert trained.leftovers() == []
    assert trained.state() == before


def test_a_commit_that_is_gone(trained: TrainingProject, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copytree(trained.root / ".siglum", other / ".siglum")
    done = trained.attempt("--cd", str(other), "reproduce", "line@1")
    assert done.returncode == 1
    assert "there is none here" in done.stderr
    trained.git("init", "-q", str(other))
    done = trained.attempt("--cd", str(other), "reproduce", "line@1")
    assert "not in this clone" in done.stderr
    assert "not in this clone" in trained.attempt("--cd", str(other), "trace", "line@1").stdout


def test_diff_of_one_version_or_of_a_version_and_something_else(trained: TrainingProject) -> None:
    alone = trained.attempt("diff", "line@1")
    assert alone.returncode == 2
    assert "NAME@VERSION" in alone.stderr
    for other, said in (("HEAD", "is a Git revision"), ("mian", "Did you mean 'main'"), ("lin@1x", "'line'")):
        done = trained.attempt("diff", "line@1", other)
        assert done.returncode != 0
        assert said in done.stderr
    too_many = trained.attempt("diff", "line@1", "line@1", "line@1")
    assert too_many.returncode == 2
    assert "churn@1 churn@2" in too_many.stderr
    assert "--md has no meaning" in trained.attempt("diff", "line@1", "line@1", "--md").stderr
    assert "--tracking-uri has no meaning" in trained.attempt("diff", "--tracking-uri", "sqlite:///x.db").stderr


def test_diff_of_tags_that_look_like_versions(trained: TrainingProject) -> None:
    trained.git("tag", "data@1")
    trained.git("tag", "line@1")
    assert trained.attempt("diff", "data@1", "HEAD").returncode == 0
    assert trained.attempt("diff", "data@1", "data@1", "--json").stdout == "{}\n"
    both = trained.attempt("diff", "line@1", "line@1")
    assert both.returncode == 2
    assert "models:/" in both.stderr
    assert trained.attempt("diff", "models:/line/1", "models:/line/1").returncode == 0


def test_a_pipeline_from_data_to_model(project: TrainingProject) -> None:
    project.write("dvc.yaml", PIPELINE)
    project.commit("v1.0")
    project.siglum("repro")
    project.commit()
    record = json.loads(project.siglum("trace", "line@1", "--json"))
    assert record["run"]["stage"] == "train"
    (around,) = (run for run in json.loads(project.siglum("runs", "list", "--json")) if is_repro(run))
    assert record["run"]["repro"] == around["info"]["run_id"]
    assert f"repro     {around['info']['run_id']}" in project.siglum("trace", "line@1")
    by_path = {entry["path"]: entry for entry in record["data"]}
    assert set(by_path) == {"clean.csv", "data/points.csv"}
    assert by_path["data/points.csv"]["via"] == "clean.csv"
    assert by_path["data/points.csv"]["revisions"][0]["tags"] == ["v1.0"]
    assert by_path["clean.csv"]["pointer"] == "dvc.lock"
    project.write("prepare.py", "raise SystemExit('changed since')\n")
    project.write("data/points.csv", "1,1\n")
    project.commit()
    before = project.state()
    printed = project.siglum("reproduce", "line@1")
    assert "line@1 reproduced: level L6" in printed
    assert "2 of 2 equal" in printed
    assert project.state() == before
    assert project.leftovers() == []


def is_repro(run: dict[str, Any]) -> bool:
    return bool(run["data"]["tags"].get("siglum.kind") == "repro")


def test_a_version_of_a_plain_client(trained: TrainingProject) -> None:
    script = (
        "from siglum.client.stores import open_stores\nfrom siglum.registry.entities import Change\n"
        "stores = open_stores()\nrun = stores.tracking.create_run('0', user_id='guest')\n"
        "me = Change(actor='guest')\nstores.registry.create_registered_model('plain', change=me)\n"
        "stores.registry.create_model_version('plain', f'runs:/{run.info.run_id}/model', change=me,\n"
        "    run_id=run.info.run_id)\nstores.close()\n"
    )
    trained.write("plain.py", script)
    trained.python("plain.py")
    printed = trained.siglum("trace", "plain@1")
    assert "No recipe is on record" in printed
    assert printed.count("not on record") >= 4
    done = trained.attempt("reproduce", "plain@1")
    assert done.returncode == 1
    assert "plain MLflow client" in done.stderr
    assert "not on record for both" in trained.siglum("diff", "line@1", "plain@1")
