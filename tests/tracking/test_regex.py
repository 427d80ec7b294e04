"""Regular expressions: the same as Python's, in linear time."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siglum.tracking.search import functions
from siglum.tracking.search.automaton import Matcher
from siglum.tracking.search.regex import RegexError, canonical, parse_regex

atoms = st.sampled_from(
    ["a", "b", ".", "[ab]", "[^a]", r"\w", r"\D", "^", "$", r"\.", "é", "[a-c-]", "[]a]", r"[\]\\]"]
)
expressions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{0,}", "{1,2}"])).map(lambda p: f"(a{p[0]}){p[1]}"),
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=300)
@given(expressions, st.text("abcé.]\\\n", max_size=7))
def test_the_same_as_python(expression: str, text: str) -> None:
    expected = re.search(expression.replace("$", r"\Z"), text, re.DOTALL | re.ASCII) is not None
    written = canonical(parse_regex(expression))
    assert Matcher(expression).search(text) is expected
    assert Matcher(written).search(text) is expected
    assert canonical(parse_regex(written)) == written


@settings(deadline=None, max_examples=300)
@given(st.text("ab.^$|()*+?{}[]-\\dws12,u\0", max_size=12))
def test_any_text_is_an_expression_or_points_at_a_character(text: str) -> None:
    place = 0
    try:
        Matcher(text).search("abba")
    except RegexError as error:
        place = error.position
    assert 0 <= place <= len(text)


@pytest.mark.parametrize("expression", ["(a|aa)*b", "(a*)*b", "(a|a)*(a|a)*(a|a)*b", "(.*a){20}b", "a{0,200}a{0,150}b"])
def test_what_makes_others_hang(expression: str) -> None:
    """Each of these takes a backtracking matcher longer than the age of the universe."""
    assert not Matcher(expression).search("a" * 5_000)
    assert Matcher(expression).search("a" * 5_000 + "b")


def test_memory_of_a_matcher_is_bounded() -> None:
    matcher = Matcher("[^x]*x[^y]{30}z")
    assert not matcher.search("".join(chr(200 + i) for i in range(25_000)))
    assert not matcher.search("x" + "".join(chr(200 + i) for i in range(25_000)))


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", 1), ("-2.50", -2.5), (".5", 0.5), ("5.", 5), ("1e3", 1000), ("+1E-2", 0.01), ("0e-999", 0)]
    + [(text, None) for text in ("", "x", "1x", " 1", "1e", "nan", "inf", "0x1", "1_0", "١", "1e999", "1e-999", ".")],
)
def test_numbers(text: str, number: float | None) -> None:
    assert functions.number_of(text) == number
