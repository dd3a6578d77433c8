"""A container's definition in the words of the engine's API."""

from __future__ import annotations

import base64
import json
from typing import Any

import docker
from docker.types import LogConfig

from azdeploy.definitions.container_group import Container, InitContainer, Resources, SecurityContext, Value
from azdeploy.definitions.secret import Secret
from azdeploy.local.docker.volumes import Volumes
from azdeploy.local.runtime import ContainerNotStartedError

_GIGABYTE = 1024**3
# We keep the log; what the engine keeps is for who asks it, and bounded.
_LOG = LogConfig(type=LogConfig.types.JSON, config={"max-size": "4m", "max-file": "1"})


def creation(
    container: Container | InitContainer, api: docker.APIClient, holder: str, volumes: Volumes, processors: int
) -> dict[str, Any]:
    """Return the arguments of a container's creation but its name, labels and image.

    Secrets go into the environment through the API and are on no command line.
    """
    resources = _limits(container.resources, processors) if isinstance(container, Container) else {}
    security = _security(container.security_context) if container.security_context else {}
    host = api.create_host_config(
        network_mode=f"container:{holder}",
        mounts=volumes.mounts(container.volume_mounts),
        log_config=_LOG,
        **resources,
        **security,
    )
    return {
        # As on Azure, a command takes the place of both the image's ENTRYPOINT and its CMD.
        "entrypoint": [str(part) for part in container.command] or None,
        "environment": {name: _revealed(value) for name, value in container.environment_variables.items()},
        "user": _user(container.security_context),
        "host_config": host,
    }


def _limits(resources: Resources, processors: int) -> dict[str, Any]:
    """Return what it gets at least, by its requests, and at most, by its limits or else its requests.

    The engine refuses more processors than there are, so on a small machine a container gets all of them.
    """
    requests, limits = resources.requests, resources.limits
    cpu = (limits and limits.cpu) or requests.cpu
    memory = (limits and limits.memory_in_gb) or requests.memory_in_gb
    return {
        "nano_cpus": round(min(cpu, processors) * 1e9),
        "cpu_shares": max(2, round(requests.cpu * 1024)),
        "mem_limit": round(memory * _GIGABYTE),
        "mem_reservation": round(min(requests.memory_in_gb, memory) * _GIGABYTE),
    }


def _security(context: SecurityContext) -> dict[str, Any]:
    options = []
    if context.allow_privilege_escalation is False:
        options.append("no-new-privileges")
    if context.seccomp_profile:
        options.append(f"seccomp={_profile(context.seccomp_profile)}")
    capabilities = context.capabilities
    return {
        "privileged": bool(context.privileged),
        "cap_add": list(capabilities.add) if capabilities else None,
        "cap_drop": list(capabilities.drop) if capabilities else None,
        "security_opt": options or None,
    }


def _profile(encoded: str) -> str:
    try:
        return json.dumps(json.loads(base64.b64decode(encoded, validate=True)))
    except ValueError as error:
        raise ContainerNotStartedError("The seccomp profile is not JSON in base64; encode it.") from error


def _user(context: SecurityContext | None) -> str | None:
    if context is None or (context.run_as_user is None and context.run_as_group is None):
        return None
    user = context.run_as_user or 0
    return f"{user}" if context.run_as_group is None else f"{user}:{context.run_as_group}"


def _revealed(value: Value) -> str:
    return value.reveal() if isinstance(value, Secret) else str(value)
