"""How things show themselves in a notebook: as tables, with every text escaped and nothing from elsewhere."""

from __future__ import annotations

import html.parser
from pathlib import Path
from typing import Any

import pytest

import siglum
from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.core.html import Link, card, charts, escaped, table
from siglum.testing.server import ServerProcess

EVIL = "<script>alert('x')</script><img src=http://evil/>\"&"


TAGS = {"div", "strong", "code", "em", "table", "thead", "tbody", "tr", "th", "td", "a", "svg", "path", "span"}
ALLOWED = {
    "a": {"href", "target", "rel"},
    "svg": {"width", "height", "viewbox"},
    "path": {"d", "fill", "stroke", "stroke-width", "stroke-opacity"},
}


class Reader(html.parser.HTMLParser):
    """Collects the tags and texts, and checks that what was opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.paths: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert {name for name, _ in attrs} <= ALLOWED.get(tag, {"style"})
        self.open.append(tag)
        self.addresses += [value or "" for name, value in attrs if name == "href"]
        self.paths += [value or "" for name, value in attrs if name == "d" and value != "M0 110H260"]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def read(thing: Any) -> Reader:
    reader = Reader(thing._repr_html_())
    assert reader.tags <= TAGS
    return reader


def shown(thing: Any) -> list[str]:
    return read(thing).texts


def test_everything_shows_itself(project: Path) -> None:
    siglum.set_experiment(f"churn {EVIL}")
    siglum.set_experiment_tag("t", EVIL)
    for depth in (3, 4):
        with siglum.start_run(run_name=EVIL, tags={"t": EVIL}) as run:
            siglum.log_params({"depth": depth, "same": EVIL})
            siglum.log_metric("score", depth / 10)
        assert "RUNNING" in shown(run)
    texts = shown(siglum.get_run(run.info.run_id))
    assert {"depth", "4", "0.4", EVIL, "FINISHED"} <= set(texts)
    assert EVIL in shown(siglum.get_experiment(run.info.experiment_id))
    found = siglum.search_runs(output_format="list")
    texts = shown(found)
    assert {"metrics.score", "params.depth", "0.4", "0.3"} <= set(texts)
    assert "params.same" not in texts
    assert "params.same" in shown(siglum.search_runs(max_results=1, output_format="list"))
    assert "name" in shown(siglum.search_experiments())
    model = siglum.create_external_model("m", params={"a": EVIL})
    assert EVIL in shown(model)
    client = siglum.MlflowClient()
    client.create_registered_model("churn", tags={"t": EVIL}, description=EVIL)
    version = client.create_model_version("churn", model.model_uri, model_id=model.model_id, description=EVIL)
    client.set_registered_model_alias("churn", "champion", "1")
    assert {"models:/churn/1", EVIL} <= set(shown(version))
    assert "champion → 1" in shown(client.get_registered_model("churn"))
    for listed in (siglum.search_model_versions(), siglum.search_registered_models(), client.search_runs(["1"])):
        assert len(shown(listed)) > 4
    assert client.search_runs(["0"])._repr_html_() == "<code>[]</code>"


@pytest.mark.parametrize("text", [EVIL, "a\x00b", "ß", 3, None])
def test_texts_stay_what_they_are(text: object) -> None:
    assert "".join(Reader(f"<td>{escaped(text)}</td>").texts).replace("\ufffd", "\x00") == str(text)


def test_very_much_is_cut() -> None:
    assert len(escaped("&" * 1000)) == 300 * 5 + 1
    many = Reader(table(["n"], [[n] for n in range(1234)]))
    assert "… and 1,184 more" in many.texts
    assert Reader(card("a", "b", {"empty": {}, "full": {"k": "v"}})).texts == ["a", " ", "b", "full", "k", "v"]


def test_series_are_drawn(project: Path) -> None:
    runs = []
    for number in range(2):
        with siglum.start_run(run_name=f"{EVIL}{number}") as run:
            for step in range(1000):
                siglum.log_metric(EVIL_KEY, step * (number + 1), step=step)
                if step < 10:
                    siglum.log_metric("gap", float("nan") if step == 5 else 1.0, step=step)
            siglum.log_metrics({"alone": 1.0, "system/cpu": 3.0})
        runs.append(siglum.get_run(run.info.run_id))
    page = read(runs[0])
    assert len(page.paths) == 2  # a point alone is no line, and the machine is not what was asked for
    assert page.paths[0].count("M") == 2  # broken off once
    assert page.paths[1].startswith("M4.0 106.0L")
    assert page.paths[1].endswith("L256.0 4.0")
    assert len(page.paths[1]) < 20_000
    assert page.addresses == []  # nothing serves the embedded store
    experiment = read(siglum.get_experiment(runs[0].info.experiment_id))
    assert any("(runs 1 to 2)" in text for text in experiment.texts)
    assert len(experiment.paths) == 3
    client = siglum.MlflowClient()
    client.create_registered_model("churn")
    version = client.create_model_version("churn", runs[0].info.artifact_uri, run_id=runs[0].info.run_id)
    assert read(version).paths == page.paths
    both = read(siglum.search_runs(output_format="list"))
    assert len(both.paths) == 4
    assert f"{EVIL}0 {runs[0].info.run_id[:8]}" in both.texts


EVIL_KEY = "loss/a b"


def test_runs_compared(project: Path) -> None:
    ids = []
    for depth in (3, 4):
        with siglum.start_run(run_name=EVIL) as run:
            siglum.log_params({"depth": depth, "same": 1})
            for step in range(3):
                siglum.log_metric("score", step * depth, step=step)
        ids.append(run.info.run_id)
    found = siglum.compare_runs(ids[0], siglum.get_run(ids[1]))
    assert siglum.compare_runs(ids)._repr_html_() == found._repr_html_()
    assert "parameters depth: 3 | 4" in repr(found)
    assert "metrics score: 6 | 8 (+2)" in repr(found)
    page = read(found)
    assert {"depth", "3", "4", "8 (+2)"} <= set(page.texts)
    assert "same" not in page.texts
    assert len(page.paths) == 2
    with pytest.raises(InvalidInputError, match="at least two"):
        siglum.compare_runs(ids[0])


def test_versions_compared(project: Path) -> None:
    client = siglum.MlflowClient()
    client.create_registered_model("churn")
    for depth in (3, 4):
        with siglum.start_run():
            siglum.log_params({"depth": depth, EVIL_KEY: 1})
            model = siglum.initialize_logged_model("m")
            siglum.finalize_logged_model(model.model_id, "READY")
        client.create_model_version("churn", model.model_uri, run_id=model.source_run_id, model_id=model.model_id)
    found = siglum.compare_versions("churn@1", "churn@2")
    assert [(change.name, change.old, change.new) for change in found.diff.parameters] == [("depth", "3", "4")]
    assert "churn@1 → churn@2" in repr(found)
    assert {"depth", "3", "4"} <= set(shown(found))
    with pytest.raises(NotFoundError):
        siglum.compare_versions("churn@1", "churn@3")


@pytest.mark.slow
def test_a_server_is_linked(project: Path, tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "server") as server:
        siglum.set_tracking_uri(server.url)
        with siglum.start_run() as run:
            for step in range(3):
                siglum.log_metric("loss", step, step=step)
        page = read(siglum.get_run(run.info.run_id))
        assert page.addresses == [f"{server.url}/#/experiments/0/runs/{run.info.run_id}"]
        assert len(page.paths) == 1
        client = siglum.MlflowClient()
        client.create_registered_model("a 'b' & c")
        assert read(client.get_registered_model("a 'b' & c")).addresses == [
            f"{server.url}/#/models/a%20%27b%27%20%26%20c"
        ]
        ended = siglum.get_run(run.info.run_id)
    assert "FINISHED" in shown(ended)  # and no chart, since the server has gone


def test_links_and_charts_by_themselves() -> None:
    assert Reader(table((), [[Link("x", "javascript:alert(1)")]])).addresses == []
    assert Reader(table((), [[Link(EVIL, "https://h/?a=1&b='")]])).addresses == ["https://h/?a=1&b='"]
    inf, nan = float("inf"), float("nan")
    assert charts({"a": {"a": [(0, 1.0), (1, nan)]}, "b": {}}) == ""
    assert len(Reader(charts({"a": {"a": [(0, 1e308), (1, -1e308), (2, inf), (3, 0.0)]}})).paths) == 1
    assert "M130.0 55.0L130.0 55.0" in charts({"a": {"a": [(7, 2.0), (7, 2.0)]}})
