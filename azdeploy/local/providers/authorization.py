"""Microsoft.Authorization, as far as clients ask for it on the way: nobody but the user has a role here."""

from __future__ import annotations

from collections.abc import Sequence

from azdeploy.local.router import Route
from azdeploy.local.wire import Reply, Request

_ASSIGNMENTS = "providers/Microsoft.Authorization/roleAssignments"
_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}"
_NETWORK = f"{_GROUP}/providers/Microsoft.Network/virtualNetworks/{{network}}"


def routes() -> Sequence[Route]:
    """Return the lists of role assignments at the scopes that clients ask about; all are empty."""
    scopes = ("/subscriptions/{subscription}", _GROUP, f"{_NETWORK}", f"{_NETWORK}/subnets/{{subnet}}")
    return tuple(Route("GET", f"{scope}/{_ASSIGNMENTS}", _none) for scope in scopes)


def _none(_request: Request) -> Reply:
    return Reply(body={"value": []})
