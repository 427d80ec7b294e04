"""What a store has refused for good of a spool: a note beside it, which stays until somebody removes it.

A refused record holds up nothing behind it, and its spool goes when the rest has been sent. The note says what was
refused, and why in the words of the server.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from typing import Final

import msgspec

from siglum.client.spool.places import names_in
from siglum.client.spool.records import (
    Append,
    Batch,
    Create,
    DropTag,
    File,
    Header,
    Inputs,
    Outputs,
    Params,
    Point,
    Record,
    Tags,
    Update,
)
from siglum.core.addresses import shown_url
from siglum.core.clock import now_ms
from siglum.core.errors import SiglumError

SUFFIX: Final = ".refused"
KEPT: Final = ".files"
"""Ends the name of the folder, beside a note, of the files that were refused."""
_MOST: Final = 100
"""How many reasons are kept apart."""
_LONGEST: Final = 200


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Records that were refused for one reason; `what` is the first of them."""

    what: str
    reason: str
    records: int
    at: int


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """All that was refused of a spool; `upto` is the place in it of the last."""

    run_id: str
    uri: str
    upto: int
    refusals: tuple[Refusal, ...]
    path: str = ""

    @property
    def records(self) -> int:
        """How many records it was."""
        return sum(each.records for each in self.refusals)


def note(path: str, header: Header, records: Sequence[Record], end: int, error: SiglumError, copies: str = "") -> None:
    """Add records to a note, once: those that end at `end` may be refused again after a crash. Never raises.

    Files among them are kept beside it; their copies are moved there from the folder `copies`.
    """
    before = read(path)
    if before is not None and end <= before.upto:
        return
    refusals = list(before.refusals) if before is not None else []
    kept = [_keep(path, record, end, copies) for record in records if isinstance(record, File | Append)]
    what = describe(records[0]) + (f", kept as {kept[0]}" if kept and kept[0] else "")
    new = Refusal(what=what, reason=str(error), records=len(records), at=now_ms())
    same = [place for place, each in enumerate(refusals) if each.reason == new.reason]
    if same or len(refusals) >= _MOST:
        place = same[0] if same else _MOST - 1
        refusals[place] = msgspec.structs.replace(refusals[place], records=refusals[place].records + new.records)
    else:
        refusals.append(new)
    made = Refused(run_id=header.run_id, uri=shown_url(header.uri), upto=end, refusals=tuple(refusals))
    with contextlib.suppress(OSError):  # a full disk: it has been said all the same
        descriptor = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(msgspec.json.encode(made))
        os.replace(f"{path}.new", path)


def _keep(path: str, record: File | Append, end: int, copies: str) -> str | None:
    """Keep the content of a file that was refused, and return where; None where there is no room for it."""
    kept = os.path.join(path + KEPT, f"{end}-{record.path.rpartition('/')[2]}")
    try:
        os.makedirs(path + KEPT, mode=0o700, exist_ok=True)
        if record.copy is not None:
            os.replace(os.path.join(copies, record.copy), kept)
        else:
            with open(kept, "wb") as file:
                file.write(record.content)
    except OSError:
        return None
    return kept


def remove(path: str) -> None:
    """Take a note away, with the files that were kept."""
    shutil.rmtree(path + KEPT, ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def read(path: str) -> Refused | None:
    """Return a note; None when there is none that can be read."""
    with contextlib.suppress(OSError, msgspec.MsgspecError), open(path, "rb") as file:
        return msgspec.structs.replace(msgspec.json.decode(file.read(), type=Refused), path=path)
    return None


def refused_paths(folder: str, run_id: str = "") -> list[str]:
    """Return the notes in a folder, of one run when an id (or its beginning) is given."""
    return [os.path.join(folder, name) for name in names_in(folder, SUFFIX, run_id)]


def describe(record: Record) -> str:
    """Return what a record says, in a few words."""
    match record:
        case Point(key, value, _, step):
            found = f"metric {key!r} = {value:g} at step {step}"
        case Create(name=name):
            found = f"the run {name!r} itself"
        case Params(values):
            found = "parameter " + ", ".join(f"{key!r} = {value!r}" for key, value in values.items())
        case Tags(values):
            found = "tag " + ", ".join(f"{key!r} = {value!r}" for key, value in values.items())
        case DropTag(key):
            found = f"removal of tag {key!r}"
        case Inputs(datasets, models):
            names = [each.dataset.name for each in datasets] + [each.model_id for each in models]
            found = f"input {', '.join(map(repr, names))}"
        case Outputs(models):
            found = f"output {', '.join(repr(each.model_id) for each in models)}"
        case File(path):
            found = f"file {path!r}"
        case Append(path):
            found = f"rows of table {path!r}"
        case Update(status, _, name):
            found = f"name {name!r}" if status is None else f"status {status.value}"
        case Batch(metrics, params, tags):
            keys = [each.key for each in metrics] + [each.key for each in params] + [each.key for each in tags]
            found = f"batch of {', '.join(map(repr, keys))}"
    return found if len(found) <= _LONGEST else f"{found[: _LONGEST - 1]}…"
