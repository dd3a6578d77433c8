"""Microsoft.ContainerInstance beside the groups: usages, capabilities, cached images, operations, subnet links."""

from __future__ import annotations

from collections.abc import Sequence

from azdeploy.local.groups.inventory import Inventory
from azdeploy.local.groups.record import TYPE
from azdeploy.local.providers.subscriptions import SUBSCRIPTION, Subscriptions
from azdeploy.local.regions import REGIONS, short
from azdeploy.local.router import Route
from azdeploy.local.wire import Json, Refusal, Reply, Request

_PROVIDER = "providers/Microsoft.ContainerInstance"
_LOCATION = f"{SUBSCRIPTION}/{_PROVIDER}/locations/{{location}}"
_NETWORK = f"{SUBSCRIPTION}/resourceGroups/{{group}}/providers/Microsoft.Network/virtualNetworks/{{network}}"
_DISPLAY = {short(name): name for name in REGIONS}
# https://learn.microsoft.com/azure/container-instances/container-instances-resource-and-quota-limits
_GROUPS, _CORES = 100, 100
_MOST_CPU, _MOST_MEMORY = 31, 240
_VERBS = {
    "read": "Get container group",
    "write": "Create or update container group",
    "delete": "Delete container group",
    "restart/action": "Restart container group",
    "stop/action": "Stop container group",
    "start/action": "Start container group",
    "containers/logs/read": "Get container logs",
    "containers/exec/action": "Execute a command in a container",
    "containers/attach/action": "Attach to a container's output",
}


class ContainerInstance:
    """What the provider tells of itself and of locations."""

    def __init__(self, inventory: Inventory, subscriptions: Subscriptions) -> None:
        self._inventory = inventory
        self._subscriptions = subscriptions

    def routes(self) -> Sequence[Route]:
        """Return all paths of the provider that are about no group."""
        return (
            Route("GET", f"/{_PROVIDER}/operations", self._operations),
            Route("GET", f"{_LOCATION}/usages", self._usages),
            Route("GET", f"{_LOCATION}/capabilities", self._capabilities),
            Route("GET", f"{_LOCATION}/cachedImages", self._cached_images),
            Route("DELETE", f"{_NETWORK}/subnets/{{subnet}}/{_PROVIDER}/serviceAssociationLinks/default", self._unlink),
        )

    def _operations(self, _request: Request) -> Reply:
        found = [_operation(verb, description) for verb, description in _VERBS.items()]
        return Reply(body={"value": found})

    def _usages(self, request: Request) -> Reply:
        location = self._location(request)
        groups = [group for group in self._inventory.all() if group.record.location == location]
        containers = [one for group in groups for one in group.record.body["properties"]["containers"]]
        cores = sum(one["properties"]["resources"]["requests"]["cpu"] for one in containers)
        return Reply(
            body={
                "value": [
                    _usage("ContainerGroups", "Container Groups", len(groups), _GROUPS),
                    _usage("StandardCores", "Standard Cores", round(cores), _CORES),
                ]
            }
        )

    def _capabilities(self, request: Request) -> Reply:
        display = _DISPLAY[self._location(request)]
        most = {"maxMemoryInGB": _MOST_MEMORY, "maxCpu": _MOST_CPU, "maxGpuCount": 0}
        found = [
            {
                "resourceType": "containerGroups",
                "osType": "Linux",
                "location": display,
                "ipAddressType": kind,
                "gpu": "None",
                "capabilities": most,
            }
            for kind in ("Public", "Private")
        ]
        return Reply(body={"value": found})

    def _cached_images(self, request: Request) -> Reply:
        self._location(request)
        images = {
            one["properties"]["image"]
            for group in self._inventory.all()
            for one in group.record.body["properties"]["containers"]
        }
        return Reply(body={"value": [{"osType": "Linux", "image": image} for image in sorted(images)]})

    def _unlink(self, request: Request) -> Reply:
        self._subscriptions.require(request)
        return Reply(status=204)

    def _location(self, request: Request) -> str:
        self._subscriptions.require(request)
        asked = short(request.params["location"])
        if asked in _DISPLAY:
            return asked
        message = f"No registered resource provider found for location '{asked}' and type 'locations' in '{TYPE}'."
        raise Refusal(404, "NoRegisteredProviderFound", message)


def _operation(verb: str, description: str) -> Json:
    display = {
        "provider": "Microsoft Container Instance",
        "resource": "Container Group",
        "operation": description,
        "description": f"{description}.",
    }
    return {"name": f"{TYPE}/{verb}", "display": display, "origin": "User"}


def _usage(name: str, display: str, current: int, limit: int) -> Json:
    return {
        "unit": "Count",
        "currentValue": current,
        "limit": limit,
        "name": {"value": name, "localizedValue": display},
    }
