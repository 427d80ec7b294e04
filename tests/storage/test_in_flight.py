"""Many requests at once: order, bounds, the first error, and Ctrl-C."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from siglum.core.errors import UnavailableError
from siglum.storage.remotes.in_flight import ByteBudget, run_in_flight, run_loop
from siglum.storage.remotes.threads import run_in_threads

# Says when each cancelled request is cleaned up, and when the caller goes on.
INTERRUPTED = """
import asyncio, os, signal, sys, threading
from siglum.storage.remotes.in_flight import run_in_flight

under_way = threading.Event()

async def work(number):
    try:
        if number == 49:
            under_way.set()
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.2)
        print("cleaned", flush=True)

def interrupt():
    under_way.wait()
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt).start()
try:
    run_in_flight(work, range(1000), 50)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_outcomes_come_in_order_and_no_more_at_once_than_allowed() -> None:
    busy: list[int] = []
    most = 0

    async def work(number: int) -> int:
        nonlocal most
        busy.append(number)
        most = max(most, len(busy))
        await asyncio.sleep(0.001 * (number % 3))
        busy.remove(number)
        return number * 2

    assert run_in_flight(work, range(50), 7) == [number * 2 for number in range(50)]
    assert most == 7
    assert run_in_flight(work, [], 7) == []


def test_the_first_error_ends_the_others() -> None:
    begun: list[int] = []

    async def work(number: int) -> None:
        begun.append(number)
        if number == 3:
            raise UnavailableError("away")
        await asyncio.sleep(60)

    with pytest.raises(UnavailableError, match="away"):
        run_in_flight(work, range(1000), 10)
    assert len(begun) == 10


def test_it_works_inside_another_loop() -> None:
    async def work(number: int) -> int:
        return number

    async def notebook() -> list[int]:
        return run_in_flight(work, range(3), 2)

    assert asyncio.run(notebook()) == [0, 1, 2]


def test_an_interrupt_waits_for_what_is_cleaned_up(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["cleaned"] * 50 + ["interrupted"]


def test_bytes_are_held_in_turn() -> None:
    async def main() -> list[str]:
        budget = ByteBudget(10)
        seen: list[str] = []

        async def hold(name: str, size: int) -> None:
            async with budget.hold(size):
                seen.append(name)
                await asyncio.sleep(0)

        waits = asyncio.create_task(hold("never", 5))
        async with budget.hold(8):
            await asyncio.sleep(0)
            large = asyncio.create_task(hold("larger than all", 100))
            small = asyncio.create_task(hold("small", 1))
            await asyncio.sleep(0)
            waits.cancel()
        await asyncio.gather(large, small)
        async with budget.hold(10):
            seen.append("all is free again")
        return seen

    assert run_loop(main()) == ["larger than all", "small", "all is free again"]


def test_threads_stop_at_the_first_error() -> None:
    begun: list[int] = []
    gate = threading.Event()

    def work(number: int) -> int:
        begun.append(number)
        if number == 0:
            raise UnavailableError("away")
        gate.wait(0.2)
        return number

    with pytest.raises(UnavailableError):
        run_in_threads(work, range(1000), 4)
    assert len(begun) < 1000
    assert run_in_threads(lambda number: number + 1, range(5), 1) == [1, 2, 3, 4, 5]
