"""From a stack and what exists to a plan. Pure: whoever calls it asks the target and brings the salts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from azdeploy.definitions.stack import Stack
from azdeploy.errors import DefinitionError
from azdeploy.planning import compare, graph
from azdeploy.planning.compare import Known
from azdeploy.planning.ownership import Salt, refuse_foreign
from azdeploy.planning.plan import Change, Existing, Plan


def plan(stack: Stack, existing: Mapping[str, Existing], new_salt: Salt) -> Plan:
    """Return what must change for ``existing`` to become the stack.

    The changes come in the order of the stack's resources, then what is to be deleted. What an output will be is known
    here only where its resource keeps it; elsewhere the reference stays.

    Raises:
        DefinitionError: references go in a circle.
        OwnershipError: a resource of the stack exists and is not the stack's.
    """
    if circles := graph.cycles(stack):
        raise DefinitionError(circles)
    refuse_foreign(stack, existing)
    templates = {definition.name: definition for definition in stack.resources}
    needed = graph.dependencies(stack)
    changes: dict[str, Change] = {}
    known = Known(stack=stack, new_salt=new_salt)
    for name in graph.order(needed):
        changes[name] = compare.change(templates[name], existing.get(name), known)
        known = replace(known, outputs={**known.outputs, name: compare.outputs_kept(changes[name])})
    gone = removals(stack.name, existing, kept=templates)
    return Plan(
        stack=stack.name,
        location=stack.location,
        changes=(*(changes[name] for name in templates), *gone.changes),
        dependencies={**needed, **gone.dependencies},
    )


def removals(stack: str, existing: Mapping[str, Existing], kept: Mapping[str, object] | None = None) -> Plan:
    """Return the deletion of all that carries the stack's tag but is not ``kept``, users before what they use."""
    ours = {name: one for name, one in existing.items() if one.stack == stack}
    needed = graph.removal(ours, kept or {})
    return Plan(
        stack=stack,
        location="",
        changes=tuple(compare.removal(ours[name]) for name in graph.order(needed) if name in needed),
        dependencies=needed,
    )
