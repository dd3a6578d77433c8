"""Who waits for whom: the dependencies of a stack, read off the references in its definitions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from azdeploy.definitions.stack import DEPENDS_ON_TAG, Definition, Stack, outputs_used
from azdeploy.errors import Problem
from azdeploy.planning.plan import Existing

Dependencies = Mapping[str, frozenset[str]]


def needs(definition: Definition) -> frozenset[str]:
    """Return the names of the resources whose outputs a definition refers to."""
    return frozenset(output.resource for output in outputs_used(definition))


def dependencies(stack: Stack) -> Dependencies:
    """Return, for each resource of a stack, the other resources of that stack that it waits for."""
    names = {definition.name for definition in stack.resources}
    return {definition.name: needs(definition) & names - {definition.name} for definition in stack.resources}


def order(graph: Dependencies) -> tuple[str, ...]:
    """Return the names of a graph without cycles, each after what it waits for."""
    return tuple(_sorter(graph).static_order())


def _sorter(graph: Mapping[str, Collection[str]]) -> TopologicalSorter[str]:
    # Sorted, because the order of a set of texts is another one in each run.
    return TopologicalSorter({name: sorted(others) for name, others in graph.items()})


def cycles(stack: Stack) -> tuple[Problem, ...]:
    """Return a Problem for each circle of references, told from the resource that the stack names first."""
    graph = {name: set(others) for name, others in dependencies(stack).items()}
    positions = {name: position for position, name in enumerate(graph)}
    found = []
    while cycle := _cycle(graph):
        first = min(range(len(cycle)), key=lambda at: positions[cycle[at]])
        path = [*cycle[first:], *cycle[:first]]
        graph[path[-1]].discard(path[0])
        found.append(_problem(path))
    return tuple(sorted(found, key=lambda problem: positions[problem.where]))


def _cycle(graph: Mapping[str, Collection[str]]) -> list[str]:
    try:
        _sorter(graph).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found[:0:-1]  # graphlib tells it from the dependency to what needs it, and the first node twice
    return []


def _problem(path: Sequence[str]) -> Problem:
    circle = " → ".join([*path, path[0]])
    return Problem(path[0], f"needs itself to be deployed first: {circle}.", "Take one of these references out.")


def removal(existing: Mapping[str, Existing], kept: Collection[str] = ()) -> Dependencies:
    """Return, for each resource that is to go, which others must be gone or changed (``kept``) before it.

    That is what its users' tags say. Tags can be edited by anybody, so a circle in them is cut, not refused.
    """
    users: dict[str, set[str]] = {name: set() for name in sorted(existing) if name not in kept}
    for user in sorted(existing):
        for used in _used(existing[user]) & users.keys() - {user}:
            users[used].add(user)
    while cycle := _cycle(users):
        users[cycle[0]].discard(cycle[1])
    return {name: frozenset(others) for name, others in users.items()}


def _used(existing: Existing) -> set[str]:
    return set(existing.definition.tags.get(DEPENDS_ON_TAG, "").split(",")) - {""}
