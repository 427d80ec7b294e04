"""A whole series in columns: the packed format as documented, Arrow's stream, and which of them is sent."""

from __future__ import annotations

import io
import math
import struct
import urllib.request
from array import array
from pathlib import Path
from typing import Any

import pytest
from tests.server.asgi import Answer, ask

from siglum.server import columns
from siglum.server.app import ServerConfig
from siglum.server.columns import ARROW, PACKED
from siglum.server.dispatch import Dispatcher
from siglum.server.handlers import series
from siglum.tracking.entities import Metric

POINTS = [(-5, 0, 0.5), (0, 1, math.inf), (1, 2, 0.25), (2, 2, math.nan), (2**62, 2**40, 1e-300), (7, 2**41, -1.5)]


@pytest.fixture
def target(config: ServerConfig, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(series, "PORTION", 4)
    run_id = config.tracking.create_run("0").info.run_id
    config.tracking.log_batch(run_id, metrics=[Metric("loss", value, time, step) for step, time, value in POINTS])
    return f"/api/siglum/1/metrics/series?run_id={run_id}&metric_key=loss"


def get(app: Dispatcher, target: str, accept: str | None) -> Answer:
    return ask(app, "GET", target, headers={} if accept is None else {"accept": accept})


def unpack(data: bytes) -> list[tuple[int, int, float]]:
    """Read the packed format as its description says; an answer that was cut off is an error."""
    assert data[:8] == b"SGLMSER1"
    found: list[tuple[int, int, float]] = []
    at = 8
    while count := struct.unpack_from("<I", data, at)[0]:
        numbers = struct.unpack_from(f"<{count}q{count}q{count}d", data, at + 4)
        found += zip(numbers[:count], numbers[count : 2 * count], numbers[2 * count :], strict=True)
        at += 4 + 24 * count
    assert at + 4 == len(data)
    return found


def bits(points: list[tuple[int, int, float]]) -> list[tuple[int, int, bytes]]:
    return [(step, time, array("d", [value]).tobytes()) for step, time, value in points]


def test_the_packed_format(app: Dispatcher, target: str) -> None:
    answer = get(app, target, PACKED)
    assert (answer.status, answer.headers["content-type"], answer.headers["vary"]) == (200, PACKED, "Accept")
    assert bits(unpack(answer.body)) == bits(POINTS)
    assert unpack(get(app, f"{target}&start_step=0&end_step=2", PACKED).body)[0] == (0, 1, math.inf)
    assert len(unpack(get(app, f"{target}&start_step=0&end_step=2", PACKED).body)) == 3
    assert unpack(get(app, target.replace("loss", "none"), PACKED).body) == []


def test_the_reader_in_the_documentation(app: Dispatcher, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parent.parent.parent / "docs/reference/http-api.md").read_text()
    names: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], names)
    monkeypatch.setattr("urllib.request.urlopen", lambda request: io.BytesIO(answer_to(request)))

    def answer_to(request: urllib.request.Request) -> bytes:
        return get(app, target, request.get_header("Accept")).body

    assert bits(list(names["read_series"]("http://localhost/"))) == bits(POINTS)


def test_arrow(app: Dispatcher, target: str) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    answer = get(app, target, ARROW)
    assert answer.headers["content-type"] == ARROW
    table = pyarrow.ipc.open_stream(io.BytesIO(answer.body)).read_all()
    assert [str(field.type) for field in table.schema] == ["int64", "timestamp[ms, tz=UTC]", "double"]
    times = table["timestamp"].cast("int64").to_pylist()
    assert bits(list(zip(table["step"].to_pylist(), times, table["value"].to_pylist(), strict=True))) == bits(POINTS)
    assert pyarrow.ipc.open_stream(get(app, target.replace("loss", "none"), ARROW).body).read_all().num_rows == 0


@pytest.mark.parametrize(
    ("accept", "with_arrow", "without"),
    [
        (None, ARROW, PACKED),
        ("*/*", ARROW, PACKED),
        ("application/*", ARROW, PACKED),
        (PACKED, PACKED, PACKED),
        (f"{PACKED};q=0.4, {ARROW};q=0.9", ARROW, PACKED),
        (f"{ARROW};q=0.4, {PACKED.upper()}; q=0.9", PACKED, PACKED),
        (f"*/*, {ARROW};q=0", PACKED, PACKED),
        (ARROW, ARROW, None),
        ("application/json", None, None),
        ("*/*;q=nonsense", None, None),
        ("*/*;q=nan", None, None),
        (",;,", None, None),
    ],
)
def test_the_type_is_what_accept_wants_most(
    accept: str | None, with_arrow: str | None, without: str | None, app: Dispatcher, target: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for has_arrow, expected in ((True, with_arrow), (False, without)):
        monkeypatch.setattr(columns, "has_arrow", lambda has_arrow=has_arrow: has_arrow)
        answer = get(app, target, accept)
        if expected is None:
            assert answer.status == 406
            assert "Accept" in answer.json["message"]
        else:
            assert answer.headers["content-type"] == expected


def test_an_unknown_run_is_an_error_and_no_series(app: Dispatcher, target: str) -> None:
    answer = get(app, f"/api/siglum/1/metrics/series?run_id={'0' * 32}&metric_key=loss", PACKED)
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/json"
    assert get(app, "/api/siglum/1/metrics/series?metric_key=loss", PACKED).status == 400
