"""Operations that take their time: what the polling URLs of an answer are about."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

from azdeploy.local.clock import Clock, ticks_text
from azdeploy.local.wire import Json, Refusal

_KEPT = 5000  # old ones are forgotten; nobody polls them any more


class Progress(StrEnum):
    """How an operation is doing, in Azure's words."""

    PENDING = "Pending"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class Operation:
    """One operation on one resource; ended once, by whoever does the work."""

    def __init__(self, resource: str, begun: datetime, events: Callable[[], list[Json]] = list) -> None:
        self.id = str(uuid.uuid4())
        self.resource = resource
        self.begun = begun
        self.error: Refusal | None = None
        self._events = events
        self._ended = threading.Event()

    @property
    def progress(self) -> Progress:
        """How it is doing."""
        if not self._ended.is_set():
            return Progress.PENDING
        return Progress.FAILED if self.error else Progress.SUCCEEDED

    def end(self, error: Refusal | None = None) -> None:
        """Say that it is over; the first word counts."""
        if not self._ended.is_set():
            self.error = error
            self._ended.set()

    def hold(self, seconds: float) -> None:
        """Wait a moment for the end, so that a client's first poll finds a quick operation done."""
        self._ended.wait(seconds)

    def body(self) -> Json:
        """Return it as Microsoft.ContainerInstance tells it."""
        told: Json = {"id": self.resource, "status": self.progress.value, "startTime": ticks_text(self.begun)}
        told["properties"] = {"events": self._events()}
        return told if self.error is None else {**told, "error": self.error.error}


class Operations:
    """All operations since the endpoint's start."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, Operation] = {}
        self._lock = threading.Lock()

    def begin(self, resource: str, events: Callable[[], list[Json]] = list) -> Operation:
        """Start an operation on a resource, given by its id."""
        operation = Operation(resource, self._clock.now(), events)
        with self._lock:
            self._known[operation.id] = operation
            while len(self._known) > _KEPT:
                del self._known[next(iter(self._known))]
        return operation

    def find(self, name: str) -> Operation:
        """Return the operation of that id; Refusal where there is none."""
        with self._lock:
            if operation := self._known.get(name.lower()):
                return operation
        raise Refusal(404, "NotFound", f"The operation '{name}' was not found.")
