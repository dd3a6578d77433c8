"""How a definition becomes JSON and JSON a definition again: the protocol of every resource type's codec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from azdeploy.planning.plan import State

D = TypeVar("D")
Json = Mapping[str, Any]


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
        """Return the definition that a response or a request body describes; FaultyBody where it cannot be one."""

    def outputs(self, body: Json) -> dict[str, str]:
        """Return the outputs that a response holds; an output that is not there yet is missing."""

    def state(self, body: Json) -> State:
        """Return what a response says of the resource's life."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One ARM request: what a dry run shows is what the client sends."""

    method: str
    path: str
    api_version: str
    body: Json | None = None
