"""Reading data files: which rows a file has, and what is told of one that has none."""

from __future__ import annotations

import math

import pytest

from siglum.core.errors import FileFormatError
from siglum.pipeline.results.plots.rows import parse_table
from siglum.pipeline.results.plots.table import as_number, as_numbers


def rows(text: str, where: str, *, header: bool = True) -> list[dict[str, object]]:
    return [dict(row) for row in parse_table(text.encode(), where, header=header).rows()]


def test_csv_and_tsv_keep_text() -> None:
    assert rows("a,b\n1,x\n\n2,\n", "f.csv") == [{"a": "1", "b": "x"}, {"a": "2", "b": ""}]
    assert rows("\ufeffa\tb\r\n1\t2\r\n", "f.TSV") == [{"a": "1", "b": "2"}]
    assert rows('a,b\n"1,5","x\ny"\n', "f.csv") == [{"a": "1,5", "b": "x\ny"}]
    assert rows("1,2\n3,4\n", "f.csv", header=False) == [{"0": "1", "1": "2"}, {"0": "3", "1": "4"}]
    assert rows("1\t2\n", "f.tsv", header=False) == [{"0": "1", "1": "2"}]


def test_lines_that_are_not_as_long_as_the_header() -> None:
    assert rows("a,b,c\n1\n1,2,3,,\n", "f.csv") == [{"a": "1", "b": None, "c": None}, {"a": "1", "b": "2", "c": "3"}]
    with pytest.raises(FileFormatError, match=r"f.csv:3: expected 2 values, found 3"):
        parse_table(b"a,b\n1,2\n1,2,3\n", "f.csv")


def test_a_file_longer_than_what_is_read_at_once() -> None:
    table = parse_table(b"n\n" + b"".join(b"%d\n" % i for i in range(25_001)), "f.csv")
    assert len(table) == 25_001
    assert list(table.column("n"))[9_999:10_001] == ["9999", "10000"]
    assert table.column("n")[-1] == "25000"


def test_of_two_columns_of_one_name_the_later_one_counts() -> None:
    assert rows("a,a\n1,2\n", "f.csv") == [{"a": "2"}]


def test_lists_of_a_document_are_joined_row_by_row() -> None:
    text = '{"train": [{"s": 0, "l": 1}, {"s": 1, "l": 2}], "x": {"y": [{"m": 5}]}, "n": 1, "e": [], "t": ["no"]}'
    assert rows(text, "f.json") == [{"s": 0, "l": 1, "m": 5}, {"s": 1, "l": 2}]
    assert parse_table(text.encode(), "f.json").last_field == "l"
    assert rows("a:\n- {v: 1}\n- {v: 2}\n", "f.yaml") == [{"v": 1}, {"v": 2}]
    assert rows("[[a]]\nv = 1\n[[a]]\nv = 2.5\n", "f.toml") == [{"v": 1}, {"v": 2.5}]


def test_rows_with_fields_of_their_own_count_where_there_are_no_others() -> None:
    assert rows('[{"a": 1}, {"b": 2}]', "f.json") == [{"a": 1}, {"b": 2}]
    assert rows('{"u": [{"a": 1}, {"b": 2}], "v": [{"c": 3}]}', "f.json") == [{"c": 3}]
    assert parse_table(b'{"u": [{"a": 1}, {"b": 2}], "v": [{"c": 3}]}', "f.json").last_field == "c"


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("f.csv", b"", "f.csv: nothing to plot: it has no line of data"),
        ("f.csv", b"a,b\n", "f.csv: nothing to plot: it has no line of data"),
        ("f.csv", b"a\n\xff\n", "f.csv:2:1: not UTF-8"),
        ("f.json", b"", "f.json:1:1: not JSON"),
        ("f.json", b'{"a": [\n', "f.json:2:1: not JSON"),
        ("f.json", b"[]", "nothing to plot: it has no list of rows"),
        ("f.json", b'{"acc": 0.5}', "nothing to plot: it has no list of rows"),
        ("f.json", b"[" * 100_000, "nested too deeply"),
        ("f.yaml", b"a: [\n", "f.yaml:2:1"),
        ("f.toml", b"a = \n", "not TOML"),
        ("f.npy", b"x", "f.npy: cannot be plotted: not JSON"),
        ("noname", b"x", "noname: cannot be plotted"),
    ],
)
def test_files_without_rows(name: str, data: bytes, problem: str) -> None:
    with pytest.raises(FileFormatError) as caught:
        parse_table(data, name)
    assert problem in str(caught.value)


def test_values_as_numbers() -> None:
    assert [as_number(value) for value in (1, 2.5, True, "3e2", 10**400, -(10**400))] == [
        1, 2.5, 1, 300, math.inf, -math.inf,
    ]  # fmt: skip
    nothing: list[object] = [None, "x", "", [1], {}, "nan"]
    assert all(math.isnan(as_number(value)) for value in nothing)
    assert list(as_numbers(["1", "2"])) == [1, 2]
    mixed = as_numbers(["1", None, "x", 4])
    assert [mixed[0], mixed[3]] == [1, 4]
    assert math.isnan(mixed[1])
    assert math.isnan(mixed[2])
