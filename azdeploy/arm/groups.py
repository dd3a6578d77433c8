"""The requests about container groups, by Azure's client: raw JSON in, raw JSON out."""

from __future__ import annotations

import json
from typing import Any

from azdeploy.arm import resource_id
from azdeploy.arm.codec import Request
from azdeploy.arm.container_group import CODEC
from azdeploy.arm.resource_id import ResourceId
from azdeploy.arm.transport import Answer, Transport
from azdeploy.errors import Conflict, NotFound

UNREGISTERED = "MissingSubscriptionRegistration"
_NONE = Answer(status=200, body=())


class Groups:
    """The container groups of a subscription. Every method raises only errors of azdeploy.errors."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, resource_group: str | None) -> Answer:
        """List the groups of a resource group, or of the subscription; without instance views, as Azure's lists are.

        A resource group that does not exist holds none, and so does a subscription that is not registered for groups.
        """
        operations = self._transport.containers.container_groups
        try:
            if resource_group is None:
                return self._transport.listing(operations.list)
            return self._transport.listing(operations.list_by_resource_group, resource_group)
        except NotFound:
            return _NONE
        except Conflict as error:
            if error.code == UNREGISTERED:
                return _NONE
            raise

    def get(self, group: ResourceId) -> Answer:
        """Get one group with its instance views; NotFound where it is gone."""
        operations = self._transport.containers.container_groups
        return self._transport.call(operations.get, group.resource_group, group.name, api_version=CODEC.api_version)

    def logs(self, group: ResourceId, container: str, tail: int | None) -> str:
        """Get what a container wrote, of its last start; with ``tail`` only so many of the last lines."""
        operations = self._transport.containers.containers
        answer = self._transport.call(operations.list_logs, group.resource_group, group.name, container, tail=tail)
        return str(answer.body.get("content") or "")

    def send(self, request: Request) -> Answer:
        """Send a request that the codec made; one that starts an operation returns without waiting for its end.

        The body goes as bytes, because a mapping would lose the properties that the client's models lack.
        """
        operations = self._transport.containers.container_groups
        group = resource_id.parse(request.path)
        where: tuple[Any, ...] = (group.resource_group, group.name)
        if request.method == "DELETE":
            return self._transport.call(operations.begin_delete, *where, api_version=request.api_version, polling=False)
        body = json.dumps(request.body, separators=(",", ":")).encode()
        if request.method == "PATCH":
            return self._transport.call(operations.update, *where, body, api_version=request.api_version)
        return self._transport.call(
            operations.begin_create_or_update, *where, body, api_version=request.api_version, polling=False
        )
