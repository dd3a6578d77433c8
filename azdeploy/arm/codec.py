"""How a definition becomes JSON and JSON a definition again: the protocol of every resource type's codec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

from azdeploy.errors import AzdeployError, Problem
from azdeploy.planning.plan import State

D = TypeVar("D")
Json = Mapping[str, Any]

_HIDDEN = "***"
# Properties whose text nobody may see, and those whose every value nobody may see; compared in lower case.
_SECURE = frozenset({"securevalue", "password", "storageaccountkey", "workspacekey", "protectedsettings"})
_SECURE_INSIDE = frozenset({"secret"})


class FaultyBodyError(AzdeployError):
    """A body that cannot be what it should be: ``problem`` tells the path in it and what is expected there."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class Codec(Protocol[D]):
    """Both directions of one resource type; the api-version is pinned beside the shape it belongs to.

    ``decode`` drops what is read-only and fills in Azure's defaults, so that two definitions can be compared. It is as
    forgiving about the case of property names and enum values as ARM is.
    """

    type: str
    api_version: str

    def encode(self, definition: D, location: str) -> dict[str, Any]:
        """Return the request body; secrets are in clear in it, and references that are still unknown stay text."""

    def decode(self, body: Json) -> D:
        """Return what a response or a request body describes; FaultyBodyError where it cannot be one."""

    def outputs(self, body: Json) -> dict[str, str]:
        """Return the outputs that a response holds; an output that is not there yet is missing."""

    def state(self, body: Json) -> State:
        """Return what a response says of the resource's life."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One ARM request: what a dry run shows is what the client sends. Its repr leaves the body out, for its secrets."""

    method: str
    path: str
    api_version: str
    body: Json | None = field(default=None, repr=False)

    def masked(self) -> Request:
        """Return the request as it may be shown: every secure value of its body is ``***``."""
        return self if self.body is None else replace(self, body=masked(self.body))


def masked(body: Json) -> dict[str, Any]:
    """Return a body with every secure value replaced by ``***``, for display."""
    return {key: _shown(key.lower(), value) for key, value in body.items()}


def _shown(key: str, value: Any) -> Any:
    match value:
        case None:
            return None
        case _ if key in _SECURE:
            return _HIDDEN
        case Mapping() if key in _SECURE_INSIDE:
            return dict.fromkeys(value, _HIDDEN)
        case Mapping():
            return masked(value)
        case list() | tuple():
            return [_shown(key, item) for item in value]
        case _:
            return value
