"""Whose a resource is: the tags that a stack puts on what it deploys, and the refusal to touch anybody else's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from azdeploy.definitions.secret import digest, matches
from azdeploy.definitions.stack import DEPENDS_ON_TAG, SECRETS_TAG, STACK_TAG, Definition, Stack
from azdeploy.errors import OwnershipError
from azdeploy.planning.diff import secrets
from azdeploy.planning.plan import Existing

Salt = Callable[[], bytes]


def owned(
    definition: Definition, stack: str, needs: frozenset[str], existing: Existing | None, new_salt: Salt
) -> Definition:
    """Return the definition with the tags that make it the stack's.

    They say which stack it is, what it ``needs``, and what its secrets digest to. A digest that exists and still
    matches is kept, so that nothing changes; else a new salt is drawn.
    """
    ours = {STACK_TAG: stack}
    if needs:
        ours[DEPENDS_ON_TAG] = ",".join(sorted(needs))
    if hidden := secrets(definition):
        known = known_digest(existing)
        ours[SECRETS_TAG] = known if matches(known, hidden) else digest(hidden, new_salt())
    return replace(definition, tags={**definition.tags, **ours})


def known_digest(existing: Existing | None) -> str:
    """Return the digest of the secrets that a resource was deployed with; empty when there were none."""
    return existing.definition.tags.get(SECRETS_TAG, "") if existing else ""


def refuse_foreign(stack: Stack, existing: Mapping[str, Existing]) -> None:
    """Raise OwnershipError when a resource of the stack exists and is somebody else's."""
    foreign = [existing[one.name] for one in stack.resources if one.name in existing]
    foreign = [one for one in foreign if one.stack != stack.name]
    if foreign:
        told = "; ".join(f"{one.name} {_owner(one)}" for one in foreign)
        raise OwnershipError(
            f"Stack {stack.name} may not touch what it did not deploy: {told}.",
            hint="Choose another name or resource group, or delete it yourself.",
        )


def _owner(existing: Existing) -> str:
    whose = f"belongs to stack {existing.stack}" if existing.stack else "carries no stack's tag"
    return f"exists already and {whose} ({existing.id})"
