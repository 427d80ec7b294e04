"""YAML documents: read fast, edited so that comments survive, replaced atomically.

Reading is libyaml with the scalar rules of YAML 1.2 (`yes` is a string, `010` is ten, `1e5` is a float); what is
written goes through ruamel.yaml, whose folding and quoting are what DVC's bytes are made of.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import yaml

from siglum.core.errors import FileFormatError, NotFoundError
from siglum.storage.durability import temporary_name

if TYPE_CHECKING:
    from ruamel.yaml import YAML

_BLANKS_AT_END = re.compile(r"  $", re.MULTILINE)
_CONFLICT = re.compile(r"^(?:<{7}|>{7}|\|{7})(?: |$)|^={7}$", re.MULTILINE)

_INDENTS = re.compile(r"^[ \-?:]+", re.MULTILINE)
_MAX_NESTING = 1000


class _Loader(yaml.CSafeLoader):
    """libyaml's loader with YAML 1.2 scalars, which refuses duplicate keys."""

    # Filled below; a copy, so that PyYAML's own loaders keep their YAML 1.1 rules.
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._flat: set[yaml.MappingNode] = set()

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Refuse keys that stand twice, before merge keys add theirs (which the written ones override)."""
        if node in self._flat:  # merged into another one before: it then has its own keys and those it merged
            return
        self._flat.add(node)
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                continue  # PyYAML says so itself
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        super().flatten_mapping(node)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Read an integer of YAML 1.2: a leading zero means nothing, `0o`, `0x` and `0b` name a base."""
        text = str(self.construct_scalar(node)).replace("_", "")
        sign, digits = (-1 if text.startswith("-") else 1), text.lstrip("+-")
        base = {"0b": 2, "0o": 8, "0x": 16}.get(digits[:2], 10)
        try:
            return sign * int(digits if base == 10 else digits[2:], base)
        except ValueError:
            raise yaml.constructor.ConstructorError(None, None, f"{text!r} is not a number", node.start_mark) from None


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    (
        "float",
        (
            r"^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+"
            r"|[-+]?\.[0-9_]+(?:[eE][-+][0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
        ),
        "-+0123456789.",
    ),
    ("int", r"^(?:[-+]?0b[01_]+|[-+]?0o?[0-7_]+|[-+]?[0-9_]+|[-+]?0x[0-9a-fA-F_]+)$", "-+0123456789"),
    ("merge", r"^<<$", "<"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    (
        "timestamp",
        (
            r"^(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9]{2}?-[0-9]{2}?(?:[Tt]|[ \t]+)[0-9][0-9]?:[0-9]{2}:[0-9]{2}"
            r"(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9][0-9]?(?::[0-9]{2})?))?)$"
        ),
        "0123456789",
    ),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


def load_yaml(text: str | bytes, where: str) -> Any:
    """Read one YAML document; an empty one is None.

    `where` is the path that errors name. Raises FileFormatError with line and column (from 1).
    """
    if isinstance(text, bytes):
        text = decoded(text, where)
    try:
        if _nesting_bound(text) > _MAX_NESTING:
            _check_nesting(text, where)
        return yaml.load(text, Loader=_Loader)  # noqa: S506  -- built on CSafeLoader
    except yaml.MarkedYAMLError as error:
        raise _format_error(error, text, where) from None
    except yaml.reader.ReaderError as error:
        before = text.encode()[: error.position].decode()  # libyaml counts bytes
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise FileFormatError(where, "a character that YAML does not allow", line=line, column=column) from None
    except (ValueError, RecursionError) as error:
        problem = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise FileFormatError(where, problem) from None


def _nesting_bound(text: str) -> int:
    """Return a depth that the document cannot exceed: its brackets, and its widest run of indents and dashes."""
    return text.count("[") + text.count("{") + max(map(len, _INDENTS.findall(text)), default=0)


def _check_nesting(text: str, where: str) -> None:
    """Raise FileFormatError for a document so deep that libyaml's composer, which recurses, could crash on it."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _MAX_NESTING:
                mark = event.start_mark
                assert mark is not None
                raise FileFormatError(where, "nested too deeply", line=mark.line + 1, column=mark.column + 1)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def has_conflict(text: str) -> bool:
    """Return whether a file holds the markers of a merge conflict of Git."""
    return _CONFLICT.search(text) is not None


def load_yaml_file(path: str, where: str | None = None) -> Any:
    """Read a YAML file. Raises NotFoundError when it is not there, FileFormatError when it is not YAML."""
    return load_yaml(read_bytes(path, where), where or path)


def read_bytes(path: str, where: str | None = None) -> bytes:
    """Return a file's bytes. Raises NotFoundError, naming `where`, when it is not there or not a file."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError(f"{where or path} does not exist.") from None
    except IsADirectoryError:
        raise FileFormatError(where or path, "is a folder, not a file") from None


def dump_yaml(value: Any) -> str:
    """Return a new document as ruamel writes it: block style, indent 2, width 80.

    But for one thing: it breaks lines also where several blanks stand together, of which a reader then finds one. Such
    text gets quotes.
    """
    text = _dumped(_ruamel(), value)
    if _BLANKS_AT_END.search(text) and _ruamel().load(text) != value:
        return _dumped(_quoting(), value)
    return text


def _dumped(writer: YAML, value: Any) -> str:
    stream = io.StringIO()
    writer.dump(value, stream)
    return stream.getvalue()


def update_yaml(text: str | bytes, value: Any, where: str) -> str:
    """Return the document `text` changed to say `value`.

    Comments, order, quoting and flow style of what stays the same survive; new keys are appended, missing ones go;
    lists of equal length are changed element by element, others replaced.
    """
    if isinstance(text, bytes):
        text = decoded(text, where)
    load_yaml(text, where)  # one reader decides what is well-formed, and says where it is not
    document = _ruamel().load(text)
    if not isinstance(document, Mapping) or not document:
        return dump_yaml(value)
    merge_into(document, value)
    return dump_yaml(document)


def load_for_edit(text: str | bytes, where: str) -> Any:
    """Read a document with its comments, to be changed in place and given to `dump_yaml`."""
    if isinstance(text, bytes):
        text = decoded(text, where)
    load_yaml(text, where)
    return _ruamel().load(text)


def merge_into(document: Any, value: Any) -> None:
    """Make the mapping `document` equal to `value` by the rules of `update_yaml`."""
    for key, new in value.items():
        old = document.get(key)
        if isinstance(new, Mapping) and isinstance(old, Mapping):
            merge_into(old, new)
        elif _is_list(new) and _is_list(old):
            _merge_list(old, new)
        elif key not in document or old != new:
            document[key] = new
    for key in set(document) - set(value):
        del document[key]


def _merge_list(document: Any, value: Sequence[Any]) -> None:
    if len(document) != len(value):
        document[:] = value
        return
    for i, new in enumerate(value):
        old = document[i]
        if isinstance(new, Mapping) and isinstance(old, Mapping):
            merge_into(old, new)
        elif _is_list(new) and _is_list(old):
            _merge_list(old, new)
        elif old != new:
            document[i] = new


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def write_atomic(path: str, data: bytes) -> None:
    """Replace a file by `data`, whole or not at all, and durable on return.

    A new file gets the mode that the umask leaves, an existing one keeps its own. Where `path` is a symbolic link,
    the file that it names is replaced.
    """
    target = os.path.realpath(path)
    try:
        mode = stat.S_IMODE(os.stat(target).st_mode)
    except FileNotFoundError:
        mode = 0o666 & ~current_umask()
    folder = os.path.dirname(target)
    # A short name of its own: the target's name may already be as long as names can be.
    temporary = os.path.join(folder, temporary_name())
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    sync_folder(folder)


def sync_folder(folder: str) -> None:
    """Make renames in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def current_umask() -> int:
    """Return the process's umask, read without changing it where the system tells."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("Umask:"):
                    return int(line.split()[1], 8)
    except OSError:
        pass
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _ruamel() -> YAML:
    from ruamel.yaml import YAML  # costs 50 ms, and only what writes needs it

    writer = YAML()
    writer.default_flow_style = False
    return writer


def _quoting() -> YAML:
    """Return a writer that puts text with several blanks in a row into double quotes."""
    from ruamel.yaml.representer import RoundTripRepresenter

    class Representer(RoundTripRepresenter):
        pass

    def represent(representer: Representer, text: str) -> Any:
        return representer.represent_scalar("tag:yaml.org,2002:str", text, style='"' if "  " in text else None)

    Representer.add_representer(str, represent)
    writer = _ruamel()
    writer.Representer = Representer
    return writer


def decoded(data: bytes, where: str) -> str:
    """Return text, without a byte order mark. Raises FileFormatError with line and column where it is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        column = error.start - (before.rfind(b"\n") + 1) + 1
        raise FileFormatError(where, "not UTF-8", line=before.count(b"\n") + 1, column=column) from None


def _format_error(error: yaml.MarkedYAMLError, text: str, where: str) -> FileFormatError:
    conflict = _CONFLICT.search(text)
    if conflict:
        line = text.count("\n", 0, conflict.start()) + 1
        ours = os.path.basename(where).endswith((".dvc", "dvc.lock"))
        hint = "Run 'siglum resolve', which merges it." if ours else "Resolve it and run the command again."
        return FileFormatError(where, "holds a merge conflict of Git", line=line, column=1, hint=hint)
    mark = error.problem_mark or error.context_mark
    problem = error.problem or error.context or "not YAML"
    if mark is None:
        return FileFormatError(where, problem)
    return FileFormatError(where, problem, line=mark.line + 1, column=mark.column + 1)
