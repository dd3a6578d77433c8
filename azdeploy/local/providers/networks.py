"""Microsoft.Network/virtualNetworks with their subnets, as far as container groups are put into them."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Sequence
from typing import Any

from azdeploy.local.groups.shape import Kind, settled
from azdeploy.local.machine import Machine
from azdeploy.local.operations import Progress
from azdeploy.local.providers.registrations import Registrations
from azdeploy.local.providers.resource_groups import ResourceGroup, ResourceGroups
from azdeploy.local.providers.subscriptions import SUBSCRIPTION, Subscriptions
from azdeploy.local.regions import location_of
from azdeploy.local.router import Route
from azdeploy.local.store import Store
from azdeploy.local.wire import Json, Refusal, Reply, Request, resource_missing, tags_of

NAMESPACE = "Microsoft.Network"
_TYPE = f"{NAMESPACE}/virtualNetworks"
_KIND = "virtual network"
_SCOPE = f"{SUBSCRIPTION}/resourceGroups/{{group}}/providers/{_TYPE}"
_ONE = f"{_SCOPE}/{{network}}"
_SUBNET = f"{_ONE}/subnets/{{subnet}}"
_OPERATION = f"{SUBSCRIPTION}/providers/{NAMESPACE}/locations/{{location}}/operations/{{operation}}"
_SUBNET_ID = re.compile(_SUBNET.replace("{", "(?P<").replace("}", ">[^/]+)"), re.IGNORECASE)
_ACTION = "Microsoft.Network/virtualNetworks/subnets/action"

_SUBNET_BODY = {
    "name": Kind.TEXT,
    "properties": {
        "addressPrefix": Kind.TEXT,
        "addressPrefixes": [Kind.TEXT],
        "delegations": [{"name": Kind.TEXT, "properties": {"serviceName": Kind.TEXT}}],
    },
}
_BODY = {
    "location": Kind.TEXT,
    "tags": Kind.FREE,
    "properties": {"addressSpace": {"addressPrefixes": [Kind.TEXT]}, "subnets": [_SUBNET_BODY]},
}


class Networks:
    """The virtual networks by id, kept in the store."""

    def __init__(
        self,
        machine: Machine,
        store: Store,
        *,
        subscriptions: Subscriptions,
        resource_groups: ResourceGroups,
        registrations: Registrations,
    ) -> None:
        self._machine = machine
        self._store = store
        self._subscriptions = subscriptions
        self._resource_groups = resource_groups
        self._registrations = registrations
        self._lock = threading.RLock()
        self._networks: dict[str, Json] = dict(store.all(_KIND))

    def routes(self) -> Sequence[Route]:
        """Return all paths that are about virtual networks."""
        return (
            Route("GET", f"{SUBSCRIPTION}/providers/{_TYPE}", self._list_all),
            Route("GET", _SCOPE, self._list),
            Route("GET", _ONE, self._get),
            Route("PUT", _ONE, self._put),
            Route("DELETE", _ONE, self._delete),
            Route("GET", f"{_ONE}/subnets", self._list_subnets),
            Route("GET", _SUBNET, self._get_subnet),
            Route("PUT", _SUBNET, self._put_subnet),
            Route("DELETE", _SUBNET, self._delete_subnet),
            Route("GET", _OPERATION, self._operation),
        )

    def all(self, resource_group: str | None = None) -> list[Json]:
        """Return all networks, or those of one resource group, by id."""
        with self._lock:
            found = sorted(self._networks.items())
        part = "/" if resource_group is None else f"/resourcegroups/{resource_group.lower()}/"
        return [network for key, network in found if part in key]

    def delete_all(self, resource_group: str) -> None:
        """Forget the networks of a resource group."""
        for network in self.all(resource_group):
            self._forget(network)

    def exported(self, resource_group: str) -> list[Json]:
        """Return the networks of a resource group as resources of a template."""
        return [
            {
                "type": _TYPE,
                "apiVersion": "2022-01-01",
                "name": network["name"],
                "location": network["location"],
                "properties": {"addressSpace": network["properties"]["addressSpace"]},
            }
            for network in self.all(resource_group)
        ]

    def require_subnets(self, body: Json) -> None:
        """Let a container group's canonical body pass whose subnets exist; else Refusal 400."""
        for subnet in body.get("properties", {}).get("subnetIds", []):
            wanted = str(subnet.get("id", ""))
            if not self._subnet_exists(wanted):
                message = (
                    f"Resource {wanted} referenced by the container group was not found. Please make sure that the "
                    "referenced resource exists, and that both resources are in the same region."
                )
                raise Refusal(400, "InvalidResourceReference", message)

    def _subnet_exists(self, subnet: str) -> bool:
        found = _SUBNET_ID.fullmatch(subnet)
        if found is None:
            return False
        with self._lock:
            network = self._networks.get(subnet.lower().partition("/subnets/")[0])
        return network is not None and _find(network, found["subnet"]) is not None

    def _list_all(self, request: Request) -> Reply:
        self._subscriptions.require(request)
        return Reply(body={"value": self.all()})

    def _list(self, request: Request) -> Reply:
        return Reply(body={"value": self.all(self._resource_groups.require(request).name)})

    def _get(self, request: Request) -> Reply:
        network = self._require(request)
        return Reply(body=network, headers={"ETag": network["etag"]})

    def _put(self, request: Request) -> Reply:
        home = self._resource_groups.require(request, writing=True)
        self._registrations.require(NAMESPACE)
        wanted = _network(request, home, settled(request.content(), _BODY))
        with self._lock:
            known = self._networks.get(wanted["id"].lower())
            self._save(wanted)
        shown = {**wanted, "properties": wanted["properties"] | {"provisioningState": "Updating"}}
        return Reply(status=201 if known is None else 200, body=shown, headers=self._poll(request, wanted))

    def _delete(self, request: Request) -> Reply:
        home = self._resource_groups.require(request)
        with self._lock:
            network = self._networks.get(_id(request, home).lower())
            if network is None:
                return Reply(status=204)
            self._forget(network)
        return Reply(status=202, headers=self._poll(request, network))

    def _list_subnets(self, request: Request) -> Reply:
        return Reply(body={"value": self._require(request)["properties"]["subnets"]})

    def _get_subnet(self, request: Request) -> Reply:
        subnet = _find(self._require(request), request.params["subnet"])
        if subnet is None:
            raise resource_missing(_TYPE, _subnet_path(request), request.params["group"])
        return Reply(body=subnet, headers={"ETag": subnet["etag"]})

    def _put_subnet(self, request: Request) -> Reply:
        with self._lock:
            network = self._require(request, writing=True)
            known = _find(network, request.params["subnet"])
            wanted = _subnet(network["id"], request.params["subnet"], settled(request.content(), _SUBNET_BODY))
            others = [one for one in network["properties"]["subnets"] if one is not known]
            self._save({**network, "properties": network["properties"] | {"subnets": [*others, wanted]}})
        shown = {**wanted, "properties": wanted["properties"] | {"provisioningState": "Updating"}}
        return Reply(status=201 if known is None else 200, body=shown, headers=self._poll(request, network))

    def _delete_subnet(self, request: Request) -> Reply:
        with self._lock:
            network = self._require(request, writing=True)
            known = _find(network, request.params["subnet"])
            if known is None:
                return Reply(status=204)
            others = [one for one in network["properties"]["subnets"] if one is not known]
            self._save({**network, "properties": network["properties"] | {"subnets": others}})
        return Reply(status=202, headers=self._poll(request, network))

    def _operation(self, request: Request) -> Reply:
        self._subscriptions.require(request)
        operation = self._machine.operations.find(request.params["operation"])
        done = operation.progress is not Progress.PENDING
        return Reply(body={"status": "Succeeded" if done else "InProgress"})

    def _require(self, request: Request, *, writing: bool = False) -> Json:
        home = self._resource_groups.require(request, writing=writing)
        with self._lock:
            network = self._networks.get(_id(request, home).lower())
        if network is None:
            raise resource_missing(_TYPE, request.params["network"], request.params["group"])
        return network

    def _poll(self, request: Request, network: Json) -> dict[str, str]:
        operation = self._machine.operations.begin(network["id"])
        operation.end()
        where = _OPERATION.format(
            subscription=request.params["subscription"], location=network["location"], operation=operation.id
        )
        return {"Azure-AsyncOperation": f"{request.base}{where}?api-version={request.api_version}"}

    def _save(self, network: Json) -> None:
        with self._lock:
            self._networks[network["id"].lower()] = network
            self._store.save(_KIND, network["id"].lower(), network)

    def _forget(self, network: Json) -> None:
        with self._lock:
            self._networks.pop(network["id"].lower(), None)
            self._store.remove(_KIND, network["id"].lower())


