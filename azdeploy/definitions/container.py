"""Containers, their probes and their volumes, as Azure's reference describes them (API version 2023-05-01).

What a group is made of; import it from ``azdeploy.definitions.container_group``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from azdeploy.definitions.output import Output
from azdeploy.definitions.record import Record
from azdeploy.definitions.secret import Secret

Text = str | Output
Value = str | Secret | Output


class Protocol(StrEnum):
    """The transport protocol of a port."""

    TCP = "TCP"
    UDP = "UDP"


class GpuSku(StrEnum):
    """The GPU models that the API knows (V100 was retired in July 2025)."""

    K80 = "K80"
    P100 = "P100"
    V100 = "V100"


class Scheme(StrEnum):
    """The scheme of an HTTP probe."""

    HTTP = "http"
    HTTPS = "https"


@dataclass(frozen=True, slots=True, kw_only=True)
class Port(Record):
    """A port of a container or of the group's address; ACI maps none, both are the same number."""

    port: int
    protocol: Protocol = Protocol.TCP

    def __str__(self) -> str:
        return f"{self.port}/{self.protocol}"


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
