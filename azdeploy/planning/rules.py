"""What is special about some properties when two definitions of a type are compared: tables of paths, no code per path.

``[*]`` in a path stands for any item; a path also means everything below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import assert_never

from azdeploy.definitions.container_group import REPLACED_ON_CHANGE, ContainerGroup
from azdeploy.definitions.stack import Definition

# What a response leaves out although it is set; a change of it is seen in the digest of the secrets.
_WITHHELD = (
    "volumes[*].secret",
    "volumes[*].azure_file.storage_account_key",
    "image_registry_credentials[*].password",
    "log_analytics.workspace_key",
    "extensions[*].protected_settings",
)
# What Azure decides where the definition is silent, and tells in the response.
_DECIDED = (
    "ip_address.ip",
    "subnet_ids[*].name",
    "image_registry_credentials[*].identity_url",
    "confidential_cce_policy",
    *(
        f"containers[*].{probe}.{setting}"
        for probe in ("liveness_probe", "readiness_probe")
        for setting in (
            "initial_delay_seconds",
            "period_seconds",
            "failure_threshold",
            "success_threshold",
            "timeout_seconds",
        )
    ),
)
# What may give the resource other outputs when it is updated in place.
_OUTPUTS = ("ip_address",)


@dataclass(frozen=True, slots=True)
class Paths:
    """A set of paths with wildcards."""

    patterns: tuple[str, ...]

    def __contains__(self, path: str) -> bool:
        return any(_expression(pattern).match(path) for pattern in self.patterns)


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\[\*\]", r"\[[^\]]*\]") + r"(?=[.\[]|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The special paths of one resource type."""

    replaced: Paths
    withheld: Paths
    decided: Paths
    outputs: Paths


def rules(definition: Definition) -> Rules:
    """Return the rules of a definition's type."""
    match definition:
        case ContainerGroup():
            return _CONTAINER_GROUP
        case _:
            assert_never(definition)


def _paths(patterns: Iterable[str]) -> Paths:
    return Paths(tuple(patterns))


_CONTAINER_GROUP = Rules(
    replaced=_paths(REPLACED_ON_CHANGE),
    withheld=_paths(_WITHHELD),
    decided=_paths(_DECIDED),
    outputs=_paths(_OUTPUTS),
)
