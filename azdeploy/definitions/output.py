"""References to values that are known only after deployment, such as another group's address.

A reference is text: ``${socket-server.ip}``. Only that dotted form is one, so ``${HOME}`` stays as it is, and
``$${socket-server.ip}`` stands for the literal text ``${socket-server.ip}``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_REFERENCE = re.compile(r"(?P<escape>\$?)\$\{(?P<resource>[A-Za-z0-9][A-Za-z0-9_-]*)\.(?P<name>[a-z][a-z0-9_]*)\}")


@dataclass(frozen=True, slots=True, order=True)
class Output:
    """A value that a resource has only once it is deployed; its text is the reference to it."""

    resource: str
    name: str

    def __str__(self) -> str:
        return f"${{{self.resource}.{self.name}}}"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


def references(text: str) -> Iterator[Output]:
    """Yield the outputs that a text refers to, from left to right."""
    for found in _REFERENCE.finditer(text):
        if not found["escape"]:
            yield Output(found["resource"], found["name"])


def resolve(text: str, known: Callable[[Output], str | None]) -> str:
    """Replace the references whose value is known (not None), and unescape literals once none is left unknown.

    While a reference is unknown the text stays a text with references, so that it can be resolved again.
    """
    values = {output: known(output) for output in references(text)}
    unescaping = None not in values.values()

    def told(found: re.Match[str]) -> str:
        if found["escape"]:
            return found[0][1:] if unescaping else found[0]
        value = values[_output(found)]
        return found[0] if value is None else value

    return _REFERENCE.sub(told, text)


def escape(text: str) -> str:
    """Return the text that stands for exactly this one: what looks like a reference becomes a literal."""
    return _REFERENCE.sub(lambda found: f"${found[0]}", text)


def _output(found: re.Match[str]) -> Output:
    return Output(found["resource"], found["name"])
