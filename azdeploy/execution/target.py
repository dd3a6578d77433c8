"""What the executor knows of the world: the protocol that every target satisfies."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from azdeploy.definitions.stack import Definition
from azdeploy.errors import AzdeployError
from azdeploy.planning.plan import Existing


class Verb(StrEnum):
    """What an operation does to its resource."""

    PUT = "put"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Something that was started and takes its time; ``monitor`` is opaque to all but the target that made it."""

    verb: Verb
    name: str
    monitor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """Still going on; ``detail`` is the state in the target's words, ``retry_after`` its wish in seconds."""

    detail: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """Ended well; holds what exists now, None after a deletion."""

    existing: Existing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """Ended badly, and why."""

    error: AzdeployError


Status = Pending | Done | Broken


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """What is left after a tear-down: the ids of what is still there of the stack, and what became of its place.

    ``place`` is empty where there was none; ``kept`` says why it stays, and is empty where it was deleted.
    """

    left: Sequence[str] = ()
    place: str = ""
    kept: str = ""


class Target(Protocol):
    """A place where stacks are deployed. ``put`` and ``delete`` start an operation and return at once.

    Every method raises only errors of azdeploy.errors: Throttled and Conflict are worth another try.
    """

    def existing(self, stack: str, names: Collection[str] = ()) -> Mapping[str, Existing]:
        """Return by name what carries the stack's tag, and whatever else has one of these names."""

    def prepare(self, stack: str, location: str) -> None:
        """Make the place that resources are put into (a resource group tagged as the stack's) when it is missing."""

    def put(self, definition: Definition, location: str) -> Operation:
        """Start creating or updating a resource; its references are resolved. ``location`` is the stack's."""

    def tag(self, definition: Definition) -> Existing:
        """Replace the tags of an existing resource and nothing else."""

    def delete(self, existing: Existing) -> Operation:
        """Start deleting a resource; one that is gone already is no error."""

    def poll(self, operations: Collection[Operation]) -> Mapping[Operation, Status]:
        """Tell how these operations are doing, with as few requests as the target allows."""

    def release(self, stack: str) -> Released:
        """Delete the place that ``prepare`` made when it is empty, and tell what is left of the stack."""
