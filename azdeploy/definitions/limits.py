"""What Azure would refuse, said before anything is sent: all of it at once, with where it is and what to do.

The rules about one group are those of the service, so Azure on this machine refuses by them too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from azdeploy.definitions.container_group import (
    ContainerGroup,
    Extension,
    IdentityType,
    ImageRegistryCredential,
)
from azdeploy.definitions.container_limits import (
    container_problems,
    resource_problems,
    volume_problems,
    windows_problems,
)
from azdeploy.definitions.naming import GROUP, LOCATION, STACK, duplicates, is_literal, part
from azdeploy.definitions.network_limits import address_problems, network_problems, port_problems
from azdeploy.definitions.output import Output, references
from azdeploy.definitions.record import located
from azdeploy.definitions.stack import OUR_TAGS, Stack
from azdeploy.errors import Problem

# https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources
_MOST_TAGS = 50
_LONGEST_TAG = 512
_LONGEST_TAG_VALUE = 256
_NOT_IN_TAGS = frozenset("<>%&\\?/")


def problems(stack: Stack) -> tuple[Problem, ...]:
    """Return everything that Azure would refuse about a stack, and every reference that leads nowhere."""
    return tuple(_stack_problems(stack))


def group_problems(group: ContainerGroup) -> tuple[Problem, ...]:
    """Return everything that Azure would refuse about a container group, whatever else there is."""
    where = group.name or "container group"
    return (
        *GROUP.problems(f"{where}.name", group.name),
        *container_problems(where, group),
        *resource_problems(where, group),
        *volume_problems(where, group),
        *windows_problems(where, group),
        *port_problems(where, group),
        *address_problems(where, group),
        *network_problems(where, group),
        *_registry_problems(where, group),
        *_identity_problems(where, group),
        *_extension_problems(where, group),
        *_place_problems(where, group),
    )


def _stack_problems(stack: Stack) -> Iterator[Problem]:
    yield from STACK.problems("stack.name", stack.name)
    yield from LOCATION.problems("stack.location", stack.location)
    yield from duplicates("stack.resources", (resource.name for resource in stack.resources), "resources")
    known = {resource.name: resource for resource in stack.resources}
    for resource in stack.resources:
        yield from group_problems(resource)
        for where, text in located(resource, resource.name):
            for output in references(text):
                yield from _reference_problems(where, resource.name, output, known)


def _reference_problems(
    where: str, user: str, output: Output, known: Mapping[str, ContainerGroup]
) -> Iterator[Problem]:
    if output.resource == user:
        hint = "A resource's outputs are there once it is deployed; only others can use them."
        yield Problem(where, f"{output} refers to the resource itself.", hint)
    elif output.resource not in known:
        hint = f"It has {', '.join(sorted(known))}; write $${{...}} where no reference is meant."
        yield Problem(where, f"{output} refers to {output.resource!r}, which the stack lacks.", hint)
    else:
        yield from _output_problems(where, output, known[output.resource])


def _output_problems(where: str, output: Output, group: ContainerGroup) -> Iterator[Problem]:
    address = group.ip_address
    match output.name:
        case "ip" | "port" if address is None:
            hint = f"Give {group.name} an ip_address."
            yield Problem(where, f"{output} refers to an address that {group.name!r} does not have.", hint)
        case "fqdn" if address is None or not address.dns_name_label:
            hint = f"Give the address of {group.name} a dns_name_label, or use ${{{group.name}.ip}}."
            yield Problem(where, f"{output} refers to a name that {group.name!r} does not have.", hint)
        case "ip" | "port" | "fqdn":
            return
        case _:
            hint = "A container group has ip, fqdn and port."
            yield Problem(where, f"{output} refers to an output that does not exist.", hint)


def _registry_problems(where: str, group: ContainerGroup) -> Iterator[Problem]:
    """Yield what is wrong with the registry credentials; the service counts them against the containers."""
    at = f"{where}.image_registry_credentials"
    credentials, members = group.image_registry_credentials, len(group.containers) + len(group.init_containers)
    if len(credentials) > members:
        hint = "Leave out those that no image needs."
        yield Problem(at, f"there are {len(credentials)} credentials for {members} containers.", hint)
    yield from duplicates(at, (str(credential.server) for credential in credentials), "credentials")
    for index, credential in enumerate(credentials):
        yield from _credential(
            part(where, "image_registry_credentials", str(credential.server), index), credential, group
        )


def _credential(where: str, credential: ImageRegistryCredential, group: ContainerGroup) -> Iterator[Problem]:
    if not credential.server:
        yield Problem(f"{where}.server", "is empty.", "Name the registry, such as docker.io.")
    signs_in = bool(credential.username) and credential.password is not None
    if signs_in == bool(credential.identity):
        hint = "Give username and password, or the identity, not both."
        yield Problem(where, "it takes just one way to sign in.", hint)
    identity = (credential.identity or "").lower()
    assigned = group.identity.user_assigned_identities if group.identity else ()
    if identity and is_literal(identity) and identity not in (known.lower() for known in assigned):
        # https://learn.microsoft.com/azure/container-instances/using-azure-container-registry-mi: user-assigned only
        hint = "Add it to identity.user_assigned_identities."
        yield Problem(f"{where}.identity", "the group does not have that user-assigned identity.", hint)


def _identity_problems(where: str, group: ContainerGroup) -> Iterator[Problem]:
    if group.identity is None:
        return
    by_user = group.identity.type in (IdentityType.USER_ASSIGNED, IdentityType.BOTH)
    if by_user != bool(group.identity.user_assigned_identities):
        hint = "List ids with UserAssigned, and with nothing else."
        yield Problem(f"{where}.identity", f"type {group.identity.type.value} and the listed ids do not match.", hint)


def _extension_problems(where: str, group: ContainerGroup) -> Iterator[Problem]:
    yield from duplicates(f"{where}.extensions", (extension.name for extension in group.extensions), "extensions")
    for index, extension in enumerate(group.extensions):
        if not _is_object(extension):
            at = part(where, "extensions", extension.name, index)
            yield Problem(f"{at}.protected_settings", "is not the JSON text of an object.", 'Write {"name": "value"}.')


def _is_object(extension: Extension) -> bool:
    if extension.protected_settings is None:
        return True
    try:
        return isinstance(json.loads(extension.protected_settings.reveal()), dict)
    except ValueError:
        return False


def _place_problems(where: str, group: ContainerGroup) -> Iterator[Problem]:
    """Yield what is wrong with what ARM itself looks at: location, logs, tags."""
    if group.location is not None:
        yield from LOCATION.problems(f"{where}.location", group.location)
    if group.log_analytics is not None and group.log_analytics.workspace_key is None:
        hint = "Give the workspace's primary or secondary key."
        yield Problem(f"{where}.log_analytics.workspace_key", "is missing.", hint)
    if len(OUR_TAGS | group.tags.keys()) > _MOST_TAGS:
        hint = f"A resource has at most {_MOST_TAGS}, {len(OUR_TAGS)} of them ours."
        yield Problem(f"{where}.tags", f"there are {len(group.tags)} tags.", hint)
    for name, value in group.tags.items():
        yield from _tag(f"{where}.tags[{name}]", name, value)


def _tag(where: str, name: str, value: str) -> Iterator[Problem]:
    if not 1 <= len(name) <= _LONGEST_TAG or _NOT_IN_TAGS & set(name):
        hint = f"Use 1 to {_LONGEST_TAG} characters, none of < > % & \\ ? /."
        yield Problem(where, "is not a valid tag name.", hint)
    if is_literal(value) and len(value) > _LONGEST_TAG_VALUE:
        yield Problem(where, f"the value has {len(value)} characters.", f"Use at most {_LONGEST_TAG_VALUE}.")
