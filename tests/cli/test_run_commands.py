"""`siglum runs compare|plot|watch|delete|restore|tag|artifacts|export` and `siglum experiments`, in process."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import siglum
from siglum.cli.app import run as run_command
from siglum.cli.sparkline import sparkline
from siglum.client import active, state
from siglum.client.run_comparison import comparison
from siglum.tracking.entities import Run


class Ended:
    """What a command gave."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status = status
        self.out = out
        self.err = err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def command(*arguments: str) -> Ended:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run_command(arguments)
    return Ended(status, out.getvalue(), err.getvalue())


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Run]]:
    """Three runs: two of `churn`, with series; one of `fraud`."""
    monkeypatch.chdir(tmp_path)
    made = []
    for experiment, name, rate in (("churn", "slow", 0.1), ("churn", "quick", 0.5), ("fraud", "other", 0.9)):
        siglum.set_experiment(experiment)
        with siglum.start_run(run_name=name) as run:
            siglum.log_params({"rate": rate, "depth": 3})
            for step in range(20):
                siglum.log_metric("loss", math.exp(-rate * step), step=step, timestamp=run.info.start_time + step * 500)
            siglum.log_metric("score", rate)
            siglum.log_text("hello", "notes/a.txt")
            siglum.set_tag("owner", "ann, or 'bo'")
        made.append(siglum.get_run(run.info.run_id))
    yield made
    active.stack().clear()
    state.close_all()
    state.set_experiment_id(None)


def test_list_in_other_orders_and_forms(runs: list[Run]) -> None:
    ordered = command("runs", "list", "--order-by", "metrics.score ASC", "--json").json
    assert [run["info"]["run_name"] for run in ordered] == ["slow", "quick", "other"]
    table = list(csv.DictReader(io.StringIO(command("runs", "list", "--experiment", "churn", "--csv").out)))
    assert [row["name"] for row in table] == ["quick", "slow"]
    assert table[0]["metrics.score"] == "0.5"
    assert table[0]["tags.owner"] == "ann, or 'bo'"
    assert table[0]["experiment"] == "churn"


def test_show_draws_series(runs: list[Run]) -> None:
    lines = command("runs", "show", runs[0].info.run_id).out.splitlines()
    (loss,) = [line for line in lines if line.startswith("  loss ")]
    assert loss.endswith("▁")
    assert loss.count("█") >= 1
    (score,) = [line for line in lines if line.startswith("  score")]
    assert score.split() == ["score", "0.1"]


def test_compare(runs: list[Run]) -> None:
    ids = [run.info.run_id for run in runs]
    shown = command("runs", "compare", ids[0], ids[1][:8])
    assert shown.status == 0
    lines = shown.out.splitlines()
    assert lines[0].split() == ["slow", ids[0][:8], "quick", ids[1][:8]]
    assert "  rate" in shown.out
    assert "  depth" not in shown.out
    assert "0.5 (+0.4)" in shown.out
    assert "the same in all" in lines[-1]
    assert "  depth" in command("runs", "compare", *ids, "--all").out
    rows = command("runs", "compare", *ids, "--json").json["rows"]
    (score,) = [row for row in rows if row["key"] == "score"]
    assert score["values"] == ["0.1", "0.5", "0.9"]
    assert score["change"] == pytest.approx([0.0, 0.4, 0.8])
    table = list(csv.reader(io.StringIO(command("runs", "compare", *ids, "--csv").out)))
    assert table[0] == ["section", "key", *ids]
    assert ["parameters", "rate", "0.1", "0.5", "0.9"] in table
    assert command("runs", "compare", ids[0]).status == 2
    assert [row.key for row in comparison(runs[:1]) if row.differs] == []


def test_plot(runs: list[Run]) -> None:
    shown = command("runs", "plot", runs[0].info.run_id, runs[1].info.run_id)
    assert shown.status == 0
    lines = shown.out.splitlines()
    assert (lines[0], "loss" in lines[1]) == ("loss", False)
    assert f"● slow {runs[0].info.run_id[:8]}" in shown.out
    assert any(0x2800 < ord(character) < 0x2900 for character in shown.out)
    assert lines[-1] == "1 metric with one point: score"
    assert "seconds" in command("runs", "plot", runs[0].info.run_id, "--metric", "loss", "--x", "time").out
    points = command("runs", "plot", runs[0].info.run_id, "--json").json["loss"][runs[0].info.run_id]
    assert [point["step"] for point in points] == list(range(20))
    wrong = command("runs", "plot", runs[0].info.run_id, "--metric", "los")
    assert (wrong.status, "Did you mean 'loss'" in wrong.err) == (1, True)
    assert command("runs", "plot", runs[0].info.run_id, "loss").out.splitlines()[0] == "loss"
    wrong = command("runs", "plot", runs[0].info.run_id, "los")
    assert "There is no run 'los'. If it is a metric: Did you mean 'loss'" in wrong.err


def test_watch(runs: list[Run]) -> None:
    run_id = runs[0].info.run_id
    shown = command("runs", "watch", run_id)
    assert shown.out == f"{run_id[:12]} FINISHED: loss 0.149569 at step 19, score 0.1 at step 0\n"
    assert command("runs", "watch", run_id, "--json").json["metrics"]["loss"]["points"] == 20


