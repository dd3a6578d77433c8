"""What Azure refuses about a group's ports, address and network.

Sources: https://learn.microsoft.com/azure/container-instances/container-instances-faq (reserved ports),
.../container-instances-virtual-network-concepts, .../container-instances-spot-containers-overview.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from azdeploy.definitions.container_group import (
    ContainerGroup,
    DnsNameLabelScope,
    IpAddress,
    IpAddressType,
    Port,
    Priority,
)
from azdeploy.definitions.naming import DNS_LABEL, is_literal, part
from azdeploy.errors import Problem

MOST_PORTS = 5
HIGHEST_PORT = 65535
# First and last of each range that the service keeps to itself.
_RESERVED = (
    (22, 22),
    (1025, 1027),
    (3389, 3399),
    (9999, 9999),
    (19000, 19000),
    (19080, 19080),
    (19100, 19100),
    (19390, 19390),
    (20000, 30000),
    (49152, 65534),
)
_SUBNET = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Network/virtualNetworks/[^/]+/subnets/[^/]+",
    re.IGNORECASE,
)


def port_problems(where: str, group: ContainerGroup) -> Iterator[Problem]:
    """Yield what is wrong with the ports of a group's containers."""
    for index, container in enumerate(group.containers):
        yield from _ports(part(where, "containers", container.name, index), container.ports)
    # The containers of a group share one network, so a port has one owner.
    owners = Counter(port for container in group.containers for port in dict.fromkeys(_keys(container.ports)))
    for (number, protocol), count in owners.items():
        if count > 1:
            hint = "Let one container listen on it, and the others on other ports."
            yield Problem(f"{where}.containers", f"{count} containers expose port {number} ({protocol}).", hint)


def _ports(where: str, ports: Sequence[Port]) -> Iterator[Problem]:
    for index, port in enumerate(ports):
        at = f"{where}.ports[{index}]"
        if not 1 <= port.port <= HIGHEST_PORT:
            yield Problem(at, f"{port.port} is not a port.", f"Use one from 1 to {HIGHEST_PORT}.")
        elif any(first <= port.port <= last for first, last in _RESERVED):
            yield Problem(at, f"port {port.port} is reserved by the service.", "Listen on another one.")
    for (number, protocol), count in Counter(_keys(ports)).items():
        if count > 1:
            yield Problem(f"{where}.ports", f"port {number} ({protocol}) is there {count} times.", "List it once.")


def _keys(ports: Sequence[Port]) -> list[tuple[int, str]]:
    return [(port.port, port.protocol.value) for port in ports]


def address_problems(where: str, group: ContainerGroup) -> Iterator[Problem]:
    """Yield what is wrong with the address of a group."""
    address = group.ip_address
    if address is None:
        return
    at = f"{where}.ip_address"
    yield from _address_ports(at, address, group)
    yield from _placement(at, address, group)
    yield from _label(at, address)
    if group.priority is Priority.SPOT:
        yield Problem(at, "a Spot group has no inbound ports.", "Leave the address out, or use priority Regular.")


def _address_ports(where: str, address: IpAddress, group: ContainerGroup) -> Iterator[Problem]:
    if not address.ports:
        yield Problem(f"{where}.ports", "the address has no port.", "List the ports to be reached on it.")
    if len(address.ports) > MOST_PORTS:
        hint = f"An address has at most {MOST_PORTS}; use several groups."
        yield Problem(f"{where}.ports", f"the address has {len(address.ports)} ports.", hint)
    yield from _ports(where, address.ports)
    exposed = {key for container in group.containers for key in _keys(container.ports)}
    for index, (number, protocol) in enumerate(_keys(address.ports)):
        if (number, protocol) not in exposed:
            hint = "Add it to the ports of the container that listens on it."
            yield Problem(f"{where}.ports[{index}]", f"no container exposes port {number} ({protocol}).", hint)


def _placement(where: str, address: IpAddress, group: ContainerGroup) -> Iterator[Problem]:
    match address.type:
        case IpAddressType.PUBLIC if group.subnet_ids:
            hint = "Use type Private, or leave the subnet out."
            yield Problem(f"{where}.type", "a group in a subnet has no public address.", hint)
        case IpAddressType.PRIVATE if not group.subnet_ids:
            hint = "Add subnet_ids, or use type Public."
            yield Problem(f"{where}.type", "a private address needs a subnet.", hint)
    if address.ip is not None and address.type is IpAddressType.PUBLIC:
        yield Problem(f"{where}.ip", "a public address cannot be chosen.", "Leave ip out; Azure assigns one.")


def _label(where: str, address: IpAddress) -> Iterator[Problem]:
    at = f"{where}.dns_name_label"
    if address.dns_name_label is not None:
        if is_literal(address.dns_name_label):
            yield from DNS_LABEL.problems(at, address.dns_name_label)
        if address.type is IpAddressType.PRIVATE:
            yield Problem(at, "a private address has no DNS name label.", "Leave the label out.")
    elif address.auto_generated_domain_name_label_scope is not DnsNameLabelScope.UNSECURE:
        scope = f"{where}.auto_generated_domain_name_label_scope"
        yield Problem(scope, "a scope without a DNS name label means nothing.", "Add the label, or leave it out.")


def network_problems(where: str, group: ContainerGroup) -> Iterator[Problem]:
    """Yield what is wrong with the subnet and the resolver settings of a group."""
    for index, subnet in enumerate(group.subnet_ids):
        if is_literal(subnet.id) and not _SUBNET.fullmatch(subnet.id):
            hint = "Use /subscriptions/.../virtualNetworks/NAME/subnets/NAME."
            yield Problem(f"{where}.subnet_ids[{index}].id", f"{subnet.id!r} is not the id of a subnet.", hint)
    if group.subnet_ids and group.priority is Priority.SPOT:
        hint = "Leave the subnet out, or use priority Regular."
        yield Problem(f"{where}.subnet_ids", "a Spot group cannot be in a subnet.", hint)
    if group.dns_config is not None and not group.dns_config.name_servers:
        yield Problem(f"{where}.dns_config.name_servers", "there is no name server.", "List at least one.")
