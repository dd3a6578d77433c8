"""The one poller: it watches everything in flight, and asks for all that is due with as few requests as there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from azdeploy.errors import AzdeployError, NotFound
from azdeploy.execution.retry import interval, next_look
from azdeploy.execution.target import Broken, Done, Operation, Pending, Status, Target
from azdeploy.execution.work import Work
from azdeploy.planning.plan import Existing, State

BUSY = "busy with an earlier change"


@dataclass(slots=True, kw_only=True)
class Watch:
    """Something in flight: an operation of ours, or a resource that somebody else's operation still changes (None)."""

    work: Work
    operation: Operation | None
    since: float
    due: float


class Watcher:
    """Holds what is in flight and finds out how it is doing."""

    def __init__(self, target: Target, stack: str) -> None:
        self._target = target
        self._stack = stack
        self._watched: dict[str, Watch] = {}

    def add(self, work: Work, operation: Operation | None, now: float) -> None:
        """Watch an operation from now on; without one, watch the resource until nothing changes it any more."""
        due = next_look(now, interval(0.0))
        self._watched[work.name] = Watch(work=work, operation=operation, since=now, due=due)

    def due(self) -> Iterator[float]:
        """Yield when each thing in flight is to be looked at."""
        return (watch.due for watch in self._watched.values())

    def look(self, now: float) -> list[tuple[Work, Status | AzdeployError]]:
        """Ask about all that is due and return how each is doing, or the error that the question ended in."""
        due = [watch for watch in self._watched.values() if watch.due <= now]
        try:
            found = self._ask(due)
        except AzdeployError as error:
            return [(watch.work, error) for watch in due]
        for watch in due:
            match found[watch.work.name]:
                case Pending(retry_after=wish):
                    watch.due = next_look(now, interval(now - watch.since, wish))
                case _:
                    self.drop(watch.work)
        return [(watch.work, found[watch.work.name]) for watch in due]

    def postpone(self, work: Work, until: float) -> None:
        """Look at a resource no earlier than that."""
        self._watched[work.name].due = until

    def drop(self, work: Work) -> None:
        """Watch a resource no longer, if it was watched at all."""
        self._watched.pop(work.name, None)

    def _ask(self, due: Sequence[Watch]) -> dict[str, Status]:
        operations = [watch.operation for watch in due if watch.operation]
        found = self._target.poll(operations) if operations else {}
        busy = [watch.work.name for watch in due if not watch.operation]
        existing = self._target.existing(self._stack, busy) if busy else {}
        return {
            **{name: _settled(name, existing.get(name)) for name in busy},
            **{operation.name: found.get(operation, Pending()) for operation in operations},
        }


def _settled(name: str, existing: Existing | None) -> Status:
    if existing is None:
        return Broken(error=NotFound(f"{name} vanished while it was waited for.", hint="Deploy again."))
    return Pending(detail=BUSY) if existing.state is State.CHANGING else Done(existing=existing)
