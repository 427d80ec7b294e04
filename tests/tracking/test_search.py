from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from siglum.core.errors import InvalidInputError, SearchSyntaxError
from siglum.tracking.entities import Metric, Param, Tag
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
from siglum.tracking.search.tree import Aggregate, And, Comparison, Field, FieldKind, Not, Operator, Or, OrderClause
from siglum.tracking.sql.database import open_database
from siglum.tracking.sql.store import SqlTrackingStore

GRAMMARS = [RUNS, EXPERIMENTS, LOGGED_MODELS, REGISTERED_MODELS, MODEL_VERSIONS]

PIECES = (
    "metrics. params. tags. attributes. status run_id name acc `a b` ' \" ` 'x' \"y\" = != <> < <= > >= LIKE ILIKE IN",
    "NOT IS NULL AND OR ( ) , 1 -2.5 1e9 1e999 . ; ASC DESC \ud800 é \x00 -- /* % _",
    "RLIKE BETWEEN min( MAX( last( count( data.path data.hash code.commit '^a+(b|c)$' '(' 'x{2,}' '\\'",
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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("params.lr < 0.1", Comparison(Field(FieldKind.PARAM, "lr"), Operator.LT, 0.1)),
        ("params.lr IN (1, 2,)", Comparison(Field(FieldKind.PARAM, "lr"), Operator.IN, (1, 2))),
        ("metrics.a not between -1 and 1", Comparison(Field(FieldKind.METRIC, "a"), Operator.NOT_BETWEEN, (-1, 1))),
        ("MIN( metrics.`a b` ) = 1", Comparison(Field(FieldKind.METRIC, "a b", Aggregate.MIN), Operator.EQ, 1)),
        ("tags.a NOT RLIKE 'x+'", Comparison(Field(FieldKind.TAG, "a"), Operator.NOT_RLIKE, "(?:[x]){1,}")),
        ("tags.a NOT LIKE 'x'", Comparison(Field(FieldKind.TAG, "a"), Operator.NOT_LIKE, "x")),
        ("data.hash = 'md5:abc'", Comparison(Field(FieldKind.DATA, "hash"), Operator.EQ, "abc")),
        (
            f"data.hash IN ('sha256:{'a' * 64}')",
            Comparison(Field(FieldKind.DATA, "hash"), Operator.IN, ("a" * 32,)),
        ),
        ("code.commit IS NOT NULL", Comparison(Field(FieldKind.CODE, "commit"), Operator.IS_NOT_NULL, None)),
    ],
)
def test_what_mlflow_has_not(text: str, expected: Comparison) -> None:
    assert parse_filter(text, RUNS) == expected


def check_position(parse: Callable[[], object]) -> None:
    error = None
    try:
        parse()
    except SearchSyntaxError as caught:
        error = caught
    assert error is None or 0 <= error.position <= len(error.text)


@pytest.mark.parametrize("grammar", GRAMMARS, ids=lambda g: g.subject)
@settings(deadline=None)
@given(text=filters)
@example(text="NOT " * 200 + "name = 'x'")
@example(text="(" * 5000)
@example(text="name = 'x' AND " * 5000 + "name = 'x'")
@example(text="name LIKE '" + "%a" * 3000 + "'")
def test_any_filter_parses_or_points_at_a_character(grammar: Grammar, text: str) -> None:
    check_position(lambda: parse_filter(text, grammar))


@pytest.mark.parametrize("grammar", GRAMMARS, ids=lambda g: g.subject)
@settings(deadline=None)
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
        ("params.a < '1'", 11, "expected a number, without quotes"),
        ("params.a IN (1, 'b')", 16, "numbers only, or texts only"),
        ("params.a BETWEEN 1 'b'", 19, "expected AND"),
        ("params.a BETWEEN 1 AND 'b'", 23, "two numbers, or two texts"),
        ("metrics.a BETWEEN 1 AND 'b'", 24, "expected a number"),
        ("params.a LIKE 1", 14, "expected a text"),
        ("min(params.a) > 1", 4, "min(metrics.x)"),
        ("min(min(metrics.a)) > 1", 4, "min(metrics.x)"),
        ("min(metrics.a > 1", 14, "expected ')'"),
        ("min metrics.a > 1", 0, "have no attribute"),
        ("data.size = 'x'", 0, "use one of hash, path"),
        ("code.commit > 'x'", 0, "cannot be compared with >"),
        ("params.a RLIKE 'a(b'", 17, "'(' is not closed"),
        ("params.a RLIKE 'ab)'", 18, "closes nothing"),
        ("params.a RLIKE '[z-a]'", 20, "a range goes"),
        ("params.a RLIKE 'a{9999}'", 18, "expected a number up to 255"),
        ("params.a RLIKE '(a{200}){200}'", 16, "more than 400 steps"),
        ("params.a RLIKE '(a)\\1'", 19, "not supported"),
        ("params.a RLIKE '(?=a)'", 16, "not supported"),
        ("params.a RLIKE 'a*?'", 18, "nor be lazy"),
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


@settings(deadline=None)
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


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_token_is_decoded_or_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        decode_token(text, b"nobody", 1)


@settings(deadline=None)
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


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlTrackingStore]:
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('search')}/siglum.db")
    store = SqlTrackingStore(database)
    run_id = store.create_run("0", tags=[Tag("a", "x")]).info.run_id
    store.log_batch(run_id, metrics=[Metric("a", 1.0, 1)], params=[Param("a", "1.5"), Param("b", "text")])
    yield store
    store.close()


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(filters, filters)
@example("NOT min(metrics.a) BETWEEN -1 AND 1e999 OR count(metrics.a) IN (1)", "max(metrics.a) DESC")
@example("params.b > 1 OR params.a RLIKE '^1.5$' AND data.path NOT LIKE '%' OR code.commit = 'a'", "count(metrics.a)")
def test_whatever_parses_can_be_run(store: SqlTrackingStore, text: str, order: str) -> None:
    """A database that refuses a statement would raise InternalError."""
    for order_by in ([], [order]):
        with contextlib.suppress(InvalidInputError):
            store.search_runs(["0"], filter_string=text, order_by=order_by)
