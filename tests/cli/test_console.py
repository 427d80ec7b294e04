"""What commands print: text for people, one line of JSON for programs."""

from __future__ import annotations

import io
import json
import math
import unicodedata

import pytest

from siglum.cli.console import Console
from siglum.core.errors import NotFoundError


def test_under_json_only_the_result_is_printed() -> None:
    out = io.StringIO()
    console = Console(json=True, out=out)
    console.say("words")
    console.table(["a"], [["b"]])
    console.result({"a": [1, 2]})
    assert out.getvalue() == '{"a":[1,2]}\n'


def test_numbers_that_json_does_not_have_are_named() -> None:
    out = io.StringIO()
    Console(json=True, out=out).result({"loss": [math.nan, math.inf, -math.inf, 0.5]})
    assert json.loads(out.getvalue()) == {"loss": ["NaN", "Infinity", "-Infinity", 0.5]}


def test_quiet_prints_nothing() -> None:
    out = io.StringIO()
    console = Console(quiet=True, out=out)
    console.say("words")
    console.result({"a": 1})
    assert out.getvalue() == ""


def test_a_table_is_aligned() -> None:
    out = io.StringIO()
    Console(out=out).table(["name", "n"], [["a", "1"], ["longer", "22"]])
    assert out.getvalue().splitlines() == ["name    n", "a       1", "longer  22"]


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


ROWS = [["a-model-with-a-long-name", "12", "champion, challenger"], ["短い名前", "3", ""]]


@pytest.mark.parametrize("columns", [40, 30, 24, 80])
def test_a_table_fits_a_narrow_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    out = Terminal()
    Console(out=out).table(["model", "latest", "aliases"], ROWS)
    lines = out.getvalue().splitlines()
    assert max(map(cell_width, lines)) <= columns
    assert ("…" in out.getvalue()) is (columns < 60)
    assert "12" in lines[1]
    assert {len(lines), lines[2].count("短")} == {3, 1}
    # Columns stay aligned, also behind characters that take two.
    assert (
        len({cell_width(line[: line.index(number)]) for line, number in zip(lines[1:], ("12", "3"), strict=True)}) == 1
    )


def test_nothing_is_cut_away_from_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    out = io.StringIO()
    Console(out=out).table(["model", "latest", "aliases"], ROWS)
    assert "a-model-with-a-long-name  12      champion, challenger" in out.getvalue()
    assert "…" not in out.getvalue()


def test_a_table_for_which_no_room_is_left_is_not_cut_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "5")
    out = Terminal()
    Console(out=out).table(["model", "n"], [["abcdefgh", "1"]])
    assert out.getvalue().splitlines()[1] == "abcde…  1"


def cell_width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def test_an_error_is_one_line_whatever_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    Console().error(NotFoundError("No file 'a\nb'.", hint="Look again."))
    assert capsys.readouterr().err == "error: No file 'a b'. Look again.\n"


def test_what_names_a_row_is_cut_last_and_nothing_reaches_the_terminal_as_a_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    out = Terminal()
    Console(out=out).table(["run", "name", "status"], [["56b9d743a71a", "a\x1b[2J\nb" * 5, "FINISHED AND MORE"]])
    first, line = out.getvalue().splitlines()
    assert line.startswith("56b9d743a71a  a\\x1b[2J")
    assert len(line) <= 40
    assert "\x1b[2J" not in first + line
