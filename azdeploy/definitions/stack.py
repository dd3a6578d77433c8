"""A stack: resources that are deployed and torn down together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from azdeploy.definitions.container_group import ContainerGroup
from azdeploy.definitions.output import Output, references
from azdeploy.definitions.record import Record, location_name, texts

# The closed union of what a stack may hold; clusters and images join it as they are built.
Definition = ContainerGroup

# Ownership is kept at the target, in tags, so that any machine can tear a stack down.
STACK_TAG = "azdeploy-stack"
DEPENDS_ON_TAG = "azdeploy-depends-on"
SECRETS_TAG = "azdeploy-secrets"
OUR_TAGS = frozenset({STACK_TAG, DEPENDS_ON_TAG, SECRETS_TAG})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack(Record):
    """Named resources in one location; texts in them may refer to each other's outputs."""

    name: str
    resources: Sequence[Definition]
    location: str = "westus"

    def __post_init__(self) -> None:
        Record.__post_init__(self)
        object.__setattr__(self, "location", location_name(self.location))


def outputs_used(definition: Definition) -> Iterator[Output]:
    """Yield every output that a definition refers to."""
    for text in texts(definition):
        yield from references(text)
