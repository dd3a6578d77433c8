"""Containers that are processes: whatever is done to them, nothing of them lives on and no file but theirs changes."""

from __future__ import annotations

import os
import re
import select
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_machine import eventually

from azdeploy.definitions.container_group import Container, ContainerGroup
from azdeploy.local.process.container import ProcessContainer
from azdeploy.local.process.runtime import ProcessRuntime
from azdeploy.local.runtime import Sandbox

SHELL = "FROM alpine:latest\nWORKDIR /work\nCOPY . .\n"
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[ProcessRuntime]:
    running = ProcessRuntime(tmp_path / "state")
    yield running
    running.sweep([])


@pytest.fixture
def image(tmp_path: Path) -> Path:
    folder = tmp_path / "image"
    folder.mkdir()
    (folder / "Dockerfile").write_text(SHELL, encoding="utf-8")
    return folder


def start(runtime: ProcessRuntime, image: Path, *command: str, name: str = "one") -> tuple[Sandbox, ProcessContainer]:
    one = Container(name=name, image=str(image), command=command)
    sandbox = runtime.open("key", ContainerGroup(name="group", containers=[one]), runtime.address([]))
    started = sandbox.run(one, runtime.image(str(image)))
    assert isinstance(started, ProcessContainer)
    return sandbox, started


def pid_in(started: ProcessContainer, name: str) -> int:
    """Return the process id that a command told in its log after a name."""
    found = eventually(lambda: re.search(rf"{name}=(\d+)\n", started.logs()))
    return int(found[1])


def await_end(pid: int) -> None:
    """Wait for the end of a process that is not our child."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    with os.fdopen(descriptor) as ending:
        assert select.select([ending], [], [], 10)[0], f"process {pid} lives on"


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])


@linux_only
def test_a_container_ends_with_all_its_processes_when_its_parent_is_killed(
    runtime: ProcessRuntime, image: Path
) -> None:
    sandbox, started = start(runtime, image, "sh", "-c", "echo own=$$; sleep 6543 & echo child=$!; wait")
    child = pid_in(started, "child")
    os.kill(parent_of(pid_in(started, "own")), signal.SIGKILL)
    assert started.wait(10) == 137
    await_end(child)
    sandbox.close()


@linux_only
def test_a_process_that_escaped_does_not_keep_its_container_from_ending(runtime: ProcessRuntime, image: Path) -> None:
    script = "echo own=$$; setsid sh -c 'echo child=$$; exec sleep 6544' & wait"
    sandbox, started = start(runtime, image, "sh", "-c", script)
    child = pid_in(started, "child")
    os.kill(parent_of(pid_in(started, "own")), signal.SIGKILL)
    assert started.wait(10) == 137
    sandbox.close()
    os.kill(child, signal.SIGKILL)


@linux_only
def test_a_container_whose_parent_is_stuck_is_stopped_nevertheless(runtime: ProcessRuntime, image: Path) -> None:
    sandbox, started = start(runtime, image, "sh", "-c", "echo own=$$; exec sleep 6545")
    own = pid_in(started, "own")
    os.kill(parent_of(own), signal.SIGSTOP)
    started.stop(0)
    await_end(own)
    sandbox.close()
