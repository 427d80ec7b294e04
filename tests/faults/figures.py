"""The figures of the fault campaigns, at the end of a test run: how many faults took place, and what they broke."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

_TRIED, _BROKEN = "faults tried", "faults broken"


def put_down(record: pytest.FixtureRequest, command: str, tried: dict[str, int], broken: int) -> None:
    """Remember what a campaign did, so that it reaches the summary from whatever process the test runs in."""
    properties = record.node.user_properties
    properties += [(_TRIED, (command, kind, number)) for kind, number in tried.items()]
    properties.append((_BROKEN, broken))


def summary(reports: Iterable[pytest.TestReport]) -> list[str]:
    """Return the lines to be printed; none when no campaign ran."""
    tried: dict[str, dict[str, int]] = {}
    broken = 0
    for report in reports:
        if report.when != "call":
            continue
        for name, value in report.user_properties:
            if name == _TRIED and isinstance(value, list | tuple):
                command, kind, number = value
                of_command = tried.setdefault(command, {})
                of_command[kind] = of_command.get(kind, 0) + number
            elif name == _BROKEN and isinstance(value, int):
                broken += value
    if not tried:
        return []
    lines = []
    for command, kinds in sorted(tried.items()):
        shown = ", ".join(f"{kind} {number}" for kind, number in sorted(kinds.items()))
        lines.append(f"{command:9} {sum(kinds.values()):5}  {shown}")
    total = sum(number for kinds in tried.values() for number in kinds.values())
    return [*lines, f"{total} faults took place; invariants broken: {broken or 'none'}"]
