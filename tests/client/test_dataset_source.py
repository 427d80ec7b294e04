"""`siglum.data.get_source`: what a record says of a data set's origin, and getting it from there again."""

from __future__ import annotations

import json
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy
import pytest

import siglum
from siglum.core.errors import NotSupportedError, UnavailableError
from siglum.data import from_numpy, get_source


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def test_a_file_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x y.csv").write_text("a\n")
    for uri in ("x y.csv", str(tmp_path / "x y.csv"), (tmp_path / "x y.csv").as_uri()):
        source = get_source(from_numpy(numpy.ones(2), source=uri))
        assert (source.uri, source.load()) == (uri, str(tmp_path / "x y.csv"))
        assert source.to_dict() == json.loads(source.to_json()) == dict(source)
    copy = source.load(dst_path=str(tmp_path / "to"))
    assert (Path(copy).read_text(), Path(copy).parent) == ("a\n", tmp_path / "to")
    (tmp_path / "x y.csv").unlink()
    with pytest.raises(FileNotFoundError, match="any more"):
        source.load()


def test_a_web_server_and_the_files_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "web.csv").write_text("w\n")
    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/web.csv"
        assert Path(get_source(from_numpy(numpy.ones(2), source=url)).load()).read_text() == "w\n"
        server.shutdown()
    with pytest.raises(UnavailableError):
        get_source(from_numpy(numpy.ones(2), source=url)).load()
    with siglum.start_run() as run:
        siglum.log_text("t\n", "t.csv")
        siglum.log_input(from_numpy(numpy.ones(2), source=f"runs:/{run.info.run_id}/t.csv"))
    [recorded] = siglum.get_run(run.info.run_id).inputs.dataset_inputs
    assert Path(get_source(recorded).load()).read_text() == "t\n"


def test_what_no_file_is() -> None:
    with pytest.raises(NotSupportedError, match="no file to load"):
        get_source(from_numpy(numpy.ones(2))).load()
