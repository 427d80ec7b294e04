"""Objects whose bytes are not what their name says, and files that change while they are read."""

from __future__ import annotations

import hashlib
import os
import time

import msgspec
from tests.faults import invariants, world
from tests.faults.calls import Fault, Injector, watch
from tests.faults.trial import Outcome, Stage, said_badly
from tests.faults.world import CACHE, REMOTE, Entry

from siglum.storage.index import StatIndex

_TICK_SECONDS = 0.03  # older than that, the index may trust a file's times


class Damage(msgspec.Struct, frozen=True):
    """One kind of damage to one object of a store, or what two objects exchange."""

    kind: str
    store: str
    oid: str
    other: str = ""
    known: bool = False  # whether the index knew the object as sound before


def all_of(stage: Stage) -> list[Damage]:
    """Return every damage that the world of a stage offers."""
    found = []
    for store in (CACHE, REMOTE):
        objects = sorted(invariants.objects(stage.before, store))
        for number, oid in enumerate(objects):
            filled = bool(invariants.objects(stage.before, store)[oid].data)
            kinds = ("flipped", "cut short", "emptied") if filled else ("grown",)
            found += [Damage(kind, store, oid) for kind in kinds]
            found.append(Damage(kinds[0], store, oid, known=True))
            if number:
                found.append(Damage("swapped", store, oid, objects[number - 1]))
    return found


def suffer(stage: Stage, damage: Damage) -> Outcome:
    """Run the command where an object is damaged: it must heal it, or fail and say so, or have no need of it."""
    stage.fresh()
    if damage.known:
        time.sleep(_TICK_SECONDS)
        stage.run(command=("status",))
        stage.run(command=("push",) if damage.store == CACHE else ("fetch",))
    _do(stage, damage)
    before = world.take(stage.here)
    ended = stage.run()
    now = world.take(stage.here)
    where = f"{damage.kind} {damage.store}/{damage.oid}"
    spoiled = {f"{damage.store}/{oid}" for oid in (damage.oid, damage.other) if oid}
    broken = [
        *invariants.at_any_instant(before, now, stage.after, spoiled),
        *invariants.vanished(before, now),
        *([] if ended.status == 0 else said_badly(ended)),
    ]
    return Outcome(where, ended, broken)


def _do(stage: Stage, damage: Damage) -> None:
    """Damage the object as a bad disk does: in place, its mode and time of change as they were."""
    path = world.object_path(stage.here, damage.store, damage.oid)
    data = path.read_bytes()
    if damage.kind == "swapped":
        other = world.object_path(stage.here, damage.store, damage.other)
        overwrite(str(path), other.read_bytes())
        overwrite(str(other), data)
        return
    new = {
        "flipped": bytes([(data[0] if data else 0) ^ 1]) + data[1:],
        "cut short": data[: len(data) // 2],
        "emptied": b"",
        "grown": data + b"?",
    }[damage.kind]
    overwrite(str(path), new)


def overwrite(path: str, data: bytes) -> None:
    """Give a file other bytes, in place, and its old mode and times."""
    status = os.stat(path)
    os.chmod(path, 0o600)
    with open(path, "r+b") as file:
        file.write(data)
        file.truncate()
    os.chmod(path, status.st_mode & 0o7777)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def meddled(stage: Stage, fault: Fault) -> Outcome:
    """Run the command while another program changes a file of the workspace in the moment in which it is read.

    What is recorded then is what is there now, or the command says which file changed and records nothing.
    """
    stage.fresh()
    stage.shared.reset()
    ended = stage.run(lambda: watch(Injector(fault, stage.shared)))
    fired = stage.shared.fired.replace(f"{stage.here}/", "")
    name = fired.partition(" ")[2]
    if name.removeprefix("project/") not in stage.before.workspace or world.is_metafile(name):
        return Outcome("", ended, [])
    now = world.take(stage.here)
    broken = [
        *invariants.stores_are_whole(now),
        *invariants.bad_pointers(now),
        *invariants.recorded_mixtures(stage.before, now, [_meddled_md5(stage.before.files[name], fault.text)]),
    ]
    if ended.status:
        broken += said_badly(ended)
        if name.removeprefix("project/") not in ended.err:
            broken.append(f"does not name the file: {ended.err.strip()}")
    elif stage.run(command=("status", "-q")).status == 0:
        broken += invariants.untrue_pointers(now)
    return Outcome(fired, ended, broken)


def _meddled_md5(entry: Entry, text: str) -> str:
    """Return the MD5 of a file after another program wrote to both of its ends."""
    data = bytearray(entry.data or b"")
    data[: len(text)] = text.encode()
    data[-len(text) :] = text.encode()
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def in_one_tick(stage: Stage) -> Outcome:
    """Run the command while the clock stands where the files were last changed.

    They could change once more without a trace in their times, so that the index must not know their hashes.
    """
    stage.fresh()
    files = [stage.here / "project" / path for path in stage.before.workspace if not world.is_metafile(path)]
    for path in files:
        os.utime(path)
    moment = min(path.stat().st_mtime_ns for path in files)

    def stop_the_clock() -> None:
        time.time_ns = lambda: moment

    ended = stage.run(stop_the_clock)
    index = StatIndex(str(stage.here / "project/.dvc/tmp/siglum/index"))
    known = [path for path in files if path.exists() and index.get(path.stat()) is not None]
    broken = [f"trusted within a tick: {path.relative_to(stage.here)}" for path in known]
    return Outcome("racy", ended, broken if ended.status == 0 else said_badly(ended) or ["failed"])
