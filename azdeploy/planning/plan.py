"""The plan: a value that says what must change and why. Printing it is a preview, walking it is a deployment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from azdeploy.definitions.stack import Definition


class Action(StrEnum):
    """What is done to a resource; the value is the symbol that plans show."""

    NOOP = " "
    CREATE = "+"
    UPDATE = "~"
    TAG = "#"
    REPLACE = "-/+"
    DELETE = "-"


_MEANING = {
    Action.NOOP: "unchanged",
    Action.CREATE: "will be created",
    Action.UPDATE: "will be updated in place; its containers restart",
    Action.TAG: "only its tags change; nothing restarts",
    Action.REPLACE: "will be deleted and created again; its address will change",
    Action.DELETE: "will be deleted",
}


class State(StrEnum):
    """What a target says of a resource's life, as far as a plan cares."""

    CHANGING = "changing"
    RUNNING = "running"
    TERMINATED = "terminated"  # Succeeded, Failed: Azure refuses to update it
    STOPPED = "stopped"
    FAILED = "failed"  # provisioning failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """What a target reports of one resource. ``stack`` is the stack whose tags it carries, None for a foreign one."""

    definition: Definition
    id: str
    stack: str | None
    state: State = State.RUNNING
    outputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The resource's name, which is its definition's."""
        return self.definition.name


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """One property that differs: its path in the definition, and the values (None where there is none)."""

    path: str
    before: object
    after: object

    def __str__(self) -> str:
        return f"{self.path}: {_shown(self.before)} -> {_shown(self.after)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is done to one resource. ``before`` is None for a creation, ``after`` for a deletion.

    ``after`` may still hold references to outputs that are not known before the deployment.
    """

    action: Action
    name: str
    before: Existing | None = None
    after: Definition | None = None
    properties: tuple[PropertyChange, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def details(self) -> Iterator[str]:
        """Say what differs and why, a line each; nothing where the action says it all."""
        if self.action in (Action.UPDATE, Action.TAG, Action.REPLACE):
            yield from map(str, self.properties)
            yield from (f"because {reason}" for reason in self.reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The changes of a stack in the order of its resources, and which resource waits for which others.

    Its text is the preview that people read.
    """

    stack: str
    location: str
    changes: tuple[Change, ...]
    dependencies: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return all(change.action is Action.NOOP for change in self.changes)

    def __str__(self) -> str:
        return "\n".join([self.title, *(line for change in self.changes for line in self.lines(change))])

    @property
    def title(self) -> str:
        """The preview's first line; all of it when there is nothing to do."""
        return f"Stack {self.stack}: nothing to change." if self.is_empty else f"Stack {self.stack} ({self.location}):"

    def lines(self, change: Change) -> Iterator[str]:
        """Yield the preview's lines on one change: what is done, then what differs and why."""
        if not self.is_empty:
            width = max(len(one.name) for one in self.changes)
            yield f"  {change.action:>3} {change.name:<{width}}  {_MEANING[change.action]}"
            yield from (f"        {detail}" for detail in change.details)


def _shown(value: object) -> str:
    match value:
        case None:
            return "(not set)"
        case tuple():
            return f"[{', '.join(map(str, value))}]"
        case _:
            return str(value)
