"""`siglum spool` and `siglum sync` on spools as processes leave them: the tables, giving up, damage."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from siglum.cli.app import run
from siglum.client.spool import unreadable
from siglum.client.spool.journal import Journal
from siglum.client.spool.records import Header, Params, Point, Tags, Update, encode
from siglum.client.stores import Stores, open_stores
from siglum.core.clock import now_ms
from siglum.tracking.entities import Metric, Param, RunStatus

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
    assert re.split("  +", header) == ["run", "server", "records", "files", "since", "process", "why it waits"]
    assert re.split("  +", row) == [
        RUN, "http://127.0.0.1:9", "4", "0", "1970-01-02 00:00:00 UTC", "7 on node: ended its run",
        "nobody has tried since its process ended: run 'siglum sync'",
    ]  # fmt: skip
    assert run(["spool", "list", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["spools"]
    assert (found["path"], found["records"], found["alive"], found["ended"]) == (str(path.absolute()), 4, False, True)


@contextmanager
def answering(status: int) -> Iterator[str]:
    """Run a server that gives every request the same answer; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def why(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return why the one spool waits, once somebody has tried to send it."""
    assert run(["sync"]) == 1
    capsys.readouterr()
    assert run(["spool", "list", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["spools"]
    reason: dict[str, Any] = found["why"]
    return reason


def test_why_it_waits(capsys: pytest.CaptureFixture[str]) -> None:
    """What the last try met, and when; a try that succeeds takes it away."""
    leave()
    unreachable = why(capsys)
    assert unreachable["reason"] == "unreachable"
    assert "No server answers at http://127.0.0.1:9" in unreachable["message"]
    assert abs(unreachable["at"] - now_ms()) < 600_000
    assert run(["spool", "list"]) == 0
    assert re.search(r"the server does not answer, last tried \d{4}-.* UTC: No server answers", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "login"),
        (403, "rights"),
        (500, "server-error"),
        (503, "server-error"),
        (507, "full"),
    ],
)
def test_what_the_server_answers_while_it_waits(capsys: pytest.CaptureFixture[str], status: int, reason: str) -> None:
    with answering(status) as url:
        leave(uri=url)
        assert why(capsys)["reason"] == reason
    assert run(["spool", "remove", RUN, "--force"]) == 0
    assert os.listdir(".dvc/tmp/siglum/spool") == []


def test_why_it_waits_offline(capsys: pytest.CaptureFixture[str]) -> None:
    leave(uri="")
    assert run(["spool", "list"]) == 0
    assert "recorded with SIGLUM_OFFLINE: run 'siglum sync --to URL'" in capsys.readouterr().out
    assert why(capsys) == {"reason": "offline", "message": "recorded with SIGLUM_OFFLINE: run 'siglum sync --to URL'"}


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
    assert "may be missing in part: the end of the file: it was cut short, and what was behind is lost" in said.err
    assert said.err.count("\n") == 2
    assert steps(stores) == [0, 1]
    assert os.listdir(path.parent) == [path.name.replace(".spool", ".unreadable")]
    assert run(["sync"]) == 0
    assert capsys.readouterr() == ("Nothing waits.\n", "")


def damage(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert data.count(old) == 1
    path.write_bytes(data.replace(old, new))


@pytest.mark.parametrize("kind", ["changed", "unknown"])
def test_a_record_that_cannot_be_read(stores: Stores, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    """It is kept and listed, what is behind it is sent, and it is said once; its file is kept, too."""
    path = leave(uri=stores.uri, ended=False)
    journal = Journal.take_over(str(path))
    journal.append(encode(Tags({"colour": "red"})) if kind == "changed" else b"\x92\x19\x01")
    journal.append(encode(Tags({"behind": "it"})))
    os.makedirs(journal.copies)
    Path(journal.copies, "copy").write_text("of a file")
    journal.close()
    if kind == "changed":
        damage(path, b"colour", b"color!")
    assert run(["spool", "list"]) == 0
    assert "1 place in it cannot be read" in capsys.readouterr().err
    assert run(["sync"]) == 0
    said = capsys.readouterr()
    what = r"2\d bytes, which seem to be tags: its checksum" if kind == "changed" else "11 bytes: it is whole, and no"
    assert re.search(f"Run {RUN}: what was logged may be missing in part: {what}", said.err)
    assert said.err.count("\n") == 1
    assert f"Sent 4 records of run {RUN}" in said.out
    found = stores.tracking.get_run(RUN)
    assert (steps(stores), found.data.tags.get("behind"), "colour" in found.data.tags) == ([0, 1, 2], "it", False)
    assert found.info.status == RunStatus.KILLED
    kept = path.with_suffix(".unreadable")
    assert sorted(os.listdir(path.parent)) == [kept.name, f"{kept.name}.files"]
    assert run(["spool", "list", "--json"]) == 0
    (note,) = json.loads(capsys.readouterr().out)["unreadable"]
    assert (note["run_id"], note["uri"], note["path"]) == (RUN, stores.uri, str(kept.absolute()))
    assert re.match(what.partition(":")[0], note["pieces"][0]["what"])
    raw = unreadable.read(str(kept))
    assert raw is not None
    assert (b"color!" if kind == "changed" else b"\x92\x19\x01") in raw.pieces[0].content
    assert run(["spool", "list"]) == 0
    assert "unreadable of run" in capsys.readouterr().out
    assert run(["spool", "remove", RUN, "--force"]) == 0
    assert os.listdir(path.parent) == []


@pytest.mark.parametrize("stored", [True, False])
def test_a_batch_that_was_damaged_while_it_was_sent(stores: Stores, stored: bool) -> None:
    """What is left of it is there once, whether the server had taken all of it before or not."""
    path = leave(uri=stores.uri, ended=False)
    journal = Journal.take_over(str(path))
    journal.mark(journal.first(), journal.end)
    key = f"{journal.header.spool_id}:{journal.first()}-{journal.end}"
    journal.close()
    if stored:
        points = [Metric("loss", step / 2, 1000, step) for step in range(3)]
        stores.tracking.log_batch(RUN, metrics=points, idempotency_key=key)
    damage(path, encode(Point("loss", 0.5, 1000, 1)), encode(Point("lost", 0.5, 1000, 1)))
    assert run(["sync"]) == 0
    assert steps(stores) == ([0, 1, 2] if stored else [0, 2])


def test_a_spool_that_was_being_made(capsys: pytest.CaptureFixture[str]) -> None:
    """A process ended before anything was in it: that holds up nothing, and goes once nobody can be at it."""
    path = leave()
    unfinished = path.rename(path.with_suffix(".spool.new"))
    assert run(["sync"]) == 0
    assert capsys.readouterr().out == "Nothing waits.\n"
    assert unfinished.exists()
    os.utime(unfinished, (0, 0))
    assert run(["sync"]) == 0
    assert not unfinished.exists()


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
