"""Why a resource changes, in sentences: above all which output of another resource is not what it was."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from azdeploy.definitions.output import Output, references, resolve
from azdeploy.definitions.stack import Definition
from azdeploy.planning.diff import diff
from azdeploy.planning.plan import Existing, PropertyChange

Outputs = Mapping[str, Mapping[str, str]]

CREATED = "it does not exist yet"
DELETED = "the stack does not hold it any more"
BROKEN = "its last deployment failed"
ENDED = "it has run to its end, and Azure does not update such a group"
STOPPED = "it is stopped, and deploying starts it"
LEFT_ENDED = "it has run to its end, and nothing about it changed"

_BETWEEN = "\0"


def immutable(path: str) -> str:
    """Say that a property cannot be changed in place."""
    return f"{path} cannot be changed in place"


def drift(
    template: Definition, existing: Existing, properties: Sequence[PropertyChange], outputs: Outputs
) -> tuple[str, ...]:
    """Name the outputs whose values moved: what they are now, and what the existing resource was told.

    ``template`` is the definition with its references; the old values are read off the existing resource's texts.
    """
    changed = {change.path for change in properties}
    found = [
        reason
        for change in diff(existing.definition, template)
        if change.path in changed
        for text, was in _texts(change.after, change.before)
        for reason in _moved(text, was, outputs)
    ]
    return tuple(dict.fromkeys(found))


def _texts(template: object, before: object) -> Iterator[tuple[str, str]]:
    match template, before:
        case str(), str():
            yield template, before
        case tuple(), tuple() if len(template) == len(before):
            for one, other in zip(template, before, strict=True):
                yield from _texts(one, other)
        case _:
            return


def _moved(template: str, before: str, outputs: Outputs) -> Iterator[str]:
    for output, was in _told(template, before):
        name = f"{output.resource}.{output.name}"
        now = outputs.get(output.resource, {}).get(output.name)
        if now is None:
            yield f"{name} is not known yet, was {was}"
        elif now != was:
            yield f"{name} is now {now}, was {was}"


def _told(template: str, before: str) -> Sequence[tuple[Output, str]]:
    """Return which value each reference of a template had when it became that text; none where it never did."""
    marked = resolve(template, lambda output: f"{_BETWEEN}{output}{_BETWEEN}")
    literals = marked.split(_BETWEEN)[::2]
    found = re.fullmatch("(.*)".join(map(re.escape, literals)), before, re.DOTALL)
    return list(zip(references(template), found.groups(), strict=True)) if found else []
