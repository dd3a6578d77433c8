"""Chooses what runs the containers: what ran them before, else the engine where one answers, else processes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from azdeploy.errors import LocalError
from azdeploy.local.docker.engine import available
from azdeploy.local.docker.runtime import DockerRuntime
from azdeploy.local.options import RuntimeChoice
from azdeploy.local.process.runtime import ProcessRuntime
from azdeploy.local.runtime import Runtime


def choose(choice: RuntimeChoice, folder: Path, last: str = "") -> Runtime:
    """Return the runtime that the user wants; LocalError where that needs an engine and none answers.

    ``last`` is the one that stored container groups ran with: AUTO takes that, so that these come back.
    """
    match choice:
        case RuntimeChoice.PROCESS:
            return ProcessRuntime(folder)
        case RuntimeChoice.DOCKER:
            return DockerRuntime(folder)
        case RuntimeChoice.AUTO if last == RuntimeChoice.PROCESS:
            return ProcessRuntime(folder)
        case RuntimeChoice.AUTO if last == RuntimeChoice.DOCKER:
            return _docker_again(folder)
        case RuntimeChoice.AUTO:
            return DockerRuntime(folder) if available() else ProcessRuntime(folder)


def every(folder: Path) -> Sequence[Runtime]:
    """Return each runtime that can be used here."""
    return (ProcessRuntime(folder), *([DockerRuntime(folder)] if available() else []))


def _docker_again(folder: Path) -> Runtime:
    try:
        return DockerRuntime(folder)
    except LocalError as error:
        raise LocalError(
            f"The container groups on this machine ran with the runtime 'docker'. {error.message}",
            hint="Start the engine; or start with --runtime process, or forget the groups with `azdeploy local reset`.",
        ) from error
