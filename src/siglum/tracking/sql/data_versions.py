"""Which contents of data sets active runs read, the latest used first, and which registered models came of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from siglum.core.names import parse_experiment_id
from siglum.tracking.search.compile import Fragment, SortKey
from siglum.tracking.search.paging import query_digest
from siglum.tracking.sql.pages import PageQuery, grouped
from siglum.tracking.sql.port import Row, Sql, marks
from siglum.tracking.store import Page
from siglum.tracking.table import DataVersion

MAX_MODELS: Final = 100
"""Registered versions that are named with one version of data."""

_ORDER: Final = (
    SortKey("v.last_used", descending=True),
    SortKey("v.name"),
    SortKey("v.digest"),
    SortKey("v.path"),
)
_COLUMNS: Final = "v.name, v.digest, v.source_type, v.path, v.runs, v.first_used, v.last_used"


def search(
    sql: Sql,
    experiment_ids: Sequence[str],
    *,
    name: str | None,
    path: str | None,
    max_results: int,
    page_token: str | None,
) -> Page[DataVersion]:
    """Return one page. No experiments means all of them."""
    ids = sorted({parse_experiment_id(text) for text in experiment_ids})
    inner: list[Any] = [*ids]
    condition = "r.lifecycle_stage = 'active'"
    if ids:
        condition += f" AND d.experiment_id IN ({marks(len(ids))})"
    if name is not None:
        condition += " AND d.name = ?"
        inner.append(name)
    outer: list[Fragment] = [("v.path = ?", (path,))] if path is not None else []
    rows, token = PageQuery(
        columns=_COLUMNS,
        source=f"""(SELECT d.name, d.digest, coalesce(data_path(d.source), '') AS path,
                min(d.source_type) AS source_type, count(*) AS runs,
                min(r.start_time) AS first_used, max(r.start_time) AS last_used
            FROM datasets d JOIN run_datasets i ON i.dataset_key = d.dataset_key
            JOIN runs r ON r.run_key = i.run_key
            WHERE {condition}
            GROUP BY d.name, d.digest, coalesce(data_path(d.source), '')) v""",  # noqa: S608  only constants
        column_values=inner,
        conditions=outer,
        keys=_ORDER,
        digest=query_digest("data", ids, name, path),
        max_results=max_results,
        page_token=page_token,
    ).run(sql)
    models = _models(sql, {row[1] for row in rows})
    return Page(tuple(_version(row, models.get((row[0], row[1]), ())) for row in rows), token)


def _version(row: Row, models: Sequence[str]) -> DataVersion:
    name, digest, source_type, path, runs, first_used, last_used = row
    return DataVersion(
        name=name,
        digest=digest,
        source_type=source_type,
        path=path or None,
        runs=runs,
        first_used=first_used,
        last_used=last_used,
        models=tuple(models[:MAX_MODELS]),
    )


def _models(sql: Sql, digests: Iterable[str]) -> dict[Any, list[Any]]:
    """Return the registered versions that were made by runs which read data of these digests, by name and digest."""
    wanted = sorted(digests)
    rows = sql.all(
        f"""SELECT DISTINCT d.name, d.digest, m.name, v.version
            FROM datasets d JOIN run_datasets i ON i.dataset_key = d.dataset_key
            JOIN runs r ON r.run_key = i.run_key
            JOIN model_versions v ON v.run_id = r.run_id
            JOIN registered_models m ON m.model_key = v.model_key
            WHERE d.digest IN ({marks(len(wanted))}) ORDER BY 1, 2, 3, 4""",  # noqa: S608
        wanted,
    )
    return grouped([((name, digest), model, number) for name, digest, model, number in rows], lambda m, n: f"{m}@{n}")
