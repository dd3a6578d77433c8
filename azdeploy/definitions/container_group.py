"""Container groups as Azure's reference describes them (Microsoft.ContainerInstance, API version 2023-05-01).

A field is the REST property's name in snake_case; lists of names and values are mappings; defaults are Azure's.
Reference: https://learn.microsoft.com/rest/api/container-instances/container-groups/create-or-update
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from azdeploy.definitions.output import Output
from azdeploy.definitions.record import Record, location_name
from azdeploy.definitions.secret import Secret

Text = str | Output
Value = str | Secret | Output


class OsType(StrEnum):
    """The operating system of every container in the group."""

    LINUX = "Linux"
    WINDOWS = "Windows"


class RestartPolicy(StrEnum):
    """When the containers of the group are started again."""

    ALWAYS = "Always"
    ON_FAILURE = "OnFailure"
    NEVER = "Never"


class Protocol(StrEnum):
    """The transport protocol of a port."""

    TCP = "TCP"
    UDP = "UDP"


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


class GpuSku(StrEnum):
    """The GPU models that the API knows (V100 was retired in July 2025)."""

    K80 = "K80"
    P100 = "P100"
    V100 = "V100"


class Scheme(StrEnum):
    """The scheme of an HTTP probe."""

    HTTP = "http"
    HTTPS = "https"


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
class Port(Record):
    """A port of a container or of the group's address; ACI maps none, both are the same number."""

    port: int
    protocol: Protocol = Protocol.TCP


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu(Record):
    """GPUs for one container."""

    count: int
    sku: GpuSku


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRequests(Record):
    """What a container is given: CPU in cores, memory in GB."""

    cpu: float = 1.0
    memory_in_gb: float = 1.5
    gpu: Gpu | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceLimits(Record):
    """What a container may use at most: CPU in cores, memory in GB; None leaves it at the group's total."""

    cpu: float | None = None
    memory_in_gb: float | None = None
    gpu: Gpu | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources(Record):
    """The requests and limits of a container."""

    requests: ResourceRequests = field(default_factory=ResourceRequests)
    limits: ResourceLimits | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeMount(Record):
    """Where a container sees a volume of the group."""

    name: str
    mount_path: str
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpGet(Record):
    """A probe by HTTP."""

    port: int
    path: str = "/"
    scheme: Scheme = Scheme.HTTP
    http_headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exec(Record):
    """A probe by a command in the container."""

    command: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe(Record):
    """A liveness or readiness probe; times are in seconds, None leaves Azure's default."""

    exec: Exec | None = None
    http_get: HttpGet | None = None
    initial_delay_seconds: int | None = None
    period_seconds: int | None = None
    failure_threshold: int | None = None
    success_threshold: int | None = None
    timeout_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities(Record):
    """Linux capabilities added to or dropped from a container."""

    add: Sequence[str] = ()
    drop: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityContext(Record):
    """The security settings of a container; ``seccomp_profile`` is base64."""

    privileged: bool | None = None
    allow_privilege_escalation: bool | None = None
    capabilities: Capabilities | None = None
    run_as_group: int | None = None
    run_as_user: int | None = None
    seccomp_profile: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Container(Record):
    """One container of a group. A Secret in ``environment_variables`` is sent as secureValue."""

    name: str
    image: Text
    command: Sequence[Text] = ()
    ports: Sequence[Port] = ()
    environment_variables: Mapping[str, Value] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)
    volume_mounts: Sequence[VolumeMount] = ()
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    security_context: SecurityContext | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InitContainer(Record):
    """A container that runs to its end before the others start."""

    name: str
    image: Text | None = None
    command: Sequence[Text] = ()
    environment_variables: Mapping[str, Value] = field(default_factory=dict)
    volume_mounts: Sequence[VolumeMount] = ()
    security_context: SecurityContext | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IpAddress(Record):
    """The address of a group. ``ip`` asks for a certain private address; the one it gets is an output."""

    ports: Sequence[Port]
    type: IpAddressType = IpAddressType.PUBLIC
    dns_name_label: str | None = None
    auto_generated_domain_name_label_scope: DnsNameLabelScope = DnsNameLabelScope.UNSECURE
    ip: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureFile(Record):
    """A volume on an Azure Files share."""

    share_name: str
    storage_account_name: str
    storage_account_key: Secret | None = None
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GitRepo(Record):
    """A volume with a clone of a Git repository."""

    repository: str
    directory: str | None = None
    revision: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume(Record):
    """A volume of a group: just one of the four kinds. ``secret`` maps file names to their base64 content."""

    name: str
    azure_file: AzureFile | None = None
    empty_dir: bool = False
    secret: Mapping[str, Secret] | None = None
    git_repo: GitRepo | None = None


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
