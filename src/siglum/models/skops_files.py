"""skops files: the same bytes for the same estimator, and a check of files of unknown origin.

A skops file is a zip of `schema.json` and arrays. As skops writes it, it carries the time, and names objects by their
address in memory (`__id__`, `<id>.npy`); `canonical` rewrites that, and skops and MLflow read the result as before.

The check on loading is Siglum's own policy: skops audits types, and what it trusts by default depends on its
version; the list of trusted types in an `MLmodel` is never looked at.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import skops.io
from skops.io._protocol import PROTOCOL

from siglum.core.errors import FileFormatError, IntegrityError
from siglum.models import policy
from siglum.models.trees import DamagedModelError, check_loaded, check_tree
from siglum.models.trust import untrusted

SCHEMA = "schema.json"
MAX_UNPACKED_RATIO = 200
"""How many times larger than the file its content may be. skops itself does not compress."""
_FIXED_DATE = (1980, 1, 1, 0, 0, 0)
_LOADERS_OF_EXTRA_TYPES = frozenset({"ObjectNode", "TypeNode", "SparseMatrixNode"})
_OTHER_ALLOWED = frozenset({("DictNode", "sklearn.utils._bunch.Bunch")})  # made empty, then given its items
_DAMAGE = (
    zipfile.BadZipFile,
    AttributeError,
    EOFError,
    ImportError,
    IndexError,
    KeyError,
    MemoryError,
    NotImplementedError,
    OSError,
    OverflowError,
    RecursionError,
    RuntimeError,
    TypeError,
    UnicodeDecodeError,
    ValueError,
)


def canonical(data: bytes) -> bytes:
    """Return a skops file with the same content whose bytes depend on nothing but the content.

    Objects are numbered in the order in which `schema.json` names them, sets are sorted, addresses in memory are
    blanked, the unused bytes between the fields of a record are zero, and the zip has fixed dates, stored members
    and sorted names.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        schema = json.loads(source.read(SCHEMA))
        members = {name: _clean_array(name, source.read(name)) for name in source.namelist() if name != SCHEMA}
    _forget_addresses(schema)
    _sort_sets(schema, {name: hashlib.sha256(content).hexdigest() for name, content in members.items()})
    names = _renumber(schema)
    files = {names[name]: content for name, content in members.items() if name in names}
    files[SCHEMA] = json.dumps(schema, separators=(",", ":")).encode()
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, _FIXED_DATE)
            info.create_system = 3  # Unix, on every system
            info.external_attr = 0o600 << 16
            archive.writestr(info, files[name])
    return target.getvalue()


def unknown_types(data: bytes) -> list[str]:
    """Return the types in a file that skops does not trust by itself; MLflow must be given these to load it."""
    found: list[str] = skops.io.get_untrusted_types(data=data)
    return found


def load_trusted(data: bytes, where: str) -> Any:
    """Load a file whose origin is trusted. Raises FileFormatError when it is damaged."""
    try:
        return skops.io.loads(data, trusted=unknown_types(data))
    except _DAMAGE as error:
        raise FileFormatError(where, f"it is not a whole skops file: {error}") from error


def load_checked(data: bytes, where: str) -> Any:
    """Load a file of unknown origin.

    Raises UntrustedError when it holds types outside the allow-list, FileFormatError when it is damaged and
    IntegrityError when a tree or matrix in it points outside its own arrays.
    """
    try:
        _check_size(data, where)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            extra = unknown_types(data)
            problems = _problems(json.loads(archive.read(SCHEMA)), archive, frozenset(extra))
        if problems:
            raise untrusted(where, sorted(set(problems)))
        loaded = skops.io.loads(data, trusted=extra)
        check_loaded(loaded)
    except DamagedModelError as damage:
        raise IntegrityError(f"{where} is damaged or was tampered with: {damage}.") from damage
    except _DAMAGE as error:
        raise FileFormatError(where, f"it is not a whole skops file: {error}") from error
    return loaded


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object description in a schema, outermost first, in the order of the text."""
    pending = [value]
    while pending:
        current = pending.pop()
        if isinstance(current, dict):
            if "__loader__" in current:
                yield current
            pending.extend(reversed(current.values()))
        elif isinstance(current, list):
            pending.extend(reversed(current))


def _renumber(schema: Any) -> dict[str, str]:
    """Number objects in the order of the schema, in place; return the new name of every file that is named."""
    numbers: dict[Any, int] = {}
    names: dict[str, str] = {}
    for node in _nodes(schema):
        if "__id__" in node:
            node["__id__"] = numbers.setdefault(node["__id__"], len(numbers) + 1)
        if isinstance(node.get("file"), str):
            old = node["file"]
            suffix = old[old.rfind(".") :]
            node["file"] = names.setdefault(old, f"{len(names) + 1}{suffix}")
    return names


def _forget_addresses(schema: Any) -> None:
    """Blank the one attribute in which scikit-learn's text vectorizers keep an address in memory.

    They compare it with `id(stop_words)` to warn but once; in another process it means nothing.
    """
    for node in _nodes(schema):
        attribute = node["content"].get("_stop_words_id") if isinstance(node.get("content"), dict) else None
        if isinstance(attribute, dict) and attribute.get("__loader__") == "JsonNode":
            attribute["content"] = "null"


def _sort_sets(value: Any, digests: dict[str, str]) -> None:
    """Sort the members of sets by what they are: their order depends on the seed of Python's string hash."""
    for node in list(_nodes(value)):
        if node["__loader__"] == "SetNode":
            node["content"].sort(key=lambda member: json.dumps(_anonymous(member, digests), sort_keys=True))


