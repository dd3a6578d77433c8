"""Small definitions, stacks and existing resources, for tests to which only a difference matters."""

from __future__ import annotations

from typing import Any

from azdeploy.definitions.container_group import Container, ContainerGroup, IpAddress, Port
from azdeploy.definitions.stack import STACK_TAG, Stack
from azdeploy.planning.plan import Existing, State

STACK = "demo"
SALT = b"0123456789abcdef"


def salt() -> bytes:
    return SALT


def group(
    name: str, *needs: str, image: str = "image:1", env: dict[str, Any] | None = None, **more: Any
) -> ContainerGroup:
    """Return a group with an address on port 80, told the addresses of those that it needs."""
    wired = {f"{one.upper()}_HOST": f"${{{one}.ip}}" for one in needs}
    container = Container(name=name, image=image, ports=[Port(port=80)], environment_variables={**wired, **(env or {})})
    more.setdefault("ip_address", IpAddress(ports=[Port(port=80)]))
    return ContainerGroup(name=name, containers=[container], **more)


def stack(*groups: ContainerGroup) -> Stack:
    return Stack(name=STACK, resources=groups)


def existing(definition: ContainerGroup, *, owner: str | None = STACK, ip: str = "10.1.1.1", **more: Any) -> Existing:
    """Return what a target reports of a group that a stack deployed."""
    tags = {**({STACK_TAG: owner} if owner else {}), **definition.tags}
    return Existing(
        definition=ContainerGroup(
            **{
                **{field: getattr(definition, field) for field in ContainerGroup.__dataclass_fields__},
                "tags": tags,
                "location": definition.location or "westus",
            }
        ),
        id=f"/subscriptions/test/{definition.name}",
        stack=owner,
        outputs=more.pop("outputs", {"ip": ip, "port": "80"}),
        state=more.pop("state", State.RUNNING),
    )
