"""Which names Azure accepts, and the sentence for one that it does not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from azdeploy.definitions.output import references
from azdeploy.errors import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """The rule for one kind of name: its length, its pattern, and how to say that pattern."""

    kind: str
    pattern: str
    says: str
    least: int = 1
    most: int = 63

    def accepts(self, name: str) -> bool:
        """Tell whether Azure accepts that name."""
        return self.least <= len(name) <= self.most and re.fullmatch(self.pattern, name) is not None

    def problems(self, where: str, name: str) -> Iterator[Problem]:
        """Yield the problem of a name that Azure refuses."""
        if not self.accepts(name):
            hint = f"Use {self.least} to {self.most} {self.says}."
            yield Problem(where, f"{name!r} is not a valid {self.kind}.", hint)


_HYPHEN = "with a hyphen neither first nor last"
_LOWER = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"

# Lengths and characters: https://learn.microsoft.com/azure/container-instances/container-instances-troubleshooting
GROUP = Naming(kind="group name", pattern=_LOWER, says=f"lower-case letters, digits and hyphens, {_HYPHEN}")
CONTAINER = Naming(kind="container name", pattern=_LOWER, says=f"lower-case letters, digits and hyphens, {_HYPHEN}")
VOLUME = Naming(
    kind="volume name",
    pattern=f"(?!.*--){_LOWER}",
    says=f"lower-case letters, digits and single hyphens, {_HYPHEN}",
    least=5,
)
DNS_LABEL = Naming(
    kind="DNS name label",
    pattern="[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?",
    says=f"letters, digits and hyphens, {_HYPHEN}",
    least=5,
)
# That page wants no underscore first or last; the service itself (InvalidContainerEnvironmentVariable) takes both,
# and no digit first.
VARIABLE = Naming(
    kind="environment variable name",
    pattern="[A-Za-z_][A-Za-z0-9_]*",
    says="letters, digits and underscores, with no digit first",
)
# A stack lives in a resource group that may bear its name.
# https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
STACK = Naming(
    kind="stack name",
    pattern="[A-Za-z0-9_.()-]*[A-Za-z0-9_()-]",
    says="letters, digits, hyphens, underscores, parentheses and periods, with no period last",
    most=90,
)
RESOURCE_GROUP = replace(STACK, kind="resource group name")
LOCATION = Naming(kind="location", pattern="[a-z][a-z0-9]*", says="letters and digits, such as in westus")


def is_literal(text: object) -> bool:
    """Tell whether a text holds no references: only then is what it will be known already."""
    return next(references(str(text)), None) is None


def duplicates(where: str, names: Iterable[str], kind: str) -> Iterator[Problem]:
    """Yield one problem for each name that occurs more than once; Azure compares names without case."""
    for name, count in Counter(name.lower() for name in names).items():
        if count > 1:
            yield Problem(where, f"{count} {kind} are named {name!r}.", "Give each its own name.")


def part(where: str, field: str, name: str, index: int) -> str:
    """Return the path of an item of a list, by its name, or by its index where it has none."""
    return f"{where}.{field}[{name or index}]"
