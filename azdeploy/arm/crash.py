"""Containers that failed: found in what Azure says of a group, long before any timeout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from azdeploy.arm.codec import Json
from azdeploy.arm.shape import find

# What a container waits for in vain when its image cannot be had or its command cannot be started.
_IN_VAIN = (
    "errimagepull",
    "imagepullbackoff",
    "errimageneverpull",
    "imageinspecterror",
    "invalidimagename",
    "registryunavailable",
    "createcontainererror",
    "createcontainerconfigerror",
    "runcontainererror",
)
# Exit codes of containers that the platform ended for its own maintenance.
# https://learn.microsoft.com/azure/container-instances/container-instances-troubleshooting
_PLATFORM = frozenset({7147, 7148})


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """A container that does not run as it should: its exit code (None where it never started) and Azure's words."""

    container: str
    exit_code: int | None
    detail: str


def crash(body: Json) -> Crash | None:
    """Return the first failed container of a group, init containers before the others; None where none failed."""
    return next(crashes(body), None)


def crashes(body: Json) -> Iterator[Crash]:
    """Yield the failed containers of a group: in a crash loop, ended with an error, or without a usable image."""
    never = str(find(body, "properties", "restartPolicy") or "").lower() == "never"
    for kind in ("initContainers", "containers"):
        for item in find(body, "properties", kind) or ():
            view = find(item, "properties", "instanceView")
            if view and (found := _judge(str(find(item, "name")), view, never=never)):
                yield found


def _judge(name: str, view: Json, *, never: bool) -> Crash | None:
    current = find(view, "currentState") or {}
    detail = str(find(current, "detailStatus") or "")
    match str(find(current, "state") or "").lower():
        case "waiting" if detail.lower().startswith("crashloopbackoff"):
            return Crash(container=name, exit_code=_exit_code(find(view, "previousState")), detail=detail)
        case "waiting" if detail.lower().startswith(_IN_VAIN):
            return Crash(container=name, exit_code=None, detail=detail)
        case "terminated":
            final = never or bool(find(view, "restartCount"))
            code = _exit_code(current)
            return Crash(container=name, exit_code=code, detail=detail) if final and _is_failure(code) else None
        case _:
            return None


def _is_failure(code: int | None) -> bool:
    return code is not None and code != 0 and code not in _PLATFORM


def _exit_code(state: Any) -> int | None:
    code = find(state, "exitCode")
    return code if isinstance(code, int) else None
