"""How the parts of a container group look in JSON: containers, probes, volumes (API version 2023-05-01)."""

from __future__ import annotations

from typing import Any

from azdeploy.arm.codec import Json
from azdeploy.arm.shape import (
    FLAG,
    NUMBER,
    SECRET,
    TEXT,
    WHOLE,
    Form,
    Property,
    Sent,
    choice,
    find,
    inside,
    join,
    many,
    mapping,
    named,
    shape,
)
from azdeploy.definitions.container_group import (
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
    Volume,
    VolumeMount,
)
from azdeploy.definitions.secret import Secret


def _variable(value: str | Secret) -> Json:
    return {"secureValue": value.reveal()} if isinstance(value, Secret) else {"value": str(value)}


def _read_variable(json: Any, at: str) -> str | Secret:
    """Read a variable; one without any value is a secure one, whose value no response holds."""
    if (secure := find(json, "secureValue", at=at)) is not None:
        return SECRET.decode(secure, join(at, "secureValue"))
    if (value := find(json, "value", at=at)) is not None:
        return TEXT.decode(value, join(at, "value"))
    return Secret("")


def _read_header(json: Any, at: str) -> str:
    value = find(json, "value", at=at)
    return "" if value is None else TEXT.decode(value, join(at, "value"))


ENVIRONMENT = named(_variable, _read_variable)

# An empty directory is an object without properties: that it is there says all.
_PRESENCE: Form[bool] = Form(lambda _: {}, lambda json, at: find(json, "any", at=at) is None or True)

_PORT = (Property("port", WHOLE),)
CONTAINER_PORT = shape(Port, *_PORT, Property("protocol", choice(Protocol)))
ADDRESS_PORT = shape(Port, *_PORT, Property("protocol", choice(Protocol), sent=Sent.ALWAYS))

GPU = shape(Gpu, Property("count", WHOLE), Property("sku", choice(GpuSku)))

RESOURCES = shape(
    Resources,
    Property(
        "requests",
        shape(
            ResourceRequests,
            Property("cpu", NUMBER, sent=Sent.REQUIRED),
            Property("memory_in_gb", NUMBER, "memoryInGB", Sent.REQUIRED),
            Property("gpu", GPU),
        ),
        sent=Sent.REQUIRED,
    ),
    Property(
        "limits",
        shape(
            ResourceLimits,
            Property("cpu", NUMBER),
            Property("memory_in_gb", NUMBER, "memoryInGB"),
            Property("gpu", GPU),
        ),
    ),
)

PROBE = shape(
    Probe,
    Property("exec", shape(Exec, Property("command", many(TEXT)))),
    Property(
        "http_get",
        shape(
            HttpGet,
            Property("path", TEXT),
            Property("port", WHOLE),
            Property("scheme", choice(Scheme)),
            Property("http_headers", named(lambda value: {"value": value}, _read_header)),
        ),
    ),
    Property("initial_delay_seconds", WHOLE),
    Property("period_seconds", WHOLE),
    Property("failure_threshold", WHOLE),
    Property("success_threshold", WHOLE),
    Property("timeout_seconds", WHOLE),
)

SECURITY_CONTEXT = shape(
    SecurityContext,
    Property("privileged", FLAG),
    Property("allow_privilege_escalation", FLAG),
    Property("capabilities", shape(Capabilities, Property("add", many(TEXT)), Property("drop", many(TEXT)))),
    Property("run_as_group", WHOLE),
    Property("run_as_user", WHOLE),
    Property("seccomp_profile", TEXT),
)

MOUNTS = many(
    shape(VolumeMount, Property("name", TEXT), Property("mount_path", TEXT), Property("read_only", FLAG)),
)

CONTAINER = shape(
    Container,
    Property("name", TEXT),
    *inside(
        "properties",
        Property("image", TEXT),
        Property("command", many(TEXT), sent=Sent.ALWAYS),
        Property("ports", many(CONTAINER_PORT)),
        Property("environment_variables", ENVIRONMENT),
        Property("resources", RESOURCES, sent=Sent.REQUIRED),
        Property("volume_mounts", MOUNTS),
        Property("liveness_probe", PROBE),
        Property("readiness_probe", PROBE),
        Property("security_context", SECURITY_CONTEXT),
    ),
)

INIT_CONTAINER = shape(
    InitContainer,
    Property("name", TEXT),
    *inside(
        "properties",
        Property("image", TEXT),
        Property("command", many(TEXT)),
        Property("environment_variables", ENVIRONMENT),
        Property("volume_mounts", MOUNTS),
        Property("security_context", SECURITY_CONTEXT),
    ),
)

VOLUME = shape(
    Volume,
    Property("name", TEXT),
    Property(
        "azure_file",
        shape(
            AzureFile,
            Property("share_name", TEXT),
            Property("storage_account_name", TEXT),
            Property("storage_account_key", SECRET),
            Property("read_only", FLAG),
        ),
    ),
    Property("empty_dir", _PRESENCE),
    Property("secret", mapping(SECRET)),
    Property(
        "git_repo",
        shape(
            GitRepo,
            Property("repository", TEXT),
            Property("directory", TEXT),
            Property("revision", TEXT),
        ),
    ),
)
