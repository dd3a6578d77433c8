"""Operations that take their time: what the polling URLs of an answer are about."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from functools import partial

from azdeploy.local.clock import Clock, ticks_text
from azdeploy.local.store import Store
from azdeploy.local.wire import Json, Refusal

_KIND = "operation"
_KEPT = 1000  # old ones are forgotten; nobody polls them any more


class Progress(StrEnum):
    """How an operation is doing, in Azure's words."""

    PENDING = "Pending"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class Operation:
    """One operation on one resource; ended once, by whoever does the work."""

    def __init__(self, resource: str, begun: datetime, events: Callable[[], list[Json]] = list, name: str = "") -> None:
        self.id = name or str(uuid.uuid4())
        self.resource = resource
        self.begun = begun
        self.error: Refusal | None = None
        self._events = events
        self._ended = threading.Event()
        self._at_end: list[Callable[[], None]] = []

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
            for work in self._at_end:
                work()

    def at_end(self, work: Callable[[], None]) -> None:
        """Let something be done once it is over."""
        self._at_end.append(work)

    def follow(self, other: Operation) -> None:
        """End as another operation does."""
        self._events = other.events
        other.at_end(lambda: self.end(other.error))

    def hold(self, seconds: float) -> None:
        """Wait a moment for the end, so that a client's first poll finds a quick operation done."""
        self._ended.wait(seconds)

    def events(self) -> list[Json]:
        """Return what happened to the resource's containers."""
        return self._events()

    def body(self) -> Json:
        """Return it as Microsoft.ContainerInstance tells it."""
        told: Json = {"id": self.resource, "status": self.progress.value, "startTime": ticks_text(self.begun)}
        told["properties"] = {"events": self._events()}
        return told if self.error is None else {**told, "error": self.error.error}


class Operations:
    """All operations, also those of earlier endpoints where there is a store: a client may still be polling them."""

    def __init__(self, clock: Clock, store: Store | None = None) -> None:
        self._clock = clock
        self._store = store
        self._lock = threading.Lock()
        kept = [] if store is None else [_restored(name, found) for name, found in store.all(_KIND).items()]
        kept.sort(key=lambda operation: operation.begun)
        self._known = {operation.id: operation for operation in kept}
        self._left = [operation for operation in kept if operation.progress is Progress.PENDING]
        for operation in self._left:
            operation.at_end(partial(self._save, operation))

    def begin(self, resource: str, events: Callable[[], list[Json]] = list) -> Operation:
        """Start an operation on a resource, given by its id; what an earlier endpoint left undone ends with it."""
        operation = Operation(resource, self._clock.now(), events)
        with self._lock:
            taken_up = [left for left in self._left if left.resource.lower() == resource.lower()]
            self._left = [left for left in self._left if left not in taken_up]
            self._known[operation.id] = operation
            self._forget_oldest()
        operation.at_end(partial(self._save, operation))
        for left in taken_up:
            left.follow(operation)
        self._save(operation)
        return operation

    def find(self, name: str) -> Operation:
        """Return the operation of that id; Refusal where there is none."""
        with self._lock:
            if operation := self._known.get(name.lower()):
                return operation
        raise Refusal(404, "NotFound", f"The operation '{name}' was not found.")

    def give_up(self) -> None:
        """End what an earlier endpoint left undone and nobody took up."""
        with self._lock:
            left, self._left = self._left, []
        for operation in left:
            operation.end(Refusal(409, "OperationCancelled", "The endpoint ended before this was done."))

    def close(self) -> None:
        """Leave what is under way as it is in the store, for the next endpoint to take up."""
        with self._lock:
            self._store = None

    def _forget_oldest(self) -> None:
        while len(self._known) > _KEPT:
            oldest = next(iter(self._known))
            del self._known[oldest]
            if self._store is not None:
                self._store.remove(_KIND, oldest)

    def _save(self, operation: Operation) -> None:
        document = _document(operation)  # asks the resource, which may be waiting for our lock
        with self._lock:
            if self._store is not None and operation.id in self._known:
                self._store.save(_KIND, operation.id, document)


def _document(operation: Operation) -> Json:
    error = operation.error
    told: Json = {"resource": operation.resource, "begun": operation.begun.isoformat()}
    told |= {"progress": operation.progress.value, "events": operation.events()}
    if error is not None:
        told["error"] = {"status": error.status, "code": error.code, "message": error.message, "details": error.details}
    return told


def _restored(name: str, document: Json) -> Operation:
    begun = datetime.fromisoformat(document["begun"])
    operation = Operation(document["resource"], begun, lambda: list(document["events"]), name)
    match Progress(document["progress"]):
        case Progress.PENDING:
            pass
        case Progress.SUCCEEDED:
            operation.end()
        case Progress.FAILED:
            told = document["error"]
            operation.end(Refusal(told["status"], told["code"], told["message"], details=told["details"]))
    return operation
