"""The ids of ARM: taking them apart and putting them together, in whatever case a service writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass

# https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules: names compare without case.
_ID = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)"
    r"(?:/resourceGroups/(?P<group>[^/]+))?"
    r"(?:/providers/(?P<type>[^/]+/[^/]+)/(?P<name>[^/]+)(?:/(?P<child>.+?))?)?/?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResourceId:
    """The id of a subscription, a resource group, a resource or a child of one; empty is what it does not have.

    ``type`` is the provider's namespace and the type, ``child`` what follows the name, such as ``subnets/default``.
    Two ids are equal when they differ in case alone.
    """

    subscription: str
    resource_group: str = ""
    type: str = ""
    name: str = ""
    child: str = ""

    def __str__(self) -> str:
        group = f"/resourceGroups/{self.resource_group}" if self.resource_group else ""
        resource = f"/providers/{self.type}/{self.name}" if self.type else ""
        child = f"/{self.child}" if self.child else ""
        return f"/subscriptions/{self.subscription}{group}{resource}{child}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ResourceId) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> str:
        return str(self).lower()

    @property
    def group(self) -> ResourceId:
        """The id of the resource group that it is in."""
        return ResourceId(subscription=self.subscription, resource_group=self.resource_group)

    def resource(self, type_: str, name: str) -> ResourceId:
        """Return the id of a resource of that type and name in this resource group (or subscription)."""
        return ResourceId(subscription=self.subscription, resource_group=self.resource_group, type=type_, name=name)


def parse(text: str) -> ResourceId:
    """Take an id apart; ValueError where it is none. A double slash counts as one, as it does for ARM."""
    found = _ID.fullmatch(re.sub("/+", "/", text))
    if found is None:
        raise ValueError(f"{text!r} is no resource id; one looks like /subscriptions/.../resourceGroups/...")
    return ResourceId(
        subscription=found["subscription"],
        resource_group=found["group"] or "",
        type=found["type"] or "",
        name=found["name"] or "",
        child=found["child"] or "",
    )
