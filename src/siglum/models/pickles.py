"""Pickles of unknown origin, loaded as data or not at all.

Two gates, both against the allow-list of `policy`. `scan` reads the opcodes, runs nothing and names every class and
function that the pickle asks for. `load_checked` then runs an unpickler of which every step that could do more than
build a container is checked with the real values at hand: what is called, what is created, what is given a state.
A decision tree's numbers are checked before it exists (`trees`), a dtype must be what numpy itself would write.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from sklearn.tree._tree import Tree

from siglum.core.errors import FileFormatError, IntegrityError
from siglum.models import policy
from siglum.models.trees import DamagedModelError, check_loaded, check_tree, check_tree_arguments
from siglum.models.trust import untrusted

_BaseUnpickler: Any = pickle._Unpickler  # the one whose steps can be checked
_STRINGS = frozenset(
    {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE", "STRING", "SHORT_BINSTRING", "BINSTRING"}
)
_MEMO_PUT = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_MEMO_GET = frozenset({"GET", "BINGET", "LONG_BINGET"})
_FORBIDDEN = frozenset({"EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID", "INST", "OBJ", "NEXT_BUFFER", "READONLY_BUFFER"})
_DAMAGE = (
    pickle.UnpicklingError,
    AttributeError,
    EOFError,
    ImportError,
    IndexError,
    KeyError,
    MemoryError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)


class _RefusedError(Exception):
    """A step that the allow-list does not hold; the text is what was asked for."""


def scan(data: bytes, where: str) -> tuple[str, ...]:
    """Return, sorted, what a pickle names or does that no allow-list holds. Nothing is loaded or run.

    Raises FileFormatError when `data` is no whole pickle.
    """
    names, others = _names(data, where)
    return tuple(sorted({f"{m}.{n}" for m, n in names if not policy.is_allowed(m, n)} | others))


def modules_named(data: bytes, where: str) -> set[str]:
    """Return the modules of all classes and functions that a pickle names. Raises FileFormatError."""
    return {module for module, _ in _names(data, where)[0]}


def _names(data: bytes, where: str) -> tuple[set[tuple[str, str]], set[str]]:
    """Return the (module, name) pairs that the opcodes spell out, and what else is out of the ordinary."""
    names: set[tuple[str, str]] = set()
    others: set[str] = set()
    memo: dict[int, str | None] = {}
    recent: list[str | None] = []  # what was pushed last, as far as it is a string
    ended = False
    try:
        for opcode, argument, _ in pickletools.genops(data):
            name = opcode.name
            ended = name == "STOP"
            if name in _MEMO_PUT or name == "MEMOIZE":
                memo[len(memo) if name == "MEMOIZE" else int(str(argument))] = recent[-1] if recent else None
            elif name in _MEMO_GET:
                recent.append(memo.get(int(str(argument))))
            elif name in _STRINGS:
                recent.append(str(argument))
            elif name == "GLOBAL":
                module, _, attribute = str(argument).partition(" ")
                names.add((module, attribute))
                recent.append(None)
            elif name == "STACK_GLOBAL":
                spelled = [text for text in recent[-2:] if text is not None]
                if len(spelled) == 2:
                    names.add((spelled[0], spelled[1]))
                else:
                    others.add("a name that is computed")
                recent.append(None)
            elif name in _FORBIDDEN:
                others.add(f"the opcode {name}")
            elif opcode.stack_after:
                recent.append(None)
            del recent[:-4]
    except (ValueError, IndexError, KeyError, OverflowError, EOFError, UnicodeDecodeError) as error:
        raise FileFormatError(where, f"it is no whole pickle: {error}") from error
    if not ended:
        raise FileFormatError(where, "it is no whole pickle.")
    return names, others


def load_checked(data: bytes, where: str) -> Any:
    """Load a pickle of unknown origin.

    Raises UntrustedError when it names anything outside the allow-list, FileFormatError when it is damaged and
    IntegrityError when a tree or matrix in it points outside its own arrays.
    """
    problems = scan(data, where)
    if problems:
        raise untrusted(where, problems)
    try:
        loaded = _CheckedUnpickler(io.BytesIO(data)).load()
        check_loaded(loaded)
    except _RefusedError as refusal:
        raise untrusted(where, [str(refusal)]) from refusal
    except DamagedModelError as damage:
        raise IntegrityError(f"{where} is damaged or was tampered with: {damage}.") from damage
    except _DAMAGE as error:
        raise FileFormatError(where, f"it cannot be unpickled: {error}") from error
    return loaded


class _CheckedUnpickler(_BaseUnpickler):  # type: ignore[misc]
    """CPython's own unpickler in Python, with a check before every step that calls, creates or gives a state."""

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = dict(_BaseUnpickler.dispatch)

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self._roles: dict[int, tuple[str, str]] = {}  # id of a global -> how it was named
        self._fresh: dict[
            int, tuple[Any, tuple[Any, ...]]
        ] = {}  # id of an object -> object, arguments; until its state
        self._kept: list[Any] = []  # keeps what ids were taken of alive, so that no id is used twice

    def find_class(self, module: str, name: str) -> Any:
        if not policy.is_allowed(module, name):
            raise _RefusedError(f"{module}.{name}")
        found = super().find_class(module, name)
        self._roles[id(found)] = (module, name)
        self._kept.append(found)
        return found

    def _checked_reduce(self) -> None:
        arguments, function = self.stack[-1], self.stack[-2]
        role = self._roles.get(id(function))
        if role is None or not policy.may_call(*role) or not isinstance(arguments, tuple):
            raise _RefusedError(f"a call of {_named(role, function)}")
        if function is np.dtype:
            _check_dtype_arguments(arguments)
        elif function is Tree:
            check_tree_arguments(arguments)
        elif any(isinstance(a, np.dtype) and a.hasobject for a in arguments) and role[1] in ("scalar", "_frombuffer"):
            raise _RefusedError(f"{role[1]} of Python objects")
        _BaseUnpickler.dispatch[pickle.REDUCE[0]](self)
        self._note(self.stack[-1], arguments)

    def _checked_newobj(self) -> None:
        arguments, cls = self.stack[-1], self.stack[-2]
        role = self._roles.get(id(cls))
        if role is None or not policy.may_create(*role) or arguments != ():
            raise _RefusedError(f"an instance of {_named(role, cls)}")
        _BaseUnpickler.dispatch[pickle.NEWOBJ[0]](self)
        self._note(self.stack[-1], ())

    def _checked_newobj_ex(self) -> None:
        raise _RefusedError("the opcode NEWOBJ_EX")

    def _checked_build(self) -> None:
        state, target = self.stack[-1], self.stack[-2]
        if isinstance(target, type) or id(target) not in self._fresh:
            raise _RefusedError("a second state of an object, or the state of a class")
        _, arguments = self._fresh.pop(id(target))
        if isinstance(target, np.dtype):
            _check_dtype_state(target, state)
        elif isinstance(target, Tree):
            check_tree(arguments, state)
        _BaseUnpickler.dispatch[pickle.BUILD[0]](self)

    def _note(self, made: Any, arguments: tuple[Any, ...]) -> None:
        self._fresh[id(made)] = (made, arguments)
        self._kept.append(made)

    dispatch[pickle.REDUCE[0]] = _checked_reduce
    dispatch[pickle.NEWOBJ[0]] = _checked_newobj
    dispatch[pickle.NEWOBJ_EX[0]] = _checked_newobj_ex
    dispatch[pickle.BUILD[0]] = _checked_build


