"""What Azure refuses about the containers and volumes of a group.

Sources: https://learn.microsoft.com/azure/container-instances/container-instances-resource-and-quota-limits (numbers),
.../container-instances-container-groups (requests and limits), .../container-instances-troubleshooting (names).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from collections.abc import Iterator
from math import isfinite

from azdeploy.definitions.container_group import (
    AzureFile,
    Container,
    ContainerGroup,
    GitRepo,
    InitContainer,
    OsType,
    Priority,
    Probe,
    Resources,
    Sku,
    Volume,
)
from azdeploy.definitions.naming import CONTAINER, VARIABLE, VOLUME, duplicates, is_literal, part
from azdeploy.definitions.network_limits import HIGHEST_PORT
from azdeploy.errors import Problem

MOST_CONTAINERS = 60
MOST_VOLUMES = 20
# CPU cores and GB of memory of a whole group.
_LEAST = (1.0, 1.0)
_MOST = (31.0, 240.0)
_MOST_CONFIDENTIAL = (31.0, 180.0)
_MOST_SPOT = (4.0, 16.0)
_PRECISION = 6  # digits; sums of tenths are not exact


def container_problems(where: str, group: ContainerGroup) -> Iterator[Problem]:
    """Yield what is wrong with the containers of a group."""
    members: tuple[Container | InitContainer, ...] = (*group.init_containers, *group.containers)
    if not group.containers:
        yield Problem(f"{where}.containers", "there is no container.", "A group needs at least one.")
    if len(members) > MOST_CONTAINERS:
        hint = f"A group holds at most {MOST_CONTAINERS}; use several groups."
        yield Problem(f"{where}.containers", f"there are {len(members)} containers.", hint)
    yield from duplicates(f"{where}.containers", (member.name for member in members), "containers")
    volumes = frozenset(volume.name for volume in group.volumes)
    for index, init in enumerate(group.init_containers):
        yield from _member(part(where, "init_containers", init.name, index), init, volumes)
    for index, container in enumerate(group.containers):
        at = part(where, "containers", container.name, index)
        yield from _member(at, container, volumes)
        yield from _probe(f"{at}.liveness_probe", container.liveness_probe)
        yield from _probe(f"{at}.readiness_probe", container.readiness_probe)


def _member(where: str, container: Container | InitContainer, volumes: frozenset[str]) -> Iterator[Problem]:
    yield from CONTAINER.problems(f"{where}.name", container.name)
    image = str(container.image or "")
    if not image or re.search(r"\s", image):
        yield Problem(f"{where}.image", f"{image!r} is not an image.", "Name one, such as nginx:1.27.")
    for name in container.environment_variables:
        yield from VARIABLE.problems(f"{where}.environment_variables[{name}]", name)
    yield from _mounts(where, container, volumes)


def _mounts(where: str, container: Container | InitContainer, volumes: frozenset[str]) -> Iterator[Problem]:
    for index, mount in enumerate(container.volume_mounts):
        at = part(where, "volume_mounts", mount.name, index)
        if mount.name not in volumes:
            yield Problem(at, f"the group has no volume {mount.name!r}.", "Add it to the group's volumes.")
        if not mount.mount_path or ":" in mount.mount_path:
            hint = "Use the path of a folder in the container, without a colon."
            yield Problem(f"{at}.mount_path", f"{mount.mount_path!r} is not a path to mount on.", hint)
    for path, count in Counter(mount.mount_path for mount in container.volume_mounts).items():
        if count > 1:
            hint = "Give each volume its own path."
            yield Problem(f"{where}.volume_mounts", f"{count} volumes are mounted on {path!r}.", hint)


def _probe(where: str, probe: Probe | None) -> Iterator[Problem]:
    if probe is None:
        return
    if (probe.exec is None) == (probe.http_get is None):
        yield Problem(where, "a probe is just one of exec and http_get.", "Set one of the two.")
    if probe.exec is not None and not probe.exec.command:
        yield Problem(f"{where}.exec.command", "there is no command.", "Name the program to run.")
    if probe.http_get is not None and not 1 <= probe.http_get.port <= HIGHEST_PORT:
        hint = f"Use one from 1 to {HIGHEST_PORT}."
        yield Problem(f"{where}.http_get.port", f"{probe.http_get.port} is not a port.", hint)
    yield from _probe_times(where, probe)


def _probe_times(where: str, probe: Probe) -> Iterator[Problem]:
    least = {
        "initial_delay_seconds": (probe.initial_delay_seconds, 0),
        "period_seconds": (probe.period_seconds, 1),
        "failure_threshold": (probe.failure_threshold, 1),
        "success_threshold": (probe.success_threshold, 1),
        "timeout_seconds": (probe.timeout_seconds, 1),
    }
    for name, (value, lowest) in least.items():
        if value is not None and value < lowest:
            yield Problem(f"{where}.{name}", f"{value} is too low.", f"Use at least {lowest}.")


def resource_problems(where: str, group: ContainerGroup) -> Iterator[Problem]:
    """Yield what is wrong with the CPU and memory that a group asks for."""
    cpu = _sum(container.resources.requests.cpu for container in group.containers)
    memory = _sum(container.resources.requests.memory_in_gb for container in group.containers)
    for index, container in enumerate(group.containers):
        at = part(where, "containers", container.name, index) + ".resources"
        yield from _positive(at, container.resources)
        yield from _within(at, container.resources, cpu, memory)
    if group.containers:
        yield from _total(where, group, cpu, memory)


def _sum(numbers: Iterator[float]) -> float:
    return round(sum(numbers), _PRECISION)


def _positive(where: str, resources: Resources) -> Iterator[Problem]:
    for name, value in (("cpu", resources.requests.cpu), ("memory_in_gb", resources.requests.memory_in_gb)):
        if not isfinite(value) or value <= 0:
            yield Problem(f"{where}.requests.{name}", f"{value:g} is not an amount.", "Use a number above 0.")
    limits = resources.limits
    if resources.requests.gpu is not None or (limits is not None and limits.gpu is not None):
        # https://learn.microsoft.com/azure/container-instances/container-instances-gpu: retired on 2025-07-14
        yield Problem(where, "Azure Container Instances has no GPUs any more.", "Leave gpu out, or use a cluster.")


def _within(where: str, resources: Resources, cpu: float, memory: float) -> Iterator[Problem]:
    requests, limits = resources.requests, resources.limits
    if limits is None:
        return
    amounts = (
        ("cpu", limits.cpu, requests.cpu, cpu),
        ("memory_in_gb", limits.memory_in_gb, requests.memory_in_gb, memory),
    )
    for name, limit, request, total in amounts:
        if limit is not None and not request <= limit <= max(request, total):
            hint = f"Use at least what the container requests ({request:g}) and at most the group's total ({total:g})."
            yield Problem(f"{where}.limits.{name}", f"the limit {limit:g} cannot be kept.", hint)


def _total(where: str, group: ContainerGroup, cpu: float, memory: float) -> Iterator[Problem]:
    most = _most(group)
    amounts = (("CPU", cpu, "cores", _LEAST[0], most[0]), ("memory", memory, "GB", _LEAST[1], most[1]))
    for name, value, unit, lowest, highest in amounts:
        if not lowest <= value <= highest:
            hint = f"Use {lowest:g} to {highest:g} {unit} for a {_kind(group)} group in all."
            yield Problem(where, f"its containers request {value:g} {unit} of {name} together.", hint)


def _most(group: ContainerGroup) -> tuple[float, float]:
    if group.priority is Priority.SPOT:
        return _MOST_SPOT
    return _MOST_CONFIDENTIAL if group.sku is Sku.CONFIDENTIAL else _MOST


def _kind(group: ContainerGroup) -> str:
    if group.priority is Priority.SPOT:
        return "Spot"
    return "confidential" if group.sku is Sku.CONFIDENTIAL else "standard"


def volume_problems(where: str, group: ContainerGroup) -> Iterator[Problem]:
    """Yield what is wrong with the volumes of a group."""
    if len(group.volumes) > MOST_VOLUMES:
        hint = f"A group holds at most {MOST_VOLUMES}."
        yield Problem(f"{where}.volumes", f"there are {len(group.volumes)} volumes.", hint)
    yield from duplicates(f"{where}.volumes", (volume.name for volume in group.volumes), "volumes")
    for index, volume in enumerate(group.volumes):
        yield from _volume(part(where, "volumes", volume.name, index), volume)


def _volume(where: str, volume: Volume) -> Iterator[Problem]:
    yield from VOLUME.problems(f"{where}.name", volume.name)
    kinds = (volume.azure_file is not None, volume.empty_dir, volume.secret is not None, volume.git_repo is not None)
    if sum(kinds) != 1:
        hint = "Set just one of azure_file, empty_dir, secret and git_repo."
        yield Problem(where, f"a volume has one kind, not {sum(kinds)}.", hint)
    yield from _secret_files(where, volume)
    yield from _azure_file(f"{where}.azure_file", volume.azure_file)
    yield from _git_repo(f"{where}.git_repo", volume.git_repo)


def _secret_files(where: str, volume: Volume) -> Iterator[Problem]:
    for name, secret in (volume.secret or {}).items():
        if is_literal(secret.reveal()) and not _is_base64(secret.reveal()):
            yield Problem(f"{where}.secret[{name}]", "the content is not base64.", "Encode it with base64.")


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _azure_file(where: str, share: AzureFile | None) -> Iterator[Problem]:
    if share is None:
        return
    for name, value in (("share_name", share.share_name), ("storage_account_name", share.storage_account_name)):
        if not value:
            yield Problem(f"{where}.{name}", "is empty.", "Name the share and its storage account.")


def _git_repo(where: str, repo: GitRepo | None) -> Iterator[Problem]:
    if repo is None:
        return
    if not repo.repository:
        yield Problem(f"{where}.repository", "is empty.", "Give the repository's URL.")
    if ".." in (repo.directory or ""):
        yield Problem(f"{where}.directory", f"{repo.directory!r} leaves the volume.", "Leave out the '..'.")


def windows_problems(where: str, group: ContainerGroup) -> Iterator[Problem]:
    """Yield what a Windows group asks for that only Linux groups can have.

    Source: https://learn.microsoft.com/azure/container-instances/container-instances-container-groups
    """
    if group.os_type is not OsType.WINDOWS:
        return
    if len(group.containers) > 1:
        hint = "Use one group for each, or Linux."
        yield Problem(f"{where}.containers", "a Windows group has just one container.", hint)
    if group.init_containers:
        yield Problem(f"{where}.init_containers", "a Windows group has no init containers.", "Leave them out.")
    if group.volumes:
        yield Problem(f"{where}.volumes", "a Windows group has no volumes.", "Leave them out, or use Linux.")
    if group.sku is Sku.CONFIDENTIAL:
        yield Problem(f"{where}.sku", "a Windows group cannot be confidential.", "Use another SKU, or Linux.")
