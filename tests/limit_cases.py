"""Small groups that a rule refuses or lets pass, and the check of both: what the tests of the limits are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from full_group import IDENTITY

from azdeploy.definitions.container_group import (
    Container,
    ContainerGroup,
    Exec,
    Extension,
    Identity,
    IdentityType,
    ImageRegistryCredential,
    InitContainer,
    IpAddress,
    Port,
    Probe,
    Protocol,
    ResourceLimits,
    ResourceRequests,
    Resources,
    SubnetId,
    Volume,
    VolumeMount,
)
from azdeploy.definitions.limits import group_problems
from azdeploy.definitions.secret import Secret

SUBNET = SubnetId(id="/subscriptions/s/resourcegroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/default")
INIT = InitContainer(name="init", image="busybox")
SCRATCH = Volume(name="scratch", empty_dir=True)
DIGITS = [f"c{number}" for number in range(61)]


def container(name: str = "web", **properties: Any) -> Container:
    return Container(name=name, **{"image": "nginx"} | properties)


def group(*containers: Container, **properties: Any) -> ContainerGroup:
    return ContainerGroup(**{"name": "web", "containers": containers or [container()]} | properties)


def ports(*numbers: int, protocol: Protocol = Protocol.TCP) -> list[Port]:
    return [Port(port=number, protocol=protocol) for number in numbers]


def public(*numbers: int, **properties: Any) -> ContainerGroup:
    """Return a group whose container and address have these ports; ``properties`` are the address's."""
    return group(container(ports=ports(*numbers)), ip_address=IpAddress(ports=ports(*numbers), **properties))


def sized(cores: float, memory: float, **limits: float) -> Resources:
    return Resources(
        requests=ResourceRequests(cpu=cores, memory_in_gb=memory), limits=ResourceLimits(**limits) if limits else None
    )


def mounting(*paths: str, name: str = "scratch") -> ContainerGroup:
    mounts = [VolumeMount(name=name, mount_path=path) for path in paths]
    return group(container(volume_mounts=mounts), volumes=[SCRATCH])


def with_volume(name: str = "share", **kinds: Any) -> ContainerGroup:
    return group(volumes=[Volume(name=name, **kinds)])


def probed(**probe: Any) -> ContainerGroup:
    return group(container(liveness_probe=Probe(**probe)))


def pulling(*credentials: ImageRegistryCredential, **properties: Any) -> ContainerGroup:
    return group(container("a"), container("b"), image_registry_credentials=credentials, **properties)


def credential(server: str = "registry.example", **ways: Any) -> ImageRegistryCredential:
    return ImageRegistryCredential(server=server, **ways or {"username": "u", "password": Secret("p")})


def variables(*names: str) -> ContainerGroup:
    return group(container(environment_variables=dict.fromkeys(names, "x")))


def protected(text: str) -> Extension:
    return Extension(name="e", extension_type="t", version="1", protected_settings=Secret(text))


PLAIN = Extension(name="plain", extension_type="t", version="1")
EXEC = Exec(command=["true"])
BY_ID = credential(identity=IDENTITY)
BY_USER = Identity(type=IdentityType.USER_ASSIGNED, user_assigned_identities=[IDENTITY.upper()])
SYSTEM = Identity(type=IdentityType.SYSTEM_ASSIGNED)

# where, part of what is said, the offender, its valid neighbours
Rule = tuple[str, str, ContainerGroup, Sequence[ContainerGroup]]


def label(value: object) -> str:
    """Name a case by its texts."""
    return value if isinstance(value, str) else ""


def check(where: str, what: str, offender: ContainerGroup, neighbours: Sequence[ContainerGroup]) -> None:
    """Assert that the offender has just one such problem, with a hint, and that its neighbours have none at all."""
    found = [problem for problem in group_problems(offender) if problem.where == where and what in str(problem)]
    assert len(found) == 1, [str(problem) for problem in group_problems(offender)]
    assert found[0].what.endswith(".")
    assert found[0].hint
    for neighbour in neighbours:
        assert [str(problem) for problem in group_problems(neighbour)] == []