def _anonymous(value: Any, digests: dict[str, str]) -> Any:
    if isinstance(value, dict):
        kept = {key: _anonymous(item, digests) for key, item in value.items() if key != "__id__"}
        return kept | {"file": digests.get(value["file"], "")} if "file" in value else kept
    return [_anonymous(item, digests) for item in value] if isinstance(value, list) else value


def _clean_array(name: str, content: bytes) -> bytes:
    """Zero the bytes between the fields of a record array: they hold whatever was in memory."""
    if not name.endswith(".npy"):
        return content
    array = np.load(io.BytesIO(content), allow_pickle=False)
    if not array.dtype.fields:
        return content
    buffer = io.BytesIO()
    np.save(buffer, without_padding(array), allow_pickle=False)
    return buffer.getvalue()


def without_padding(records: Any) -> Any:
    """Return a copy of a record array whose unused bytes are zero."""
    clean = np.zeros(records.shape, records.dtype)
    for field in records.dtype.names:
        clean[field] = records[field]
    return clean


def _check_size(data: bytes, where: str) -> None:
    limit = max(len(data), 1 << 20) * MAX_UNPACKED_RATIO
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(member.file_size for member in archive.infolist()) > limit:
            raise FileFormatError(where, f"it unpacks to more than {MAX_UNPACKED_RATIO} times its size.")
        for member in archive.infolist():
            if member.filename.endswith(".npz"):
                with zipfile.ZipFile(io.BytesIO(archive.read(member))) as inner:
                    if sum(part.file_size for part in inner.infolist()) > limit:
                        raise FileFormatError(where, f"it unpacks to more than {MAX_UNPACKED_RATIO} times its size.")


def _is_allowed_type(name: str) -> bool:
    module, _, cls = name.rpartition(".")
    return name == policy.TREE or policy.may_create(module, cls)


def _problems(schema: Any, archive: zipfile.ZipFile, extra: frozenset[str]) -> list[str]:
    """Return what a schema asks for that the policy does not allow; trees are checked on the way.

    `extra` are the types that skops does not trust by itself. Once told to trust a type, skops would also call it or
    look it up as a function; the policy allows no more than plain objects of it.
    """
    if not isinstance(schema, dict) or schema.get("protocol") != PROTOCOL:
        protocol = schema.get("protocol") if isinstance(schema, dict) else None
        return [f"skops protocol {protocol} (this skops checks protocol {PROTOCOL})"]
    files = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist() if name != SCHEMA}
    _check_identities(schema, files, {})
    problems = sorted(name for name in extra if not _is_allowed_type(name))
    for node in _nodes(schema):
        loader, name = node["__loader__"], f"{node.get('__module__')}.{node.get('__class__')}"
        if loader == "TreeNode":
            _check_tree_node(node, archive)
        elif loader == "CachedNode" or name == policy.TREE or (name in extra and not _is_plain_object(loader, name)):
            problems.append(f"{name} as {loader}")
    return problems


def _is_plain_object(loader: str, name: str) -> bool:
    return loader in _LOADERS_OF_EXTRA_TYPES or (loader, name) in _OTHER_ALLOWED


def modules_named(data: bytes) -> set[str]:
    """Return the modules of all types in a file."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {str(node.get("__module__")) for node in _nodes(json.loads(archive.read(SCHEMA)))}


def _check_identities(value: Any, files: dict[str, str], seen: dict[Any, str]) -> str:
    """Return a digest of a description without its ids, having checked that one id never means two things.

    skops takes the first object with an id for all later ones, so a description that is checked could otherwise
    stand for another one that is loaded.
    """
    if isinstance(value, list):
        text = json.dumps([_check_identities(item, files, seen) for item in value])
    elif isinstance(value, dict):
        parts = {
            key: _check_identities(item, files, seen) for key, item in value.items() if key not in ("__id__", "file")
        }
        text = json.dumps([sorted(parts.items()), files.get(value.get("file", ""), value.get("file"))])
    else:
        text = json.dumps(["value", value])
    digest = hashlib.sha256(text.encode()).hexdigest()
    if isinstance(value, dict) and value.get("__id__") and seen.setdefault(value["__id__"], digest) != digest:
        raise DamagedModelError("two different objects have the same id")
    return digest


def _check_tree_node(node: dict[str, Any], archive: zipfile.ZipFile) -> None:
    arguments = node["__reduce__"]["args"]["content"]
    content = node["content"]["content"]
    state = {key: _value(content[key], archive) for key in ("max_depth", "node_count", "nodes", "values")}
    if f"{node['__module__']}.{node['__class__']}" != policy.TREE or not isinstance(arguments, list):
        raise DamagedModelError("a tree is not what skops writes")
    if node["__reduce__"]["args"]["__loader__"] != "TupleNode" or node["content"]["__loader__"] != "DictNode":
        raise DamagedModelError("a tree is not what skops writes")
    check_tree(tuple(_value(argument, archive) for argument in arguments), state)


def _value(node: dict[str, Any], archive: zipfile.ZipFile) -> Any:
    """Return the number or array that a node of a tree stands for."""
    if node["__loader__"] == "JsonNode":
        return json.loads(node["content"])
    if node["__loader__"] == "NdArrayNode" and node["type"] == "numpy":
        array = np.load(io.BytesIO(archive.read(node["file"])), allow_pickle=False)
        return array if node["__class__"] == "ndarray" else array[()]
    raise DamagedModelError("a tree is not what skops writes")
