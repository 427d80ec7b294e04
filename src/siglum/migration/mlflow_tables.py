"""Which tables and columns a database of MLflow's has: those of one version or another, or of something else."""

from __future__ import annotations

from typing import Final

from siglum.core.errors import FileFormatError, InvalidInputError, NotSupportedError
from siglum.migration.source_database import SourceDatabase

_NEEDED: Final = {
    "experiments": {"experiment_id", "name", "artifact_location", "lifecycle_stage"},
    "experiment_tags": {"experiment_id", "key", "value"},
    "runs": {"run_uuid", "name", "user_id", "status", "start_time", "end_time", "lifecycle_stage", "artifact_uri"},
    "metrics": {"run_uuid", "key", "value", "timestamp", "step", "is_nan"},
    "params": {"run_uuid", "key", "value"},
    "tags": {"run_uuid", "key", "value"},
    "registered_models": {"name", "creation_time", "last_updated_time", "description"},
    "model_versions": {"name", "version", "current_stage", "source", "run_id", "status"},
}


class MlflowTables:
    """The tables of a database, asked for what not every version has."""

    def __init__(self, database: SourceDatabase) -> None:
        self.place = database.place
        self._database = database
        self._columns: dict[str, set[str]] = {}

    def check(self) -> None:
        """Raise FileFormatError for tables that cannot be read, NotSupportedError for what Siglum does not have."""
        if self.has("siglum_schema"):
            raise InvalidInputError(
                f"{self.place} is a database of Siglum's, not of MLflow's.",
                hint="Write it to a folder with 'siglum migrate export', and read that with 'siglum migrate siglum'.",
            )
        missing = [
            f"{table}.{column}"
            for table, columns in _NEEDED.items()
            for column in sorted(columns - self.columns(table))
        ]
        if missing:
            others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise FileFormatError(
                self.place,
                f"these are not the tables of an MLflow that can be read: there is no {missing[0]}{others}.",
                hint="MLflow 2.0 to 3.17 can; run 'mlflow db upgrade' on a copy of an older one first.",
            )
        if "workspace" in self.columns("experiments"):
            names = self._database.all(
                "SELECT DISTINCT workspace FROM experiments UNION SELECT workspace FROM registered_models"
            )
            if len(names) > 1:
                raise NotSupportedError(
                    f"{self.place}: it holds {len(names)} workspaces, which Siglum does not have.",
                    hint="Migrate from servers of one workspace each.",
                )

    def columns(self, table: str) -> set[str]:
        """Return the names of a table's columns; none when it is not there."""
        if table not in self._columns:
            self._columns[table] = self._database.columns(table)
        return self._columns[table]

    def has(self, table: str) -> bool:
        """Whether a table is there."""
        return bool(self.columns(table))

    def optional(self, table: str, column: str, otherwise: str = "NULL") -> str:
        """Return a column as a statement names it, or what stands in for one that this version lacks."""
        return column if column in self.columns(table) else otherwise
