"""The verbs of the library: preview what would change, deploy a stack, destroy it."""

from __future__ import annotations

from dataclasses import dataclass

from azdeploy.definitions.limits import problems
from azdeploy.definitions.stack import Stack
from azdeploy.errors import DefinitionError, OperationFailed
from azdeploy.execution.apply import Deployment, Manner, apply, random_salt
from azdeploy.execution.events import Observer, ignore
from azdeploy.execution.retry import Clock, SystemClock
from azdeploy.execution.target import Target
from azdeploy.planning import graph, planner
from azdeploy.planning.plan import Plan

__all__ = ["Deployment", "Destruction", "deploy", "destroy", "preview"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Destruction:
    """What a tear-down deleted: the ids of the resources, users before what they use; empty when there was nothing.

    ``place`` is the resource group that the stack was in, empty where there is none (any more); ``kept`` says why it
    stays, and is empty where it was deleted.
    """

    stack: str
    deleted: tuple[str, ...]
    place: str = ""
    kept: str = ""


def preview(stack: Stack, target: Target) -> Plan:
    """Return what deploying the stack would change; nothing is sent that changes anything.

    Raises:
        DefinitionError: Azure would refuse the stack; holds every Problem found.
        OwnershipError: a resource of that name exists and is not the stack's.
    """
    if found := (*problems(stack), *graph.cycles(stack)):
        raise DefinitionError(found)
    existing = target.existing(stack.name, [definition.name for definition in stack.resources])
    return planner.plan(stack, existing, random_salt)


def deploy(
    stack: Stack,
    target: Target,
    *,
    observer: Observer = ignore,
    parallelism: int = 8,
    timeout: float | None = None,
    wait: bool = True,
    clock: Clock | None = None,
) -> Deployment:
    """Make what exists equal the stack and return what was done, with the outputs of each resource.

    ``timeout`` is in seconds for the whole. Without ``wait`` what nothing else depends on is only started. An interrupt
    leaves what was started going on; deploying again picks it up.

    Raises:
        DefinitionError: Azure would refuse the stack; nothing was sent.
        OwnershipError: a resource of that name exists and is not the stack's; nothing was sent.
        DeploymentFailed: something failed; it holds the root causes, and what was skipped because of them.
        TimedOut: the time was over, and nothing else was wrong.
    """
    plan = preview(stack, target)
    if not plan.is_empty:
        target.prepare(stack.name, stack.location)
    manner = Manner(
        observer=observer, parallelism=parallelism, timeout=timeout, wait=wait, clock=clock or SystemClock()
    )
    return apply(plan, stack, target, manner)


def destroy(
    name: str, target: Target, *, observer: Observer = ignore, timeout: float | None = None, clock: Clock | None = None
) -> Destruction:
    """Delete all that carries the stack's tag, and prove by listing that nothing is left of it.

    It needs no definition, and there being nothing is no error. What the stack did not make is left alone.

    Raises:
        DeploymentFailed: something could not be deleted.
        OperationFailed: everything was deleted, and yet the target still lists something of it.
        TimedOut: the time was over, and nothing else was wrong.
    """
    existing = target.existing(name)
    plan = planner.removals(name, existing)
    manner = Manner(observer=observer, timeout=timeout, clock=clock or SystemClock())
    apply(plan, Stack(name=name, resources=()), target, manner)
    released = target.release(name)
    if released.left:
        raise OperationFailed(f"Stack {name} was deleted, but this of it is still there: {', '.join(released.left)}.")
    deleted = tuple(existing[one].id for one in graph.order(plan.dependencies))
    return Destruction(stack=name, deleted=deleted, place=released.place, kept=released.kept)
