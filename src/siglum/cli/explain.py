"""What explanations of stages look like: `status --explain` and `repro --explain`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from siglum.cli.console import Console
from siglum.cli.explain_rows import Names, block_lines
from siglum.core.text import count
from siglum.pipeline.graph.load import Pipeline, load_pipeline
from siglum.pipeline.inventory.selection import folder_of
from siglum.pipeline.status.events import Event
from siglum.pipeline.status.examine import Examiner, RunOf
from siglum.pipeline.status.explain import Action, Explanation
from siglum.pipeline.status.status import shown_address, shown_path
from siglum.workspace.repository import Repository

_NAMES_SHOWN = 3
_HEADS = {
    Action.RUN: "will run",
    Action.RESTORE: "will be restored",
    Action.RECORD: "will be recorded as it is now",
    Action.DEPENDS: "may run",
    Action.FAIL: "cannot be brought up to date",
}


def say_explanations(console: Console, explanations: Sequence[Explanation], names: Names) -> None:
    """Print what `status --explain` says: a block for each stage with something to do, a line for all others.

    Many stages of which there is no more to say than what will become of them share a line, too.
    """
    alike = {title: those for title, those in _alike(explanations).items() if len(those) > _NAMES_SHOWN}
    shared = {each.stage for those in alike.values() for each in those}
    for each in explanations:
        if each.action is not Action.NOTHING and each.stage not in shared:
            say_block(console, f"'{names.stage(each.stage)}' {_HEADS[each.action]}", each, names)
    for title, those in alike.items():
        console.say(console.style(_listed(title, [names.stage(each.stage) for each in those], console.room), "bold"))
    still = [names.stage(each.stage) for each in explanations if each.action is Action.NOTHING and not each.frozen]
    frozen = [names.stage(each.stage) for each in explanations if each.action is Action.NOTHING and each.frozen]
    if len(still) == len(explanations):
        console.say("Data and pipelines are up to date.")
    elif still:
        console.say(_listed("Up to date", still, console.room))
    if frozen:
        console.say(_listed("Frozen, so never run", frozen, console.room))


def _alike(explanations: Sequence[Explanation]) -> dict[str, list[Explanation]]:
    """Return by title the stages whose block would be a heading alone."""
    found: dict[str, list[Explanation]] = {}
    for each in explanations:
        if each.action is Action.DEPENDS:
            found.setdefault("May run, depending on what those before them will make", []).append(each)
        elif each.action is Action.RUN and not each.recorded:
            found.setdefault("Will run for the first time", []).append(each)
        elif each.action is Action.FAIL and each.upstream and not (each.missing or each.differences):
            found.setdefault("Cannot be brought up to date, since those before them cannot", []).append(each)
    return found


class ReproExplainer:
    """Explains stages while `repro` goes through them, and keeps what it found."""

    def __init__(self, repo: Repository, run_of: RunOf, *, dry: bool) -> None:
        pipeline = load_pipeline(repo)
        self.names = names_from(repo, pipeline)
        self._examiner = Examiner(repo, pipeline, run_of)
        self._dry = dry
        self._found: dict[str, Explanation] = {}

    def follow(self, event: Event) -> Explanation | None:
        """Return what an event stands for; None for one that needs no explanation."""
        found = self._examiner.explain_event(event, dry=self._dry)
        if found is not None:
            self._found[found.stage] = found
        return found

    def say(self, console: Console, verb: str, explanation: Explanation) -> None:
        """Print an explanation under what is done with its stage."""
        say_block(console, f"{verb} '{self.names.stage(explanation.stage)}'", explanation, self.names)

    def value(self, address: str) -> dict[str, Any]:
        """Return what was found about a stage, to be added to its result."""
        found = self._found.get(address)
        return {} if found is None else {"explanation": msgspec.to_builtins(found)}


def say_block(console: Console, head: str, explanation: Explanation, names: Names) -> None:
    """Print a heading, the rest of which says why, and below it what changed."""
    lines = block_lines(explanation, names, console.room)
    console.say(console.style(f"{head}{because(explanation, names)}{':' if lines else '.'}", "bold"))
    for line in lines:
        console.say(line)


def because(explanation: Explanation, names: Names) -> str:
    """Return what is to be said of a stage beside what changed, as the rest of a sentence."""
    upstream = [names.stage(each) for each in explanation.upstream]
    if explanation.action is Action.RESTORE:
        return " from the cache" if explanation.hit is None else " from an earlier run"
    if explanation.frozen and explanation.action is Action.RECORD:
        return ", not run: it is frozen"
    if explanation.action is Action.DEPENDS:
        return f", depending on what {_some(upstream)} will make"
    if explanation.action is Action.FAIL:
        return "" if explanation.missing or not explanation.upstream else f": {_some(upstream)} cannot be either"
    if explanation.upstream:
        return f", after {_some(upstream)}"
    if not explanation.recorded and explanation.action is Action.RUN:
        return " for the first time"
    return ""


def _some(names: Sequence[str]) -> str:
    shown = [f"'{each}'" for each in names]
    if len(shown) > _NAMES_SHOWN:
        shown[_NAMES_SHOWN - 1 :] = [f"{len(shown) - _NAMES_SHOWN + 1} more"]
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else shown[0]


def _listed(title: str, names: Sequence[str], room: int | None) -> str:
    """Return names in one line, as many of them as fit."""
    room = room or 100
    for shown in range(len(names), 0, -1):
        more = len(names) - shown
        line = f"{title}: {', '.join(names[:shown])}{f' and {more} more' if more else ''}."
        if len(line) <= room:
            return line
    return f"{title}: {count(len(names), 'stage')}."


def names_from(repo: Repository, pipeline: Pipeline) -> Names:
    """Return how things are called as seen from the current folder."""
    folder = folder_of(repo)
    return Names(
        lambda address: shown_address(pipeline.stages[address], folder), lambda key: shown_path(key, repo.root, folder)
    )
