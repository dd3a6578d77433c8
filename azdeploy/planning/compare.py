"""What must be done to one resource: the same comparison for a preview, and again while the stack is deployed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from azdeploy.definitions.output import Output, resolve
from azdeploy.definitions.record import with_texts
from azdeploy.definitions.secret import Secret
from azdeploy.definitions.stack import SECRETS_TAG, Definition, Stack
from azdeploy.planning import reasons
from azdeploy.planning.diff import diff, secrets
from azdeploy.planning.graph import needs
from azdeploy.planning.ownership import Salt, known_digest, owned, refuse_foreign
from azdeploy.planning.plan import Action, Change, Existing, PropertyChange, State
from azdeploy.planning.reasons import Outputs
from azdeploy.planning.rules import Paths, rules

_TAGS = Paths(("tags",))
_SECRETS_TAG = f"tags[{SECRETS_TAG}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a comparison needs to know besides the resource: its stack, the outputs so far, where salts come from."""

    stack: Stack
    new_salt: Salt
    outputs: Outputs = field(default_factory=dict)


def change(template: Definition, existing: Existing | None, known: Known) -> Change:
    """Compare a definition with what exists and return what is to be done, and why.

    References whose output is not known stay text. OwnershipError when what exists is not the stack's.
    """
    if existing:
        refuse_foreign(known.stack, {template.name: existing})
    after = wanted(template, existing, known)
    if existing is None:
        return Change(action=Action.CREATE, name=after.name, after=after, reasons=(reasons.CREATED,))
    properties = differences(existing, after)
    action = _action(existing, after, properties)
    fixed = [one.path for one in properties if one.path in rules(after).replaced]
    moved = reasons.drift(template, existing, properties, known.outputs)
    return Change(
        action=action,
        name=after.name,
        before=existing,
        after=after,
        properties=properties,
        reasons=(*moved, *_why(action, existing.state, fixed)),
    )


def wanted(template: Definition, existing: Existing | None, known: Known) -> Definition:
    """Return the definition as it is sent: in a location, with the known outputs and the tags of ownership."""

    def value(output: Output) -> str | None:
        return known.outputs.get(output.resource, {}).get(output.name)

    resolved = with_texts(template, lambda text: resolve(text, value))
    placed = replace(resolved, location=resolved.location or known.stack.location)
    return owned(placed, known.stack.name, needs(template), existing, known.new_salt)


def differences(existing: Existing, after: Definition) -> tuple[PropertyChange, ...]:
    """Return the properties that differ, a change of the secrets among them as one."""
    found = tuple(one for one in diff(existing.definition, after) if one.path != _SECRETS_TAG)
    if known_digest(existing) == after.tags.get(SECRETS_TAG, "") or any(_shows_secret(one) for one in found):
        return found
    return (*found, _secret_change(existing, after))


def _shows_secret(one: PropertyChange) -> bool:
    return any(isinstance(value, Secret) or secrets(value) for value in (one.before, one.after))


def _secret_change(existing: Existing, after: Definition) -> PropertyChange:
    paths = list(secrets(after))
    mask = Secret("***")
    return PropertyChange(
        paths[0] if len(paths) == 1 else "secrets",
        mask if known_digest(existing) else None,
        mask if paths else None,
    )


def _action(existing: Existing, after: Definition, properties: tuple[PropertyChange, ...]) -> Action:
    if existing.state is State.FAILED or any(one.path in rules(after).replaced for one in properties):
        return Action.REPLACE
    if existing.state is State.STOPPED:
        return Action.UPDATE
    if all(one.path in _TAGS for one in properties):
        return Action.TAG if properties else Action.NOOP
    return Action.REPLACE if existing.state is State.TERMINATED else Action.UPDATE


def _why(action: Action, state: State, fixed: Sequence[str]) -> tuple[str, ...]:
    match action, state:
        case Action.NOOP, State.TERMINATED:
            return (reasons.LEFT_ENDED,)
        case Action.REPLACE, State.FAILED:
            return (reasons.BROKEN, *map(reasons.immutable, fixed))
        case Action.REPLACE, State.TERMINATED:
            return (reasons.ENDED, *map(reasons.immutable, fixed))
        case Action.REPLACE, _:
            return tuple(map(reasons.immutable, fixed))
        case Action.UPDATE, State.STOPPED:
            return (reasons.STOPPED,)
        case _:
            return ()


def removal(existing: Existing) -> Change:
    """Return the deletion of a resource that its stack does not hold any more."""
    return Change(action=Action.DELETE, name=existing.name, before=existing, reasons=(reasons.DELETED,))


def outputs_kept(one: Change) -> Mapping[str, str]:
    """Return the outputs that a resource will surely have after its change: declared ones, and those that it keeps."""
    if one.after is None:
        return {}
    declared = one.after.declared_outputs
    if one.before is None or one.action is Action.REPLACE or one.before.state is State.STOPPED:
        return declared
    if any(item.path in rules(one.after).outputs for item in one.properties):
        return declared
    return one.before.outputs
