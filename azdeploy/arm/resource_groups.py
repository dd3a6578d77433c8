"""Where stacks are put: resource groups made and unmade for them, and the providers that the subscription needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from azdeploy.arm.codec import Request
from azdeploy.arm.container_group import CODEC
from azdeploy.arm.shape import find
from azdeploy.arm.transport import Transport
from azdeploy.definitions.stack import STACK_TAG
from azdeploy.errors import NotFound, TimedOut
from azdeploy.execution.events import Progressed
from azdeploy.execution.retry import interval
from azdeploy.execution.target import Released

API_VERSION = "2025-04-01"  # the one that azure-mgmt-resource pins
_LONGEST_DELETION = 900.0  # seconds


class ResourceGroups:
    """The resource groups of a subscription. Every method raises only errors of azdeploy.errors."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._registered: set[str] = set()

    def ensure(self, name: str, stack: str, location: str) -> None:
        """Make a resource group tagged as the stack's when it is missing, or as soon as an old one is gone."""
        found = self._get(name)
        if found is not None and _is_going(found):
            self._wait_until_gone(name)
        elif found is not None:
            return
        self._transport.call(self._transport.resources.resource_groups.create_or_update, name, _body(stack, location))

    def creation(self, name: str, stack: str, location: str) -> Request | None:
        """Return the request that ``ensure`` would make the resource group with; None where it is there."""
        if self._get(name) is not None:
            return None
        path = f"/subscriptions/{self._transport.place.subscription}/resourceGroups/{name}"
        return Request(method="PUT", path=path, api_version=API_VERSION, body=_body(stack, location))

    def remove(self, name: str, stack: str) -> Released:
        """Delete a resource group that was made for the stack and holds nothing; tell what became of it.

        Azure's index of resources lags behind, so container groups in it do not count: the caller has listed them.
        """
        found = self._get(name)
        if found is None:
            return Released()
        if _tags(found).get(STACK_TAG) != stack:
            return Released(place=name, kept="azdeploy did not make it for this stack")
        if held := sorted(self._others(name)):
            return Released(place=name, kept=f"it holds {', '.join(held)}")
        if not _is_going(found):
            self._transport.call(self._transport.resources.resource_groups.begin_delete, name, polling=False)
        self._wait_until_gone(name)
        return Released(place=name)

    def register(self, namespace: str) -> None:
        """Ask, once, that the subscription be registered for a provider; that takes Azure up to some minutes."""
        if namespace not in self._registered:
            self._transport.call(self._transport.resources.providers.register, namespace)
            self._registered.add(namespace)

    def _others(self, name: str) -> Iterator[str]:
        listed = self._transport.listing(self._transport.resources.resources.list_by_resource_group, name)
        for resource in listed.body:
            if str(find(resource, "type")).lower() != CODEC.type.lower():
                yield str(find(resource, "name"))

    def _wait_until_gone(self, name: str) -> None:
        clock = self._transport.clock
        start = clock.monotonic()
        while self._get(name) is not None:
            elapsed = clock.monotonic() - start
            if elapsed > _LONGEST_DELETION:
                raise TimedOut(f"Resource group {name} is still being deleted.", hint="Azure goes on without us.")
            self._transport.observe(Progressed(name=name, detail="Deleting", elapsed=elapsed))
            clock.sleep(interval(elapsed))

    def _get(self, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._transport.call(self._transport.resources.resource_groups.get, name).body
        except NotFound:
            return None
        return found


def _body(stack: str, location: str) -> dict[str, Any]:
    return {"location": location, "tags": {STACK_TAG: stack}}


def _is_going(body: dict[str, Any]) -> bool:
    return str(find(body, "properties", "provisioningState")).lower() == "deleting"


def _tags(body: dict[str, Any]) -> dict[str, Any]:
    return {name.lower(): value for name, value in (find(body, "tags") or {}).items()}
