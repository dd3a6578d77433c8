"""What Azure refuses about a container group before it does anything: its codes and, where they are known, its words.

The codes of the words that were never seen together with one are named by analogy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from azdeploy.local.wire import Json, Refusal

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])", re.IGNORECASE)
_LONGEST_NAME = 63
_LABEL_LENGTH = range(5, 64)
_ADDRESS_PORTS = 5
_LAST_PORT = 65535

# What no update changes, with what Azure takes where nothing is said.
_FIXED = {"osType": "Linux", "restartPolicy": "Always", "sku": "Standard", "priority": "Regular"}

Fault = tuple[str, str]


def check(name: str, body: Json) -> None:
    """Let a canonical body pass that Azure would take; else Refusal 400, MultipleErrorsOccurred for several faults."""
    properties = body.get("properties", {})
    faults = [fault for rule in _RULES for fault in rule(name, properties)]
    match faults:
        case []:
            return
        case [(code, message)]:
            raise Refusal(400, code, message)
        case _:
            details = [{"code": code, "message": message} for code, message in faults]
            told = "Multiple error occurred: " + " ".join(message for _, message in faults)
            raise Refusal(400, "MultipleErrorsOccurred", told, details=details)


def check_update(name: str, before: Json, after: Json) -> None:
    """Let an update pass that Azure does in place; Refusal 400 for what needs a deletion first."""
    if _fixed(before) == _fixed(after) and not _resized(before, after):
        return
    message = (
        f"The updates on container group '{name}' are invalid. If you are going to update the os type, restart policy, "
        "network profile, CPU, memory or GPU resources for a container group, you must delete it first and then create "
        "a new one."
    )
    raise Refusal(400, "InvalidContainerGroupUpdate", message)


def _fixed(body: Json) -> Any:
    properties = body["properties"]
    subnets = [subnet["id"].lower() for subnet in properties.get("subnetIds", [])]
    named = [properties.get(name, default) for name, default in _FIXED.items()]
    return named, subnets, body.get("zones") or [], body.get("location")


def _resized(before: Json, after: Json) -> bool:
    """Tell whether a container that stays gets other resources; one that comes or goes is an update in place."""
    old, new = _resources(before), _resources(after)
    return any(old[name] != new[name] for name in old.keys() & new.keys())


def _resources(body: Json) -> dict[str, Any]:
    return {name: inside.get("resources") for name, inside in _containers(body["properties"])}


def _containers(properties: Json) -> Iterator[tuple[str, Json]]:
    for one in (*properties.get("initContainers", []), *properties.get("containers", [])):
        yield one.get("name", ""), one.get("properties", {})


def _group_name(name: str, _properties: Json) -> Iterator[Fault]:
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        rule = f"no more than {_LONGEST_NAME} characters and must match the regex '{_NAME.pattern}' (e.g. 'my-name')"
        yield "InvalidContainerGroupName", f"The container group name '{name}' is invalid. It must contain {rule}."


def _os_type(_name: str, properties: Json) -> Iterator[Fault]:
    if properties.get("osType") not in ("Windows", "Linux"):
        message = "The 'osType' for container group '<null>' is invalid. The value must be one of 'Windows,Linux'."
        yield "InvalidOsType", message


def _restart_policy(name: str, properties: Json) -> Iterator[Fault]:
    policy = properties.get("restartPolicy", "Always")
    if policy not in ("Always", "OnFailure", "Never"):
        values = "The value must be one of 'Always,OnFailure,Never'."
        yield (
            "InvalidRestartPolicy",
            f"The 'restartPolicy' '{policy}' for container group '{name}' is invalid. {values}",
        )


def _some_containers(name: str, properties: Json) -> Iterator[Fault]:
    names = [one for one, _ in _containers(properties)]
    if not properties.get("containers"):
        yield "MissingContainers", f"The containers in container group '{name}' are not specified."
    for twice in sorted({one for one in names if names.count(one) > 1}):
        yield "DuplicateContainerName", f"The container name '{twice}' is used twice in container group '{name}'."


def _container_names(name: str, properties: Json) -> Iterator[Fault]:
    for container, _ in _containers(properties):
        if not _NAME.fullmatch(container) or len(container) > _LONGEST_NAME:
            rule = (
                f"must contain no more than {_LONGEST_NAME} characters and must match the regex '{_NAME.pattern}' "
                "(e.g. 'my-name')"
            )
            told = (
                f"The container name '{container}' in container group '{name}' is invalid. The container name {rule}."
            )
            yield "InvalidContainerName", told


def _images(name: str, properties: Json) -> Iterator[Fault]:
    for container, inside in _containers(properties):
        if not inside.get("image", "").strip():
            message = f"The image in container '{container}' of container group '{name}' is not specified."
            yield "InvalidContainerImage", message


def _requests(name: str, properties: Json) -> Iterator[Fault]:
    for one in properties.get("containers", []):
        requests = one.get("properties", {}).get("resources", {}).get("requests", {})
        if requests.get("cpu", 0) <= 0 or requests.get("memoryInGB", 0) <= 0:
            message = (
                f"The resource requests are not specified in container '{one.get('name', '')}' of contain group "
                f"'{name}'. Both memory and CPU requests are required since API version '2017-07-01-preview'."
            )
            yield "ResourceRequestsNotSpecified", message


def _variables(name: str, properties: Json) -> Iterator[Fault]:
    for container, inside in _containers(properties):
        for variable in inside.get("environmentVariables", []):
            if not _VARIABLE.fullmatch(variable.get("name", "")):
                message = (
                    f"The environment variable name in container '{container}' of container group '{name}' is invalid. "
                    "A valid environment variable name must start with alphabetic character or '_', followed by a "
                    "string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName')."
                )
                yield "InvalidContainerEnvironmentVariable", message


def _address(name: str, properties: Json) -> Iterator[Fault]:
    address = properties.get("ipAddress")
    if address is None:
        return
    ports = address.get("ports", [])
    if not ports:
        message = f"The ports in the 'ipAddress' of container group '{name}' cannot be empty"
        yield "MissingIpAddressPorts", message
    if len(ports) > _ADDRESS_PORTS:
        message = (
            f"The 'ipAddress' of container group '{name}' has {len(ports)} ports; at most {_ADDRESS_PORTS} can be."
        )
        yield "TooManyIpAddressPorts", message
    if address.get("type") == "Private" and not properties.get("subnetIds"):
        message = (
            f"IP Address type in container group '{name}' is invalid. Private IP address is only supported when "
            "network profile is defined."
        )
        yield "PrivateIPAddressNotSupported", message
    if address.get("type", "Public") == "Public" and properties.get("subnetIds"):
        message = (
            f"IP Address type in container group '{name}' is invalid. A group in a subnet has no public IP address."
        )
        yield "PublicIPAddressNotSupported", message


def _ports(name: str, properties: Json) -> Iterator[Fault]:
    listed = [(one, port) for one, inside in _containers(properties) for port in inside.get("ports", [])]
    listed += [("", port) for port in properties.get("ipAddress", {}).get("ports", [])]
    for port in (port.get("port") for _, port in listed):
        if port is None or not 1 <= port <= _LAST_PORT:
            message = f"The port '{port}' in container group '{name}' is invalid. It must be from 1 to {_LAST_PORT}."
            yield "InvalidPort", message
    numbers = [(port.get("protocol", "TCP"), port.get("port")) for one, port in listed if one]
    for protocol, number in sorted({pair for pair in numbers if numbers.count(pair) > 1}, key=str):
        message = f"The port '{number}' ({protocol}) is exposed by two containers of container group '{name}'."
        yield "DuplicateContainerPort", message


def _label(name: str, properties: Json) -> Iterator[Fault]:
    label = properties.get("ipAddress", {}).get("dnsNameLabel")
    if label is None or (_LABEL.fullmatch(label) and len(label) in _LABEL_LENGTH):
        return
    message = (
        f"The DNS name label '{label}' in container group '{name}' is invalid. It can contain only lowercase letters, "
        "numbers and hyphens. The first character must be a letter. The last character must be a letter or number. "
        "The value must be between 5 and 63 characters long."
    )
    yield "InvalidDnsNameLabel", message


def _spot(name: str, properties: Json) -> Iterator[Fault]:
    if properties.get("priority") == "Spot" and "ipAddress" in properties:
        message = (
            f"The Spot container group '{name}' does not support inbound connectivity; it can have no 'ipAddress'."
        )
        yield "SpotPriorityContainerGroupNotSupportedForInboundConnectivity", message


def _windows(name: str, properties: Json) -> Iterator[Fault]:
    containers = list(_containers(properties))
    if properties.get("osType") == "Windows" and len(containers) > 1:
        message = f"The Windows container group '{name}' has {len(containers)} containers; it can have one only."
        yield "MultipleContainersNotSupported", message


def _credentials(name: str, properties: Json) -> Iterator[Fault]:
    if len(properties.get("imageRegistryCredentials", [])) > len(list(_containers(properties))):
        message = f"More image registry credentials provided than containers in container group '{name}'."
        yield "MoreImageRegistryCredentialsThanContainers", message


def _mounts(name: str, properties: Json) -> Iterator[Fault]:
    volumes = {volume.get("name") for volume in properties.get("volumes", [])}
    for container, inside in _containers(properties):
        for mount in inside.get("volumeMounts", []):
            if mount.get("name") not in volumes:
                told = f"The volume '{mount.get('name')}' of container '{container}' in container group '{name}'"
                yield "VolumeNotFound", f"{told} is not among the group's volumes."


_RULES: tuple[Callable[[str, Json], Iterator[Fault]], ...] = (
    _group_name,
    _os_type,
    _restart_policy,
    _some_containers,
    _container_names,
    _images,
    _requests,
    _variables,
    _address,
    _ports,
    _label,
    _spot,
    _windows,
    _credentials,
    _mounts,
)
