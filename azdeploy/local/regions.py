"""Azure's public regions, and what ARM says of any other location."""

from __future__ import annotations

from azdeploy.local.wire import Json, Refusal

# Names as ARM tells them; the short form is the same in lower case without spaces.
REGIONS = (
    "Australia Central", "Australia Central 2", "Australia East", "Australia Southeast", "Austria East",
    "Belgium Central", "Brazil South", "Brazil Southeast", "Canada Central", "Canada East", "Central India",
    "Central US", "Central US EUAP", "Chile Central", "Denmark East", "East Asia", "East US", "East US 2",
    "East US 2 EUAP", "France Central", "France South", "Germany North", "Germany West Central", "Indonesia Central",
    "Israel Central", "Italy North", "Japan East", "Japan West", "Jio India Central", "Jio India West",
    "Korea Central", "Korea South", "Malaysia West", "Mexico Central", "New Zealand North", "North Central US",
    "North Europe", "Norway East", "Norway West", "Poland Central", "Qatar Central", "South Africa North",
    "South Africa West", "South Central US", "South India", "Southeast Asia", "Spain Central", "Sweden Central",
    "Sweden South", "Switzerland North", "Switzerland West", "UAE Central", "UAE North", "UK South", "UK West",
    "West Central US", "West Europe", "West India", "West US", "West US 2", "West US 3",
)  # fmt: skip


def short(name: str) -> str:
    """Return a location's name as it stands in ids and answers: ``westus`` for ``West US``."""
    return name.replace(" ", "").lower()


_SHORT = tuple(short(name) for name in REGIONS)


def location_of(body: Json, kind: str = "", *, default: str | None = None) -> str:
    """Return where a resource of that type is to be, in the short form; of no type is a resource group.

    Refusal 400 where the body does not say, or names what is no region of Azure.
    """
    given = body.get("location", default)
    if not isinstance(given, str) or not given.strip():
        raise Refusal(400, "LocationRequired", "The location property is required for this definition.")
    wanted = short(given)
    if wanted in _SHORT:
        return wanted
    regions = ",".join(_SHORT)
    if kind:
        told = f"The provided location '{wanted}' is not available for resource type '{kind}'."
        message = f"{told} List of available regions for the resource type is '{regions}'."
        raise Refusal(400, "LocationNotAvailableForResourceType", message)
    told = f"The provided location '{wanted}' is not available for resource group."
    raise Refusal(400, "LocationNotAvailableForResourceGroup", f"{told} List of available regions is '{regions}'.")
