"""Every part of the format of pipelines beside the real DVC: the same decisions, bytes, reasons and refusals."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.interop.pipeline_pair import (
    REPRO,
    STATUS,
    Case,
    Seen,
    Step,
    assert_same,
    dvc_answers,
    load_cases,
    take_cases,
)

pytestmark = [pytest.mark.interop, pytest.mark.slow]

CASES = load_cases(Path(__file__).with_name("stages.yaml"))


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory, dvc_command: str) -> Seen:
    return take_cases(CASES, "siglum", dvc_command, tmp_path_factory.mktemp("format") / "ours")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory, dvc_command: str, pytestconfig: pytest.Config) -> Seen:
    folder = tmp_path_factory.mktemp("format") / "theirs"
    recording = Path(__file__).with_name("recorded") / "stages.json"
    return dvc_answers(CASES, dvc_command, folder, recording, anew=pytestconfig.getoption("peers"))


@pytest.mark.parametrize("name", CASES)
def test_the_same(name: str, ours: Seen, theirs: Seen) -> None:
    assert_same(CASES[name], ours[name], theirs[name])


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  -- its parent's word
        """Print nothing."""

    def send_header(self, keyword: str, value: str) -> None:
        if keyword != "Last-Modified":  # each tool writes the file anew
            super().send_header(keyword, value)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the URL at which a server offers it."""
    folder = tmp_path / "served"
    folder.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_dependency_at_a_url(served: tuple[Path, str], tmp_path: Path, dvc_command: str) -> None:
    folder, url = served
    data = str(folder / "data")
    pipeline = f"stages: {{s: {{cmd: 'echo 1 > o', deps: ['{url}/data', in], outs: [o]}}}}\n"
    steps = [
        Step(run=(REPRO, STATUS)),
        Step({data: "longer"}),
        Step({"in": "b"}),
        Step({"dvc.yaml": pipeline.replace("echo 1", "echo 2")}),
    ]
    cases = {"url": Case({"dvc.yaml": pipeline, "in": "a", data: "a"}, steps)}
    ours, theirs = (take_cases(cases, tool, dvc_command, tmp_path / tool)["url"] for tool in ("siglum", "dvc"))
    assert_same(cases["url"], ours, theirs)
