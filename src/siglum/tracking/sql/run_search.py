"""Search for runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeVar

from siglum.core.names import parse_experiment_id
from siglum.tracking.entities import ViewType
from siglum.tracking.search.compile import Relation, SearchSchema, SortKey, compile_filter, compile_order
from siglum.tracking.search.grammar import RUNS
from siglum.tracking.search.paging import query_digest
from siglum.tracking.search.parser import parse_filter, parse_order
from siglum.tracking.search.tree import Aggregate, FieldKind
from siglum.tracking.sql.experiments import view_condition
from siglum.tracking.sql.pages import PageQuery
from siglum.tracking.sql.port import Row, Sql, marks
from siglum.tracking.sql.run_loading import RUN_COLUMNS
from siglum.tracking.store import Page

T = TypeVar("T")

_DATASET: Final = """SELECT 1 FROM run_datasets i JOIN datasets d ON d.dataset_key = i.dataset_key
                     WHERE i.run_key = r.run_key"""
_METRIC: Final = """FROM metric_summaries s WHERE s.run_key = r.run_key
                    AND s.key_id = (SELECT key_id FROM metric_keys WHERE key = ?)"""
_AGGREGATES: Final = {
    Aggregate.MIN: "s.min_value",
    Aggregate.MAX: "s.max_value",
    Aggregate.LAST: "s.last_value",
    Aggregate.COUNT: "s.count",
}
_ATTRIBUTES: Final = ("run_id", "run_name", "status", "user_id", "artifact_uri", "start_time", "end_time")

SCHEMA: Final = SearchSchema(
    attributes={name: f"r.{name}" for name in _ATTRIBUTES},
    relations={
        FieldKind.METRIC: Relation(f"SELECT 1 {_METRIC}", "s.last_value", nan=True, aggregates=_AGGREGATES),
        FieldKind.PARAM: Relation("SELECT 1 FROM run_params p WHERE p.run_key = r.run_key AND p.key = ?", "p.value"),
        FieldKind.TAG: Relation("SELECT 1 FROM run_tags t WHERE t.run_key = r.run_key AND t.key = ?", "t.value"),
    },
    named={
        FieldKind.DATASET: {
            "name": Relation(_DATASET, "d.name", keyed=False),
            "digest": Relation(_DATASET, "d.digest", keyed=False),
            "context": Relation(
                "SELECT 1 FROM run_dataset_tags c WHERE c.run_key = r.run_key AND c.key = 'mlflow.data.context'",
                "c.value",
                keyed=False,
            ),
        },
        FieldKind.DATA: {
            "path": Relation(_DATASET, "data_path(d.source)", keyed=False),
            "hash": Relation(_DATASET, "d.digest", keyed=False),
        },
        FieldKind.CODE: {
            name: Relation(
                f"SELECT 1 FROM run_tags g WHERE g.run_key = r.run_key AND g.key = 'mlflow.source.git.{name}'",  # noqa: S608
                "g.value",
                keyed=False,
            )
            for name in ("commit", "branch")
        },
    },
    sort_values={
        FieldKind.METRIC: f"(SELECT s.last_value {_METRIC})",
        FieldKind.PARAM: "(SELECT p.value FROM run_params p WHERE p.run_key = r.run_key AND p.key = ?)",
        FieldKind.TAG: "(SELECT t.value FROM run_tags t WHERE t.run_key = r.run_key AND t.key = ?)",
    },
    sort_aggregates={aggregate: f"(SELECT {column} {_METRIC})" for aggregate, column in _AGGREGATES.items()},
)
TIE_BREAK: Final = (SortKey("r.start_time", descending=True), SortKey("r.run_id"))


class RunQuestion(NamedTuple):
    """What a search for runs asks for: the arguments of `TrackingStore.search_runs`, in their order."""

    experiment_ids: Sequence[str]
    filter_string: str
    view_type: ViewType
    max_results: int
    order_by: Sequence[str]
    page_token: str | None


def search(sql: Sql, question: RunQuestion, load: Callable[[Sql, Sequence[Row]], list[T]]) -> Page[T]:
    """Return one page of runs: the latest started first, or as `order_by` says, ties by start time and id.

    `load` makes what is wanted of rows of RUN_COLUMNS.
    """
    experiment_ids, filter_string, view_type, max_results, order_by, page_token = question
    tree = parse_filter(filter_string, RUNS)
    clauses = [parse_order(text, RUNS) for text in order_by]
    ids = sorted({parse_experiment_id(text) for text in experiment_ids})
    keys = compile_order(clauses, SCHEMA, (), TIE_BREAK)
    if not ids:
        return Page(())
    rows, token = PageQuery(
        columns=RUN_COLUMNS,
        source="runs r",
        conditions=[
            (f"r.experiment_id IN ({marks(len(ids))})", tuple(ids)),
            *view_condition(view_type, "r.lifecycle_stage"),
            compile_filter(tree, SCHEMA),
        ],
        keys=keys,
        digest=query_digest("runs", ids, int(view_type), filter_string, list(order_by)),
        max_results=max_results,
        page_token=page_token,
    ).run(sql)
    return Page(tuple(load(sql, rows)), token)
