"""Charts as text: they fit the width, and lines can be told apart without colour."""

from __future__ import annotations

import textwrap

import pytest
from tests.pipeline.plots.samples import csv, sample

from siglum.pipeline.results.plots.chart import Chart, ChartKind
from siglum.pipeline.results.plots.charting import chart_of
from siglum.pipeline.results.plots.definitions import Look
from siglum.pipeline.results.plots.terminal import lines_of_chart
from siglum.pipeline.results.plots.terminal_words import columns, cut

RISING = csv("s", "l", rows=[(i, i) for i in range(11)])
FALLING = csv("s", "l", rows=[(i, 10 - i) for i in range(11)])

LINE = """\
Loss
l
10.0 ┤                              ⢀⠔⠊
     │                            ⡠⠊⠁
     │                          ⡠⠊
 7.5 ┤                        ⡠⠊
     │                     ⢀⠤⠊
     │                   ⡠⠒⠁
 5.0 ┤                ⢀⠔⠊
     │              ⡠⠔⠁
     │           ⢀⡠⠊
     │         ⢀⠔⠁
 2.5 ┤       ⡠⠒⠁
     │    ⢀⡠⠊
     │  ⢀⠔⠁
   0 ┤⡠⠊⠁
     └┬───────────────┬───────────────┬
      0               5              10
                      s
"""


def drawn(chart: Chart, width: int = 60, *, fine: bool = True) -> list[str]:
    lines = ["".join(span.text for span in line) for line in lines_of_chart(chart, width, fine=fine)]
    assert max(map(columns, lines)) <= width
    return lines


def text(lines: list[str]) -> str:
    return "\n".join(line.rstrip() for line in lines) + "\n"


def test_a_line() -> None:
    chart = chart_of(sample(RISING, x="s", look=Look(title="Loss")), ChartKind.LINES)
    assert text(drawn(chart, 40)) == LINE


def test_two_lines_have_marks_of_their_own() -> None:
    chart = chart_of(sample(RISING, FALLING, x="s"), ChartKind.LINES)
    lines = drawn(chart)
    assert lines[1] == "  ● v0  ○ v1"
    body = lines[3:17]
    assert "○" in "".join(body[:4])
    assert "●" in "".join(body[-4:])
    spans = [span for line in lines_of_chart(chart, 60) for span in line]
    assert {span.colour for span in spans if "●" in span.text} == {0}
    assert {span.colour for span in spans if "○" in span.text} == {1}


def test_lines_that_coincide_take_turns() -> None:
    body = "".join(drawn(chart_of(sample(RISING, RISING, x="s"), ChartKind.LINES))[3:])
    assert body.count("●") > 2
    assert body.count("○") > 2


def test_only_ascii_where_nothing_else_can_be_shown() -> None:
    for kind in (ChartKind.LINES, ChartKind.POINTS):
        lines = drawn(chart_of(sample(RISING, FALLING, x="s"), kind), fine=False)
        assert all(line.isascii() for line in lines)
        assert "*" in "".join(lines[3:])
        assert "o" in "".join(lines[3:])


def test_a_spike_is_seen() -> None:
    values = [1.0] * 5_000
    values[2_500] = 100.0
    lines = drawn(chart_of(sample(csv("l", rows=[(value,) for value in values])), ChartKind.LINES))
    assert lines[2].startswith("100 ┤")
    assert any("\u2800" < character <= "\u28ff" for character in lines[2])
    assert "Thinned out: " in " ".join(lines[-2:])


@pytest.mark.parametrize("rows", [[(0, 5)], [(0, 5), (1, "nan"), (2, 6)]])
def test_points_that_no_line_reaches_are_seen(rows: list[tuple[object, ...]]) -> None:
    lines = drawn(chart_of(sample(csv("s", "l", rows=rows), x="s"), ChartKind.LINES))
    assert "".join(lines).count("●") == sum(row[1] != "nan" for row in rows)


def test_bars_start_at_zero() -> None:
    state = csv("v", "n", rows=[(-5, "low"), (10, "high")])
    chart = chart_of(sample(state, x="v", y=["n"]), ChartKind.BARS)
    assert text(drawn(chart, 50)) == textwrap.dedent(
        """\
        p
        high               ███████████████████████████ 10
        low  ██████████████ -5
             v
        """
    )
    several = drawn(chart_of(sample(state, state, x="v", y=["n"]), ChartKind.SORTED_BARS), 50)
    assert [line.split()[0] for line in several[2:6]] == ["high", "○", "low", "○"]


MATRIX = csv("actual", "pred", rows=[("cat", "cat")] * 12 + [("cat", "dog"), ("dog", "dog")])


def test_a_matrix_is_a_table() -> None:
    chart = chart_of(sample(MATRIX, x="pred", y=["actual"], look=Look(title="Confusion")), ChartKind.MATRIX)
    assert text(drawn(chart)) == textwrap.dedent(
        """\
        Confusion
                pred
        actual  cat  dog
        cat      12    1
        dog       ·    1
        """
    )
    normalized = drawn(chart_of(sample(MATRIX, MATRIX, x="pred", y=["actual"]), ChartKind.NORMALIZED_MATRIX))
    assert normalized[1] == "v0"
    assert normalized[4] == "cat     0.92  0.08"
    assert normalized[7] == "v1"


def test_a_matrix_too_wide_for_the_terminal_says_so() -> None:
    state = csv("a", "p", rows=[(f"class {i}", f"class {i}") for i in range(20)])
    lines = drawn(chart_of(sample(state, x="p", y=["a"]), ChartKind.MATRIX), 40)
    assert lines[-2:] == ["17 more columns would need a wider", "terminal."]


def test_nothing_in_a_file_moves_the_cursor() -> None:
    state = csv("s", "l", rows=[(0, 1), (1, 2)])
    chart = chart_of(sample(state, look=Look(title="\x1b[2Jx\ny", y_label="\x07")), ChartKind.LINES)
    assert all(line.isprintable() for line in drawn(chart))


def test_wide_characters_take_two_columns() -> None:
    assert columns("損失a") == 5
    assert cut("損失関数", 5) == "損失…"
    assert cut("é" + "\u0301" + "x", 2).startswith("é")
