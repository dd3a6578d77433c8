"""Container groups as Azure's reference describes them (Microsoft.ContainerInstance, API version 2023-05-01).

A field is the REST property's name in snake_case; lists of names and values are mappings; defaults are Azure's.
Reference: https://learn.microsoft.com/rest/api/container-instances/container-groups/create-or-update
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from azdeploy.definitions.container import (
    AzureFile,
    Capabilities,
    Container,
    Exec,
    GitRepo,
    Gpu,
    GpuSku,
    HttpGet,
    InitContainer,
    Port,
    Probe,
    Protocol,
    ResourceLimits,
    ResourceRequests,
    Resources,
    Scheme,
    SecurityContext,
    Text,
    Value,
    Volume,
    VolumeMount,
)
from azdeploy.definitions.output import Output
from azdeploy.definitions.record import Record, location_name
from azdeploy.definitions.secret import Secret

__all__ = [
    "REPLACED_ON_CHANGE",
    "AzureFile",
    "Capabilities",
    "Container",
    "ContainerGroup",
    "DnsConfig",
    "DnsNameLabelScope",
    "EncryptionProperties",
    "Exec",
    "Extension",
    "GitRepo",
    "Gpu",
    "GpuSku",
    "HttpGet",
    "Identity",
    "IdentityType",
    "ImageRegistryCredential",
    "InitContainer",
    "IpAddress",
    "IpAddressType",
    "LogAnalytics",
    "LogType",
    "OsType",
    "Port",
    "Priority",
    "Probe",
    "Protocol",
    "ResourceLimits",
    "ResourceRequests",
    "Resources",
    "RestartPolicy",
    "Scheme",
    "SecurityContext",
    "Sku",
    "SubnetId",
    "Text",
    "Value",
    "Volume",
    "VolumeMount",
]


class OsType(StrEnum):
    """The operating system of every container in the group."""

    LINUX = "Linux"
    WINDOWS = "Windows"


class RestartPolicy(StrEnum):
    """When the containers of the group are started again."""

    ALWAYS = "Always"
    ON_FAILURE = "OnFailure"
    NEVER = "Never"


class IpAddressType(StrEnum):
    """Whether the group's address is reachable from the internet or from its subnet."""

    PUBLIC = "Public"
    PRIVATE = "Private"


class DnsNameLabelScope(StrEnum):
    """Who may use a DNS name label again after its group is gone; all but UNSECURE put a hash into the FQDN."""

    UNSECURE = "Unsecure"
    TENANT_REUSE = "TenantReuse"
    SUBSCRIPTION_REUSE = "SubscriptionReuse"
    RESOURCE_GROUP_REUSE = "ResourceGroupReuse"
    NO_REUSE = "Noreuse"


class Sku(StrEnum):
    """The SKU of a container group."""

    NOT_SPECIFIED = "NotSpecified"
    STANDARD = "Standard"
    DEDICATED = "Dedicated"
    CONFIDENTIAL = "Confidential"


class Priority(StrEnum):
    """The priority of a container group; Spot may be evicted, costs less and has no inbound ports."""

    REGULAR = "Regular"
    SPOT = "Spot"


class IdentityType(StrEnum):
    """Which managed identities a container group has."""

    NONE = "None"
    SYSTEM_ASSIGNED = "SystemAssigned"
    USER_ASSIGNED = "UserAssigned"
    BOTH = "SystemAssigned, UserAssigned"


class LogType(StrEnum):
    """The log type of the Log Analytics workspace."""

    CONTAINER_INSIGHTS = "ContainerInsights"
    CONTAINER_INSTANCE_LOGS = "ContainerInstanceLogs"


@dataclass(frozen=True, slots=True, kw_only=True)
class IpAddress(Record):
    """The address of a group. ``ip`` asks for a certain private address; the one it gets is an output."""

    ports: Sequence[Port]
    type: IpAddressType = IpAddressType.PUBLIC
    dns_name_label: str | None = None
    auto_generated_domain_name_label_scope: DnsNameLabelScope = DnsNameLabelScope.UNSECURE
    ip: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRegistryCredential(Record):
    """How a group signs in to one registry: user name and password, or a user-assigned identity's resource id."""

    server: Text
    username: Text | None = None
    password: Secret | None = None
    identity: str | None = None
    identity_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity(Record):
    """The managed identities of a group; user-assigned ones by their resource ids."""

    type: IdentityType
    user_assigned_identities: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SubnetId(Record):
    """A subnet, by its resource id, that the group is put into."""

    id: str
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsConfig(Record):
    """The resolver settings of a group; search domains and options are separated by spaces, as in resolv.conf."""

    name_servers: Sequence[str]
    search_domains: str | None = None
    options: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogAnalytics(Record):
    """The Log Analytics workspace that a group's logs go to."""

    workspace_id: str
    workspace_key: Secret | None = None
    log_type: LogType | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    workspace_resource_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptionProperties(Record):
    """The customer-managed key that a group's data is encrypted with."""

    vault_base_url: str
    key_name: str
    key_version: str
    identity: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension(Record):
    """An extension of a group. ``protected_settings`` is JSON text, because it is never shown or returned."""

    name: str
    extension_type: str
    version: str
    settings: Mapping[str, Any] | None = None
    protected_settings: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerGroup(Record):
    """A container group: containers that share an address, volumes and a life.

    ``location`` None means the stack's; "West US" and "westus" are the same, to Azure and here. The properties ``ip``,
    ``fqdn`` and ``port`` are references to what the group has once it is deployed, for texts of other definitions.
    """

    name: str
    containers: Sequence[Container]
    init_containers: Sequence[InitContainer] = ()
    os_type: OsType = OsType.LINUX
    restart_policy: RestartPolicy = RestartPolicy.ALWAYS
    ip_address: IpAddress | None = None
    volumes: Sequence[Volume] = ()
    image_registry_credentials: Sequence[ImageRegistryCredential] = ()
    identity: Identity | None = None
    subnet_ids: Sequence[SubnetId] = ()
    dns_config: DnsConfig | None = None
    log_analytics: LogAnalytics | None = None
    sku: Sku = Sku.STANDARD
    priority: Priority = Priority.REGULAR
    encryption_properties: EncryptionProperties | None = None
    confidential_cce_policy: str | None = None
    extensions: Sequence[Extension] = ()
    zones: Sequence[str] = ()
    location: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        Record.__post_init__(self)
        if self.location is not None:
            object.__setattr__(self, "location", location_name(self.location))

    @property
    def ip(self) -> Output:
        """The address that the group gets; it may change when the group restarts."""
        return Output(self.name, "ip")

    @property
    def fqdn(self) -> Output:
        """The name under which the group is found; it needs a DNS name label."""
        return Output(self.name, "fqdn")

    @property
    def port(self) -> Output:
        """The first port of the group's address."""
        return Output(self.name, "port")

    @property
    def declared_outputs(self) -> Mapping[str, str]:
        """The outputs that are known before the group is deployed, because its definition says them."""
        return {"port": str(self.ip_address.ports[0].port)} if self.ip_address and self.ip_address.ports else {}


# What cannot be changed in place: a group is deleted and made anew for these, and its address is lost.
# https://learn.microsoft.com/azure/container-instances/container-instances-update
REPLACED_ON_CHANGE = (
    "os_type",
    "restart_policy",
    "containers[*].resources",
    "subnet_ids",
    "zones",
    "sku",
    "priority",
    "location",
)
