"""The real az against the endpoint, signed in with just the lines that are printed for it."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from local_machine import eventually

from azdeploy.local import endpoint, signin
from azdeploy.local.endpoint import Options

pytestmark = [pytest.mark.az, pytest.mark.timeout(300)]
_PROGRAM = 'echo "secret is $KEY"; while true; do sleep 1; done'


@dataclass(frozen=True)
class Az:
    """Runs az with the environment that the endpoint's lines make."""

    program: str
    environment: Mapping[str, str]

    def __call__(self, *arguments: str) -> Any:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.program, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )


@pytest.fixture
def traffic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the endpoint record what it is asked."""
    file = tmp_path / "traffic.json"
    monkeypatch.setenv("AZDEPLOY_LOCAL_RECORD", str(file))
    return file


def signed_in(program: str) -> Az:
    """Return az, signed in by pasting the lines for the shell and, without their mark, those for az."""
    lines = [line.removeprefix("#   ") for line in endpoint.environment()]
    around = os.environ | {"PATH": f"{Path(program).parent}:{os.environ['PATH']}", "AZURE_CORE_COLLECT_TELEMETRY": "no"}
    script = "\n".join(["set -eu", *lines, "echo pasted:", "env -0"])
    pasted = subprocess.run(["bash", "-c", script], env=around, capture_output=True, check=False, timeout=120)
    assert pasted.returncode == 0, pasted.stderr.decode()
    assert b"ERROR" not in pasted.stderr
    listed = pasted.stdout.rpartition(b"pasted:\n")[2].decode().rstrip("\0").split("\0")
    return Az(program, dict(line.split("=", 1) for line in listed))


@pytest.fixture
def az(traffic: Path) -> Iterator[Az]:
    """Return the real az, signed in to an endpoint."""
    program = os.environ.get("AZDEPLOY_TEST_AZ")
    if not program:
        pytest.skip("AZDEPLOY_TEST_AZ names no az")
    endpoint.start(Options(runtime="process"))
    try:
        yield signed_in(program)
    finally:
        endpoint.reset()


@pytest.fixture
def image(tmp_path: Path) -> str:
    """Return an image for the process runtime."""
    folder = tmp_path / "image"
    folder.mkdir()
    (folder / "Dockerfile").write_text(f"FROM scratch\nCMD {json.dumps(['/bin/sh', '-c', _PROGRAM])}\n")
    return str(folder)


def type_into(az: Az, typed: bytes, *arguments: str) -> bytes:
    """Run az at a terminal, type into it once it is ready, and return what the terminal showed."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(az.program, [az.program, *arguments], dict(az.environment))  # noqa: S606 - a terminal needs fork and exec
    shown = b""
    for _ in range(600):
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            part = os.read(terminal, 4096)
        except OSError:  # the terminal is gone with its process
            break
        shown += part
        if typed and (b"$" in shown or b"#" in shown):
            os.write(terminal, typed)
            typed = b""
    os.waitpid(child, 0)
    os.close(terminal)
    return shown


def test_az_does_all_it_can_with_container_groups(az: Az, image: str, traffic: Path, tmp_path: Path) -> None:
    assert az("account", "show")["environmentName"] == signin.CLOUD
    assert az("group", "create", "-n", "rg", "-l", "westus")["properties"]["provisioningState"] == "Succeeded"
    one = ("-g", "rg", "-n", "cg")
    resources = ("--os-type", "Linux", "--cpu", "1", "--memory", "1", "--ports", "8080", "--ip-address", "Public")
    created = az(
        "container", "create", *one, "--image", image, *resources, "--secure-environment-variables", "KEY=hush-hush"
    )
    assert created["instanceView"]["state"] == "Running"
    assert created["containers"][0]["environmentVariables"][0]["secureValue"] is None
    address = created["ipAddress"]["ip"]
    assert [group["name"] for group in az("container", "list")] == ["cg"]
    assert az("container", "show", *one)["ipAddress"]["ip"] == address
    eventually(lambda: "secret is hush-hush" in az.run("container", "logs", *one).stdout)
    shown = type_into(az, b"echo $((40 + 2))$KEY; exit\n", "container", "exec", *one, "--exec-command", "/bin/sh")
    assert b"42hush-hush" in shown
    exported = tmp_path / "group.yaml"
    az("container", "export", *one, "--file", str(exported))
    assert "hush-hush" not in exported.read_text()
    az("container", "restart", *one)
    assert az("container", "show", *one)["ipAddress"]["ip"] != address
    az("container", "stop", *one)
    assert az("container", "show", *one)["instanceView"]["state"] == "Stopped"
    az("container", "start", *one)
    assert az("container", "show", *one)["instanceView"]["state"] == "Running"
    az("container", "delete", *one, "--yes")
    again = az("container", "create", "-g", "rg", "--file", str(exported))
    assert again["properties"]["provisioningState"] == "Succeeded"
    az("group", "delete", "-n", "rg", "--yes")
    assert az("group", "exists", "-n", "rg") is False
    assert "hush-hush" not in traffic.read_text().replace("secret is hush-hush", "")  # what the program itself told


def test_az_is_told_what_is_wrong_in_one_sentence(az: Az) -> None:
    az("group", "create", "-n", "rg", "-l", "westus")
    resources = ("--os-type", "Linux", "--cpu", "1", "--memory", "1")
    refused = az.run("container", "create", "-g", "rg", "-n", "cg", "--image", "no/such:1", *resources)
    assert refused.returncode != 0
    assert "(InaccessibleImage) The image 'no/such:1' in container group 'cg' is not accessible." in refused.stderr
    missing = az.run("container", "show", "-g", "rg", "-n", "cg")
    assert "(ResourceNotFound)" in missing.stderr


def test_the_lines_may_be_pasted_again_also_for_another_endpoint(az: Az) -> None:
    signed_in(az.program)
    before = endpoint.find()
    assert before is not None
    endpoint.reset()
    port = int(before.url.rpartition(":")[2])
    now = endpoint.start(Options(runtime="process", port=port % 60000 + 1025))
    again = signed_in(az.program)
    assert again("cloud", "show")["endpoints"]["resourceManager"] == now.url
    assert again("account", "show")["id"] == now.subscription != before.subscription
    assert again("group", "create", "-n", "rg", "-l", "West US")["location"] == "westus"
    refused = again.run("group", "create", "-n", "other", "-l", "atlantis")
    assert "(LocationNotAvailableForResourceGroup)" in refused.stderr
