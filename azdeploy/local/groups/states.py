"""What containers go through: states, events, and when one is started again. Values and rules, no threads."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from azdeploy.definitions.container_group import RestartPolicy
from azdeploy.local.clock import milliseconds_text, seconds_text
from azdeploy.local.wire import Json

STOPPED_BY_CLIENT = "Container stopped per client request"
FIRST_BACK_OFF, LONGEST_BACK_OFF = 10.0, 300.0
RUNS_WELL_AFTER = 600.0  # a container that ran that long starts with the first back-off again


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerState:
    """A container's state, as ``currentState`` and ``previousState`` tell it."""

    state: str
    started: datetime | None = None
    exit_code: int | None = None
    finished: datetime | None = None
    detail: str = ""

    def body(self) -> Json:
        """Return it in Azure's words and order."""
        told: Json = {"state": self.state}
        if self.started is not None:
            told["startTime"] = milliseconds_text(self.started)
        if self.exit_code is not None:
            told["exitCode"] = self.exit_code
        if self.finished is not None:
            told["finishTime"] = milliseconds_text(self.finished)
        return {**told, "detailStatus": self.detail}


WAITING = ContainerState(state="Waiting")


def running(since: datetime) -> ContainerState:
    """Return the state of a container that runs."""
    return ContainerState(state="Running", started=since)


def exited(since: datetime | None, code: int, now: datetime) -> ContainerState:
    """Return the state of a container that ended by itself."""
    detail = "Completed" if code == 0 else "Error"
    return ContainerState(state="Terminated", started=since, exit_code=code, finished=now, detail=detail)


def stopped(before: ContainerState, now: datetime) -> ContainerState:
    """Return the state of a container that was stopped: it has no exit code."""
    return ContainerState(state="Terminated", started=before.started, finished=now, detail=STOPPED_BY_CLIENT)


def backing_off(seconds: float) -> ContainerState:
    """Return the state of a container that crashed and waits for its next start."""
    told = f"CrashLoopBackOff: Back-off {_duration(seconds)} restarting failed"
    return ContainerState(state="Waiting", detail=told)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def starts_again(policy: RestartPolicy, exit_code: int) -> bool:
    """Tell whether a container that ended is started again."""
    match policy:
        case RestartPolicy.ALWAYS:
            return True
        case RestartPolicy.ON_FAILURE:
            return exit_code != 0
        case RestartPolicy.NEVER:
            return False


def back_off(crashes: int) -> float:
    """Return the seconds before the next start after that many ends in a row: at once, then 10, 20, 40 … 300."""
    if crashes <= 1:
        return 0.0
    return float(min(FIRST_BACK_OFF * 2 ** min(crashes - 2, 10), LONGEST_BACK_OFF))


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to a container, and how often."""

    name: str
    message: str
    first: datetime
    last: datetime
    type: str = "Normal"
    count: int = 1

    def body(self) -> Json:
        """Return it in Azure's words and order."""
        return {
            "count": self.count,
            "firstTimestamp": seconds_text(self.first),
            "lastTimestamp": seconds_text(self.last),
            "name": self.name,
            "message": self.message,
            "type": self.type,
        }


class EventLog:
    """The events of one container; it outlives restarts, and repetitions are counted."""

    def __init__(self) -> None:
        self._events: dict[tuple[str, str], Event] = {}
        self._lock = threading.Lock()

    def add(self, name: str, message: str, now: datetime, type: str = "Normal") -> None:  # noqa: A002 - Azure's word
        """Note an event; one that happened before gets another count and a later time, and is the last one again."""
        with self._lock:
            known = self._events.pop((name, message), None)
            fresh = Event(name=name, message=message, first=now, last=now, type=type)
            again = replace(known, count=known.count + 1, last=now) if known else fresh
            self._events[name, message] = again

    def bodies(self) -> list[Json]:
        """Return all events, the one that happened last at the end."""
        with self._lock:
            return [event.body() for event in self._events.values()]


def group_state(states: Iterable[ContainerState]) -> str:
    """Return a group's state from those of its containers."""
    known = list(states)
    if any(state.state != "Terminated" for state in known):
        return "Running"
    if any(state.detail == STOPPED_BY_CLIENT for state in known):
        return "Stopped"
    return "Failed" if any(state.exit_code for state in known) else "Succeeded"
