"""What may start next: the stages of one run, what each needs, and what is free. Pure.

Everything a decision depends on is told to it; nothing here waits, runs or looks. The work for all stages together is
linear in their number and in that of the edges, apart from a factor for how many different demands they make.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from siglum.pipeline.definition.stage_settings import DEFAULT, StageSettings
from siglum.pipeline.execution.executor import Resources


class Demand(msgspec.Struct, frozen=True):
    """What a stage takes while it runs, cut down to what there is: what asks for more gets all, and runs alone."""

    resources: Resources
    mutex: tuple[str, ...]


class Schedule:
    """Which stages wait, run and are done. At any time the first in order that fits is the next.

    With room for one stage at a time that is the given order itself. A stage that does not fit now is passed over for
    later ones that do; it cannot wait for ever, since a run has an end.
    """

    def __init__(
        self,
        order: Sequence[str],
        needs: Mapping[str, Iterable[str]],
        capacity: Resources,
        settings: Mapping[str, StageSettings] | None = None,
        after: Mapping[str, Iterable[str]] = {},
    ) -> None:
        """Take stages in an order that has each behind what it needs; what is needed from outside of it is there.

        A stage waits for those in `after`, too, where they stand before it, but does not need them.
        """
        self._order = tuple(order)
        self._position = {address: i for i, address in enumerate(self._order)}
        self._users: dict[str, list[str]] = {address: [] for address in self._order}
        self._followers: dict[str, list[str]] = {}
        self._missing: dict[str, int] = {}
        self._demands: dict[str, Demand] = {}
        self._free = capacity
        self._held: set[str] = set()
        self._ready: dict[Demand, list[int]] = {}
        self._stopped = False
        for address in self._order:
            inside = [need for need in dict.fromkeys(needs.get(address, ())) if need in self._position]
            self._missing[address] = len(inside)
            for need in inside:
                self._users[need].append(address)
            for other in dict.fromkeys(after.get(address, ())):
                if self._position.get(other, len(self._order)) < self._position[address]:
                    self._missing[address] += 1
                    self._followers.setdefault(other, []).append(address)
            self._demands[address] = _demand((settings or {}).get(address, DEFAULT), capacity)
        for address in self._order:
            if not self._missing[address]:
                self._make_ready(address)

    def start(self) -> str | None:
        """Take the next stage that may start, with what it takes; None when there is none now."""
        if self._stopped:
            return None
        fitting = [queue for demand, queue in self._ready.items() if queue and self._fits(demand)]
        if not fitting:
            return None
        address = self._order[heapq.heappop(min(fitting))]
        demand = self._demands[address]
        self._free = _less(self._free, demand.resources)
        self._held.update(demand.mutex)
        return address

    def release(self, address: str) -> None:
        """Give back what a started stage took. It is not done by that: `finish`, `fail` or `put_back` it."""
        demand = self._demands[address]
        self._free = _more(self._free, demand.resources)
        self._held.difference_update(demand.mutex)

    def put_back(self, address: str) -> None:
        """Let a stage that was started and released start once more."""
        self._make_ready(address)

    def finish(self, address: str) -> None:
        """Let what waits for a stage start."""
        self._let_go(self._users[address])
        self._let_go(self._followers.get(address, ()))

    def fail(self, address: str) -> list[str]:
        """Give up all that needs a stage, directly or not; return it, in order. Each is returned once."""
        given_up: list[str] = []
        todo = [address]
        while todo:
            for user in self._users[todo.pop()]:
                if self._missing.pop(user, None) is not None:
                    given_up.append(user)
                    todo.append(user)
        for each in (address, *given_up):
            self._let_go(self._followers.get(each, ()))
        return sorted(given_up, key=self._position.__getitem__)

    def stop(self) -> None:
        """Start nothing more."""
        self._stopped = True

    def _let_go(self, waiting: Iterable[str]) -> None:
        for user in waiting:
            if user in self._missing:
                self._missing[user] -= 1
                if not self._missing[user]:
                    self._make_ready(user)

    def _make_ready(self, address: str) -> None:
        heapq.heappush(self._ready.setdefault(self._demands[address], []), self._position[address])

    def _fits(self, demand: Demand) -> bool:
        wanted, free = demand.resources, self._free
        enough = wanted.cores <= free.cores and wanted.memory <= free.memory and wanted.gpus <= free.gpus
        return enough and self._held.isdisjoint(demand.mutex)


def _demand(settings: StageSettings, capacity: Resources) -> Demand:
    return Demand(
        Resources(
            min(settings.cores, capacity.cores),
            min(settings.memory, capacity.memory),
            min(settings.gpus, capacity.gpus),
        ),
        settings.mutex,
    )


def _less(free: Resources, taken: Resources) -> Resources:
    return Resources(free.cores - taken.cores, free.memory - taken.memory, free.gpus - taken.gpus)


def _more(free: Resources, given: Resources) -> Resources:
    return Resources(free.cores + given.cores, free.memory + given.memory, free.gpus + given.gpus)
