"""Time as the endpoint sees it, injected so that no test waits for real."""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Event
from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits."""

    def now(self) -> datetime:
        """Return the time in UTC."""

    def wait(self, until: Event, seconds: float) -> bool:
        """Wait for the event, at most that long; True when it happened."""


class SystemClock:
    """The machine's clock; waits are multiplied by the time scale."""

    def __init__(self, scale: float = 1.0) -> None:
        self._scale = scale

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC)

    def wait(self, until: Event, seconds: float) -> bool:
        """Wait for the event, at most the scaled time; True when it happened."""
        return until.wait(seconds * self._scale)


def seconds_text(moment: datetime) -> str:
    """Write a time as events do: whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def milliseconds_text(moment: datetime) -> str:
    """Write a time as container states do: milliseconds."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def ticks_text(moment: datetime) -> str:
    """Write a time as operations do: seven digits, the hundred-nanosecond ticks of .NET."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}0Z"
