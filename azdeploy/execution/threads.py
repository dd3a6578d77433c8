"""The few threads that compare and start operations, and the calls that are put off until a later time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any, TypeVar

from azdeploy.execution.retry import Clock

T = TypeVar("T")

# Seconds; a wait can be endless, but not every platform can wait endlessly.
_LONGEST_WAIT = 60.0


class Threads:
    """Runs calls in threads and hands their results to the one thread that waits for them."""

    def __init__(self, count: int, clock: Clock) -> None:
        self._pool = ThreadPoolExecutor(max_workers=count, thread_name_prefix="azdeploy")
        self._clock = clock
        self._running: dict[Future[Any], Callable[[], None]] = {}
        self._later: list[tuple[float, Callable[[], None]]] = []

    def run(self, call: Callable[[], T], then: Callable[[Future[T]], None]) -> None:
        """Make the call in a thread; ``then`` gets it, over, in the waiting thread."""
        future = self._pool.submit(call)
        self._running[future] = partial(then, future)

    def later(self, due: float, call: Callable[[], None]) -> None:
        """Make the call in the waiting thread once that time has come."""
        self._later.append((due, call))

    def wait(self, until: Iterable[float]) -> None:
        """Wait until a call is over, a later one is due or one of these times has come, and take care of the calls."""
        pause = max(0.0, min([*until, *(due for due, _ in self._later)]) - self._clock.monotonic())
        if self._running:
            self._collect(min(pause, _LONGEST_WAIT))
        else:
            self._clock.sleep(pause)
        now = self._clock.monotonic()
        due = [call for time, call in self._later if time <= now]
        self._later = [(time, call) for time, call in self._later if time > now]
        for call in due:
            call()

    def _collect(self, pause: float) -> None:
        over, _ = wait(self._running, timeout=pause, return_when=FIRST_COMPLETED)
        for future in [one for one in self._running if one in over]:
            self._running.pop(future)()

    def close(self) -> None:
        """Drop what has not begun, and wait for what has."""
        self._pool.shutdown(wait=True, cancel_futures=True)
