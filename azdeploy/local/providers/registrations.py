"""Resource providers and whether the subscription is registered to use them."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from azdeploy.local.providers.subscriptions import SUBSCRIPTION, Subscriptions
from azdeploy.local.regions import REGIONS
from azdeploy.local.router import Route
from azdeploy.local.store import Store
from azdeploy.local.wire import FROM_GATEWAY, Json, Refusal, Reply, Request

_KIND = "registration"
_PROVIDER = f"{SUBSCRIPTION}/providers/{{namespace}}"
_NEWEST, _ACI_VERSIONS = "2024-11-01", ["2024-05-01-preview", "2023-05-01", "2022-09-01", "2021-10-01"]

# Resource types by provider, as far as this machine has them.
_TYPES = {
    "Microsoft.Authorization": {"roleAssignments": ["2022-04-01"]},
    "Microsoft.ContainerInstance": {
        "containerGroups": _ACI_VERSIONS,
        "locations": _ACI_VERSIONS,
        "locations/capabilities": _ACI_VERSIONS,
        "locations/cachedImages": _ACI_VERSIONS,
        "locations/operations": _ACI_VERSIONS,
        "locations/usages": _ACI_VERSIONS,
        "operations": _ACI_VERSIONS,
    },
    "Microsoft.Network": {
        "virtualNetworks": [_NEWEST, "2022-01-01"],
        "virtualNetworks/subnets": [_NEWEST, "2022-01-01"],
    },
    "Microsoft.Resources": {"resourceGroups": [_NEWEST, "2022-09-01"], "subscriptions": ["2022-12-01"]},
}
_BY_NAME = {namespace.lower(): namespace for namespace in _TYPES}


class Registrations:
    """The providers of this machine. All are registered at first; one may be unregistered, to see what happens."""

    def __init__(self, store: Store, subscriptions: Subscriptions) -> None:
        self._store = store
        self._subscriptions = subscriptions
        self._lock = threading.Lock()
        self._unregistered = set(store.all(_KIND))

    def routes(self) -> Sequence[Route]:
        """Return all paths that are about providers."""
        return (
            Route("GET", f"{SUBSCRIPTION}/providers", self._list),
            Route("GET", _PROVIDER, self._get),
            Route("POST", f"{_PROVIDER}/register", self._register),
            Route("POST", f"{_PROVIDER}/unregister", self._unregister),
        )

    def require(self, namespace: str) -> None:
        """Let a request pass whose provider the subscription may use; else Refusal 409."""
        if namespace.lower() in self._unregistered:
            message = (
                f"The subscription is not registered to use namespace '{namespace}'. See https://aka.ms/rps-not-found "
                "for how to register subscriptions."
            )
            details = [{"code": "MissingSubscriptionRegistration", "target": namespace, "message": message}]
            raise Refusal(409, "MissingSubscriptionRegistration", message, headers=FROM_GATEWAY, details=details)

    def _list(self, request: Request) -> Reply:
        self._subscriptions.require(request)
        return Reply(body={"value": [self._body(namespace) for namespace in sorted(_TYPES)]})

    def _get(self, request: Request) -> Reply:
        return Reply(body=self._body(self._find(request)))

    def _register(self, request: Request) -> Reply:
        namespace = self._find(request)
        with self._lock:
            self._unregistered.discard(namespace.lower())
            self._store.remove(_KIND, namespace.lower())
        return Reply(body=self._body(namespace))

    def _unregister(self, request: Request) -> Reply:
        namespace = self._find(request)
        with self._lock:
            self._unregistered.add(namespace.lower())
            self._store.save(_KIND, namespace.lower(), {})
        return Reply(body=self._body(namespace))

    def _find(self, request: Request) -> str:
        self._subscriptions.require(request)
        asked = request.params["namespace"]
        if found := _BY_NAME.get(asked.lower()):
            return found
        message = f"The resource namespace '{asked}' is invalid."
        raise Refusal(404, "InvalidResourceNamespace", message, headers=FROM_GATEWAY)

    def _body(self, namespace: str) -> Json:
        subscription = self._subscriptions.identity.subscription
        types = [
            {"resourceType": name, "locations": list(REGIONS), "apiVersions": versions, "capabilities": "None"}
            for name, versions in _TYPES[namespace].items()
        ]
        return {
            "id": f"/subscriptions/{subscription}/providers/{namespace}",
            "namespace": namespace,
            "resourceTypes": types,
            "registrationState": "NotRegistered" if namespace.lower() in self._unregistered else "Registered",
            "registrationPolicy": "RegistrationRequired",
        }
