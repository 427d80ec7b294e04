"""What a server does for a migration: whole records into the database, each as often as it comes but once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from siglum.core.errors import InvalidInputError
from siglum.registry.entities import Change
from siglum.registry.sql import bulk as registry_bulk
from siglum.registry.sql.audit import AuditLog
from siglum.registry.sql.bulk import ModelRecord
from siglum.registry.sql.foreign_audit import ForeignEntry, add_counters, add_entries
from siglum.tracking.entities import Experiment, LoggedModel, Run
from siglum.tracking.series import Point
from siglum.tracking.sql import bulk, experiments
from siglum.tracking.sql.database import Database
from siglum.tracking.sql.port import Sql


class NewRun(msgspec.Struct, frozen=True):
    """A run, when it was deleted if that is known, and points of it."""

    run: Run
    deleted_time: int | None
    series: Mapping[str, Sequence[Point]]

    @property
    def weight(self) -> int:
        """About how many rows it is."""
        return 50 + sum(map(len, self.series.values()))


class SqlImports:
    """Fills a database that others use at the same time. Nothing that is there is changed, but for runs under way."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_experiment(self, experiment: Experiment, location: str | None) -> tuple[str, bool]:
        """Store an experiment; return its id here and whether it is new. See `tracking.sql.bulk.add_experiment`."""
        return self._database.write(lambda sql: bulk.add_experiment(sql, experiment, location))

    def points_of(self, run_id: str) -> int | None:
        """Return how many points a run has here; None when it is not here."""
        return self._database.read(lambda sql: bulk.points_of(sql, run_id))

    def add_runs(self, new: Sequence[NewRun]) -> int:
        """Store runs; return how many points were new. Raises NotFoundError for a run of no experiment here."""
        now = self._database.clock()

        def add(sql: Sql) -> int:
            for experiment_id in {each.run.info.experiment_id for each in new}:
                experiments.get(sql, experiment_id)
            added = 0
            for each in new:
                bulk.add_run(sql, each.run, now if each.deleted_time is None else each.deleted_time)
                if each.series:
                    run_id = each.run.info.run_id
                    added += bulk.add_points(sql, run_id, each.series)
                    bulk.pack_run(sql, run_id)
            return added

        return self._database.write(add, sum(each.weight for each in new))

    def add_points(self, run_id: str, series: Mapping[str, Sequence[Point]], *, last: bool) -> int:
        """Store more points of a run; return how many were new."""

        def add(sql: Sql) -> int:
            added = bulk.add_points(sql, run_id, series)
            if last:
                bulk.pack_run(sql, run_id)
            return added

        return self._database.write(add, 10 + sum(map(len, series.values())))

    def add_logged_model(self, model: LoggedModel, *, deleted: bool) -> bool:
        """Store a logged model; return whether it is new. Raises NotFoundError for one of no experiment here."""

        def add(sql: Sql) -> bool:
            experiments.get(sql, model.experiment_id)
            return bulk.add_logged_model(sql, model, deleted=deleted)

        return self._database.write(add, 10 + len(model.metrics))

    def link_models(self, run: Run) -> None:
        """Store which models that are here a run read and made."""
        self._database.write(lambda sql: bulk.link_models(sql, run), 5)

    def add_models(self, records: Sequence[ModelRecord], change: Change) -> tuple[int, int]:
        """Store registered models and say so in the audit log; return how many models and versions are new."""
        now = self._database.clock()

        def add(sql: Sql) -> tuple[int, int]:
            _check_numbers(records)
            new = sum(not registry_bulk.has_model(sql, record.model.name) for record in records)
            log = AuditLog(sql, change, now)
            return new, sum(registry_bulk.add_model(sql, log, record) for record in records)

        return self._database.write(add, 10 + sum(5 + 5 * len(record.versions) for record in records))

    def add_history(self, entries: Sequence[ForeignEntry], counters: Mapping[str, int], change: Change) -> int:
        """Keep entries of another store's audit log, and next numbers of versions; return how many entries are new."""
        now = self._database.clock()

        def add(sql: Sql) -> int:
            add_counters(sql, counters)
            return add_entries(sql, AuditLog(sql, change, now), entries)

        return self._database.write(add, 10 + len(counters) + 2 * len(entries))


def _check_numbers(records: Sequence[ModelRecord]) -> None:
    """Refuse a number of a version that the next one would take again."""
    for record in records:
        highest = max((int(each.version.version) for each in record.versions), default=0)
        if record.next_version <= highest:
            raise InvalidInputError(
                f"The next version of {record.model.name!r} cannot be {record.next_version}: {highest} is there."
            )
