"""Microsoft.ContainerInstance/containerGroups: the requests about container groups."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from azdeploy.local.groups.group import Group
from azdeploy.local.groups.inventory import Inventory
from azdeploy.local.groups.log_text import select
from azdeploy.local.groups.record import TYPE, Place
from azdeploy.local.groups.sessions import Sessions, Stream
from azdeploy.local.groups.shape import canonical, exec_request
from azdeploy.local.latency import Step
from azdeploy.local.operations import Operation, Progress
from azdeploy.local.providers.networks import Networks
from azdeploy.local.providers.registrations import Registrations
from azdeploy.local.providers.resource_groups import ResourceGroups
from azdeploy.local.providers.subscriptions import SUBSCRIPTION, Subscriptions
from azdeploy.local.router import Route
from azdeploy.local.wire import Json, Refusal, Reply, Request, resource_missing, tags_of

NAMESPACE = "Microsoft.ContainerInstance"
_SCOPE = f"{SUBSCRIPTION}/resourceGroups/{{group}}/providers/{TYPE}"
_ONE = f"{_SCOPE}/{{name}}"
_CONTAINER = f"{_ONE}/containers/{{container}}"
_OPERATION = f"{SUBSCRIPTION}/providers/{NAMESPACE}/locations/{{location}}/operations/{{operation}}"
_OPERATION_VERSION = "2018-06-01"  # Azure's, whatever the caller's is
_POLL_AGAIN = "1"  # seconds; without it az waits thirty
_LARGEST_SIZE = 65535  # a terminal's rows and columns are numbers of 16 bits
_LIMITS = {
    "x-ms-ratelimit-remaining-subscription-resource-requests-pt1h": "1799",
    "x-ms-ratelimit-remaining-subscription-resource-requests-pt5m": "899",
}


class ContainerGroups:
    """The requests about container groups, their containers and their operations."""

    def __init__(
        self,
        inventory: Inventory,
        *,
        subscriptions: Subscriptions,
        resource_groups: ResourceGroups,
        networks: Networks,
        registrations: Registrations,
    ) -> None:
        self.inventory = inventory
        self.sessions = Sessions(inventory.machine.clock)
        self._subscriptions = subscriptions
        self._resource_groups = resource_groups
        self._networks = networks
        self._registrations = registrations

    def routes(self) -> Sequence[Route]:
        """Return all paths that are about container groups."""
        return (
            Route("GET", f"{SUBSCRIPTION}/providers/{TYPE}", self._list_all),
            Route("GET", _SCOPE, self._list),
            Route("GET", _ONE, self._get),
            Route("PUT", _ONE, self._put),
            Route("PATCH", _ONE, self._patch),
            Route("DELETE", _ONE, self._delete),
            Route("POST", f"{_ONE}/start", self._start),
            Route("POST", f"{_ONE}/stop", self._stop),
            Route("POST", f"{_ONE}/restart", self._restart),
            Route("GET", f"{_ONE}/outboundNetworkDependenciesEndpoints", self._dependencies),
            Route("GET", f"{_CONTAINER}/logs", self._logs),
            Route("POST", f"{_CONTAINER}/exec", self._exec),
            Route("POST", f"{_CONTAINER}/attach", self._attach),
            Route("GET", _OPERATION, self._operation),
        )

    def _list_all(self, request: Request) -> Reply:
        self._subscriptions.require(request)
        return _listing(self.inventory.all(), request)

    def _list(self, request: Request) -> Reply:
        found = self._resource_groups.require(request)
        return _listing(self.inventory.all(found.name), request)

    def _get(self, request: Request) -> Reply:
        return Reply(body=self._find(request).body(request.api_version))

    def _put(self, request: Request) -> Reply:
        home = self._resource_groups.require(request, writing=True)
        self._registrations.require(NAMESPACE)
        body = request.content()
        self._networks.require_subnets(canonical(body))
        place = Place(
            subscription=request.params["subscription"], resource_group=home.name, name=request.params["name"]
        )
        group, operation, created = self.inventory.put(
            place, body, home.location, lambda: self._resource_groups.require(request, writing=True)
        )
        headers = self._headers(request, group, operation)
        return Reply(status=201 if created else 200, body=group.body(request.api_version), headers=headers)

    def _patch(self, request: Request) -> Reply:
        group = self._find(request, writing=True)
        tags = tags_of(request.content())
        if tags is not None:
            group.tag(tags)
        return Reply(body=group.body(request.api_version))

    def _delete(self, request: Request) -> Reply:
        home = self._resource_groups.require(request)
        place = Place(
            subscription=request.params["subscription"], resource_group=home.name, name=request.params["name"]
        )
        group = self.inventory.find(place)
        if group is None:
            return Reply(status=204)
        last = group.body(request.api_version)
        self.inventory.machine.take_time(Step.DELETE_GROUP, threading.Event())
        self.inventory.delete(place)
        return Reply(body=last, headers=_LIMITS)

    def _start(self, request: Request) -> Reply:
        group = self._find(request, writing=True)
        operation = group.start()
        if operation is None:
            return Reply(status=204)
        return Reply(status=202, headers=self._headers(request, group, operation))

    def _stop(self, request: Request) -> Reply:
        self._find(request, writing=True).stop()
        return Reply(status=204)

    def _restart(self, request: Request) -> Reply:
        group = self._find(request, writing=True)
        return Reply(status=204, headers=self._headers(request, group, group.restart()))

    def _dependencies(self, request: Request) -> Reply:
        self._find(request)
        return Reply(body=[])

    def _logs(self, request: Request) -> Reply:
        group = self._find(request)
        name = group.container_name(request.params["container"])
        query = {key.lower(): value for key, value in request.query.items()}
        stamped = query.get("timestamps", "").lower() == "true"
        text = group.stamped_logs(name) if stamped else group.logs(name)
        return Reply(body={"content": select(text, query.get("tail"))})

    def _exec(self, request: Request) -> Reply:
        group = self._find(request)
        name = group.container_name(request.params["container"])
        body = exec_request(request.content())
        command = body.get("command", "")
        if not command.strip():
            raise Refusal(400, "InvalidCommand", f"The command for container '{name}' is not specified.")
        group.require_deployed(name)
        promise = self.sessions.promise(Stream.EXEC, group, name, command=command, size=_size(body))
        return Reply(body=promise.answer(request.base))

    def _attach(self, request: Request) -> Reply:
        group = self._find(request)
        name = group.container_name(request.params["container"])
        group.require_deployed(name)
        return Reply(body=self.sessions.promise(Stream.ATTACH, group, name).answer(request.base))

    def _operation(self, request: Request) -> Reply:
        self._subscriptions.require(request)
        operation = self.inventory.machine.operations.find(request.params["operation"])
        operation.hold(self.inventory.machine.hold)
        pending = operation.progress is Progress.PENDING
        return Reply(body=operation.body(), headers={"Retry-After": _POLL_AGAIN} if pending else {})

    def _find(self, request: Request, *, writing: bool = False) -> Group:
        home = self._resource_groups.require(request, writing=writing)
        name = request.params["name"]
        place = Place(subscription=request.params["subscription"], resource_group=home.name, name=name)
        group = self.inventory.find(place)
        if group is None:
            raise resource_missing(TYPE, name, request.params["group"])
        return group

    def _headers(self, request: Request, group: Group, operation: Operation) -> dict[str, str]:
        path = _OPERATION.format(
            subscription=request.params["subscription"], location=group.record.location, operation=operation.id
        )
        return {"Azure-AsyncOperation": f"{request.base}{path}?api-version={_OPERATION_VERSION}", **_LIMITS}


def _listing(groups: Sequence[Group], request: Request) -> Reply:
    return Reply(body={"value": [group.body(request.api_version, listed=True) for group in groups]})


def _size(body: Json) -> tuple[int, int]:
    """Return the rows and columns of a terminal, as far as a terminal can have them."""
    given = body.get("terminalSize", {})
    rows, columns = given.get("rows", 0), given.get("cols", 0)
    return min(rows, _LARGEST_SIZE) if rows > 0 else 24, min(columns, _LARGEST_SIZE) if columns > 0 else 80
