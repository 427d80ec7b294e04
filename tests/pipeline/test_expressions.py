"""The language inside `${…}`, and values as text and as flags."""

from __future__ import annotations

from typing import Any

import pytest

from siglum.core.errors import InvalidInputError
from siglum.pipeline.definition.expressions import (
    BoolStyle,
    FlagStyle,
    ListStyle,
    find_expressions,
    has_expression,
    parse_expression,
    to_flags,
    to_text,
    unescape,
)


@pytest.mark.parametrize(
    ("inner", "path"),
    [
        ("a", ("a",)),
        ("a.b", ("a", "b")),
        ("a.b[0].c", ("a", "b", "0", "c")),
        (" a . b ", ("a", "b")),
        ("a[ 1 ][2]", ("a", "1", "2")),
        ("item.with-dash_and space", ("item", "with-dash_and space")),
        ("a[-1]", ("a", "-1")),
    ],
)
def test_parse(inner: str, path: tuple[str, ...]) -> None:
    assert parse_expression(inner) == path


@pytest.mark.parametrize("inner", ["", " ", ".", "a.", ".a", "a..b", "a[", "a[]", "a]", "[0]", "a[0", "a. .b"])
def test_what_is_not_an_expression(inner: str) -> None:
    with pytest.raises(InvalidInputError, match="is not an expression"):
        parse_expression(inner)


def test_finding_and_escaping() -> None:
    text = r"${a} \${b} ${c.d} ${e $f {g}"
    assert [match["inner"] for match in find_expressions(text)] == ["a", "c.d", "e $f {g"]
    assert unescape(r"a \${b} \$c") == r"a ${b} \$c"
    assert has_expression({"k": ["x", {"${y}": 1}]})
    assert not has_expression({"k": ["x", {r"\${y}": 1, "n": 3}]})


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (False, "false"), (None, "None"), (1e-5, "1e-05"), (3, "3"), ("x", "x")]
)
def test_scalars_as_text(value: object, text: str) -> None:
    assert to_text(value) == text


FLAGS: dict[str, Any] = {
    "x": 1,
    "y": {"z": "b c", "empty": {}},
    "on": True,
    "off": False,
    "s": "it's",
    "n": None,
    "many": ["a b", 2],
    "none": [],
}


def test_flags_as_dvc_writes_them() -> None:
    assert to_flags(FLAGS, FlagStyle()) == "--x 1 --y.z 'b c' --on --s 'it'\"'\"'s' --n None --many 'a b' 2"


def test_the_other_styles_of_flags() -> None:
    style = FlagStyle(BoolStyle.BOOLEAN_OPTIONAL, ListStyle.APPEND)
    assert "--no-off" in to_flags(FLAGS, style)
    assert "--many 'a b' --many 2" in to_flags(FLAGS, style)


def test_a_nested_list_cannot_be_a_flag() -> None:
    with pytest.raises(InvalidInputError, match="'k' holds a list"):
        to_flags({"k": [[1]]}, FlagStyle())
