"""The main job from end to end: the command line, the wire, the endpoint, real processes that really talk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
