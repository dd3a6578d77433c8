"""What the endpoint remembers of a container group, in memory and on disk."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from azdeploy.local.wire import Json

TYPE = "Microsoft.ContainerInstance/containerGroups"


class Status(StrEnum):
    """What a group is meant to be doing; a running one is started again after the endpoint's restart."""

    RUNNING = "running"
    STOPPED = "stopped"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a resource is; names as their creator wrote them."""

    subscription: str
    resource_group: str
    name: str

    @property
    def key(self) -> str:
        """The same for every spelling of the names."""
        return self.id.lower()

    @property
    def id(self) -> str:
        """The resource id of the group."""
        scope = f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
        return f"{scope}/providers/{TYPE}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One container group: its body with all secrets, its address and name, and how it was left.

    ``views`` and ``logs`` are those of the containers at the end, when nothing runs that could be asked. ``runtime`` is
    the name of the one that it ran with last.
    """

    place: Place
    body: Json = field(repr=False)
    key: str = field(default_factory=lambda: f"azdeploy-{secrets.token_hex(6)}")
    address: str = ""
    fqdn: str = ""
    identity: Json | None = None
    status: Status = Status.RUNNING
    state: str = "Pending"
    runtime: str = ""
    views: Mapping[str, Json] = field(default_factory=dict)
    logs: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def location(self) -> str:
        """The group's location in its short form."""
        return str(self.body["location"])

    def document(self) -> Json:
        """Return it as the store keeps it."""
        return asdict(self)


def from_document(document: Json) -> Record:
    """Return what the store kept."""
    values: dict[str, Any] = document | {"place": Place(**document["place"]), "status": Status(document["status"])}
    return Record(**values)


def with_identity(record: Record, tenant: str) -> Record:
    """Fill in the ids that Azure gives a group's managed identities; those it has already are kept."""
    wanted = record.body.get("identity")
    if not wanted or wanted.get("type", "None") == "None":
        return replace(record, identity=None)
    kind, before = wanted["type"], record.identity or {}
    told: Json = {}
    if "SystemAssigned" in kind:
        told["principalId"] = before.get("principalId") or str(uuid.uuid4())
        told["tenantId"] = tenant
    told["type"] = kind
    if "UserAssigned" in kind:
        told["userAssignedIdentities"] = {
            name: {"principalId": _stable_id("principal", name), "clientId": _stable_id("client", name)}
            for name in wanted.get("userAssignedIdentities", {})
        }
    return replace(record, identity=told)


def _stable_id(role: str, identity: str) -> str:
    """Return the same id for the same identity, wherever it is used."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{role}:{identity.lower()}"))
