"""When to look again and when to try again: intervals that adapt, waits that have an end, time that is injected."""

from __future__ import annotations

import math
import time
from typing import Protocol

from azdeploy.errors import Conflict, Throttled, Unreachable

SHORTEST = 0.2  # seconds between two looks at an operation that just began
LONGEST = 10.0  # seconds between two looks, however long the operation takes
LONGEST_WISH = 60.0  # seconds that a server's Retry-After is followed at most
BUDGET = 600.0  # seconds that one request is waited for in all before its last error counts

# A look is due after a fourth of the time that the operation has taken: whoever waits, waits a fourth longer at most.
_SHARE = 4

Passing = Throttled | Conflict | Unreachable


class Clock(Protocol):
    """The time, as far as waiting needs it; both in seconds."""

    def monotonic(self) -> float:
        """Return a time that only ever grows."""

    def sleep(self, seconds: float) -> None:
        """Let that much time pass."""


class SystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        """Return a time that only ever grows."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let that much time pass."""
        time.sleep(seconds)


def interval(elapsed: float, wish: float | None = None) -> float:
    """Return how many seconds to leave between two looks at an operation that has taken ``elapsed`` seconds.

    ``wish`` is the server's Retry-After; it is followed, up to a minute.
    """
    if wish is not None:
        return min(max(wish, SHORTEST), LONGEST_WISH)
    doublings = math.floor(math.log2(max(elapsed / _SHARE / SHORTEST, 1)))
    return min(SHORTEST * 2.0**doublings, LONGEST)


def next_look(now: float, seconds: float) -> float:
    """Return when to look again that many seconds from now, rounded up so that operations share their looks.

    The points in time are a fourth of the interval apart, so the number of reads does not grow with the operations.
    """
    grid = seconds / _SHARE
    return math.ceil((now + seconds) / grid) * grid


def pause(error: Passing, tries: int) -> float:
    """Return how many seconds to wait before trying once more what failed ``tries`` times."""
    match error:
        case Throttled():
            return min(max(error.retry_after, 1.0), LONGEST_WISH)
        case _:
            return min(2.0 ** (tries - 1), LONGEST)
