from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from siglum.core.errors import InvalidInputError, SearchSyntaxError
from siglum.tracking.search.compile import Relation, SearchSchema, SortKey, compile_filter, compile_order
from siglum.tracking.search.grammar import (
    EXPERIMENTS,
    LOGGED_MODELS,
    MODEL_VERSIONS,
    REGISTERED_MODELS,
    RUNS,
    Grammar,
)
from siglum.tracking.search.paging import after, decode_token, encode_token, query_digest
from siglum.tracking.search.parser import parse_filter, parse_order
from siglum.tracking.search.tree import And, Comparison, Field, FieldKind, Not, Operator, Or, OrderClause

GRAMMARS = [RUNS, EXPERIMENTS, LOGGED_MODELS, REGISTERED_MODELS, MODEL_VERSIONS]

PIECES = (
    "metrics. params. tags. attributes. status run_id name acc `a b` ' \" ` 'x' \"y\" = != <> < <= > >= LIKE ILIKE IN",
    "NOT IS NULL AND OR ( ) , 1 -2.5 1e9 1e999 . ; ASC DESC \ud800 é \x00 -- /* % _",
)
pieces = st.sampled_from(" ".join(PIECES).split(" "))
filters = st.one_of(
    st.text(max_size=60), st.lists(pieces, max_size=12).map(" ".join), st.lists(pieces, max_size=12).map("".join)
)


def metric(name: str, operator: Operator, value: float) -> Comparison:
    return Comparison(Field(FieldKind.METRIC, name), operator, value)


def test_the_tree() -> None:
    tree = parse_filter("metrics.a > 1 AND (params.b = 'x' OR NOT tags.`c d` LIKE '%')", RUNS)
    assert tree == And(
        (
            metric("a", Operator.GT, 1),
            Or(
                (
                    Comparison(Field(FieldKind.PARAM, "b"), Operator.EQ, "x"),
                    Not(Comparison(Field(FieldKind.TAG, "c d"), Operator.LIKE, "%")),
                )
            ),
        )
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("metrics.a = 1", 1),
        ("metrics.a = -1.5", -1.5),
        ("metrics.a = .5", 0.5),
        ("metrics.a = 1e3", 1000.0),
        ("metrics.a=+7", 7),
        ("metrics.a = 99999999999999999999999", 1e23),
    ],
)
def test_numbers(text: str, value: float) -> None:
    tree = parse_filter(text, RUNS)
    assert isinstance(tree, Comparison)
    assert tree.value == value
    assert type(tree.value) is type(value)


def check_position(parse: Callable[[], object]) -> None:
    error = None
    try:
        parse()
    except SearchSyntaxError as caught:
        error = caught
    assert error is None or 0 <= error.position <= len(error.text)


@pytest.mark.parametrize("grammar", GRAMMARS, ids=lambda g: g.subject)
@given(text=filters)
@example(text="NOT " * 200 + "name = 'x'")
@example(text="(" * 5000)
@example(text="name = 'x' AND " * 5000 + "name = 'x'")
@example(text="name LIKE '" + "%a" * 3000 + "'")
def test_any_filter_parses_or_points_at_a_character(grammar: Grammar, text: str) -> None:
    check_position(lambda: parse_filter(text, grammar))


@pytest.mark.parametrize("grammar", GRAMMARS, ids=lambda g: g.subject)
@given(text=filters)
def test_any_order_parses_or_points_at_a_character(grammar: Grammar, text: str) -> None:
    check_position(lambda: parse_order(text, grammar))


@pytest.mark.parametrize(
    ("text", "position", "problem"),
    [
        ("metrics.acc >", 13, "expected a number"),
        ("metrics.acc > 'a'", 14, "expected a number"),
        ("params.a = 'x", 11, "not closed"),
        ("stats = 'x'", 0, "status"),
        ("foo.bar = 'x'", 0, "unknown kind of field"),
        ("status = 'a' status = 'b'", 13, "expected AND"),
        ("run_name = 'a' ; x", 15, "';'"),
    ],
)
def test_what_a_person_sees(text: str, position: int, problem: str) -> None:
    with pytest.raises(SearchSyntaxError) as caught:
        parse_filter(text, RUNS)
    assert caught.value.position == position
    assert problem in str(caught.value)


SCHEMA = SearchSchema(
    attributes={
        name: f"r.{name}" for name in ("run_id", "run_name", "status", "user_id", "artifact_uri", "start_time")
    },
    relations={FieldKind.TAG: Relation("SELECT 1 FROM tags t WHERE t.run = r.run_id AND t.key = ?", "t.value")},
)


@given(st.text(max_size=40).filter(lambda t: "'" not in t and not any(0xD800 <= ord(c) < 0xE000 for c in t)))
def test_what_the_user_wrote_is_bound_never_spliced(text: str) -> None:
    sql, values = compile_filter(parse_filter(f"run_name = '{text}' OR tags.k = '{text}'", RUNS), SCHEMA)
    assert values == (text, "k", text)
    assert sql == (
        "((r.run_name IS NOT NULL AND r.run_name = ?) OR "
        "EXISTS (SELECT 1 FROM tags t WHERE t.run = r.run_id AND t.key = ? AND t.value = ?))"
    )


def test_an_empty_filter_is_always_true() -> None:
    assert parse_filter("  \n", RUNS) is None
    assert compile_filter(None, SCHEMA) == ("1 = 1", ())


def test_orders() -> None:
    assert parse_order("metrics.`a b` desc", RUNS) == OrderClause(Field(FieldKind.METRIC, "a b"), True, True)
    assert parse_order("run_name", RUNS) == OrderClause(Field(FieldKind.ATTRIBUTE, "run_name"))
    assert parse_order("Created ASC", RUNS) == OrderClause(Field(FieldKind.ATTRIBUTE, "start_time"), number=True)
    clause = parse_order("status", RUNS)
    with pytest.raises(InvalidInputError):
        compile_order([clause, clause], SCHEMA, (), ())


def test_a_token_belongs_to_its_query() -> None:
    query, other = query_digest("runs", "a"), query_digest("runs", "b")
    values = [1, 2.5, "ß", float("inf"), None]
    token = encode_token(query, values)
    assert decode_token(token, query, 5) == values
    for bad, digest, length in (
        (token, other, 5),
        (token, query, 4),
        (token + "A", query, 5),
        ("", query, 5),
        ("ß", query, 5),
    ):
        with pytest.raises(InvalidInputError):
            decode_token(bad, digest, length)


@given(st.text(max_size=40))
def test_any_token_is_decoded_or_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        decode_token(text, b"nobody", 1)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), unique=True, max_size=16),
    st.tuples(st.booleans(), st.booleans()),
)
def test_pages_by_keyset_are_the_whole_in_order(rows: list[tuple[int, int]], descending: tuple[bool, bool]) -> None:
    keys = [SortKey(name, descending=down) for name, down in zip("ab", descending, strict=True)]
    order = ", ".join(f"{k.expression} {'DESC' if k.descending else 'ASC'}" for k in keys)
    database = sqlite3.connect(":memory:")
    try:
        database.execute("CREATE TABLE t (a, b)")
        database.executemany("INSERT INTO t VALUES (?, ?)", rows)
        found: list[tuple[int, int]] = []
        for _ in rows:
            condition, values = after(keys, found[-1]) if found else ("1 = 1", ())
            found.append(
                database.execute(f"SELECT a, b FROM t WHERE {condition} ORDER BY {order} LIMIT 1", values).fetchone()
            )
        assert found == database.execute(f"SELECT a, b FROM t ORDER BY {order}").fetchall()
    finally:
        database.close()
