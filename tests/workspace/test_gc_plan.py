"""What garbage collection takes: a rule without a disk, held against a plain model."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from siglum.core.hashes import DataHash
from siglum.storage.trash import Contents
from siglum.workspace.gc_plan import Found, GcPlan, Keep, plan_gc


def oid(number: int) -> str:
    return f"{number:032x}"


def folder(number: int) -> str:
    return f"{number:032x}.dir"


FILES = {DataHash(folder(1)): (oid(10), oid(11)), DataHash(folder(2)): (oid(11), oid(12))}
THERE = Found(None, "md5", dict.fromkeys((oid(10), oid(11), oid(12), oid(13), folder(1), folder(2)), 5))


def plan(keep: Keep, *found: Found) -> GcPlan:
    return plan_gc(found or [THERE], keep, FILES.get)


def test_a_folder_needs_its_files() -> None:
    made = plan(Keep(frozenset({DataHash(folder(1))})))
    (collection,) = made.collections
    assert collection.oids == (folder(2), oid(12), oid(13))  # manifests leave first
    assert (collection.size, collection.kept, len(made)) == (15, 3, 3)


def test_records_keep_and_are_named() -> None:
    recorded = {DataHash(folder(2)): ("churn@3", "run a"), DataHash(oid(10)): ("run a",)}
    (collection,) = plan(Keep(frozenset({DataHash(oid(10))}), recorded)).collections
    assert collection.oids == (folder(1), oid(13))
    assert collection.for_records == Contents(3, 15)
    # What the workspace uses is not kept for the records' sake.
    assert {holder.name: holder.kept.objects for holder in collection.holders} == {"churn@3": 3, "run a": 3}


def test_the_two_ways_of_hashing_do_not_mix() -> None:
    legacy = Found(None, "md5-dos2unix", {oid(10): 1, oid(20): 1})
    made = plan(Keep(frozenset({DataHash(oid(10)), DataHash(oid(20), legacy=True)})), THERE, legacy)
    assert oid(10) not in made.collections[0].oids
    assert made.collections[1].oids == (oid(10),)


def test_a_manifest_that_cannot_be_read_is_named() -> None:
    made = plan(Keep(frozenset({DataHash(folder(9))})))
    assert made.unread == (folder(9),)


def test_what_is_elsewhere_may_go() -> None:
    made = plan_gc([THERE], Keep(frozenset({DataHash(folder(1))})), FILES.get, lambda algorithm, name: name == oid(10))
    assert oid(10) in made.collections[0].oids
    assert oid(11) not in made.collections[0].oids


def test_a_second_look_can_only_take_less() -> None:
    first = plan(Keep(frozenset()))
    second = plan(Keep(frozenset({DataHash(folder(1))})))
    assert first.only(second).collections[0].oids == second.collections[0].oids
    assert second.only(first).collections[0].oids == second.collections[0].oids
    assert len(first.only(GcPlan(()))) == 0


NAMES = st.integers(0, 12).map(oid)
MANIFESTS = st.dictionaries(st.integers(100, 105).map(folder), st.lists(NAMES, max_size=5).map(tuple))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_nothing_needed_ever_goes_and_nothing_else_stays(data: st.DataObject) -> None:
    manifests = data.draw(MANIFESTS)
    every = st.sampled_from([*manifests, *(oid(number) for number in range(13))])
    there = data.draw(st.sets(every))
    used = data.draw(st.sets(every))
    recorded = data.draw(st.dictionaries(every, st.lists(st.sampled_from("abc"), min_size=1).map(tuple)))
    made = plan_gc(
        [Found("r", "md5", dict.fromkeys(there))],
        Keep(frozenset(map(DataHash, used)), {DataHash(name): who for name, who in recorded.items()}),
        lambda each: manifests.get(each.oid),
    )
    needed = used | recorded.keys()
    needed = needed | {name for each in needed for name in manifests.get(each, ())}
    (collection,) = made.collections
    assert set(collection.oids) == there - needed
    assert collection.kept == len(there & needed)
    assert collection.size is None or not collection.oids
    order = [name.endswith(".dir") for name in collection.oids]
    assert order == sorted(order, reverse=True)
