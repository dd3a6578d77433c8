"""The work on one resource: what the executor remembers of it, and what has to be called for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import assert_never

from azdeploy.definitions.stack import Definition
from azdeploy.execution.target import Operation, Target
from azdeploy.planning.plan import Action, Change, Existing

# A step starts an operation, or is over at once and returns what exists then.
Step = Callable[[], Operation | Existing]


@dataclass(slots=True, kw_only=True)
class Work:
    """One resource on its way; only the executor's own thread touches it."""

    change: Change  # as planned, until it is compared again
    template: Definition | None  # with references; None when the resource is to go
    before: Existing | None
    began: float
    compared: bool = False
    steps: deque[Step] = field(default_factory=deque)
    exists: Existing | None = None  # what the last step left behind
    detail: str = ""
    tries: int = 0
    waited: float = 0.0

    @property
    def name(self) -> str:
        """The resource's name."""
        return self.change.name


def steps(change: Change, target: Target, location: str) -> deque[Step]:
    """Return what has to be called for a change, one after the other; each is over before the next begins."""
    deletion: list[Step] = [partial(target.delete, one) for one in (change.before,) if one]
    creation: list[Step] = [partial(target.put, one, location) for one in (change.after,) if one]
    tagging: list[Step] = [partial(target.tag, one) for one in (change.after,) if one]
    match change.action:
        case Action.NOOP:
            return deque()
        case Action.TAG:
            return deque(tagging)
        case Action.CREATE | Action.UPDATE:
            return deque(creation)
        case Action.REPLACE:
            return deque([*deletion, *creation])
        case Action.DELETE:
            return deque(deletion)
        case _:
            assert_never(change.action)
