"""`.dvc` files: which content a path of the workspace has. DVC's format; every key is kept when one is rewritten."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
from typing import Any

import msgspec

from siglum.core.errors import FileFormatError, InvalidInputError, NotFoundError
from siglum.core.hashes import DIR_SUFFIX, DataHash
from siglum.workspace.document import Document, KeyPath
from siglum.workspace.documents import load_yaml, read_bytes, update_yaml, write_atomic

POINTER_SUFFIX = ".dvc"


class FileVersion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One file of an output that is kept under its own name on a versioned remote."""

    relpath: str
    md5: str | None = None
    etag: str | None = None
    checksum: str | None = None
    size: int | None = None
    version_id: str | None = None
    isexec: bool = False
    remote: str | None = None
    cloud: dict[str, Any] | None = None


class OutputSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a `.dvc` file says of one output. The order of the fields is the order in which they are written."""

    md5: str | None = None
    etag: str | None = None
    checksum: str | None = None
    size: int | None = None
    nfiles: int | None = None
    isexec: bool = False
    version_id: str | None = None
    cloud: dict[str, Any] | None = None
    hash: str | None = None
    path: str
    fs_config: dict[str, Any] | None = None
    desc: str | None = None
    type: str | None = None
    labels: list[str] | None = None
    meta: Any = None
    cache: bool = True
    persist: bool = False
    remote: str | None = None
    push: bool = True
    files: list[FileVersion] | None = None

    @property
    def data(self) -> DataHash | None:
        """The recorded content; None before the first commit, or when it is addressed in another way."""
        # What DVC 2 wrote does not say how it was hashed.
        return None if self.md5 is None else DataHash(self.md5, legacy=self.hash is None)


class RepoSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Another repository that data was imported from."""

    url: str
    rev: str | None = None
    rev_lock: str | None = None
    config: Any = None
    remote: Any = None


class DependencySpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a `.dvc` file says of the source that its output was imported from."""

    md5: str | None = None
    etag: str | None = None
    checksum: str | None = None
    size: int | None = None
    nfiles: int | None = None
    isexec: bool = False
    version_id: str | None = None
    hash: str | None = None
    path: str
    fs_config: dict[str, Any] | None = None
    repo: RepoSource | None = None
    db: dict[str, Any] | None = None
    files: list[FileVersion] | None = None


class DataFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A whole `.dvc` file. Paths of outputs are relative to `wdir`, which is relative to the file's folder."""

    desc: str | None = None
    md5: str | None = None
    wdir: str | None = None
    frozen: bool = False
    deps: list[DependencySpec] = []
    outs: list[OutputSpec] = []
    always_changed: bool = False
    locked: bool = False
    """What DVC 0 called `frozen`; it is written under that name."""
    meta: Any = None

    @property
    def is_frozen(self) -> bool:
        """Whether its dependencies are left alone."""
        return self.frozen or self.locked


class Pointer(msgspec.Struct, frozen=True):
    """A `.dvc` file and where it is: `path` is relative to the repository's root, posix."""

    path: str
    file: DataFile

    def key_of(self, out: OutputSpec) -> str:
        """Return an output's path relative to the repository's root. Raises InvalidInputError for one outside."""
        key = posixpath.normpath(posixpath.join(posixpath.dirname(self.path), self.file.wdir or "", out.path))
        if key.startswith(("../", "/")) or key in ("..", "."):
            # Whoever commits such a file would otherwise have every `pull` write to that place.
            raise InvalidInputError(f"{self.path}: the output {out.path!r} is not inside the repository.")
        return key


def parse_pointer(data: bytes, where: str) -> DataFile:
    """Read a `.dvc` file's bytes. Raises FileFormatError that names line, column and key."""
    parsed = load_yaml(data, where)
    document = Document(where, data.decode("utf-8-sig"), parsed)
    if not isinstance(parsed, dict):
        problem = "the file is empty" if parsed is None else "not a mapping of 'outs'"
        raise document.problem((), problem, hint="Restore it with Git, or add the data again.")
    try:
        file = msgspec.convert(parsed, DataFile)
    except msgspec.ValidationError as error:
        problem, keys = _placed(str(error))
        raise document.problem(keys, problem, hint="Restore it with Git, or add the data again.") from None
    if not file.outs:
        raise document.problem((), "there is no output in it", hint="Restore it with Git, or add the data again.")
    for number, out in enumerate(file.outs):
        _check_hash(out, document, ("outs", number, "md5"))
    return file


def read_pointer(path: str, where: str | None = None) -> DataFile:
    """Read a `.dvc` file. Raises NotFoundError when it is not there, else as `parse_pointer`."""
    return parse_pointer(read_bytes(path, where), where or path)


def write_pointer(path: str, file: DataFile) -> bool:
    """Write a `.dvc` file atomically; comments of an existing one survive. Return whether its bytes changed."""
    value = msgspec.to_builtins(_normal(file))
    try:
        before = read_bytes(path)
    except NotFoundError:
        before = None
    if before is None:
        data = format_pointer(file)
    else:
        value_before = load_yaml(before, path)
        if value_before == value:
            return False
        data = _plain_again(before, value_before, file, value) or update_yaml(before, value, path).encode()
    if data == before:
        return False
    write_atomic(path, data)
    return True


def _normal(file: DataFile) -> DataFile:
    """Return a file as it is written: without a `wdir` that says nothing, and without keys' old names."""
    if not file.locked and file.wdir != ".":
        return file
    return msgspec.structs.replace(
        file, frozen=file.is_frozen, locked=False, wdir=None if file.wdir == "." else file.wdir
    )


