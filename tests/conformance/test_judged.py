"""The endpoint's traffic with real clients, held against Azure's published documents by Microsoft's own validator."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from local_machine import FakeRuntime, Program, served
from local_sdk import use_sdk

from azdeploy.local.clock import SystemClock
from azdeploy.local.home import Home


def judge(conformance: Path, traffic: Path) -> str:
    """Return what the judge says of recorded traffic; fails when it refuses anything."""
    if shutil.which("node") is None:
        pytest.skip("the judge needs node")
    script = conformance / "judge" / "judge.sh"
    result = subprocess.run(["bash", script, traffic], capture_output=True, text=True, check=False, timeout=100)
    if result.returncode not in (0, 1):
        pytest.skip(f"the judge cannot be run here: {result.stderr.strip()[-200:]}")
    assert result.returncode == 0, result.stdout
    return result.stdout


def test_the_sdks_do_what_they_can_and_the_judge_refuses_nothing(conformance: Path, tmp_path: Path) -> None:
    traffic = tmp_path / "traffic.json"
    runtime = FakeRuntime(job=Program(ends=[0]))
    with served(Home(tmp_path / "home"), runtime=runtime, clock=SystemClock(), record=traffic) as machine:
        use_sdk(machine)
        secret = machine.home.secret.read_text()
    written = traffic.read_text()
    assert len(json.loads(written)) > 30
    for hidden in ("hush", "aHVzaA==", secret, machine.state["token"]):
        assert hidden not in written
    told = judge(conformance, traffic)
    assert "0 kinds refused" in told
    judged = re.search(r"(\d+) clean, (\d+) with deviations", told)
    assert judged is not None
    assert int(judged[1]) + int(judged[2]) > 20, told