def _named(role: tuple[str, str] | None, value: Any) -> str:
    return ".".join(role) if role else f"a {type(value).__name__}"


def _check_dtype_arguments(arguments: tuple[Any, ...]) -> None:
    """Only numpy's own form, which makes a copy: a state given to a shared dtype would change it everywhere."""
    if len(arguments) != 3 or not isinstance(arguments[0], str) or arguments[1:] != (False, True):
        raise DamagedModelError("a dtype is not what numpy writes")


def _check_dtype_state(target: np.dtype[Any], state: Any) -> None:
    """The state decides how memory is read, so it must be what numpy writes for a dtype with these fields."""
    try:
        _, byteorder, _, names, fields, itemsize, *_ = state
        if names is None:
            expected = target if byteorder in ("|", "=") else target.newbyteorder(byteorder)
            if target.kind in "Mm":
                expected = np.dtype(f"{target.str}[{state[8][1][0].decode()}]").newbyteorder(byteorder)
        else:
            formats = [fields[name][0] for name in names]
            offsets = [fields[name][1] for name in names]
            if any(f.hasobject for f in formats) or set(fields) != set(names):
                raise DamagedModelError("a dtype has fields of Python objects")
            expected = np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": itemsize})
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise DamagedModelError("a dtype is not what numpy writes") from error
    wanted: Any = expected.__reduce__()[2]
    # alignment (index 6) and the flag of aligned structs (0x80) say nothing about how memory is read
    if len(wanted) != len(state) or _without_alignment(wanted, names) != _without_alignment(state, names):
        raise DamagedModelError("a dtype is not what numpy writes")


def _without_alignment(state: tuple[Any, ...], names: Any) -> tuple[Any, ...]:
    return state if names is None else (*state[:6], state[7] & ~0x80, *state[8:])
