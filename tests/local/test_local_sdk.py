"""The azure-mgmt SDKs with ClientSecretCredential, as their users would use them."""

from __future__ import annotations

from pathlib import Path

from local_machine import FakeRuntime, Program, served
from local_sdk import use_sdk

from azdeploy.local.clock import SystemClock
from azdeploy.local.home import Home


def test_the_sdks_sign_in_and_do_all_they_can(tmp_path: Path) -> None:
    runtime = FakeRuntime(job=Program(ends=[0]))
    with served(Home(tmp_path / "home"), runtime=runtime, clock=SystemClock()) as machine:
        use_sdk(machine)
        assert machine.arm.ask("GET", "resourceGroups").body == {"value": []}
    assert all(sandbox.closed for sandbox in runtime.sandboxes)
