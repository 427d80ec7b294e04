"""From what a person types to one version, on a real registry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.lineage.resolve import parse_reference, resolve_version
from siglum.registry.entities import Change
from siglum.registry.sql.store import SqlRegistryStore
from siglum.registry.store import RegistryStore
from siglum.tracking.sql.database import open_database

ME = Change(actor="tester")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[RegistryStore]:
    store = SqlRegistryStore(open_database(f"sqlite:///{tmp_path}/x.db"))
    store.create_registered_model("churn", change=ME)
    for _ in range(3):
        store.create_model_version("churn", "models:/m-" + "0" * 32, change=ME)
    store.set_alias("churn", "champion", "2", change=ME)
    store.transition_stage("churn", "1", "Production", change=ME)
    yield store
    store.close()


@pytest.mark.parametrize(
    ("reference", "version"),
    [
        ("churn@3", "3"),
        ("churn@champion", "2"),
        ("churn@latest", "3"),
        ("models:/churn/1", "1"),
        ("models:/churn@champion", "2"),
        ("models:/churn/Production", "1"),
        ("models:/churn/latest", "3"),
    ],
)
def test_every_form(registry: RegistryStore, reference: str, version: str) -> None:
    assert resolve_version(registry, reference).version == version


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("chrun@1", "Did you mean 'churn'?"),
        ("churn@9", "latest version is churn@3"),
        ("churn@champoin", "Did you mean 'champion'?"),
        ("churn@zzz", "Its aliases are champion."),
        ("models:/churn/Staging", "no version in stage"),
    ],
)
def test_what_is_not_there_gets_a_hint(registry: RegistryStore, reference: str, said: str) -> None:
    with pytest.raises(NotFoundError, match=said.replace("?", r"\?")):
        resolve_version(registry, reference)


@pytest.mark.parametrize("reference", ["churn", "HEAD~1", "models:/m-" + "0" * 32, "churn@1@2", "v1.0", ""])
def test_other_forms_are_not_versions(registry: RegistryStore, reference: str) -> None:
    assert parse_reference(reference) is None
    with pytest.raises(InvalidInputError, match="does not name a model version"):
        resolve_version(registry, reference)
