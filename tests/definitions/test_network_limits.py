"""What Azure refuses about ports, addresses and subnets: each rule with an offender and its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from limit_cases import (
    SUBNET,
    Rule,
    check,
    container,
    group,
    label,
    ports,
    public,
)

from azdeploy.definitions.container_group import (
    ContainerGroup,
    DnsConfig,
    DnsNameLabelScope,
    IpAddress,
    IpAddressType,
    Priority,
    Protocol,
    SubnetId,
)

NETWORK_RULES: list[Rule] = [
    (
        "web.containers[web].ports[0]",
        "0 is not a port",
        group(container(ports=ports(0))),
        [group(container(ports=ports(1)))],
    ),
    (
        "web.containers[web].ports[1]",
        "65536 is not a port",
        group(container(ports=ports(80, 65536))),
        [group(container(ports=ports(65535)))],
    ),
    *(
        (
            "web.containers[web].ports[0]",
            f"port {number} is reserved",
            group(container(ports=ports(number))),
            [group(container(ports=ports(number + step)))],
        )
        for number, step in [
            (22, 1),
            (1025, -1),
            (1027, 1),
            (3389, -1),
            (3399, 1),
            (9999, 1),
            (19000, 1),
            (19080, 1),
            (19100, 1),
            (19390, 1),
            (20000, -1),
            (30000, 1),
            (49152, -1),
            (65534, 1),
        ]
    ),
    (
        "web.containers[web].ports",
        "port 80 (TCP) is there 2 times",
        group(container(ports=ports(80, 80))),
        [group(container(ports=[*ports(53), *ports(53, protocol=Protocol.UDP)]))],
    ),
    (
        "web.containers",
        "2 containers expose port 80 (TCP)",
        group(container("a", ports=ports(80)), container("b", ports=ports(80))),
        [group(container("a", ports=ports(80)), container("b", ports=ports(81)))],
    ),
    ("web.ip_address.ports", "has no port", group(ip_address=IpAddress(ports=[])), [public(80)]),
    ("web.ip_address.ports", "has 6 ports", public(1, 2, 3, 4, 5, 6), [public(1, 2, 3, 4, 5)]),
    (
        "web.ip_address.ports[1]",
        "no container exposes port 81 (TCP)",
        group(container(ports=ports(80)), ip_address=IpAddress(ports=ports(80, 81))),
        [],
    ),
    (
        "web.ip_address.ports[0]",
        "no container exposes port 80 (UDP)",
        group(container(ports=ports(80)), ip_address=IpAddress(ports=ports(80, protocol=Protocol.UDP))),
        [],
    ),
    (
        "web.ip_address.ports",
        "is there 2 times",
        group(container(ports=ports(80)), ip_address=IpAddress(ports=ports(80, 80))),
        [],
    ),
    (
        "web.ip_address.type",
        "in a subnet has no public address",
        replace(public(80), subnet_ids=[SUBNET]),
        [replace(public(80, type=IpAddressType.PRIVATE), subnet_ids=[SUBNET])],
    ),
    ("web.ip_address.type", "a private address needs a subnet", public(80, type=IpAddressType.PRIVATE), []),
    (
        "web.ip_address.ip",
        "cannot be chosen",
        public(80, ip="20.1.2.3"),
        [replace(public(80, type=IpAddressType.PRIVATE, ip="10.0.0.4"), subnet_ids=[SUBNET])],
    ),
    (
        "web.ip_address.dns_name_label",
        "'four' is not a valid DNS name label",
        public(80, dns_name_label="four"),
        [public(80, dns_name_label="Fives")],
    ),
    (
        "web.ip_address.dns_name_label",
        "'-label'",
        public(80, dns_name_label="-label"),
        [public(80, dns_name_label="${other.port}")],
    ),
    (
        "web.ip_address.dns_name_label",
        "a private address has no DNS name label",
        replace(public(80, type=IpAddressType.PRIVATE, dns_name_label="label"), subnet_ids=[SUBNET]),
        [],
    ),
    (
        "web.ip_address.auto_generated_domain_name_label_scope",
        "means nothing",
        public(80, auto_generated_domain_name_label_scope=DnsNameLabelScope.TENANT_REUSE),
        [public(80, auto_generated_domain_name_label_scope=DnsNameLabelScope.TENANT_REUSE, dns_name_label="label")],
    ),
    (
        "web.ip_address",
        "a Spot group has no inbound ports",
        replace(public(80), priority=Priority.SPOT),
        [group(container(ports=ports(80)), priority=Priority.SPOT)],
    ),
    (
        "web.subnet_ids",
        "a Spot group cannot be in a subnet",
        group(subnet_ids=[SUBNET], priority=Priority.SPOT),
        [group(subnet_ids=[SUBNET])],
    ),
    (
        "web.subnet_ids[0].id",
        "'default' is not the id of a subnet",
        group(subnet_ids=[SubnetId(id="default")]),
        [group(subnet_ids=[SubnetId(id="${net.id}")])],
    ),
    (
        "web.dns_config.name_servers",
        "no name server",
        group(dns_config=DnsConfig(name_servers=[])),
        [group(dns_config=DnsConfig(name_servers=["1.1.1.1"]))],
    ),
]


@pytest.mark.parametrize(("where", "what", "offender", "neighbours"), NETWORK_RULES, ids=label)
def test_each_rule_refuses_its_offender_and_lets_its_neighbours_pass(
    where: str, what: str, offender: ContainerGroup, neighbours: Sequence[ContainerGroup]
) -> None:
    check(where, what, offender, neighbours)
