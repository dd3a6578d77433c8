"""A stack's container groups, and how they look: functions from ARM's JSON to rows, text and documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from azdeploy.cli.documents import table
from azdeploy.definitions.stack import STACK_TAG
from azdeploy.errors import NotFound

if TYPE_CHECKING:
    from azdeploy.arm.client import ArmTarget

Group = Mapping[str, Any]
_LAST_EVENTS = 3


def of_stack(name: str, target: ArmTarget) -> list[dict[str, Any]]:
    """Return a stack's groups as Azure describes them; NotFound where there are none."""
    found = target.find(name)
    if not found:
        hint = "'azdeploy aci list' shows what there is; add --local for this machine."
        raise NotFound(f"There is nothing of stack {name}.", hint=hint)
    return found


def groups_text(groups: Sequence[Group]) -> str:
    """Return a table of container groups, azdeploy's and others."""
    return table(
        ("NAME", "RESOURCE GROUP", "STACK", "PROVISIONING", "ADDRESS", "IMAGES"),
        [
            (
                group["name"],
                resource_group(group),
                stack(group),
                group["properties"].get("provisioningState", "-"),
                address(group),
                ", ".join(container["properties"]["image"] for container in group["properties"]["containers"]),
            )
            for group in groups
        ],
    )


def group_text(group: Group) -> str:
    """Return one container group for people: where it is, how it is, and each container with its last events."""
    properties = group["properties"]
    lines = [
        f"{group['name']}  {state(group)}",
        f"  resource group  {resource_group(group)}",
        f"  location        {group['location']}",
        f"  stack           {stack(group)}",
        f"  address         {address(group)}",
        f"  ports           {ports(group)}",
    ]
    for container in properties["containers"]:
        lines += _container_lines(container)
    return "\n".join(lines)


def _container_lines(container: Mapping[str, Any]) -> Iterator[str]:
    properties = container["properties"]
    yield f"  container {container['name']}  {container_state(container)}"
    yield f"    image       {properties['image']}"
    for variable in properties.get("environmentVariables") or ():
        yield f"    environment {variable['name']}={variable.get('value', '***')}"
    for event in (properties.get("instanceView") or {}).get("events", [])[-_LAST_EVENTS:]:
        yield f"    event       {event['lastTimestamp']}  {event['message']}{_times(event)}"


def status_text(groups: Sequence[Group]) -> str:
    """Return a row a container: state, address, restarts, and below it the last event of each."""
    rows = []
    for group in groups:
        for container in group["properties"]["containers"]:
            view = container["properties"].get("instanceView") or {}
            event = (view.get("events") or [None])[-1]
            rows.append(
                (
                    group["name"],
                    container["name"],
                    container_state(container) if view.get("currentState") else state(group),
                    address(group),
                    str(view.get("restartCount", "-")),
                    f"{event['message']}{_times(event)}" if event else "-",
                )
            )
    return table(("GROUP", "CONTAINER", "STATE", "ADDRESS", "RESTARTS", "LAST EVENT"), rows)


def status_document(group: Group) -> dict[str, Any]:
    """Return the status of one group for programs."""
    return {
        "name": group["name"],
        "resourceGroup": resource_group(group),
        "state": state(group),
        "address": None if address(group) == "-" else address(group),
        "ports": [port["port"] for port in (group["properties"].get("ipAddress") or {}).get("ports", [])],
        "containers": [_container_document(container) for container in group["properties"]["containers"]],
    }


def _container_document(container: Mapping[str, Any]) -> dict[str, Any]:
    view = container["properties"].get("instanceView") or {}
    current = view.get("currentState") or {}
    return {
        "name": container["name"],
        "image": container["properties"]["image"],
        "state": current.get("state"),
        "detail": current.get("detailStatus"),
        "exitCode": current.get("exitCode"),
        "restarts": view.get("restartCount"),
        "events": (view.get("events") or [])[-_LAST_EVENTS:],
    }


def state(group: Group) -> str:
    """Return the running state where there is one, else the provisioning state."""
    properties = group["properties"]
    return str((properties.get("instanceView") or {}).get("state") or properties.get("provisioningState", "-"))


def container_state(container: Mapping[str, Any]) -> str:
    """Return a container's state with what explains it: an exit code, a reason for waiting."""
    current = (container["properties"].get("instanceView") or {}).get("currentState") or {}
    detail = f"exit code {current['exitCode']}" if "exitCode" in current else current.get("detailStatus", "")
    return " ".join(part for part in (str(current.get("state", "-")), f"({detail})" if detail else "") if part)


def address(group: Group) -> str:
    """Return the FQDN where there is one, else the IP address."""
    found = group["properties"].get("ipAddress") or {}
    return str(found.get("fqdn") or found.get("ip") or "-")


def ports(group: Group) -> str:
    """Return the ports of the group's address, as in ``80/TCP, 53/UDP``."""
    found = (group["properties"].get("ipAddress") or {}).get("ports", [])
    return ", ".join(f"{port['port']}/{port.get('protocol', 'TCP')}" for port in found) or "-"


def resource_group(group: Group) -> str:
    """Return the resource group that a group's id names."""
    return str(group["id"]).split("/")[4]


def stack(group: Group) -> str:
    """Return the stack that a group belongs to."""
    return str((group.get("tags") or {}).get(STACK_TAG, "-"))


def _times(event: Mapping[str, Any]) -> str:
    return f" ({event['count']} times)" if event.get("count", 1) > 1 else ""
