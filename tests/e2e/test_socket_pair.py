"""The main job from end to end: the command line, the wire, the endpoint, real processes that really talk."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker_images
import pytest

AZDEPLOY = str(Path(sys.executable).with_name("azdeploy"))
SECONDS = 90


def azdeploy(*arguments: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the installed command as a shell would."""
    told = subprocess.run([AZDEPLOY, *arguments], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert told.returncode == expect, told.stderr + told.stdout
    return told


def recorded() -> list[dict[str, Any]]:
    """Return the exchanges that the endpoint has seen so far."""
    return json.loads(Path(os.environ["AZDEPLOY_LOCAL_RECORD"]).read_text())


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An endpoint of this test's own, with the process runtime, that records what it is asked."""
    monkeypatch.setenv("AZDEPLOY_LOCAL_RECORD", str(tmp_path / "traffic.json"))
    azdeploy("local", "start", "--runtime", "process")
    yield
    azdeploy("local", "reset", "--yes")


@pytest.mark.usefixtures("machine")
def test_the_pair_talks_is_left_alone_heals_and_goes() -> None:
    first = azdeploy("aci", "socket-pair", "--local")
    assert first.stdout.splitlines()[-1] == "200 of 200 connections answered"

    before = len(recorded())
    again = json.loads(azdeploy("aci", "socket-pair", "--local", "-o", "json").stdout)
    assert again["changes"] == {"socket-server": "noop", "socket-client": "noop"}
    assert not [x for x in recorded()[before:] if x["request"]["method"] in ("PUT", "PATCH", "DELETE", "POST")]

    azdeploy("down", "socket-pair", "--local")
    assert json.loads(azdeploy("aci", "list", "--local", "-o", "json").stdout) == []
    assert "nothing" in azdeploy("down", "socket-pair", "--local").stdout


@pytest.mark.usefixtures("machine")
def test_followed_logs_show_each_line_once() -> None:
    azdeploy("aci", "socket-pair", "--local", "--connections", "3", "--no-verify")
    with subprocess.Popen(
        [AZDEPLOY, "logs", "socket-pair", "-f", "--local"], stdout=subprocess.PIPE, text=True
    ) as told:
        assert told.stdout
        lines = []
        while sum("3 of 3 connections answered" in line for line in lines) < 2:
            lines.append(told.stdout.readline())
        told.send_signal(signal.SIGINT)

    stamped = [line for line in lines if re.search(r"\d{2}:\d{2}:\d{2}\.\d{3}Z", line)]
    assert len(stamped) == len(set(stamped))
    for number in range(3):
        assert sum(f"Connection {number} received" in line for line in lines) == 2
    assert {line.split()[0] for line in lines} == {"socket-client", "socket-server"}


@pytest.fixture
def engine() -> Iterator[None]:
    """An endpoint of this test's own with the Docker runtime, and the samples' base image, which was made here."""
    if reason := docker_images.engine_missing():
        pytest.skip(reason)
    docker_images.make_images()
    azdeploy("local", "start", "--runtime", "docker")
    yield
    azdeploy("local", "reset", "--yes")


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("options", [(), ("--dns-label", "talks-by-name")], ids=["by address", "by name"])
def test_the_pair_talks_in_containers_built_from_the_samples(options: tuple[str, ...]) -> None:
    told = azdeploy("aci", "socket-pair", "--local", *options)

    assert told.stdout.splitlines()[-1] == "200 of 200 connections answered"
    azdeploy("down", "socket-pair", "--local")


def test_an_interrupted_deployment_says_how_to_go_on_and_does() -> None:
    azdeploy("local", "start", "--runtime", "process", "--latency", "recorded", "--time-scale", "0.1")
    command = [AZDEPLOY, "aci", "socket-pair", "--local"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as told:
        assert told.stderr
        while "socket-server is Pending" not in told.stderr.readline():
            assert told.poll() is None
        told.send_signal(signal.SIGINT)
        rest = told.stderr.read()

    assert told.returncode == 130
    assert "what was started goes on" in rest
    assert "Traceback" not in rest
    again = azdeploy("aci", "socket-pair", "--local", "--connections", "4")
    assert again.stdout.splitlines()[-1] == "4 of 4 connections answered"
    azdeploy("local", "reset", "--yes")
