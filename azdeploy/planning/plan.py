"""The plan: a value that says what must change and why. Printing it is a preview, walking it is a deployment."""

from __future__ import annotations

from collections.abc import Mapping
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The changes of a stack in the order of its resources, and which resource waits for which others."""

    stack: str
    location: str
    changes: tuple[Change, ...]
    dependencies: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return all(change.action is Action.NOOP for change in self.changes)
