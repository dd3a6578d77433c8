"""What happens during a deployment, as values. The library emits events and never prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from azdeploy.errors import AzdeployError
from azdeploy.planning.plan import Action, Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """Work on a resource began."""

    name: str
    action: Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    """The target reports a state of the resource; ``elapsed`` is in seconds since Started."""

    name: str
    detail: str
    elapsed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying:
    """The target asked to come back later, or a conflict is waited out; ``wait`` is in seconds."""

    name: str
    reason: str
    wait: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The resource is as wanted; ``change`` is what was really done (NOOP where it turned out to be nothing)."""

    name: str
    change: Change
    elapsed: float
    outputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Work on the resource ended badly."""

    name: str
    error: AzdeployError


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """The resource was left alone because of another one's failure."""

    name: str
    because: str


Event = Started | Progressed | Retrying | Finished | Failed | Skipped
Observer = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Observe nothing."""
