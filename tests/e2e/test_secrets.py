"""A secure value reaches the container and is seen nowhere else."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import azdeploy
from azdeploy.errors import AzdeployError
from azdeploy.execution.events import Event

AZDEPLOY = str(Path(sys.executable).with_name("azdeploy"))
CANARY = "canary-4f1c9e-not-to-be-seen"
IMAGE = """
FROM scratch
CMD ["sh", "-c", "printf %s \\"$TOKEN\\" | sha256sum; exec sleep 600"]
"""


def told(*arguments: str) -> str:
    result = subprocess.run([AZDEPLOY, "--debug", *arguments], capture_output=True, text=True, check=False)
    return result.stdout + result.stderr


@pytest.fixture
def traffic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An endpoint of this test's own that records what it is asked and answers."""
    monkeypatch.setenv("AZDEPLOY_LOCAL_RECORD", str(tmp_path / "traffic.json"))
    told("local", "start", "--runtime", "process")
    yield tmp_path / "traffic.json"
    told("local", "reset", "--yes")


def stack(folder: Path, secret: str) -> azdeploy.Stack:
    (folder / "image").mkdir(exist_ok=True)
    (folder / "image" / "Dockerfile").write_text(IMAGE)
    container = azdeploy.Container(
        name="holder",
        image=str(folder / "image"),
        environment_variables={"TOKEN": azdeploy.Secret(secret)},
    )
    return azdeploy.Stack(name="secretive", resources=[azdeploy.ContainerGroup(name="holder", containers=[container])])


def test_a_secret_reaches_the_container_and_nothing_else(traffic: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    target = azdeploy.connect_local()
    wanted = stack(tmp_path, CANARY)
    plan = azdeploy.preview(wanted, target)
    requests = [target.requests(change, plan) for change in plan.changes]
    deployed = azdeploy.deploy(wanted, target, observer=events.append)

    seen = [
        repr(wanted),
        str(plan),
        repr(plan),
        repr(requests),
        repr(deployed),
        repr(events),
        repr(target.find("secretive")),
    ]
    commands = (
        ("aci", "list", "--local", "-o", "json"),
        ("aci", "show", "holder", "--local", "-o", "yaml"),
        ("status", "secretive", "--local"),
        ("local", "env"),
    )
    seen += [told(*command) for command in commands]
    logs = told("logs", "secretive", "--local")

    assert hashlib.sha256(CANARY.encode()).hexdigest() in logs
    assert not [text for text in (*seen, logs) if CANARY in text]
    assert json.loads(traffic.read_text())
    assert not files_with(CANARY, tmp_path)


def test_a_changed_secret_is_noticed_and_an_unchanged_one_sends_nothing(traffic: Path, tmp_path: Path) -> None:
    target = azdeploy.connect_local()
    azdeploy.deploy(stack(tmp_path, CANARY), target)

    assert azdeploy.preview(stack(tmp_path, CANARY), target).is_empty
    changed = azdeploy.preview(stack(tmp_path, CANARY + "!"), target)
    assert not changed.is_empty
    assert CANARY not in repr(changed) + str(changed)


def test_a_secret_that_azure_refuses_is_not_in_the_error(traffic: Path, tmp_path: Path) -> None:
    target = azdeploy.connect_local()
    wanted = stack(tmp_path, CANARY)
    (tmp_path / "image" / "Dockerfile").unlink()
    with pytest.raises(AzdeployError) as refused:
        azdeploy.deploy(wanted, target)

    assert CANARY not in str(refused.value) + repr(refused.value.__cause__)


def files_with(text: str, *folders: Path) -> list[Path]:
    """Return the files below folders that hold a text."""
    found = []
    for folder in folders:
        for path, _, names in os.walk(folder):
            found += [Path(path, name) for name in names if text.encode() in Path(path, name).read_bytes()]
    return found
