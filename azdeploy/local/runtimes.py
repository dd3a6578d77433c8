"""Chooses what runs the containers: the engine where one answers, else processes of this machine."""

from __future__ import annotations

from pathlib import Path

from azdeploy.local.docker.engine import available
from azdeploy.local.docker.runtime import DockerRuntime
from azdeploy.local.options import RuntimeChoice
from azdeploy.local.process.runtime import ProcessRuntime
from azdeploy.local.runtime import Runtime


def choose(choice: RuntimeChoice, folder: Path) -> Runtime:
    """Return the runtime that the user wants; LocalError where that needs an engine and none answers."""
    match choice:
        case RuntimeChoice.PROCESS:
            return ProcessRuntime(folder)
        case RuntimeChoice.DOCKER:
            return DockerRuntime(folder)
        case RuntimeChoice.AUTO:
            return DockerRuntime(folder) if available() else ProcessRuntime(folder)
