"""The part of the registry contract that is about the log of changes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from siglum.core.errors import AlreadyExistsError, ConflictError, NotFoundError
from siglum.registry.entities import Change
from siglum.registry.store import RegistryStore
from siglum.testing.registry_fixtures import ANN, ELSEWHERE, RegistryFixtures
from siglum.tracking.entities import Tag


class AuditContract(RegistryFixtures):
    """The log of changes."""

    def test_who_what_and_why(self, store: RegistryStore, three: str) -> None:
        store.set_alias(three, "champion", "1", change=ANN)
        store.set_alias(three, "champion", "2", change=Change("bob", "siglum cli", "better recall"))
        event, before = store.audit_log(name=three, max_results=2)
        assert (event.actor, event.reason) == ("bob", "better recall")
        assert (event.action, event.model, event.alias, event.version) == ("set_alias", three, "champion", "2")
        assert (event.before, event.after) == ({"version": "1"}, {"version": "2"})
        assert before.actor == "ann"
        assert before.seq < event.seq
        assert before.time <= event.time

    def test_each_change_writes_one_event_and_reading_none(self, store: RegistryStore, three: str) -> None:
        changes: list[tuple[str, Callable[[], object]]] = [
            ("update_registered_model", lambda: store.update_registered_model(three, description="x", change=ANN)),
            ("set_registered_model_tag", lambda: store.set_registered_model_tag(three, Tag("a", "1"), change=ANN)),
            ("delete_registered_model_tag", lambda: store.delete_registered_model_tag(three, "a", change=ANN)),
            ("create_model_version", lambda: store.create_model_version(three, ELSEWHERE, change=ANN)),
            ("update_model_version", lambda: store.update_model_version(three, "1", description="x", change=ANN)),
            ("set_model_version_tag", lambda: store.set_model_version_tag(three, "1", Tag("a", "1"), change=ANN)),
            ("delete_model_version_tag", lambda: store.delete_model_version_tag(three, "1", "a", change=ANN)),
            ("transition_stage", lambda: store.transition_stage(three, "1", "Staging", change=ANN)),
            ("set_alias", lambda: store.set_alias(three, "a", "1", change=ANN)),
            ("set_alias", lambda: store.set_alias(three, "a", "2", change=ANN)),
            ("rollback", lambda: store.rollback(three, "a", change=ANN)),
            ("delete_alias", lambda: store.delete_alias(three, "a", change=ANN)),
            ("delete_model_version", lambda: store.delete_model_version(three, "1", change=ANN)),
        ]
        for action, make in changes:
            count = len(store.audit_log(name=three))
            make()
            store.get_registered_model(three)
            events = store.audit_log(name=three)
            assert [events[0].action, len(events)] == [action, count + 1]

    def test_a_refused_change_writes_nothing(self, store: RegistryStore, three: str) -> None:
        before = store.audit_log(name=three)
        with pytest.raises(ConflictError):
            store.rollback(three, "champion", change=ANN)
        with pytest.raises(NotFoundError):
            store.set_alias(three, "champion", "9", change=ANN)
        with pytest.raises(AlreadyExistsError):
            store.create_registered_model(three, change=ANN)
        assert store.audit_log(name=three) == before

    def test_paging_backwards(self, store: RegistryStore, three: str) -> None:
        events = store.audit_log(name=three)
        assert [e.seq for e in events] == sorted((e.seq for e in events), reverse=True)
        assert store.audit_log(name=three, max_results=2) == events[:2]
        assert store.audit_log(name=three, before=events[1].seq) == events[2:]
        assert store.audit_log(max_results=1)[0].seq >= events[0].seq
