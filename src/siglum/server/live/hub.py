"""Where changes are told and listeners are woken. All read one ring: a listener costs a place in it, not a queue.

What happens within `GATHER_SECONDS` to the same thing becomes one event, so that a run that logs a thousand times a
second makes five events a second. A listener that falls behind the ring is told so (`reset`), as is one that comes back
after another server has taken over: both have to read anew what they show. While nobody has listened for
`KEEP_SECONDS`, nothing is kept.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from siglum.server.live.events import MAX_METRICS, Kind, LiveEvent
from siglum.server.live.ring import Ring, Told
from siglum.tracking.entities import Metric
from siglum.tracking.messages import MetricMessage
from siglum.tracking.wire import write_metric

GATHER_SECONDS: Final = 0.2
MAX_WAITING: Final = 1_024
"""So many events are gathered at most before they go into the ring, however short the time."""
MAX_KNOWN_RUNS: Final = 50_000
STOP_SECONDS: Final = 1.0
"""How long listeners may take what waits for them when the server stops."""
KEEP_SECONDS: Final = 300.0
"""How long events are kept for listeners that come back, once the last has gone."""

_decode = msgspec.json.Decoder(list[LiveEvent]).decode


class Hub:
    """The events of one server process. `tell…` may be called from any thread, all else from the event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.ring = Ring()
        self._lock = threading.Lock()
        self._gathered: dict[tuple[str | None, ...], LiveEvent] = {}
        self._points: dict[str, dict[str, Metric]] = {}
        self._since = 0.0
        self._experiments: OrderedDict[str, str] = OrderedDict()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer = False
        self._listeners: dict[asyncio.Event, Callable[[], None]] = {}
        self._left = -KEEP_SECONDS
        self._missed = False
        self._relay: Callable[[bytes], None] | None = None
        self.closed = False

    # -- telling -------------------------------------------------------------------------------------------------
    def tell(self, event: LiveEvent) -> None:
        """Tell that something changed."""
        if self._nobody_cares():
            return
        with self._lock:
            self._before_gathering()
            if event.run_id is not None and event.experiment_id is not None:
                self._remember(event.run_id, event.experiment_id)
            self._gathered[event.subject] = event
            self._after_gathering()

    def tell_points(self, run_id: str, points: Iterable[Metric]) -> None:
        """Tell that series of a run grew."""
        if self._nobody_cares():
            return
        with self._lock:
            self._before_gathering()
            series = self._points.get(run_id)
            if series is None:
                series = self._points[run_id] = {}
                placeholder = LiveEvent(kind=Kind.METRICS, action="logged", run_id=run_id)
                self._gathered[placeholder.subject] = placeholder
            for point in points:
                if len(series) <= MAX_METRICS or point.key in series:
                    series[point.key] = point
            self._after_gathering()

    def relay_through(self, send: Callable[[bytes], None] | None) -> None:
        """Have what this server tells sent to others, too: `send` gets JSON, from any thread, and does not wait."""
        self._relay = send

    def receive(self, data: bytes | str) -> None:
        """Take what another server told. What is no list of events is passed over."""
        try:
            events = _decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return
        with self._lock:
            for event in events:
                self.ring.append(event)
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._wake)

    def _nobody_cares(self) -> bool:
        """Whether an event may be passed over: nobody listens, here or at another server, or may come back for it."""
        if self._listeners or self._relay is not None or self._clock() - self._left < KEEP_SECONDS:
            return False
        self._missed = True
        return True

    def _before_gathering(self) -> None:
        # without listeners there is no timer: what comes next puts what came before into the ring
        if self._gathered and (len(self._gathered) >= MAX_WAITING or self._clock() - self._since > GATHER_SECONDS):
            self._settle()
        if not self._gathered:
            self._since = self._clock()

    def _after_gathering(self) -> None:
        heard = bool(self._listeners) or self._relay is not None
        if heard and not self._timer and self._loop is not None and not self._loop.is_closed():
            self._timer = True
            self._loop.call_soon_threadsafe(self._start_timer)

    def _start_timer(self) -> None:
        assert self._loop is not None
        self._loop.call_later(GATHER_SECONDS, self._on_timer)

    def _on_timer(self) -> None:
        with self._lock:
            self._timer = False
            self._settle()
        self._wake()

    def _settle(self) -> None:
        """Put what was gathered into the ring."""
        gathered, self._gathered = self._gathered, {}
        points, self._points = self._points, {}
        told = []
        for event in gathered.values():
            if event.kind is Kind.METRICS and event.run_id in points:
                event.metrics, event.more = _last_points(points[event.run_id].values())
            told.append(self.ring.append(event))
        if told and self._relay is not None:
            self._relay(b"[%s]" % b",".join(told))

    def run_in(self, loop: asyncio.AbstractEventLoop) -> None:
        """Say in which event loop listeners will be, so that other servers are told although there are none yet."""
        self._loop = loop

    # -- listening -----------------------------------------------------------------------------------------------
    def listen(self, abort: Callable[[], None] = lambda: None) -> asyncio.Event:
        """Return a signal that is set whenever there is more to read, and when the server stops. See `leave`.

        `abort` cuts the connection of a listener that takes nothing any more when the server stops.
        """
        signal = asyncio.Event()
        with self._lock:
            loop = asyncio.get_running_loop()
            if loop is not self._loop:
                self._loop, self._timer = loop, False
            self._listeners[signal] = abort
            if self._missed:
                self._missed = False
                self.ring.forget()
            if self._gathered and not self._timer:
                self._timer = True
                self._start_timer()
        return signal

    def forget(self) -> None:
        """Have all listeners begin anew, as something may have happened elsewhere. May be called from any thread."""
        with self._lock:
            self.ring.forget()
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._wake)

    def leave(self, signal: asyncio.Event) -> None:
        """Forget a listener."""
        with self._lock:
            self._listeners.pop(signal, None)
            self._left = self._clock()

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def settle(self) -> None:
        """Put what was gathered into the ring now, for who will not wait."""
        with self._lock:
            self._settle()

    def after(self, number: int) -> Sequence[Told] | None:
        """Return the events after a number, None when some of them are gone."""
        with self._lock:
            return self.ring.after(number)

    def experiment_of(self, event: LiveEvent) -> str | None:
        """Return the experiment of an event, where it is known."""
        if event.experiment_id is not None or event.run_id is None:
            return event.experiment_id
        with self._lock:
            return self._experiments.get(event.run_id)

    def remember(self, run_id: str, experiment_id: str) -> None:
        """Note which experiment a run is of."""
        with self._lock:
            self._remember(run_id, experiment_id)

    def _remember(self, run_id: str, experiment_id: str) -> None:
        self._experiments[run_id] = experiment_id
        self._experiments.move_to_end(run_id)
        if len(self._experiments) > MAX_KNOWN_RUNS:
            self._experiments.popitem(last=False)

    def close(self) -> None:
        """End all listening. May be called from any thread, and from a signal's handler."""
        self.closed = True
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        self._wake()
        asyncio.get_running_loop().call_later(STOP_SECONDS, self._cut)

    def _cut(self) -> None:
        for abort in tuple(self._listeners.values()):
            abort()

    def _wake(self) -> None:
        for signal in tuple(self._listeners):
            signal.set()


def _last_points(points: Iterable[Metric]) -> tuple[list[MetricMessage], bool]:
    written = [write_metric(point) for point in points]
    return written[:MAX_METRICS], len(written) > MAX_METRICS
