"""Container groups as ARM says them: the codec of Microsoft.ContainerInstance/containerGroups and their requests.

https://learn.microsoft.com/rest/api/container-instances/container-groups/create-or-update
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from azdeploy.arm import container
from azdeploy.arm.codec import Json, Request
from azdeploy.arm.resource_id import ResourceId
from azdeploy.arm.shape import (
    OBJECT,
    SECRET,
    TEXT,
    Form,
    Property,
    Sent,
    choice,
    find,
    inside,
    many,
    mapping,
    shape,
)
from azdeploy.definitions.container_group import (
    ContainerGroup,
    DnsConfig,
    DnsNameLabelScope,
    EncryptionProperties,
    Extension,
    Identity,
    IdentityType,
    ImageRegistryCredential,
    IpAddress,
    IpAddressType,
    LogAnalytics,
    LogType,
    OsType,
    Priority,
    RestartPolicy,
    Sku,
    SubnetId,
)
from azdeploy.definitions.secret import Secret
from azdeploy.definitions.stack import STACK_TAG, Definition
from azdeploy.errors import DefinitionError, Problem
from azdeploy.planning.plan import Action, Change, Existing, State

_IDENTITIES: Form[Any] = Form(
    lambda ids: {identity: {} for identity in ids},
    lambda body, at: tuple(mapping(Form(dict, OBJECT.decode)).decode(body, at)),
)


def _settings(secret: Secret) -> Any:
    try:
        return json.loads(secret.reveal())
    except ValueError:
        problem = Problem("extensions", "protected_settings is not JSON text.", "Write it as a JSON object.")
        raise DefinitionError([problem]) from None  # the cause would show the text


_PROTECTED: Form[Secret] = Form(_settings, lambda body, at: Secret(json.dumps(OBJECT.decode(body, at))))

_ADDRESS = shape(
    IpAddress,
    Property("ports", many(container.ADDRESS_PORT)),
    Property("type", choice(IpAddressType), sent=Sent.REQUIRED),
    Property("dns_name_label", TEXT),
    Property("auto_generated_domain_name_label_scope", choice(DnsNameLabelScope)),
    Property("ip", TEXT),
)


def _address(body: Any, at: str) -> IpAddress:
    """Read an address: a public one cannot be asked for, so the one that a response holds is an output alone."""
    address = _ADDRESS.decode(body, at)
    return replace(address, ip=None) if address.type is IpAddressType.PUBLIC else address


_LOG_ANALYTICS = shape(
    LogAnalytics,
    Property("workspace_id", TEXT),
    Property("workspace_key", SECRET),
    Property("log_type", choice(LogType)),
    Property("metadata", mapping(TEXT)),
    Property("workspace_resource_id", TEXT),
)

_CREDENTIAL = shape(
    ImageRegistryCredential,
    Property("server", TEXT),
    Property("username", TEXT),
    Property("password", SECRET),
    Property("identity", TEXT),
    Property("identity_url", TEXT),
)

_DNS_CONFIG = shape(
    DnsConfig,
    Property("name_servers", many(TEXT)),
    Property("search_domains", TEXT),
    Property("options", TEXT),
)

_ENCRYPTION = shape(
    EncryptionProperties,
    Property("vault_base_url", TEXT),
    Property("key_name", TEXT),
    Property("key_version", TEXT),
    Property("identity", TEXT),
)

_EXTENSION = shape(
    Extension,
    Property("name", TEXT),
    *inside(
        "properties",
        Property("extension_type", TEXT),
        Property("version", TEXT),
        Property("settings", OBJECT),
        Property("protected_settings", _PROTECTED),
    ),
)

_IDENTITY = shape(
    Identity,
    Property("type", choice(IdentityType)),
    Property("user_assigned_identities", _IDENTITIES),
)

_GROUP = shape(
    ContainerGroup,
    Property("name", TEXT, sent=Sent.NEVER),
    *inside(
        "properties",
        Property("containers", many(container.CONTAINER)),
        Property("init_containers", many(container.INIT_CONTAINER)),
        Property("os_type", choice(OsType), sent=Sent.REQUIRED),
        Property("restart_policy", choice(RestartPolicy)),
        Property("ip_address", Form(_ADDRESS.encode, _address)),
        Property("volumes", many(container.VOLUME)),
        Property("image_registry_credentials", many(_CREDENTIAL)),
        Property("subnet_ids", many(shape(SubnetId, Property("id", TEXT), Property("name", TEXT)))),
        Property("dns_config", _DNS_CONFIG),
        *inside("diagnostics", Property("log_analytics", _LOG_ANALYTICS)),
        Property("sku", choice(Sku)),
        Property("priority", choice(Priority)),
        Property("encryption_properties", _ENCRYPTION),
        *inside("confidentialComputeProperties", Property("confidential_cce_policy", TEXT, "ccePolicy")),
        Property("extensions", many(_EXTENSION)),
    ),
    Property("identity", _IDENTITY),
    Property("zones", many(TEXT)),
    Property("location", TEXT),
    Property("tags", mapping(TEXT)),
)

_TERMINAL = frozenset({"succeeded", "failed", "canceled"})


class ContainerGroupCodec:
    """The codec of container groups."""

    type = "Microsoft.ContainerInstance/containerGroups"
    api_version = "2023-05-01"

    def encode(self, definition: ContainerGroup, location: str) -> dict[str, Any]:
        """Return the body of a PUT; the name is not in it, for it is in the path."""
        body: dict[str, Any] = _GROUP.encode(replace(definition, location=definition.location or location))
        return body

    def decode(self, body: Json, name: str = "") -> ContainerGroup:
        """Return the group that a body describes; a request's body has no name, so it may be told."""
        known = {key: value for key, value in body.items() if key.lower() != "name" or not name}
        return _GROUP.decode({"name": name, **known}, "")

    def outputs(self, body: Json) -> dict[str, str]:
        """Return ``ip``, ``fqdn`` and ``port`` (the first one of the address), as far as they are there yet."""
        address = find(body, "properties", "ipAddress")
        found = {name: find(address, name) for name in ("ip", "fqdn")}
        ports = find(address, "ports")
        found["port"] = find(ports[0], "port") if ports else None
        return {name: str(value) for name, value in found.items() if value}

    def state(self, body: Json) -> State:
        """Return the state; lists hold no instance view, so a group in one is never TERMINATED or STOPPED."""
        provisioning = str(find(body, "properties", "provisioningState") or "Succeeded").lower()
        if provisioning not in _TERMINAL:
            return State.CHANGING
        if provisioning != "succeeded":
            return State.FAILED
        match str(find(body, "properties", "instanceView", "state") or "").lower():
            case "succeeded" | "failed":
                return State.TERMINATED
            case "stopped":
                return State.STOPPED
            case _:
                return State.RUNNING


