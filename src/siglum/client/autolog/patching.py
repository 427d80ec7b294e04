"""Wrapping functions of other libraries, and taking that back.

What is wrapped runs as it would without us: our part comes before and after it, guarded. While a training runs,
trainings inside it (the steps of a pipeline, the fits of a search) are left alone, so that nothing is logged twice.
"""

from __future__ import annotations

import functools
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from siglum.client import active as active_runs
from siglum.client.autolog.settings import Settings

_log = logging.getLogger("siglum")


class Recorder(Protocol):
    """One training on record. Each method may raise; that is a warning and nothing more."""

    def inside(self, call: Call) -> None:
        """A wrapped function of the same library is about to run as part of the training; it may be watched."""
        ...

    def finish(self, result: Any) -> None:
        """The training is done and gave `result`."""
        ...

    def fail(self) -> None:
        """The training raised."""
        ...


class Call:
    """A call of a wrapped function. A recorder may change the arguments before the function runs."""

    __slots__ = ("arguments", "function", "keywords", "owner")

    def __init__(self, function: Any, owner: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> None:
        self.function = function
        self.owner = owner
        self.arguments = tuple(arguments)
        self.keywords = dict(keywords)

    def run(self) -> Any:
        """Call the function itself."""
        if self.owner is None:
            return self.function(*self.arguments, **self.keywords)
        return self.function(self.owner, *self.arguments, **self.keywords)


Begin = Callable[[Call, Settings], Recorder | None]
"""Puts the beginning of a training on record; None: this one is not logged."""


class Integration:
    """What is wrapped of one library, and how its trainings are recorded.

    With `nests`, what is trained inside a training is a part of it; else each is recorded by itself.
    """

    def __init__(self, name: str, begin: Begin, settings: Settings, *, nests: bool = True) -> None:
        self.name = name
        self.begin = begin
        self.settings = settings
        self.nests = nests
        self._undo: list[Callable[[], None]] = []

    def wrap(self, owner: Any, attribute: str, *, method: bool) -> None:
        """Put a wrapper in the place of a function that `owner` (a class or module) has."""
        original = vars(owner)[attribute]
        if not _is_wrapped(original, self.name):
            wrapper = _wrapper(self.name, original, method=method)
            setattr(owner, attribute, wrapper)
            self.undone_by(functools.partial(_unwrap, owner, attribute, wrapper, original))

    def undone_by(self, step: Callable[[], None]) -> None:
        """Remember what takes a change back."""
        self._undo.append(step)

    def undo(self) -> None:
        """Put everything back as it was found."""
        while self._undo:
            self._undo.pop()()


class _Thread(threading.local):
    """What goes on in a thread: how deep it is inside recorded trainings, and the innermost one's recorder."""

    def __init__(self) -> None:
        self.depth = 0
        self.inside: tuple[str, Recorder] | None = None


class _Process:
    """How many threads are inside recorded trainings."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.trainings = 0


_integrations: dict[str, Integration] = {}
_thread = _Thread()
_process = _Process()


def install(integration: Integration) -> None:
    """Make an integration the one in force for its library; the one before is taken back first."""
    remove(integration.name)
    _integrations[integration.name] = integration


def remove(name: str) -> None:
    """Take an integration back. Nothing happens when it is not in force."""
    found = _integrations.pop(name, None)
    if found is not None:
        found.undo()


def active(name: str) -> Integration | None:
    """Return the integration in force for a library."""
    return _integrations.get(name)


def busy() -> bool:
    """Whether this thread is inside a training that is being recorded, or works for one as a thread of a pool."""
    if _thread.depth:
        return True
    # joblib fits in threads of a pool, which know nothing of the thread that asked for it.
    return _process.trainings > 0 and type(threading.current_thread()).__name__ == "DummyProcess"


@contextmanager
def quiet() -> Iterator[None]:
    """Leave trainings in this block alone: they are part of the one that is recorded, or of recording it."""
    _thread.depth += 1
    with _process.lock:
        _process.trainings += 1
    try:
        yield
    finally:
        _thread.depth -= 1
        with _process.lock:
            _process.trainings -= 1


def warn(name: str, settings: Settings, what: str, error: Exception) -> None:
    """Say in one line that something could not be logged."""
    if not settings.silent:
        reason = str(error).split("\n", 1)[0] or type(error).__name__
        _log.warning("Autologging of %s: %s was not logged: %s", name, what, reason)


def guarded(name: str, settings: Settings, what: str, work: Callable[[], Any]) -> Any:
    """Do some of our own work; an error is a line of warning. Returns what `work` does, or None."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001  -- whatever it is, the user's training goes on
        warn(name, settings, what, error)
        return None


def _is_wrapped(function: Any, name: str) -> bool:
    """Whether a function, or one that it wraps, is a wrapper of this integration."""
    while function is not None:
        if getattr(function, "_siglum_autolog", None) == name:
            return True
        function = getattr(function, "__wrapped__", None)
    return False


def _unwrap(owner: Any, attribute: str, wrapper: Any, original: Any) -> None:
    # One that another integration has wrapped in turn stays where it is: without its integration it only passes on,
    # and goes when the other does.
    if vars(owner).get(attribute) is wrapper:
        while getattr(original, "_siglum_autolog", None) not in (None, *_integrations):
            original = original.__wrapped__
        setattr(owner, attribute, original)


def _wrapper(name: str, original: Any, *, method: bool) -> Any:
    # The closure holds a name and the function only: classes that users define are pickled with it for other processes.
    if method:

        @functools.wraps(original)
        def wrapper(self: Any, *arguments: Any, **keywords: Any) -> Any:
            return dispatch(name, Call(original, self, arguments, keywords))

    else:

        @functools.wraps(original)
        def wrapper(*arguments: Any, **keywords: Any) -> Any:
            return dispatch(name, Call(original, None, arguments, keywords))

    wrapper._siglum_autolog = name  # type: ignore[attr-defined]
    return wrapper


def dispatch(name: str, call: Call) -> Any:
    """Run a call, recorded when its integration is in force and no other recording is going on."""
    integration = _integrations.get(name)
    if integration is None:
        return call.run()
    settings = integration.settings
    if busy():
        if _thread.inside is not None and _thread.inside[0] == name:
            _prepared(integration, call, "the progress of a training", _thread.inside[1].inside)
        return call.run()
    if settings.exclusive and active_runs.current() is not None:
        return call.run()
    with quiet():
        recorder = _prepared(integration, call, "a training", lambda call: integration.begin(call, settings))
    if recorder is None:
        return call.run()
    try:
        result = _run_inside(integration, recorder, call)
    except BaseException:
        with quiet():
            guarded(name, settings, "that the training failed", recorder.fail)
        raise
    with quiet():
        guarded(name, settings, "the end of the training", lambda: recorder.finish(result))
    return result


def _prepared(integration: Integration, call: Call, what: str, work: Callable[[Call], Any]) -> Any:
    """Do our part before a call; when that fails, the call is again as the user made it."""
    arguments, keywords = call.arguments, dict(call.keywords)
    try:
        return work(call)
    except Exception as error:  # noqa: BLE001  -- whatever it is, the user's training goes on
        warn(integration.name, integration.settings, what, error)
        call.arguments, call.keywords = arguments, keywords
        return None


def _run_inside(integration: Integration, recorder: Recorder, call: Call) -> Any:
    if not integration.nests:
        return call.run()
    before, _thread.inside = _thread.inside, (integration.name, recorder)
    try:
        with quiet():
            return call.run()
    finally:
        _thread.inside = before


def _after_fork_in_child() -> None:
    # The lock may have been held by a thread that the child does not have.
    _process.lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