def _id(request: Request, home: ResourceGroup) -> str:
    return _ONE.format(subscription=request.params["subscription"], group=home.name, network=request.params["network"])


def _subnet_path(request: Request) -> str:
    return f"{request.params['network']}/subnets/{request.params['subnet']}"


def _find(network: Json, subnet: str) -> Json | None:
    subnets: list[Json] = network["properties"]["subnets"]
    return next((one for one in subnets if one["name"].lower() == subnet.lower()), None)


def _network(request: Request, home: ResourceGroup, body: Json) -> Json:
    given = body.get("properties") or {}
    where = _id(request, home)
    subnets = [_subnet(where, str(one.get("name", "")), one) for one in given.get("subnets") or []]
    properties: Json = {"provisioningState": "Succeeded", "resourceGuid": str(uuid.uuid4())}
    properties["addressSpace"] = given.get("addressSpace") or {"addressPrefixes": []}
    properties |= {"subnets": subnets, "virtualNetworkPeerings": [], "enableDdosProtection": False}
    told: Json = {"name": request.params["network"], "id": where, "etag": _etag(), "type": _TYPE}
    told["location"] = location_of(body, _TYPE, default=home.location)
    tags = tags_of(body)
    return told | ({} if tags is None else {"tags": tags}) | {"properties": properties}


def _subnet(network: str, name: str, body: Json) -> Json:
    given = body.get("properties") or {}
    where, etag = f"{network}/subnets/{name}", _etag()
    properties: dict[str, Any] = {"provisioningState": "Succeeded"}
    properties |= {key: given[key] for key in ("addressPrefix", "addressPrefixes") if key in given}
    properties["delegations"] = [_delegation(where, etag, one) for one in given.get("delegations") or []]
    properties |= {"privateEndpointNetworkPolicies": "Disabled", "privateLinkServiceNetworkPolicies": "Enabled"}
    return {"name": name, "id": where, "etag": etag, "properties": properties, "type": f"{_TYPE}/subnets"}


def _delegation(subnet: str, etag: str, given: Json) -> Json:
    service = (given.get("properties") or {}).get("serviceName", "")
    name = given.get("name") or service
    return {
        "name": name,
        "id": f"{subnet}/delegations/{name}",
        "etag": etag,
        "properties": {"provisioningState": "Succeeded", "serviceName": service, "actions": [_ACTION]},
        "type": f"{_TYPE}/subnets/delegations",
    }


def _etag() -> str:
    return f'W/"{uuid.uuid4()}"'