def test_watch_while_it_goes_on(runs: list[Run]) -> None:
    client = siglum.MlflowClient()
    run_id = client.create_run("0").info.run_id
    client.log_metric(run_id, "loss", 3, step=0)

    def go_on() -> None:
        client.log_metric(run_id, "loss", 2, step=1)
        client.set_terminated(run_id, "FAILED")

    timer = threading.Timer(0.3, go_on)
    timer.start()
    lines = command("runs", "watch", run_id, "--interval", "0.1").out.splitlines()
    timer.join()
    assert lines[0] == f"{run_id[:12]} RUNNING: loss 3 at step 0"
    assert lines[-1] == f"{run_id[:12]} FAILED: loss 2 at step 1"


def test_delete_restore_and_tag(runs: list[Run]) -> None:
    first, second = runs[0].info.run_id, runs[1].info.run_id
    assert command("runs", "delete", first, "0" * 32).status == 1
    assert len(command("runs", "list", "--json").json) == 3
    assert command("runs", "delete", first[:10], second, "--json").json == {"deleted": [first, second]}
    assert [run["info"]["run_id"] for run in command("runs", "list", "--json").json] == [runs[2].info.run_id]
    assert len(command("runs", "list", "--deleted", "--json").json) == 2
    assert command("runs", "restore", first[:10]).out == f"Restored run {first}\n"
    done = command("runs", "tag", first, "stage=best=yes", "--remove", "owner", "--json").json
    assert done["tags"]["stage"] == "best=yes"
    assert "owner" not in done["tags"]
    for wrong in (("stage",), ("=x",), ()):
        assert command("runs", "tag", first, *wrong).status == 2
    assert command("runs", "tag", first, "--remove", "never").status == 1


def test_artifacts(runs: list[Run], tmp_path: Path) -> None:
    run_id = runs[0].info.run_id
    assert [line.split()[0] for line in command("runs", "artifacts", run_id, "notes").out.splitlines()] == [
        "file", "notes/a.txt",
    ]  # fmt: skip
    done = command("runs", "artifacts", run_id, "notes/a.txt", "--download", "out", "--json").json
    assert [each["path"] for each in done["files"]] == ["notes/a.txt"]
    assert (tmp_path / "out" / "notes" / "a.txt").read_text() == "hello"
    wrong = command("runs", "artifacts", run_id, "notes/b.txt")
    assert (wrong.status, "Did you mean 'notes/a.txt'" in wrong.err) == (1, True)


def test_export(runs: list[Run], tmp_path: Path) -> None:
    table = list(csv.DictReader(io.StringIO(command("runs", "export", "--filter", "metrics.score > 0.2").out)))
    assert {row["name"] for row in table} == {"quick", "other"}
    done = command("runs", "export", runs[0].info.run_id, "--history", "-o", "points.csv")
    assert done.out == "Wrote 21 points to points.csv\n"
    points = list(csv.DictReader(io.StringIO((tmp_path / "points.csv").read_text())))
    assert [float(row["value"]) for row in points if row["key"] == "loss"] == [math.exp(-0.1 * n) for n in range(20)]
    assert len(command("runs", "export", "--experiment", "churn", "--json").json) == 2
    assert command("runs", "export", runs[0].info.run_id, "--experiment", "churn").status == 2


def test_experiments(runs: list[Run]) -> None:
    assert [line.split()[1] for line in command("experiments", "list").out.splitlines()] == [
        "name", "fraud", "churn", "Default",
    ]  # fmt: skip
    made = command("experiments", "create", "new one", "--tag", "team=x", "--json").json["experiment_id"]
    shown = command("experiments", "show", made).out
    assert "tag team           x" in shown
    assert "quick" in command("experiments", "show", "churn").out
    assert command("experiments", "rename", "new one", "newer").out == "Renamed new one to newer\n"
    assert command("experiments", "delete", "churn").status == 0
    listed = command("experiments", "list", "--filter", "name LIKE 'ch%'", "--deleted", "--csv").out
    assert [row["runs"] for row in csv.DictReader(io.StringIO(listed))] == ["2"]
    assert command("experiments", "restore", "churn", "--json").json == {"restored": "1"}
    wrong = command("experiments", "show", "chrun")
    assert (wrong.status, "Did you mean 'churn'" in wrong.err) == (1, True)
    assert command("experiments", "create", "churn").status == 1
    assert command("experiments", "create", "x", "--tag", "y").status == 2
    assert os.path.exists(".siglum/siglum.db")


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([], ""),
        ([1], "▄"),
        ([2, 2, 2], "▄▄▄"),
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"),
        ([0, math.nan, 1, math.inf], "▁ █ "),
        ([math.nan], " "),
        ([-1.7e308, 1.7e308], "▁█"),
        ([0, 0, 9, 9, 0, 0], "▁█▁"),
    ],
)
def test_sparklines(values: list[float], drawn: str) -> None:
    assert sparkline(values, 3 if len(values) == 6 else 8) == drawn
    assert len(sparkline(values * 100, 10)) <= 10
