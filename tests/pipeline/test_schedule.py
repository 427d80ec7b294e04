"""What may start: needs, resources, mutexes, failures; and that the cost grows with the stages only."""

from __future__ import annotations

import random

import pytest

from siglum.pipeline.definition.stage_settings import StageSettings
from siglum.pipeline.execution.executor import Resources
from siglum.pipeline.execution.schedule import Schedule


def make(
    needs: dict[str, list[str]], cores: int = 2, settings: dict[str, StageSettings] | None = None, memory: int = 100
) -> Schedule:
    return Schedule(list(needs), needs, Resources(cores, memory, 1), settings)


def start_all(schedule: Schedule) -> list[str]:
    found = []
    while (address := schedule.start()) is not None:
        found.append(address)
    return found


def done(schedule: Schedule, address: str) -> None:
    schedule.release(address)
    schedule.finish(address)


def test_a_stage_starts_when_all_that_it_needs_is_done() -> None:
    schedule = make({"a": [], "b": [], "c": ["a", "b"], "d": ["c"]})
    assert start_all(schedule) == ["a", "b"]
    done(schedule, "b")
    assert start_all(schedule) == []
    done(schedule, "a")
    assert start_all(schedule) == ["c"]
    done(schedule, "c")
    assert start_all(schedule) == ["d"]


def test_what_only_comes_after_waits_but_does_not_fail_with_it() -> None:
    needs: dict[str, list[str]] = {"a": [], "b": ["a"], "c": [], "d": ["c"]}
    for end in (Schedule.finish, Schedule.fail):
        schedule = Schedule(list(needs), needs, Resources(9, 9, 9), after={"c": ["b", "elsewhere"], "a": ["c"]})
        assert start_all(schedule) == ["a"], "what stands before it does not wait for it"
        schedule.release("a")
        end(schedule, "a")
        if end is Schedule.finish:
            assert start_all(schedule) == ["b"]
            done(schedule, "b")
        assert start_all(schedule) == ["c"]
        done(schedule, "c")
        assert start_all(schedule) == ["d"]


def test_with_room_for_one_the_order_is_the_given_one() -> None:
    source = random.Random(1)
    needs = {f"s{i}": [f"s{j}" for j in range(i) if source.random() < 0.1] for i in range(60)}
    schedule = make(needs, cores=1)
    seen = []
    while (address := schedule.start()) is not None:
        assert schedule.start() is None
        seen.append(address)
        done(schedule, address)
    assert seen == list(needs)


def test_what_is_needed_from_outside_is_there() -> None:
    assert start_all(make({"a": ["elsewhere"]})) == ["a"]


def test_cores_and_memory_are_shared() -> None:
    settings = {"a": StageSettings(cores=2), "b": StageSettings(cores=2), "c": StageSettings(memory=60)}
    schedule = make({"a": [], "b": [], "c": [], "d": []}, cores=3, settings=settings)
    assert start_all(schedule) == ["a", "c"], "b does not fit, c does"
    done(schedule, "c")
    assert start_all(schedule) == ["d"]
    done(schedule, "a")
    assert start_all(schedule) == ["b"]


def test_memory_that_is_not_there_is_waited_for() -> None:
    settings = {each: StageSettings(memory=60) for each in "ab"}
    schedule = make({"a": [], "b": []}, settings=settings)
    assert start_all(schedule) == ["a"]
    done(schedule, "a")
    assert start_all(schedule) == ["b"]


@pytest.mark.parametrize("wanted", [StageSettings(cores=64), StageSettings(memory=10**15), StageSettings(gpus=8)])
def test_what_asks_for_more_than_there_is_gets_all(wanted: StageSettings) -> None:
    schedule = make({"a": [], "b": []}, settings={"a": wanted, "b": wanted})
    assert start_all(schedule) == ["a"]
    done(schedule, "a")
    assert start_all(schedule) == ["b"]


def test_a_mutex_is_held_by_one() -> None:
    settings = {"a": StageSettings(mutex=("db", "net")), "b": StageSettings(mutex=("db",)), "c": StageSettings()}
    schedule = make({"a": [], "b": [], "c": []}, cores=8, settings=settings)
    assert start_all(schedule) == ["a", "c"]
    done(schedule, "c")
    assert start_all(schedule) == []
    done(schedule, "a")
    assert start_all(schedule) == ["b"]


def test_a_failure_takes_what_needs_it_and_nothing_else() -> None:
    schedule = make({"a": [], "b": ["a"], "c": ["b"], "x": [], "y": ["x", "c"], "z": ["x"]})
    assert start_all(schedule) == ["a", "x"]
    schedule.release("a")
    assert schedule.fail("a") == ["b", "c", "y"]
    done(schedule, "x")
    assert start_all(schedule) == ["z"]
    schedule.release("z")
    assert schedule.fail("z") == []


def test_each_is_given_up_once() -> None:
    schedule = make({"a": [], "b": [], "c": ["a", "b"]})
    start_all(schedule)
    assert schedule.fail("a") == ["c"]
    assert schedule.fail("b") == []


def test_another_attempt_waits_for_its_resources() -> None:
    schedule = make({"a": [], "b": []}, cores=1)
    assert start_all(schedule) == ["a"]
    schedule.release("a")
    assert start_all(schedule) == ["b"]
    schedule.put_back("a")
    assert start_all(schedule) == []
    done(schedule, "b")
    assert start_all(schedule) == ["a"]


def test_after_a_stop_nothing_starts() -> None:
    schedule = make({"a": [], "b": []}, cores=1)
    start_all(schedule)
    schedule.stop()
    done(schedule, "a")
    assert start_all(schedule) == []


def test_a_stage_that_is_needed_twice_counts_once() -> None:
    schedule = make({"a": [], "b": ["a", "a"]})
    assert start_all(schedule) == ["a"]
    done(schedule, "a")
    assert start_all(schedule) == ["b"]