CODEC = ContainerGroupCodec()


def existing(body: Json) -> Existing:
    """Return what a response says of a group: its definition, its stack's tag, its state and its outputs."""
    definition = CODEC.decode(body)
    tags = {name.lower(): value for name, value in definition.tags.items()}
    return Existing(
        definition=definition,
        id=TEXT.decode(find(body, "id"), "id"),
        stack=tags.get(STACK_TAG),
        state=CODEC.state(body),
        outputs=CODEC.outputs(body),
    )


def group_id(scope: ResourceId, name: str) -> ResourceId:
    """Return the id of the container group of that name in a resource group."""
    return scope.resource(CODEC.type, name)


def put(definition: Definition, scope: ResourceId, location: str) -> Request:
    """Return the request that creates or updates a group. ``location`` is the stack's."""
    return _request("PUT", str(group_id(scope, definition.name)), CODEC.encode(definition, location))


def tag(definition: Definition, scope: ResourceId) -> Request:
    """Return the request that replaces a group's tags and nothing else; it restarts nothing."""
    return _request("PATCH", str(group_id(scope, definition.name)), {"tags": dict(definition.tags)})


def delete(path: str) -> Request:
    """Return the request that deletes the group with that id."""
    return _request("DELETE", path)


def requests(change: Change, scope: ResourceId, location: str) -> tuple[Request, ...]:
    """Return the requests that carry out a change, in their order; none for one that changes nothing."""
    ending = [delete(change.before.id)] if change.before and change.action in (Action.REPLACE, Action.DELETE) else []
    if change.after is None or change.action in (Action.NOOP, Action.DELETE):
        return tuple(ending)
    if change.action is Action.TAG:
        return (tag(change.after, scope),)
    return (*ending, put(change.after, scope, location))


def _request(method: str, path: str, body: Mapping[str, Any] | None = None) -> Request:
    return Request(method=method, path=path, api_version=CODEC.api_version, body=body)
