"""The registry's commands, run as a user runs them, on a real embedded store."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from siglum.cli import app
from siglum.client.stores import open_stores
from siglum.registry.entities import Change
from siglum.tracking.entities import Tag

ME = Change(actor="tester")
CONTENT = "sha256:" + "ab" * 32

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line that must succeed in a folder with three versions of `churn`; return what it printed."""
    monkeypatch.chdir(tmp_path)
    with closing(open_stores()) as stores:
        stores.registry.create_registered_model("churn", change=ME, description="Who will leave.")
        stores.registry.create_registered_model("other", change=ME)
        for _ in range(3):
            stores.registry.create_model_version(
                "churn", "models:/m-" + "0" * 32, change=ME, tags=[Tag("siglum.content_hash", CONTENT)]
            )

    def run_line(*arguments: str) -> str:
        status = app.run(arguments)
        printed = capsys.readouterr()
        assert (status, printed.err) == (0, "")
        return printed.out

    return run_line


def fails(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    status = app.run(arguments)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    return status, printed.err


def test_promote_and_roll_back(run: Run) -> None:
    assert run("promote", "churn@1", "--reason", "first") == "churn@champion: nothing → version 1\n"
    assert run("promote", "churn@3", "--reason", "better recall") == "churn@champion: version 1 → version 3\n"
    printed = run("rollback", "churn", "--reason", "alarms")
    assert printed.startswith("churn@champion: version 3 → version 1 by ")
    assert "undone: the move to version 3 by " in printed
    assert printed.endswith(": better recall\n")


def test_a_second_rollback_names_the_move_it_undoes(run: Run) -> None:
    for version, reason in ((1, "one"), (2, "two"), (3, "three")):
        run("promote", f"churn@{version}", "--reason", reason)
    assert run("rollback", "churn").endswith(": three\n")
    assert run("rollback", "churn").endswith(": two\n")


def test_promote_by_alias_and_to_another(run: Run) -> None:
    run("promote", "churn@2")
    assert run("promote", "churn@champion", "--to", "staging") == "churn@staging: nothing → version 2\n"
    assert run("promote", "churn@2", "--to", "staging") == "churn@staging already pointed at version 2\n"


def test_promote_as_json(run: Run) -> None:
    moved = json.loads(run("promote", "churn@2", "--json"))
    assert moved == {"name": "churn", "alias": "champion", "from_version": None, "to_version": "2"}
    back = json.loads(run("promote", "churn@3", "--json", "--reason", "x"))
    assert back["from_version"] == "2"
    undone = json.loads(run("rollback", "churn", "--json"))
    assert undone["move"]["to_version"] == "2"
    assert undone["undone"]["reason"] == "x"


def test_list(run: Run) -> None:
    run("promote", "churn@2")
    header, churn, other = run("models", "list").splitlines()
    assert header.split() == ["model", "latest", "aliases", "changed"]
    assert churn.split()[:5] == ["churn", "3", "champion", "→", "2"]
    assert other.split()[:2] == ["other", "0"]
    assert [model["name"] for model in json.loads(run("models", "list", "--json"))] == ["churn", "other"]


def test_show(run: Run) -> None:
    run("promote", "churn@2")
    printed = run("models", "show", "churn")
    assert "Who will leave." in printed
    assert "alias champion     churn@2" in printed
    assert "latest             churn@3" in printed


def test_versions(run: Run) -> None:
    run("promote", "churn@2")
    rows = [line.split() for line in run("models", "versions", "churn").splitlines()[1:]]
    assert [row[0] for row in rows] == ["3", "2", "1"]
    assert rows[1][1] == "champion"
    assert all(row[-1] == "ab" * 6 for row in rows)
    assert [version["version"] for version in json.loads(run("models", "versions", "churn", "--json"))] == [
        "3",
        "2",
        "1",
    ]
    assert run("models", "versions", "other") == "Model 'other' has no versions.\n"


def test_audit(run: Run) -> None:
    run("promote", "churn@1", "--reason", "first")
    run("promote", "churn@2", "--reason", "second")
    run("rollback", "churn", "--reason", "alarms")
    lines = run("audit", "churn").splitlines()
    assert lines[0].split() == ["time", "actor", "action", "what", "reason"]
    assert "rollback" in lines[1]
    assert "churn@champion: version 2 → 1" in lines[1]
    assert lines[1].endswith("alarms")
    assert lines[2].endswith("second")
    assert "create_registered_model" in lines[-1]
    assert "churn@champion: version 1  " in lines[3]  # the first move came from nowhere
    assert len(run("audit", "--limit", "2").splitlines()) == 3
    newest = json.loads(run("audit", "--json"))[0]
    assert (newest["action"], newest["reason"]) == ("rollback", "alarms")


def test_another_store_by_uri(run: Run, tmp_path: Path) -> None:
    elsewhere = f"sqlite:///{tmp_path}/elsewhere/x.db"
    open_stores(elsewhere).close()
    assert run("models", "list", "--tracking-uri", elsewhere) == "No models are registered yet.\n"
    assert run("audit", "--tracking-uri", elsewhere) == "Nothing is on record yet.\n"


def test_wrong_names(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for line in (
        ["models", "show", "chrun"],
        ["models", "versions", "chrun"],
        ["rollback", "chrun"],
        ["audit", "chrun"],
    ):
        status, said = fails(capsys, *line)
        assert status == 1
        assert "Did you mean 'churn'?" in said, line
    status, said = fails(capsys, "promote", "chrun@1")
    assert (status, "chrun" in said) == (1, True)
    status, said = fails(capsys, "promote", "churn@9")
    assert (status, "9" in said) == (1, True)
    status, said = fails(capsys, "promote", "churn")
    assert (status, "NAME@VERSION" in said) == (2, True)


def test_nothing_to_roll_back_to(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("promote", "churn@1")
    status, said = fails(capsys, "rollback", "churn")
    assert status == 1
    assert "no earlier version" in said
