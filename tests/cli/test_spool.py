"""`siglum spool` and `siglum sync` on spools as processes leave them: the tables, giving up, damage."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from siglum.cli.app import run
from siglum.client.spool.journal import Journal
from siglum.client.spool.records import Header, Params, Point, Update, encode
from siglum.client.stores import Stores, open_stores
from siglum.tracking.entities import Param, RunStatus

RUN = "c0ffee" + "0" * 26


@pytest.fixture(autouse=True)
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stores]:
    """A database with a run, in a project that is the current folder."""
    (tmp_path / ".dvc").mkdir()
    monkeypatch.chdir(tmp_path)
    opened = open_stores("sqlite:///runs.db")
    opened.tracking.create_run("0", run_id=RUN)
    yield opened
    opened.close()


def leave(*, uri: str = "http://127.0.0.1:9", owner: bool = True, ended: bool = True, run_id: str = RUN) -> Path:
    """Leave a spool of 3 points behind, in the project's own folder."""
    header = Header(
        spool_id="5" * 32, uri=uri, run_id=run_id, owner=owner, pid=7, host="node", program="p", started=86_400_000
    )
    journal = Journal.create(".dvc/tmp/siglum/spool", header)
    for step in range(3):
        journal.append(encode(Point("loss", step / 2, 1000, step)))
    if ended:
        journal.append(encode(Update(RunStatus.FINISHED, 2000)))
    journal.close()
    return Path(journal.path)


def steps(stores: Stores, run_id: str = RUN) -> list[int]:
    return [point.step for point in stores.tracking.metric_history(run_id, "loss").items]


def test_what_waits(capsys: pytest.CaptureFixture[str]) -> None:
    path = leave()
    assert run(["spool", "list"]) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header.split() == ["run", "server", "records", "files", "since", "process"]
    assert row.split("  ")[0] == RUN
    assert row.endswith("4        0      1970-01-02 00:00:00 UTC  7 on node: ended its run")
    assert run(["spool", "list", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["spools"]
    assert (found["path"], found["records"], found["alive"], found["ended"]) == (str(path.absolute()), 4, False, True)


def test_giving_up(capsys: pytest.CaptureFixture[str]) -> None:
    path = leave()
    assert run(["spool", "remove", RUN[:6]]) == 2
    assert "There is nobody to ask" in capsys.readouterr().err
    assert path.exists()
    assert run(["spool", "remove", RUN[:6], "--force"]) == 0
    assert capsys.readouterr().out == "Gave up 4 records.\n"
    assert os.listdir(path.parent) == []
    assert run(["spool", "remove", RUN]) == 1
    assert f"Nothing of run {RUN} waits" in capsys.readouterr().err


def test_what_was_refused(stores: Stores, capsys: pytest.CaptureFixture[str]) -> None:
    """It is listed with the reason when the rest has been sent, and can be removed."""
    stores.tracking.log_batch(RUN, params=[Param("depth", "3")])
    journal = Journal.take_over(str(leave(uri=stores.uri)))
    journal.append(encode(Params({"depth": "4"})))
    journal.close()
    assert run(["sync"]) == 0
    said = capsys.readouterr()
    assert f"Run {RUN}: {stores.uri} did not take parameter 'depth' = '4': Parameter 'depth'" in said.err
    assert steps(stores) == [0, 1, 2]
    assert run(["spool", "list"]) == 0
    nothing, header, row = capsys.readouterr().out.splitlines()
    assert nothing == "Nothing waits."
    assert header.split("  ")[0] == "refused of run"
    assert "parameter 'depth' = '4'" in row
    assert "cannot be changed" in row
    assert run(["spool", "list", "--json"]) == 0
    (note,) = json.loads(capsys.readouterr().out)["refused"]
    assert (note["run_id"], note["refusals"][0]["records"]) == (RUN, 1)
    assert run(["spool", "remove", RUN, "--force"]) == 0
    assert capsys.readouterr().out == "Gave up 1 record.\n"
    assert run(["spool", "list"]) == 0
    assert capsys.readouterr().out == "Nothing waits.\n"


def test_a_worker_that_was_killed_does_not_end_its_run(stores: Stores) -> None:
    leave(uri=stores.uri, owner=False, ended=False)
    assert run(["sync"]) == 0
    assert steps(stores) == [0, 1, 2]
    assert stores.tracking.get_run(RUN).info.status == RunStatus.RUNNING


def test_a_run_that_somebody_else_ended_is_not_marked(stores: Stores) -> None:
    stores.tracking.update_run(RUN, status=RunStatus.FAILED, end_time=1)
    leave(uri=stores.uri, ended=False)
    assert run(["sync"]) == 0
    assert steps(stores) == [0, 1, 2]
    assert stores.tracking.get_run(RUN).info.status == RunStatus.FAILED


def test_a_spool_that_was_cut_short(stores: Stores, capsys: pytest.CaptureFixture[str]) -> None:
    path = leave(uri=stores.uri, ended=False)
    journal = Journal.take_over(str(path))
    end = journal.end
    journal.close()
    os.truncate(path, end - 2)
    assert run(["sync"]) == 0
    said = capsys.readouterr()
    assert f"{path.absolute()}: it was cut short; what is whole was sent, and the file is kept as" in said.err
    assert steps(stores) == [0, 1]
    assert os.listdir(path.parent) == [f"{path.name}.damaged"]
    assert run(["sync"]) == 0
    assert capsys.readouterr().out == "Nothing waits.\n"


def test_what_is_no_spool_holds_up_no_other(stores: Stores, capsys: pytest.CaptureFixture[str]) -> None:
    path = leave(uri=stores.uri)
    (path.parent / "x.spool").write_text("hello")
    assert run(["sync"]) == 1
    assert "x.spool: it is not a spool" in capsys.readouterr().err
    assert steps(stores) == [0, 1, 2]


def test_another_server_than_that_which_has_a_part(stores: Stores, capsys: pytest.CaptureFixture[str]) -> None:
    path = leave(uri="http://127.0.0.1:9")
    journal = Journal.take_over(str(path))
    journal.mark(journal.read(journal.first(), journal.end, 1)[0][1], journal.end)
    journal.close()
    assert run(["sync", "--to", stores.uri]) == 1
    assert "has been sent to http://127.0.0.1:9 in part. Send the rest there, too." in capsys.readouterr().err
    assert steps(stores) == []


def test_folders_that_are_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["sync"], ["spool", "list"]):
        assert run([*command, "--spool-dir", "nowhere"]) == 1
        assert "There is no folder 'nowhere'" in capsys.readouterr().err
        assert run(command) == 0
        assert capsys.readouterr().out == "Nothing waits.\n"
