"""Every sample runs on the local endpoint."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from azdeploy.templates import sample

ROOT = Path(__file__).parent.parent
SAMPLES = sorted(path.name for path in (ROOT / "samples").iterdir() if path.is_dir())


def test_the_samples_are_those_that_tests_run() -> None:
    assert SAMPLES == ["provisioning", "socket-client", "socket-server"]


@pytest.mark.usefixtures("machine")
def test_the_provisioning_script_deploys_the_pair_and_takes_it_down() -> None:
    script = sample("provisioning") / "provision.py"
    told = subprocess.run([sys.executable, script, "--local"], capture_output=True, text=True, check=False)

    assert told.returncode == 0, told.stderr
    assert "the server is at 127." in told.stdout
    assert len(script.read_text().splitlines()) <= 30
