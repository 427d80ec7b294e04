from __future__ import annotations

import pytest

from siglum.cli.entries import natural_size
from siglum.cli.tables import markdown_table, plain_table


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0"),
        (1023, "1023"),
        (1024, "1.00k"),
        (4096, "4.00k"),
        (10 * 1024, "10.0k"),
        (101_990, "99.6k"),
        (102_400, "100k"),
        (1023 * 1024, "1.00M"),
        (5 << 30, "5.00G"),
        (1 << 90, "1024.0Y"),
    ],
)
def test_sizes(size: int, shown: str) -> None:
    assert natural_size(size) == shown


def test_plain_columns() -> None:
    assert plain_table([("1", "a"), ("22", "")]) == ["1   a", "22"]
    assert plain_table([("1", " a "), ("22", "b")], right=True) == [" 1  a", "22  b"]
    assert plain_table([("1", "  a"), ("22", "b")], keep_blanks=True) == ["1     a", "22  b"]
    assert plain_table([]) == []


def test_markdown_without_rows() -> None:
    assert markdown_table(("Status", "Path"), []) == ["| Status   | Path   |", "|----------|--------|"]
