"""Search for registered models and model versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from siglum.registry.entities import ModelVersion, RegisteredModel
from siglum.registry.sql.rows import MODEL_COLUMNS, VERSION_COLUMNS, VERSIONS, load_models, load_versions
from siglum.tracking.search.compile import Relation, SearchSchema, SortKey, compile_filter, compile_order
from siglum.tracking.search.grammar import MODEL_VERSIONS, REGISTERED_MODELS
from siglum.tracking.search.paging import query_digest
from siglum.tracking.search.parser import parse_filter, parse_order
from siglum.tracking.search.tree import And, Comparison, Field, FieldKind, Node, Not, Operator, Or
from siglum.tracking.sql.pages import PageQuery
from siglum.tracking.sql.port import Sql
from siglum.tracking.store import Page

_MODELS: Final = SearchSchema(
    attributes={
        "name": "m.name",
        "creation_timestamp": "m.creation_timestamp",
        "last_updated_timestamp": "m.last_updated_timestamp",
    },
    relations={
        FieldKind.TAG: Relation(
            "SELECT 1 FROM registered_model_tags t WHERE t.model_key = m.model_key AND t.key = ?", "t.value"
        )
    },
)
_VERSION_TAG: Final = """SELECT 1 FROM model_version_tags t
                         WHERE t.model_key = v.model_key AND t.version = v.version AND t.key = ?"""
_VERSIONS: Final = SearchSchema(
    attributes={
        "name": "m.name",
        "run_id": "v.run_id",
        "source_path": "v.source",
        "version_number": "v.version",
        "creation_timestamp": "v.creation_timestamp",
        "last_updated_timestamp": "v.last_updated_timestamp",
    },
    relations={FieldKind.TAG: Relation(_VERSION_TAG, "t.value")},
)
_BY_NAME: Final = (SortKey("m.name"),)
_BY_NAME_AND_NUMBER: Final = (SortKey("m.name"), SortKey("v.version", descending=True))
_LAST_UPDATED: Final = (SortKey("v.last_updated_timestamp", descending=True),)


_PROMPT: Final = Comparison(Field(FieldKind.TAG, "mlflow.prompt.is_prompt"), Operator.EQ, "true")


def _prompts_apart(tree: Node | None) -> Node:
    """Leave out MLflow's prompts, which are registered models with a tag, unless the filter asks by that tag.

    MLflow's client adds `tag.mlflow.prompt.is_prompt != 'true'` to each search, and means models without it, too.
    """
    named, tree = _without_tag_passes(tree)
    if tree is None:
        return Not(_PROMPT)
    return tree if named else And((tree, Not(_PROMPT)))


def _without_tag_passes(tree: Node | None) -> tuple[bool, Node | None]:
    """Say whether the prompt tag is named, and let `!=` on it pass what does not have it."""
    if isinstance(tree, Comparison):
        if tree.field != _PROMPT.field:
            return False, tree
        if tree.operator is Operator.NE:
            return True, Not(Comparison(tree.field, Operator.EQ, tree.value))
        return True, tree
    if isinstance(tree, Not):
        named, part = _without_tag_passes(tree.part)
        return named, Not(part) if part is not None else None
    if tree is None:
        return False, None
    found = [_without_tag_passes(part) for part in tree.parts]
    parts = tuple(part for _, part in found if part is not None)
    return any(named for named, _ in found), And(parts) if isinstance(tree, And) else Or(parts)


def registered_models(
    sql: Sql, *, filter_string: str, max_results: int, order_by: Sequence[str], page_token: str | None
) -> Page[RegisteredModel]:
    """Return one page of registered models, by name or as `order_by` says."""
    clauses = [parse_order(text, REGISTERED_MODELS) for text in order_by]
    rows, token = PageQuery(
        columns=MODEL_COLUMNS,
        source="registered_models m",
        conditions=[compile_filter(_prompts_apart(parse_filter(filter_string, REGISTERED_MODELS)), _MODELS)],
        keys=compile_order(clauses, _MODELS, (), _BY_NAME),
        digest=query_digest("registered models", filter_string, list(order_by)),
        max_results=max_results,
        page_token=page_token,
    ).run(sql)
    return Page(tuple(load_models(sql, rows)), token)


def model_versions(
    sql: Sql, *, filter_string: str, max_results: int, order_by: Sequence[str], page_token: str | None
) -> Page[ModelVersion]:
    """Return one page of versions, the last updated first or as `order_by` says."""
    clauses = [parse_order(text, MODEL_VERSIONS) for text in order_by]
    rows, token = PageQuery(
        columns=VERSION_COLUMNS,
        source=VERSIONS,
        conditions=[compile_filter(parse_filter(filter_string, MODEL_VERSIONS), _VERSIONS)],
        keys=compile_order(clauses, _VERSIONS, _LAST_UPDATED, _BY_NAME_AND_NUMBER),
        digest=query_digest("model versions", filter_string, list(order_by)),
        max_results=max_results,
        page_token=page_token,
    ).run(sql)
    return Page(tuple(load_versions(sql, rows)), token)
