"""Which data sets the runs of experiments read, each once for each context."""

from __future__ import annotations

from collections.abc import Sequence

from siglum.core.names import parse_experiment_id
from siglum.tracking.entities import DatasetSummary
from siglum.tracking.sql.port import Sql, marks


def search(sql: Sql, experiment_ids: Sequence[str], maximum: int) -> tuple[DatasetSummary, ...]:
    """Return at most `maximum` data sets, by experiment, name and digest."""
    ids = sorted({parse_experiment_id(text) for text in experiment_ids})
    rows = sql.all(
        f"""SELECT DISTINCT d.experiment_id, d.name, d.digest, c.value
            FROM datasets d JOIN run_datasets i ON i.dataset_key = d.dataset_key
            LEFT JOIN run_dataset_tags c ON c.run_key = i.run_key AND c.dataset_key = i.dataset_key
                AND c.key = 'mlflow.data.context'
            WHERE d.experiment_id IN ({marks(len(ids))})
            ORDER BY 1, 2, 3, 4 LIMIT ?""",  # noqa: S608
        (*ids, maximum),
    )
    return tuple(DatasetSummary(experiment_id=str(row[0]), name=row[1], digest=row[2], context=row[3]) for row in rows)
