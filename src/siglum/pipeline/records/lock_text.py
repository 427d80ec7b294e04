"""The text of `dvc.lock`: one stage's entry put in or replaced, every other byte kept.

The result is byte for byte what DVC writes, which loads the whole file, changes the entry and dumps all of it. Here
only the entry is dumped and its lines are exchanged, as long as the file looks as DVC leaves it; a file that was
edited by hand (comments, flow style, anchors) goes the long way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from siglum.pipeline.records.lock import SCHEMA
from siglum.workspace.documents import dump_yaml, load_for_edit

# What the short way would not understand: anchors, aliases, comments, tabs, block scalars, long keys, documents.
_UNUSUAL = re.compile(r"^\s*#|\s[&*]id\d|\s#|\t|: [|>][-+0-9]*$|^ *\? |^---|^\.\.\.|^%|\r", re.MULTILINE)
_STAGES = "stages:\n"


def put_entry(text: str, name: str, entry: Mapping[str, Any], where: str) -> str:
    """Return the lock file `text` (empty for a new one) with the entry of stage `name` put in or replaced.

    A new entry goes to the end of the stages. Raises FileFormatError when `text` is not YAML.
    """
    if not text.strip():
        return dump_yaml({"schema": SCHEMA, "stages": {name: entry}})
    block = dump_yaml({"stages": {name: entry}}).removeprefix(_STAGES)
    short = _put_block(text, block)
    return short if short is not None else _put_by_document(text, name, entry, where)


def _put_block(text: str, block: str) -> str | None:
    if not text.endswith("\n") or _UNUSUAL.search(text) or _UNUSUAL.search(block):
        return None
    start = 0 if text.startswith(_STAGES) else text.find("\n" + _STAGES) + 1
    if not text.startswith(_STAGES, start):
        return None
    start += len(_STAGES)
    following = re.compile(r"^\S", re.MULTILINE).search(text, start)
    end = following.start() if following else len(text)
    head = block[: block.index("\n") + 1]
    if not re.fullmatch(r"  \S.*:\n", head):
        return None
    at = start if text.startswith(head, start) else text.find("\n" + head, start - 1, end) + 1
    if at == 0:
        name = head.strip().removesuffix(":").strip("'\"")
        # The same name in other quotes would become a second entry.
        written = re.compile(rf"^  ['\"]?{re.escape(name)}['\"]?\s*:", re.MULTILINE)
        return None if written.search(text, start, end) else text[:end] + block + text[end:]
    after = re.compile(r"^  \S", re.MULTILINE).search(text, at + len(head), end)
    return text[:at] + block + text[after.start() if after else end :]


def _put_by_document(text: str, name: str, entry: Mapping[str, Any], where: str) -> str:
    document = load_for_edit(text, where)
    if not document:
        return dump_yaml({"schema": SCHEMA, "stages": {name: entry}})
    if not document.get("stages"):
        document["stages"] = {}
    document["stages"][name] = entry
    return dump_yaml(document)
