"""How things show themselves in a notebook: as tables, with every text escaped and nothing from elsewhere."""

from __future__ import annotations

import html.parser
from pathlib import Path
from typing import Any

import pytest

import siglum
from siglum.core.html import card, escaped, table

EVIL = "<script>alert('x')</script><img src=http://evil/>\"&"


class Reader(html.parser.HTMLParser):
    """Collects the tags and texts, and checks that what was opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert {name for name, _ in attrs} <= {"style"}
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def shown(thing: Any) -> list[str]:
    reader = Reader(thing._repr_html_())
    assert reader.tags <= {"div", "strong", "code", "em", "table", "thead", "tbody", "tr", "th", "td"}
    return reader.texts


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
