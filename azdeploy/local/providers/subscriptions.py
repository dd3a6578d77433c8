"""Tenants, subscriptions and locations: this machine has one of the first two and all of Azure's public regions."""

from __future__ import annotations

from collections.abc import Sequence

from azdeploy.local.identity import Identity
from azdeploy.local.regions import REGIONS, short
from azdeploy.local.router import Route
from azdeploy.local.wire import FROM_GATEWAY, Json, Refusal, Reply, Request

SUBSCRIPTION = "/subscriptions/{subscription}"


class Subscriptions:
    """The one subscription of this machine, in its one tenant."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity

    def routes(self) -> Sequence[Route]:
        """Return all paths that are about tenants, subscriptions and locations."""
        return (
            Route("GET", "/tenants", self._tenants),
            Route("GET", "/subscriptions", self._list),
            Route("GET", SUBSCRIPTION, self._get),
            Route("GET", f"{SUBSCRIPTION}/locations", self._locations),
        )

    def require(self, request: Request) -> None:
        """Let a request pass that is about the one subscription; else Refusal 404."""
        asked = request.params["subscription"]
        if asked.lower() != self.identity.subscription:
            message = f"The subscription '{asked}' could not be found."
            raise Refusal(404, "SubscriptionNotFound", message, headers=FROM_GATEWAY)

    def _tenants(self, _request: Request) -> Reply:
        tenant = self.identity.tenant
        one = {"id": f"/tenants/{tenant}", "tenantId": tenant, "displayName": "This machine", "tenantCategory": "Home"}
        return Reply(body={"value": [one]})

    def _list(self, _request: Request) -> Reply:
        return Reply(body={"value": [self._body()], "count": {"type": "Total", "value": 1}})

    def _get(self, request: Request) -> Reply:
        self.require(request)
        return Reply(body=self._body())

    def _body(self) -> Json:
        subscription = self.identity.subscription
        return {
            "id": f"/subscriptions/{subscription}",
            "authorizationSource": "RoleBased",
            "managedByTenants": [],
            "subscriptionId": subscription,
            "tenantId": self.identity.tenant,
            "displayName": "Azure on this machine",
            "state": "Enabled",
            "subscriptionPolicies": {
                "locationPlacementId": "Public_2014-09-01",
                "quotaId": "PayAsYouGo_2014-09-01",
                "spendingLimit": "Off",
            },
        }

    def _locations(self, request: Request) -> Reply:
        self.require(request)
        scope = f"/subscriptions/{self.identity.subscription}/locations"
        return Reply(body={"value": [_location(scope, display) for display in REGIONS]})


def _location(scope: str, display: str) -> Json:
    name = short(display)
    return {
        "id": f"{scope}/{name}",
        "name": name,
        "type": "Region",
        "displayName": display,
        "regionalDisplayName": display,
        "metadata": {"regionType": "Physical", "regionCategory": "Recommended"},
    }