# What of a file does not count for its checksum: words for people, and what follows from the hashes.
_NOT_IN_CHECKSUM = frozenset(
    {"desc", "type", "labels", "meta", "locked", "frozen", "metric", "persist", "isexec", "size", "nfiles"}
)


def checksum_of(file: DataFile) -> str:
    """Return what the key `md5` of an import says: the MD5 of the file's own facts, as DVC computes it."""
    value = msgspec.to_builtins(msgspec.structs.replace(_normal(file), md5=None))
    return hashlib.md5(json.dumps(_facts(value), sort_keys=True).encode(), usedforsecurity=False).hexdigest()


def with_checksum(file: DataFile) -> DataFile:
    """Return a file whose `md5` is right: an import has one, data that was added has none."""
    return msgspec.structs.replace(file, md5=checksum_of(file) if file.deps else None)


def _facts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _facts(each) for key, each in value.items() if key not in _NOT_IN_CHECKSUM}
    return [_facts(each) for each in value] if isinstance(value, list) else value


def format_pointer(file: DataFile) -> bytes:
    """Return the bytes of a new `.dvc` file. The common form is written directly, which spares ruamel's start-up."""
    file = _normal(file)
    plain = _plain(file)
    if plain is not None:
        return plain
    from siglum.workspace.documents import dump_yaml

    return dump_yaml(msgspec.to_builtins(file)).encode()


_PLAIN_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_./")
_PLAIN_REST = _PLAIN_NAME | frozenset("0123456789-")


def _plain(file: DataFile) -> bytes | None:
    """Return the bytes for one cached output with a name that needs no quoting, None for everything else."""
    if len(file.outs) != 1 or file != DataFile(outs=file.outs):
        return None
    out = file.outs[0]
    if out != OutputSpec(
        md5=out.md5, size=out.size, nfiles=out.nfiles, isexec=out.isexec, hash=out.hash, path=out.path
    ):
        return None
    if out.md5 is None or not _is_plain_word(out.md5.removesuffix(DIR_SUFFIX)) or out.hash != "md5":
        return None
    name = out.path
    reserved = name.lower() in ("true", "false", "null", "yes", "no", "on", "off", "y", "n")
    if reserved or name[0] not in _PLAIN_NAME - {"."} or not set(name) <= _PLAIN_REST or len(name) > 60:
        return None
    lines = ["outs:", f"- md5: {out.md5}"]
    if out.size is not None:
        lines.append(f"  size: {out.size}")
    if out.nfiles is not None:
        lines.append(f"  nfiles: {out.nfiles}")
    if out.isexec:
        lines.append("  isexec: true")
    return "\n".join([*lines, "  hash: md5", f"  path: {name}", ""]).encode()


def _plain_again(before: bytes, value_before: Any, file: DataFile, value: Any) -> bytes | None:
    """Return the new bytes of a `.dvc` file that is as `_plain` writes it and gets no other keys, None for others."""
    try:
        was_plain = _plain(msgspec.convert(value_before, DataFile)) == before
    except msgspec.ValidationError:
        return None
    if was_plain and value_before["outs"][0].keys() == value["outs"][0].keys():
        return _plain(_normal(file))
    return None


def _is_plain_word(digits: str) -> bool:
    """Whether hex digits cannot be taken for a number: there is a letter other than an `e` between digits."""
    return bool(set(digits) & set("abcdf"))


def _check_hash(out: OutputSpec, document: Document, keys: KeyPath) -> None:
    if out.md5 is None:
        return
    try:
        DataHash.parse(f"md5:{out.md5}")
    except ValueError:
        raise document.problem(
            keys, f"{out.md5!r} is not an MD5", hint="Restore it with Git, or add the data again."
        ) from None


def _placed(message: str) -> tuple[str, KeyPath]:
    """Split msgspec's "Expected `str`, got `int` - at `$.outs[0].path`" into the problem and its keys."""
    problem, _, place = message.partition(" - at `$")
    keys: list[str | int] = []
    for part in place.rstrip("`").replace("[", ".[").split("."):
        if part.startswith("["):
            keys.append(int(part[1:-1]) if part[1:-1].isdecimal() else part[1:-1])
        elif part:
            keys.append(part)
    return _in_plain_words(problem), tuple(keys)


_KINDS = {
    "array": "a list", "object": "a mapping", "str": "text", "int": "a number", "float": "a number",
    "bool": "true or false", "null": "nothing",
}  # fmt: skip


def _in_plain_words(problem: str) -> str:
    """Return msgspec's "Expected `array`, got `int`" as "expected a list, not a number"."""
    problem = problem[:1].lower() + problem[1:].replace("`, got `", "`, not `")
    return re.sub(r"`([^`]*)`", lambda kinds: _kinds(kinds[1]), problem)


def _kinds(names: str) -> str:
    """Return `str | null` as "text or nothing"; what is not the name of a kind is quoted."""
    if not set(names.split(" | ")) <= set(_KINDS):
        return repr(names)
    return " or ".join(dict.fromkeys(_KINDS[name] for name in names.split(" | ")))


def pointer_of(path: str) -> str:
    """Return the path of the `.dvc` file that `siglum add` makes for a file or folder."""
    return path.rstrip("/") + POINTER_SUFFIX


def is_pointer(path: str) -> bool:
    """Whether a path is that of a `.dvc` file by its name."""
    name = os.path.basename(path)
    return name.endswith(POINTER_SUFFIX) and name != POINTER_SUFFIX


__all__ = [
    "POINTER_SUFFIX",
    "DataFile",
    "DependencySpec",
    "FileFormatError",
    "OutputSpec",
    "Pointer",
    "checksum_of",
    "format_pointer",
    "is_pointer",
    "parse_pointer",
    "pointer_of",
    "read_pointer",
    "with_checksum",
    "write_pointer",
]
