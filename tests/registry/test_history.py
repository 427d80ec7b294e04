"""Alias moves, rollbacks and the audit log against a plain model, and what tampering with the log looks like."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from siglum.core.errors import ConflictError, IntegrityError, NotFoundError, SiglumError
from siglum.registry.entities import AliasMove, Change
from siglum.registry.sql.store import SqlRegistryStore
from siglum.tracking.sql.database import open_database

ANN = Change("ann")
aliases = st.sampled_from(["champion", "challenger"])
versions = st.integers(1, 6)


class AliasHistory(RuleBasedStateMachine):
    """One registered model; the truth is a dict of targets and, for each alias, a stack of the moves not undone."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = SqlRegistryStore(open_database(f"sqlite:///{self.folder.name}/a.db"))
        self.name = "m"
        self.versions: set[int] = set()
        self.next_version = 1
        self.targets: dict[str, int] = {}
        self.stacks: dict[str, list[int | None]] = {}
        self.events = 0

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @initialize()
    def create(self) -> None:
        self.store.create_registered_model(self.name, change=ANN)
        self.events += 1

    @rule()
    def register(self) -> None:
        version = self.store.create_model_version(self.name, "x", change=ANN).version
        assert version == str(self.next_version)
        self.versions.add(self.next_version)
        self.next_version += 1
        self.events += 1

    @rule(alias=aliases, version=versions)
    def set_alias(self, alias: str, version: int) -> None:
        if version not in self.versions:
            with pytest.raises(NotFoundError):
                self.store.set_alias(self.name, alias, str(version), change=ANN)
            return
        before = self.targets.get(alias)
        move = self.store.set_alias(self.name, alias, str(version), change=ANN)
        assert move == AliasMove(self.name, alias, str(before) if before else None, str(version))
        if before != version:
            self.stacks.setdefault(alias, []).append(before)
            self.targets[alias] = version
            self.events += 1

    @rule(alias=aliases)
    def delete_alias(self, alias: str) -> None:
        before = self.targets.pop(alias, None)
        move = self.store.delete_alias(self.name, alias, change=ANN)
        assert move == AliasMove(self.name, alias, str(before) if before else None, None)
        if before is not None:
            self.stacks[alias].append(before)
            self.events += 1

    @rule(version=versions)
    def delete_version(self, version: int) -> None:
        if version not in self.versions:
            return
        self.store.delete_model_version(self.name, str(version), change=ANN)
        self.versions.remove(version)
        self.events += 1
        for alias, target in list(self.targets.items()):
            if target == version:
                del self.targets[alias]
                self.stacks[alias].append(version)
                self.events += 1

    @rule(alias=aliases)
    def rollback(self, alias: str) -> None:
        stack = self.stacks.get(alias, [])
        target = stack[-1] if stack else None
        if target is None or target not in self.versions:
            with pytest.raises(ConflictError):
                self.store.rollback(self.name, alias, change=ANN)
            return
        assert self.store.rollback(self.name, alias, change=ANN).to_version == str(target)
        stack.pop()
        self.targets[alias] = target
        self.events += 1

    @rule()
    def rename(self) -> None:
        new_name = "m" if self.name == "n" else "n"
        self.store.rename_registered_model(self.name, new_name, change=ANN)
        self.name = new_name
        self.events += 1

    @invariant()
    def what_is_stored_is_what_is_true(self) -> None:
        if self.events == 0:
            return
        model = self.store.get_registered_model(self.name)
        assert model.aliases == {alias: str(version) for alias, version in self.targets.items()}
        assert self.store.verify_audit_log() == self.events
        found = {int(v.version) for v in self.store.search_model_versions(filter_string=f"name = '{self.name}'").items}
        assert found == self.versions


AliasHistory.TestCase.settings = settings(
    max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestAliasHistory = pytest.mark.slow(AliasHistory.TestCase)


# -- tampering ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def path(tmp_path: Path) -> str:
    """The file of a registry with six audit events."""
    path = str(tmp_path / "a.db")
    store = SqlRegistryStore(open_database(f"sqlite:///{path}"))
    store.create_registered_model("m", change=ANN)
    for version in "12":
        store.create_model_version("m", "x", change=ANN)
        store.set_alias("m", "champion", version, change=Change("bob", reason="ü"))
    store.rollback("m", "champion", change=ANN)
    assert store.verify_audit_log() == 6
    store.close()
    return path


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit SET actor = 'eve'", "DELETE FROM audit", "INSERT OR REPLACE INTO audit SELECT * FROM audit"],
)
def test_the_log_is_append_only(path: str, statement: str) -> None:
    database = open_database(f"sqlite:///{path}")
    with pytest.raises(SiglumError, match="append-only"):
        database.write(lambda sql: sql.run(statement))
    assert SqlRegistryStore(database).verify_audit_log() == 6
    database.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'eve' WHERE seq = 3",
        "UPDATE audit SET reason = 'another' WHERE seq = 3",
        'UPDATE audit SET after = \'{"version":"2"}\' WHERE seq = 3',
        "UPDATE audit SET time = time - 1 WHERE seq = 6",
        "UPDATE audit SET model_key = 7 WHERE seq = 1",
        "DELETE FROM audit WHERE seq = 1",
        "DELETE FROM audit WHERE seq = 4",
        "UPDATE audit SET seq = CASE seq WHEN 3 THEN -5 WHEN 5 THEN -3 ELSE seq END; UPDATE audit SET seq = abs(seq)",
        "UPDATE audit SET hash = upper(hash) WHERE seq = 6",
    ],
)
def test_changing_the_file_by_hand_shows(path: str, statement: str) -> None:
    connection = apsw.Connection(path)
    connection.execute("DROP TRIGGER audit_is_not_updated; DROP TRIGGER audit_is_not_deleted")
    connection.execute(statement)
    connection.close()
    store = SqlRegistryStore(open_database(f"sqlite:///{path}"))
    with pytest.raises(IntegrityError, match="audit log"):
        store.verify_audit_log()
    store.close()


def test_a_clock_that_is_set_back_does_not_disorder_the_log(tmp_path: Path) -> None:
    times = iter([1000, 5000, 2000, 9000])
    clock: Callable[[], int] = lambda: next(times)  # noqa: E731
    store = SqlRegistryStore(open_database(f"sqlite:///{tmp_path}/a.db", clock))
    for name in "abc":
        store.create_registered_model(name, change=ANN)
    assert [event.time for event in store.audit_log()] == sorted((e.time for e in store.audit_log()), reverse=True)
    store.close()
